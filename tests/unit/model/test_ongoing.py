"""Waits that go on: who is told of, when, how often, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from otelchan.gobinary.types import Frame
from otelchan.memory.types import Census, Goroutine, GoroutineCounts, Words
from otelchan.model.blocked import BlockedColumns, Names
from otelchan.model.channels import Resolved
from otelchan.model.names import Name
from otelchan.model.ongoing import BURST_S, MOST_PER_PLACE, MOST_REMEMBERED, Ongoing, Pace, share_of
from otelchan.model.types import Age, Blocked, BlockedList, BlockSpan, ChannelName, SpanContext, SpanLink
from tests.support.snapshots import SECOND, WORKER, blocked

OFFSET = 1_000_000 * SECOND
MANY = Pace(10 * SECOND, 1e6)


class Looks:
    """Looks at one program, at seconds of its clock. asked: for how many channels it was asked what they are."""

    def __init__(self, pace: Pace = MANY) -> None:
        self.ongoing = Ongoing(pace)
        self.asked = 0
        self._ids = count(1)

    def at(self, second: float, who: Sequence[Blocked], *cut: int) -> tuple[BlockSpan, ...]:
        """What is told at that look. cut: goroutines whose stacks are not whole."""
        goroutines = tuple(
            Goroutine(0xA00 + id_, id_, "waiting", stack_complete=id_ not in cut)
            for id_ in dict.fromkeys(entry.goroutine_id for entry in who)
        )
        now = int(second * SECOND)
        census = Census(now, now, 0, GoroutineCounts(len(who), 10), goroutines, ())
        return self.ongoing.look(census, who, self._whats, OFFSET, lambda size: next(self._ids).to_bytes(size, "big"))

    def waiting(self, seconds: Sequence[float], since: float, **changes: Any) -> Iterator[tuple[float, BlockSpan]]:
        """What is told of goroutine 7, which waits since then: the second and the span."""
        for second in seconds:
            for span in self.at(second, [blocked(7, second - since, **changes)]):
                yield second, span

    def _whats(self, addresses: Words) -> list[Resolved]:
        self.asked += len(addresses)
        name = Name("main.work main.go:41", "make", "user")
        nil = Resolved(Name("nil channel", "use", "nil"), "", True, True)
        return [Resolved(name, "int", False, True) if address else nil for address in addresses.tolist()]


def test_a_wait_is_told_of_once_per_step_each_four_times_as_long() -> None:
    """At the first look at which it is 10, 40, 160 and 640 seconds old; the time between says nothing."""
    told = [second for second, _ in Looks().waiting(range(0, 1000, 3), since=2)]
    assert [12, 42, 162, 642] == told


def test_the_span_says_what_a_finished_one_would() -> None:
    """From the park to the look; only the waker is missing, and that it goes on is said."""
    ((_, span),) = Looks().waiting([5, 12], since=0, wait_reason="chan send")
    expected = BlockSpan(
        context=SpanContext((1).to_bytes(16, "big"), (2).to_bytes(8, "big")),
        operation="send",
        select=False,
        channel="main.work main.go:41",
        channel_source="make",
        channel_address=0xC000000000 + 96 * 7,
        element_type="int",
        start_unix_ns=OFFSET,
        end_unix_ns=OFFSET + 12 * SECOND,
        goroutine_id=7,
        wait_reason="chan send",
        frames=blocked(7, 0).frames,
        stack_complete=True,
        ongoing=True,
    )
    assert expected == span


def test_each_span_links_to_the_one_before_and_the_last_one_is_linked_to() -> None:
    """The spans of one wait are a chain, newest first."""
    looks = Looks()
    (_, first), (_, second), (_, third) = looks.waiting(range(0, 200, 5), since=0)
    linked = [span.links for span in (first, second, third)]
    assert [(), (SpanLink(first.context, "ongoing"),), (SpanLink(second.context, "ongoing"),)] == linked
    assert (SpanLink(third.context, "ongoing"),) == looks.ongoing.ended(7, began_ns=0)


def test_the_next_wait_of_a_goroutine_has_no_link_to_an_earlier_one() -> None:
    """A wait that began after the look is another one, whatever the channel."""
    looks = Looks()
    assert 1 == len(list(looks.waiting([12], since=0)))
    assert () == looks.ongoing.ended(7, began_ns=12 * SECOND + 1)
    assert () == looks.ongoing.ended(8, began_ns=0)
    ((second, span),) = looks.waiting([20, 35], since=15)
    assert (35, ()) == (second, span.links)


def test_a_look_that_is_shown_again_tells_nothing() -> None:
    """While looking is too dear the last census is used again; its goroutines have passed nothing since."""
    looks = Looks()
    assert [1, 0, 0] == [len(looks.at(12, [blocked(7, 12)])) for _ in range(3)]


def test_who_was_stuck_before_the_agent_came_is_told_of_at_once() -> None:
    """At the highest step passed, once; how long it has waited is a lower bound, and that is said."""
    told = list(Looks().waiting(range(0, 2600, 10), since=-100, age=Age(100 * SECOND, at_least=True)))
    assert [(0, True)] == [(second, span.at_least) for second, span in told]


def test_a_wait_that_is_known_less_well_than_before_is_not_told_of_twice() -> None:
    """When the probes go, its age is that since it was first seen: it passes the same step once more."""
    looks = Looks()
    assert 1 == len(looks.at(10, [blocked(7, 10)]))
    assert () == looks.at(12, [blocked(7, 10.5, age=Age(int(10.5 * SECOND), at_least=True))])


def test_other_steps_tell_of_everybody_at_the_one_passed() -> None:
    """After a reload the first step is 2 s; who was told of at 10 s has not passed another one yet."""
    looks = Looks()
    assert [7] == [span.goroutine_id for span in looks.at(15, [blocked(7, 15), blocked(8, 5)])]
    looks.ongoing.change(Pace(2 * SECOND, 1e6))
    assert [8] == [span.goroutine_id for span in looks.at(16, [blocked(7, 16), blocked(8, 6)])]


def test_off_tells_nothing() -> None:
    """And nothing is counted as left out."""
    looks = Looks(Pace(None, 1e6))
    assert [] == list(looks.waiting(range(0, 1000, 10), since=0))
    assert 0 == looks.ongoing.left_out


def test_timers_contexts_and_signals_are_what_they_are_for() -> None:
    """Neither who waits for nothing else, nor a select that a timer will end."""
    kinds = ("timer", "ticker", "context", "signal", "runtime")
    alone = [blocked(number, 12, kind=kind) for number, kind in enumerate(kinds, 1)]
    timed = [blocked(9, 12, wait_reason="select"), blocked(9, 12, wait_reason="select", kind="timer")]
    assert () == Looks().at(12, alone + timed)


def test_a_select_is_told_of_once_with_all_its_cases() -> None:
    """Its channel is the one it would send on, else the first by name, as in findings; a way out changes nothing."""
    cases = [
        blocked(7, 12, wait_reason="select", channel="b", operation="recv", channel_address=0xB),
        blocked(7, 12, wait_reason="select", channel="a", operation="recv", channel_address=0xA),
        blocked(7, 12, wait_reason="select", channel="context", operation="recv", kind="context"),
    ]
    (span,) = Looks().at(12, cases)
    assert (True, "recv", 0xA, ("recv b", "recv a", "recv context")) == (
        span.select,
        span.operation,
        span.channel_address,
        span.cases,
    )
    (span,) = Looks().at(12, [*cases, replace(cases[0], operation="send", channel_address=0xC)])
    assert ("send", 0xC) == (span.operation, span.channel_address)


def test_who_waits_for_nothing_is_told_of() -> None:
    """On a nil channel, which is named so, and in a select without cases, which has no channel."""
    reasons = ("chan receive (nil chan)", "chan send (nil chan)", "select (no cases)", "select")
    stuck = [
        blocked(number, 12, wait_reason=reason, channel="", channel_address=0, operation="")
        for number, reason in enumerate(reasons, 1)
    ]
    assert [
        ("recv", False, "nil channel", ()),
        ("send", False, "nil channel", ()),
        ("", True, "", ()),
        ("", True, "", ()),
    ] == [(span.operation, span.select, span.channel, span.cases) for span in Looks().at(12, stuck)]


def test_ten_of_each_place_and_step_are_told_of_the_oldest_first() -> None:
    """A pool that idles is one place; the others of it are counted. Who waits elsewhere, or longer, has room too."""
    pool = [blocked(number, 10 + number / 100) for number in range(1, 31)]
    elsewhere = [blocked(101, 11, frames=(Frame("main.other", "a.go", 1),)), blocked(102, 12, wait_reason="select")]
    other_channel, longer = blocked(103, 13, channel="main.b b.go:1"), blocked(104, 41)
    looks = Looks()
    told = looks.at(50, [*pool, *elsewhere, other_channel, longer])
    assert {*range(21, 31), 101, 102, 103, 104} == {span.goroutine_id for span in told}
    assert 30 - MOST_PER_PLACE == looks.ongoing.left_out


def test_they_are_few_per_second_and_each_place_gets_its_oldest_first() -> None:
    """A rate of 0.75 a second saves up 3: the oldest of each of three places; what is over is counted."""
    sites = [(Frame(f"main.f{number}", "a.go", number),) for number in range(3)]
    waiting = [
        blocked(10 * site + number, 30 - number, frames=frames)
        for site, frames in enumerate(sites)
        for number in range(1, 6)
    ]
    looks = Looks(Pace(10 * SECOND, 0.75))
    assert {1, 11, 21} == {span.goroutine_id for span in looks.at(50, waiting)}
    assert 12 == looks.ongoing.left_out


def test_the_rate_holds_over_any_number_of_looks() -> None:
    """A goroutine passes a step at each look of a minute, ten a second: a burst, and what the rate allows since."""
    looks = Looks(Pace(10 * SECOND, 2))
    told = sum(
        len(looks.at(10 + number / 10, [blocked(number + 1, 10, frames=(Frame(f"main.f{number}", "a.go", 1),))]))
        for number in range(600)
    )
    assert 0 <= 2 * BURST_S + 2 * 60 - told <= 1
    assert 600 == told + looks.ongoing.left_out


def test_a_share_of_the_rate_of_spans_is_theirs() -> None:
    """A quarter; one a second where that is less; never more than there are; none where there are none."""
    assert [25.0, 1.0, 1.0, 0.5, 0.0] == [share_of(rate) for rate in (100, 4, 2, 0.5, 0)]


def test_without_a_rate_none_is_made_and_each_is_counted() -> None:
    """spans_per_second: 0. A low rate still makes one now and then."""
    looks = Looks(Pace(10 * SECOND, 0.0))
    assert () == looks.at(50, [blocked(7, 12)])
    assert 1 == looks.ongoing.left_out
    assert 1 == len(Looks(Pace(10 * SECOND, 0.01)).at(50, [blocked(7, 12)]))


def test_a_stack_that_is_not_whole_says_so() -> None:
    """As on a finished span."""
    told = Looks().at(50, [blocked(7, 12), blocked(8, 12)], 8)
    assert {7: True, 8: False} == {span.goroutine_id: span.stack_complete for span in told}


def crowd(number: int, first_id: int = 1) -> BlockedList:
    """So many goroutines at one place, each on a channel of its own."""
    ids = np.arange(first_id, first_id + number, dtype=np.uint64)
    zeros, ages = np.zeros(number, np.int64), 10 * SECOND + np.arange(number)
    columns = BlockedColumns(
        ids, zeros, ids * np.uint64(96), zeros.astype(np.uint8), zeros, ages, zeros != 0, zeros, zeros
    )
    names = Names([ChannelName("main.work main.go:41", "user")], ["chan send"], [(WORKER,)], [None])
    return BlockedList(columns, names)


def test_only_so_many_are_remembered() -> None:
    """The latest: of the others the chain of links is broken, and nothing else."""
    ongoing = Ongoing(Pace(10 * SECOND, 1e9))
    looks = MOST_REMEMBERED // MOST_PER_PLACE + 1
    for look in range(1, looks + 1):
        now = look * 100 * SECOND
        seen = Census(now, now, 0, GoroutineCounts(10, 10), (), ())
        ongoing.look(seen, crowd(10, first_id=10 * look), nothing_known, 0)
    linked = [bool(ongoing.ended(id_, 0)) for id_ in range(10, 10 * (looks + 1))]
    assert [False] * 10 + [True] * MOST_REMEMBERED == linked


def nothing_known(addresses: Words) -> list[Resolved]:
    """What channels are, where nobody knows."""
    return [Resolved(Name("chan ?", "use", "user"), "", None, False)] * len(addresses)


def test_a_hundred_thousand_that_pass_at_once_cost_little() -> None:
    """About as much as sorting their columns a few times (30 ms): no object is made of one that is not told of."""
    many = crowd(100_000)

    def cost_ns(what: Any) -> int:
        """The least of several times, of this thread alone."""
        costs = []
        for _ in range(2):
            began = time.thread_time_ns()
            what()
            costs.append(time.thread_time_ns() - began)
        return min(costs)

    def look() -> None:
        looks = Looks()
        assert MOST_PER_PLACE == len(looks.at(50, many[:0]) + looks.ongoing.look(census, many, looks._whats, 0))
        assert (MOST_PER_PLACE, 100_000 - MOST_PER_PLACE) == (looks.asked, looks.ongoing.left_out)

    census = Census(51 * SECOND, 51 * SECOND, 0, GoroutineCounts(100_000, 10), (), ())
    objects = cost_ns(lambda: list(many))
    assert cost_ns(look) < objects / 3
