"""Looking at a real program at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from otelchan.gobinary.image import analyse
from otelchan.looks import Looks
from otelchan.memory.live import LiveReader
from otelchan.target.process import by_pid, load_bias
from tests.support.blocked import blocked


def test_counts_are_new_at_every_look(workload: Callable[..., Path]) -> None:
    """Also while the last census is kept because a whole one would cost too much."""
    binary = workload("blocked", go="1.27.3")
    with blocked(binary) as program:
        image = analyse(binary)
        looks = Looks(LiveReader(program.pid), image, load_bias(by_pid(program.pid), image.segments))
        looks.census()
        for _ in range(5):
            before = looks.census()
            program.ask("forget")
            after = looks.census()
            assert before
            assert after
            assert 100 == after.counts.created - before.counts.created
            assert program.count() == after.counts.count
