"""F8 on channels whose senders have all exited, and on those that only look like it."""

from __future__ import annotations

from typing import Any

import pytest

from otelchan.config import Findings
from otelchan.findings.never_closed import NeverClosedFinder
from otelchan.model.types import End
from tests.support.snapshots import CALLER, SECOND, WORKER, finding
from tests.support.watched import NAME, Doctors, Waiter, first, look_at

GONE = {0.0: End.GONE}
RETURNING = {0.0: End.RETURNING}


def collector(**changes: Any) -> Waiter:
    """Ranges over results of workers that have exited: main, which started them, waits since second 2."""
    return Waiter(1, 2)._replace(**{"ends": GONE, **changes})


def requests(end: End, rate: float = 1.0, lasts: float = 1e9, seconds: int = 120) -> list[Waiter]:
    """One goroutine after the other that waits for more rows on a channel of its own."""
    starts = [2 + number / rate for number in range(int(seconds * rate))]
    return [Waiter(2 + n, start, start + lasts, ends={start: end}) for n, start in enumerate(starts)]


# --- all senders are gone ---


def test_who_waits_for_senders_that_have_all_exited_is_found_after_the_set_time() -> None:
    """Ten seconds by default; one goroutine is enough, and nothing grows."""
    found = Doctors().watch([collector()], 60)
    assert 15 == first(found)
    (it,) = found[3]
    assert ("F8", NAME, "chan receive", WORKER, CALLER, 1, "abandoned") == (
        it.id,
        it.channel,
        it.wait_reason,
        it.site,
        it.created_by,
        it.count,
        it.evidence,
    )


def test_it_is_critical_once_it_is_long_lived() -> None:
    """Before that somebody may be looking for the one who closes."""
    found = Doctors().watch([collector()], 60)
    assert ["warning"] * 4 + ["critical"] * 6 == [each[0].severity for each in found[3:]]


def test_the_sentence_says_that_nobody_is_left() -> None:
    """For a tired person."""
    (it,) = Doctors().watch([collector()], 40)[-1]
    assert (
        "1 goroutine is stuck receiving from channel main.work main.go:41 (chan int): blocked at main.worker "
        "main.go:57 for up to 38 s; all that ever sent on it have exited and nobody is left who would close it; "
        "started at main.main.func1 main.go:31"
    ) == it.sentence


@pytest.mark.parametrize("end", [End.UNKNOWN, End.NEVER, End.RETURNING, End.ALIVE])
def test_it_is_silent_about_one_channel_of_which_less_is_known(end: End) -> None:
    """A done channel, a queue whose senders come and go, a channel that is older than the agent."""
    assert [[]] * 25 == Doctors().watch([collector(ends={0.0: end})], 120)


def test_it_is_silent_while_the_last_of_them_may_yet_close() -> None:
    """The corrected twin: who closes is alive until it does, and then nobody waits any more."""
    twins = [collector(start=start, end=start + 3.0, ends={0.0: End.RETURNING}) for start in range(0, 120, 4)]
    assert [[]] * 25 == Doctors().watch(twins, 120)


def test_it_is_silent_when_somebody_else_alive_has_the_channel_at_hand() -> None:
    """On the stack, or in an object that the stack points to: who waits on it does not count."""
    channel = collector().address
    assert [[]] * 13 == Doctors().watch([collector()], 60, holders={channel: (1, 7)})
    assert [[]] * 13 == Doctors().watch([collector()], 60, holders={channel: (1,)}, reaching={channel: (7,)})
    assert ["F8"] == [it.id for it in Doctors().watch([collector()], 60, holders={channel: (1,)})[-1]]
    assert ["F8"] == [it.id for it in Doctors().watch([collector()], 60, reaching={channel: (1,)})[-1]]


def test_it_is_over_when_they_get_on() -> None:
    """Somebody closed it after all."""
    found = Doctors().watch([collector(end=33)], 60)
    assert [1] * 4 + [0] * 6 == [len(each) for each in found[3:]]


def test_several_who_wait_on_one_channel_are_one_finding() -> None:
    """A pool whose feeder has exited without closing."""
    pool = [Waiter(n, 2, channel=0xC0000AA000, ends=GONE) for n in range(4, 12)]
    (it,) = Doctors().watch(pool, 30)[-1]
    assert (8, 1) == (it.count, it.facts["channels"])


