"""Probes that are not in the program's memory: what was counted or estimated by them ends, by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import Session
from otelchan.memory.live import LiveReader
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from otelchan.probes import NOT_EFFECTIVE, OVER_BUDGET, SLICED, Probes
from otelchan.target.process import by_pid
from tests.support.hammer import hammer


@pytest.mark.parametrize("given_up", [SLICED, OVER_BUDGET])
def test_operations_are_not_sliced_any_more_when_the_waits_plane_turns_out_to_be_nowhere(
    workload: Callable[..., Path], tmp_path: Path, given_up: str
) -> None:
    """Slices have the sites of both planes: an estimate of what passes from goroutine to goroutine would be nothing.
    A copy of the file has the same code, and the program's memory is not of it, as with a program that was packed."""
    binary = workload("hammer", go="1.27.3")
    copy = shutil.copy(binary, tmp_path / "copy")
    image = analyse(binary)
    with closing(Session()) as session, hammer(binary) as program:
        plan = make_plan(image, 3, str(copy))
        probes = Probes(session, by_pid(program.pid), image, 0, LiveReader(program.pid), plan)
        probes.states[Plane.OPERATIONS] = given_up

        assert not probes.attach(Plane.WAITS)
        assert (NOT_EFFECTIVE, NOT_EFFECTIVE) == (probes.states[Plane.WAITS], probes.states[Plane.OPERATIONS])
        assert {} == probes.links
        assert not probes.possible(Plane.OPERATIONS)
        assert probes.possible(Plane.MAKES)  # of that one nothing is known yet
