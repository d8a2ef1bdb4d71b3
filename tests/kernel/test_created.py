"""Goroutines created and exited, without a probe: equal to the program's own count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.memory.counts import read_counts
from otelchan.memory.live import LiveReader
from otelchan.memory.types import GoroutineCounts
from otelchan.model.goroutines import Created
from otelchan.target.process import by_pid, load_bias
from tests.support.gobuild import EVERY_GO
from tests.support.spawner import Spawner, Told, spawner

CHURN_S = 1.5
CHURN_MOST_S = 20.0
REST_S = 2.0
FEWEST_LOOKS = 100
BUILDS = [(go, stripped) for go in EVERY_GO for stripped in (False, True)]


class Observed:
    """A spawner that is looked at from now on."""

    def __init__(self, program: Spawner, binary: Path) -> None:
        self.program = program
        self._image = analyse(binary)
        self._bias = load_bias(by_pid(program.pid), self._image.segments)
        self._reader = LiveReader(program.pid)
        self._totals = Created()
        self.first = program.ask("rest")
        end = time.monotonic() + REST_S
        while self.counts().count != self.first.alive and time.monotonic() < end:
            continue  # see rest()
        self.look()

    def counts(self) -> GoroutineCounts:
        """One look."""
        return read_counts(self._reader, self._image.layout, self._image.globals, self._bias)

    def look(self) -> tuple[int, int]:
        """(created, exited) since the first look."""
        return self._totals.update(self.counts())

    def rest(self, told: Told) -> tuple[int, int]:
        """The totals once the program rests: a thread that was interrupted while it put a dead goroutine away makes
        that one look alive, also to the program itself. They only ever come out too small meanwhile."""
        end = time.monotonic() + REST_S
        while self.look() != self.since(told) and time.monotonic() < end:
            assert all(ours <= its for ours, its in zip(self.look(), self.since(told), strict=True))
        return self.look()

    def since(self, told: Told) -> tuple[int, int]:
        """What the program says of the same time."""
        return told.created - self.first.created, told.exited - self.first.exited


@pytest.fixture(params=BUILDS, ids=lambda build: f"{build[0]}{'-stripped' if build[1] else ''}")
def observed(request: pytest.FixtureRequest, workload: Callable[..., Path]) -> Iterator[Observed]:
    """A program that has started and ended goroutines before anybody looked."""
    go, stripped = request.param
    binary = workload("spawner", go=go, stripped=stripped)
    with spawner(binary) as program:
        program.ask("start 23")
        program.ask("pass 41")
        yield Observed(program, binary)


def test_created_and_exited_are_the_programs_own(observed: Observed) -> None:
    """After each step, from the first look on; workers that the runtime starts for itself are not among them."""
    for command in ("start 17", "pass 1009", "end 5", "collect", "start 2003", "pass 7", "end 2011", "collect"):
        told = observed.program.ask(command)

        assert observed.since(told) == observed.rest(told), command
        assert told.alive == observed.counts().count, command
        created, exited = observed.look()
        assert told.alive - observed.first.alive == created - exited, command


def test_under_churn_no_total_ever_steps_back_or_runs_ahead(observed: Observed) -> None:
    """Tens of thousands a second: each look lies between the looks before and what the program says afterwards, and
    when it rests the totals are its own."""
    observed.program.ask("churn 8")
    looks: list[tuple[int, int]] = []
    began = time.monotonic()
    while (spent := time.monotonic() - began) < CHURN_S or (spent < CHURN_MOST_S and len(set(looks)) <= FEWEST_LOOKS):
        looks.append(observed.look())  # on a busy machine the program seldom runs between two of them
    told = observed.program.ask("rest")
    expected = observed.since(told)

    print(f"{len(looks)} looks at {told.created} goroutines")
    assert len(looks) >= FEWEST_LOOKS
    assert told.created > 10_000
    for column, total in zip(zip(*looks, strict=True), expected, strict=True):
        assert sorted(column) == list(column)
        assert column[-1] <= total
    assert len({created for created, _ in looks}) > FEWEST_LOOKS // 2
    assert expected == observed.rest(told)
    again = observed.program.ask("pass 3")
    assert observed.since(again) == observed.rest(again)