# --- selects ---


def select(*cases: Waiter) -> Waiter:
    """One goroutine in a select with these."""
    one = [case._replace(id=9, channel=case.address, reason="select") for case in cases]
    return one[0]._replace(more=tuple(one[1:]))


def test_a_select_of_which_all_senders_are_gone_is_found() -> None:
    """Two channels are merged, and nobody closed either."""
    merge = select(Waiter(3, 2, ends=GONE, name="main.a"), Waiter(4, 2, ends=GONE, name="main.b"))
    (it,) = Doctors().watch([merge], 60)[-1]
    assert ("F8", 1, "select", "main.a") == (it.id, it.count, it.wait_reason, it.channel)


@pytest.mark.parametrize("end", [End.NEVER, End.UNKNOWN, End.RETURNING, End.ALIVE])
def test_a_select_with_another_way_on_is_left_out(end: End) -> None:
    """A channel that nobody ever sent on may be the one that is closed to stop it."""
    assert [[]] * 13 == Doctors().watch([select(Waiter(3, 2, ends=GONE), Waiter(4, 2, ends={0.0: end}))], 60)


@pytest.mark.parametrize("kind", ["context", "signal", "timer", "ticker"])
def test_a_select_that_the_runtime_or_a_context_ends_is_left_out(kind: str) -> None:
    """Whatever else it waits for."""
    assert [[]] * 13 == Doctors().watch([select(Waiter(3, 2, ends=GONE), Waiter(4, 2, kind=kind, ends=GONE))], 60)


# --- one request after the other ---


def test_requests_that_each_leave_one_behind_are_found_when_their_producers_are_gone() -> None:
    """As soon as the first of them has waited for the set time; the youngest are not counted yet."""
    found = Doctors().watch(requests(End.GONE), 60)
    assert 15 == first(found)
    (it,) = found[-1]
    assert ("F8", "abandoned", "critical") == (it.id, it.evidence, it.severity)
    assert 60 - 2 - 5 - 1 <= it.count <= 60 - 2 - 5 + 1
    assert 55 <= it.growth_per_minute <= 65


def test_requests_whose_producers_have_a_living_parent_must_grow() -> None:
    """Who started them could start more, for each channel; but more and more channels are left like that."""
    found = Doctors().watch(requests(End.RETURNING), 60)
    assert 20 <= first(found) <= 40
    (it,) = found[-1]
    assert ("F8", "grows", "warning") == (it.id, it.evidence, it.severity)
    assert "a minute; all that ever sent on them have exited without closing it; started at" in it.sentence
    assert 55 <= it.growth_per_minute <= 65


def test_what_has_grown_stays_a_finding_when_no_more_of_them_come() -> None:
    """They are still there."""
    found = Doctors().watch(requests(End.RETURNING, seconds=60), 300)
    assert [["F8"]] * 49 == [[f.id for f in each] for each in found[12:]]


def test_requests_that_end_are_silent() -> None:
    """The corrected twin."""
    for end in (End.GONE, End.RETURNING):
        assert [[]] * 25 == Doctors().watch(requests(end, lasts=2), 120)


def test_a_pool_whose_feeders_come_and_go_is_silent() -> None:
    """Forty workers that wait on one channel between bursts; all who fed it so far have exited."""
    pool = [Waiter(n, n / 10, channel=0xC0000AA000, ends=RETURNING) for n in range(3, 43)]
    assert [[]] * 61 == Doctors().watch(pool, 300)


# --- settings, words, other findings ---


def test_the_time_comes_from_the_settings_and_may_change() -> None:
    """wait_s."""
    assert 45 == first(Doctors(wait_s=40).watch([collector()], 60))


def test_a_group_that_an_earlier_finding_names_is_left_to_it() -> None:
    """As a deadlock would be."""
    finder, seen = NeverClosedFinder(Findings()), look_at([collector()], 40)
    assert 1 == len(finder.find(seen, ()))
    assert [] == finder.find(seen, (finding(id="F14", wait_reason="chan receive"),))


def test_ages_are_in_the_finding() -> None:
    """Nanoseconds of the oldest."""
    (it,) = Doctors().watch([collector()], 40)[-1]
    assert (38 * SECOND, False) == (it.oldest_ns, it.oldest_at_least)
