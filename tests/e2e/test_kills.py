"""otelchan is killed at any moment, and the program does not notice. `make soak` does it 200 times."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.driven import driven
from tests.support.kills import Sure, cycle, sites_of


@pytest.mark.parametrize(("attach", "times"), [("multi", 5), ("perf", 1)])
def test_a_killed_otelchan_leaves_no_trap_and_no_fault(
    attach: str, times: int, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Every message arrives once, in order and unchanged, while otelchan attaches, watches and dies."""
    binary, seed = workload("sure"), random.randrange(1 << 32)
    sites = sites_of(binary)
    with driven(Sure, binary, 2) as program:
        at = random.Random(seed)
        ended = [cycle(program, sites, tmp_path, signal.SIGKILL, attach, at, n == 0) for n in range(times)]
        arrived, verdict = program.end()
    assert len(sites) == ended[0].attached
    assert [] == [one for one in ended if one.gone_s is None], f"seed {seed}"
    assert ["ok"] * times == [one.verdict for one in ended], f"seed {seed}"
    assert [] == [one for one in ended if not one.arrived], f"seed {seed}"
    assert ("ok", True) == (verdict, arrived > 0)
