"""When it is looked for who has channels at hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otelchan import clock
from otelchan.looks import Holding
from otelchan.memory.types import Held
from tests.support.fabricated import LAYOUT, Fabricated
from tests.support.snapshots import SECOND, blocked


class Program:
    """A goroutine with a channel on its stack. now: the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made, self.now = Fabricated(), 100 * SECOND
        goroutine = self.made.goroutine()
        self.channel = self.made.channel()
        self.sp = int.from_bytes(self.made.memory.read(goroutine + LAYOUT["g.sched.sp"], 8), "little")
        self.made.memory.word(self.sp, self.channel)
        self.made.span(0xC004002000, 64, objects=1, free_index=1, bits=0)
        self.holding = Holding(self.made.memory, self.made.image, 0)
        self.holding.wait_ns = 10 * SECOND
        monkeypatch.setattr(clock, "monotonic_ns", lambda: self.now)

    def heed(self, age_s: float, kind: str = "user") -> None:
        """Somebody has waited on the channel for so long."""
        self.holding.heed([blocked(7, age_s, channel_address=self.channel, kind=kind)])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """At a time that stands still."""
    yield Program(monkeypatch)


def test_it_is_looked_for_in_time(program: Program) -> None:
    """When somebody has waited for half of the time, so that it is known when he has waited for all of it."""
    assert Held() == program.holding.held()
    program.heed(4.9)
    assert Held() == program.holding.held()
    program.heed(5)
    assert {program.channel: (1,)} == program.holding.held().holders


@pytest.mark.parametrize("kind", ["context", "timer", "signal"])
def test_for_what_is_waited_for_by_design_nobody_looks(program: Program, kind: str) -> None:
    """Nor on a nil channel."""
    program.heed(60, kind)
    assert Held() == program.holding.held()
    program.holding.heed([blocked(7, 60, channel_address=0)])
    assert Held() == program.holding.held()


def test_what_was_found_holds_for_two_seconds(program: Program) -> None:
    """Memory is not read again before."""
    program.heed(60)
    first = program.holding.held()
    program.made.memory.word(program.sp, 0)
    read = program.made.memory.bytes_read
    program.now += int(1.9 * SECOND)
    assert (first, read) == (program.holding.held(), program.made.memory.bytes_read)
    program.now += int(0.2 * SECOND)
    assert {program.channel: ()} == program.holding.held().holders


def test_when_nobody_waits_any_more_nothing_is_known(program: Program) -> None:
    """And the next one who does is looked for at once."""
    program.heed(60)
    program.holding.held()
    program.holding.heed([])
    assert Held() == program.holding.held()
    program.heed(60)
    assert {program.channel: (1,)} == program.holding.held().holders


def test_memory_that_is_gone_is_nobody_found(program: Program) -> None:
    """Not even that it was looked for."""
    program.heed(60)
    program.made.memory.unmap(program.made.globals.allglen)
    assert Held() == program.holding.held()
