"""Waits that go on are told of once per step, linked to each other and to their end: in a real program, watched live.

Steps are short here: half a second, two, eight. What is expected follows from the ages that the same snapshots show.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from otelchan.config import Config
from otelchan.model.types import BlockSpan, Snapshot, SpanLink
from tests.support import eventually
from tests.support.driven import Driven, driven
from tests.support.gobuild import SUPPORTED_GO
from tests.support.observed import observed

FIRST_NS = 500_000_000
STEPS_NS = [FIRST_NS * 4**n for n in range(4)]
MOST_PER_PLACE = 10
SETTINGS = Config(
    interval_s=0.2,
    max_overhead=None,
    max_overhead_node=None,
    spans_per_second=10_000,
    spans_per_second_total=10_000,
    ongoing_span_s=FIRST_NS / 1e9,
)
TOLD = {
    f"main.{name}"
    for name in ("stuckBefore", "stuckLater", "send", "receive", "choose", "worker", "nilReceive", "nothing")
}
WORKERS = 30
Place = tuple[str, int]  # the function that waits, and the step


class Run(NamedTuple):
    """What was seen: until the release, and all of it."""

    waiting: list[Snapshot]
    every: list[Snapshot]

    def ongoing(self) -> Iterator[tuple[Snapshot, BlockSpan]]:
        """Each wait that was told of while it went on."""
        return ((seen, span) for seen in self.every for span in seen.spans if span.ongoing)

    def told(self, function: str) -> list[BlockSpan]:
        """Of those that wait in that function, until the release."""
        return [span for seen in self.waiting for span in seen.spans if span.ongoing and function_of(span) == function]

    def ended(self, goroutine_id: int) -> BlockSpan:
        """Its one wait that was long, and is over."""
        (span,) = [
            span
            for seen in self.every
            for span in seen.spans
            if not span.ongoing and span.goroutine_id == goroutine_id
            if span.end_unix_ns - span.start_unix_ns > FIRST_NS
        ]
        return span


def function_of(span: BlockSpan) -> str:
    """The function that waits."""
    return f"main.{span.frames[0].function.removeprefix('main.')}" if span.frames else ""


@pytest.fixture(params=SUPPORTED_GO, scope="module")
def run(request: pytest.FixtureRequest, workload: Callable[..., Path]) -> Run:
    """Everybody waits until the second step has been passed, then those that can go on, and wait once more."""
    with driven(Driven, workload("lasting", go=request.param), 2) as program, observed(program.pid, SETTINGS) as seen:
        seen.settled()
        program.ask("begin")

        def passed() -> bool:
            second = [
                s for snapshot in seen.all() for s in snapshot.spans if s.ongoing and function_of(s) == "main.send"
            ]
            assert len(second) >= 2
            return True

        eventually(passed, 20)
        seen.now()
        waiting = seen.all()
        program.ask("release")
        seen.now()
        program.ask("again")
        time.sleep(2 * FIRST_NS / 1e9)
        seen.now()
        return Run(waiting, seen.all())


def crossings(snapshots: Sequence[Snapshot]) -> Iterator[tuple[Snapshot, Mapping[Place, list[int]]]]:
    """By the ages that the looks show: who has passed a step at each of them, the oldest first."""
    looks = [snapshot for snapshot in snapshots if snapshot.blocked]
    last_ns = None
    for seen in looks:
        if seen.seen_unix_ns == last_ns:
            continue
        elapsed_ns = None if last_ns is None else seen.seen_unix_ns - last_ns
        found: dict[Place, dict[int, int]] = defaultdict(dict)
        for entry in seen.blocked:
            function = entry.frames[0].function if entry.frames else ""
            step = bisect_right(STEPS_NS, entry.age.age_ns)
            before = 0 if elapsed_ns is None else bisect_right(STEPS_NS, entry.age.age_ns - elapsed_ns)
            if function in TOLD and step > before:
                found[function, step][entry.goroutine_id] = entry.age.age_ns
        last_ns = seen.seen_unix_ns
        yield seen, {place: sorted(ages, key=lambda id_: -ages[id_]) for place, ages in found.items()}


def test_each_wait_is_told_of_exactly_when_it_passes_a_step(run: Run) -> None:
    """Ten of the pool that idles at each step, the others by name and all; nobody else ever."""
    missing = 0
    told = {id(seen): {span.goroutine_id for span in seen.spans if span.ongoing} for seen in run.every}
    for seen, places in crossings(run.every):
        expected = {id_ for of in places.values() for id_ in of[:MOST_PER_PLACE]}
        missing += sum(len(of[MOST_PER_PLACE:]) for of in places.values())
        assert expected == told.pop(id(seen))
    assert set() == set(itertools.chain(*told.values()))
    assert TOLD == {function_of(span) for _, span in run.ongoing()}
    assert missing == run.every[-1].losses.by_reason["sampled"]
    assert missing >= 2 * (WORKERS - MOST_PER_PLACE)


def test_what_is_told_is_what_the_program_does(run: Run) -> None:
    """Operation, channel, reason and cases; a stack that is whole; no waker yet."""
    shown = {
        function_of(span): (span.operation, span.select, span.channel.split(" ")[0], span.wait_reason, len(span.cases))
        for _, span in run.ongoing()
    }
    assert {
        "main.stuckBefore": ("send", False, "main.init", "chan send", 0),
        "main.stuckLater": ("send", False, "main.init", "chan send", 0),
        "main.send": ("send", False, "main.init", "chan send", 0),
        "main.receive": ("recv", False, "main.init", "chan receive", 0),
        "main.choose": ("recv", True, "main.init", "select", 3),
        "main.worker": ("recv", False, "main.init", "chan receive", 0),
        "main.nilReceive": ("recv", False, "nil", "chan receive (nil chan)", 0),
        "main.nothing": ("", True, "", "select (no cases)", 0),
    } == shown
    assert all(span.stack_complete and span.waker is None for _, span in run.ongoing())


@pytest.mark.parametrize("function", ["main.send", "main.receive", "main.choose"])
def test_the_spans_of_one_wait_are_a_chain_that_its_end_belongs_to(run: Run, function: str) -> None:
    """Each links to the one before, the finished one to the last; all begin when the goroutine parked."""
    goroutine = run.told(function)[0].goroutine_id
    told = [span for _, span in run.ongoing() if span.goroutine_id == goroutine]
    ended, first = run.ended(goroutine), told[0]
    chain = [*told, ended]
    assert [(), *((SpanLink(span.context, "ongoing"),) for span in told)] == [
        tuple(link for link in span.links if link.how == "ongoing") for span in chain
    ]
    assert len(told) >= 2
    assert {span.channel for span in told} == {ended.channel} or function == "main.choose"
    assert {first.frames} == {span.frames for span in chain}
    shortest = first.end_unix_ns - first.start_unix_ns
    assert all(abs(span.start_unix_ns - first.start_unix_ns) < shortest / 10 for span in chain)
    ends = [span.end_unix_ns for span in chain]
    assert sorted(ends) == ends
    assert not any(span.at_least for span in chain)
    assert len(chain) == len({span.context.trace_id for span in chain})


def test_a_worker_of_the_pool_that_gets_work_links_back_if_it_was_told_of(run: Run) -> None:
    """One of the thirty went on; the others have nothing to link to."""
    last = {span.goroutine_id: span.context for span in run.told("main.worker")}
    ended = [
        span for seen in run.every for span in seen.spans if not span.ongoing and function_of(span) == "main.worker"
    ]
    assert 1 == len(ended)
    expected = [last[span.goroutine_id] for span in ended if span.goroutine_id in last]
    assert expected == [link.context for span in ended for link in span.links if link.how == "ongoing"]


def test_the_same_goroutines_next_wait_is_a_new_one(run: Run) -> None:
    """Others wait in the same functions again, and are told of without a link to what was before."""
    before = {span.goroutine_id for span in run.told("main.send")}
    again = [span for _, span in run.ongoing() if function_of(span) == "main.send" and span.goroutine_id not in before]
    assert [()] == [span.links for span in again]


def test_who_was_stuck_before_we_came_is_told_of_at_the_first_look(run: Run) -> None:
    """At the highest step alone, two being over. A collection of garbage has seen it: so long at least it waited."""
    first = next(seen for seen in run.every if seen.blocked)
    (stuck,) = [span for seen, span in run.ongoing() if function_of(span) == "main.stuckBefore" and seen is first]
    assert bisect_right(STEPS_NS, stuck.end_unix_ns - stuck.start_unix_ns) >= 2
    assert (True, ()) == (stuck.at_least, stuck.links)
    assert all(span.at_least for span in run.told("main.stuckBefore"))


def test_who_waits_by_design_was_there_all_the_time(run: Run) -> None:
    """For a timer, a context or signals, and longer than the first step: nobody is told of (see above)."""
    waited = {
        entry.frames[0].function
        for seen in run.waiting
        for entry in seen.blocked
        if entry.frames and entry.age.age_ns > FIRST_NS
    }
    assert {"main.tick", "main.deadline", "main.signals", "main.timed", "main.timedSelect"} == waited - TOLD
