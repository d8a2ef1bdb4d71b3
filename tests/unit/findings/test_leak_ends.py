"""F1 judged by who uses the other end of the channels, as a series of looks."""

from __future__ import annotations

from typing import Any

import pytest

from otelchan.config import Findings
from otelchan.findings.leak import LeakFinder
from otelchan.model.types import End
from tests.support.snapshots import finding, look_frames
from tests.support.watched import FOR_EVER, Doctors, Waiter, first, look_at

SHARED = 0xC0000AA000


def sender(id_: int, start: float, end: End | None, until: float = FOR_EVER, **changes: Any) -> Waiter:
    """Waits to send, on a channel of its own."""
    waiter = Waiter(id_, start, until, operation="send", reason="chan send", ends={} if end is None else {0: end})
    return waiter._replace(**changes)


def growing(end: End | None, rate: float = 1.0, lasts: float = FOR_EVER, seconds: int = 200) -> list[Waiter]:
    """One sender after the other."""
    starts = [2 + n / rate for n in range(int(seconds * rate))]
    return [sender(2 + n, start, end, start + lasts) for n, start in enumerate(starts)]


# --- nobody is left at the other end ---


def test_one_sender_whose_receivers_are_all_gone_is_critical_at_once() -> None:
    """After five seconds by default: nothing needs to grow."""
    found = Doctors().watch([sender(3, 2, End.GONE)], 30)
    assert 10 == first(found)
    (it,) = found[2]
    assert ("F1", "abandoned", "critical", 1) == (it.id, it.evidence, it.severity, it.count)
    assert {"gone": 1} == it.facts["other_ends"]
    assert ", and does not get on; all that received from it have exited, and nobody is left who would" in it.sentence


@pytest.mark.parametrize("end", [End.UNKNOWN, End.NEVER, End.RETURNING, End.ALIVE])
def test_one_sender_of_whose_channel_less_is_known_is_none(end: End) -> None:
    """Somebody may yet receive."""
    assert [[]] * 25 == Doctors().watch([sender(3, 2, end)], 120)


def test_senders_that_are_abandoned_one_after_the_other_say_how_fast() -> None:
    """Abandoned is the stronger evidence."""
    (it,) = Doctors().watch(growing(End.GONE), 60)[-1]
    assert "abandoned" == it.evidence
    assert 55 <= it.growth_per_minute <= 65


def test_among_others_only_the_abandoned_are_counted() -> None:
    """Two of them wait at the same place as five that somebody alive receives from."""
    waiters = [sender(n, 2, End.GONE if n < 5 else End.ALIVE) for n in range(3, 10)]
    (it,) = Doctors().watch(waiters, 60)[-1]
    assert ("abandoned", 2) == (it.evidence, it.count)
    assert ", and none of them gets on; all that received from them have exited, and nobody" in it.sentence


def test_a_channel_that_somebody_else_alive_has_at_hand_is_not_abandoned() -> None:
    """On the stack, or in an object that the stack points to."""
    waiter = sender(3, 2, End.GONE)
    for held in ({"holders": {waiter.address: (3, 8)}}, {"reaching": {waiter.address: (8,)}}):
        assert [[]] * 13 == Doctors().watch([waiter], 60, **held)
    assert ["F1"] == [f.id for f in Doctors().watch([waiter], 60, holders={waiter.address: (3,)})[-1]]


def test_who_waits_for_good_himself_has_nothing_at_hand() -> None:
    """Stacks keep what is of no use any more. Two hold each other's channels, and are abandoned; with a third who has
    one of them and can still do something, neither is."""
    a, b = sender(3, 2, End.GONE), sender(4, 2, End.GONE)
    each_other: dict[int, tuple[int, ...]] = {a.address: (3, 4), b.address: (3, 4)}
    assert [2] == [it.count for it in Doctors().watch([a, b], 30, holders=each_other)[-1]]
    third = each_other | {b.address: (8,)}
    assert [[]] * 7 == Doctors().watch([a, b], 30, holders=third)


def test_who_waits_on_it_but_may_go_on_otherwise_has_it_at_hand() -> None:
    """In a select with another case; it may close the channel then."""
    a = sender(3, 2, End.GONE, channel=SHARED)
    other = sender(4, 2, End.GONE, channel=SHARED, reason="select", more=(Waiter(4, 2, ends={0: End.ALIVE}),))
    assert [[]] * 7 == Doctors().watch([a, other], 30, holders={SHARED: (3, 4)})


def test_it_is_over_when_it_gets_on() -> None:
    """Somebody did receive."""
    found = Doctors().watch([sender(3, 2, End.GONE, until=31)], 60)
    assert [0, 0, 1, 1, 1, 1, 1, 0] == [len(each) for each in found[:8]]


def test_a_select_is_abandoned_only_at_all_its_cases() -> None:
    """A channel that nobody has used yet may be closed to stop it."""

    def select(other: End) -> Waiter:
        first_case = sender(3, 2, End.GONE, reason="select")
        return first_case._replace(more=(Waiter(3, 2, reason="select", channel=7 << 20, ends={0: other}),))

    assert ["abandoned"] == [it.evidence for it in Doctors().watch([select(End.GONE)], 30)[-1]]
    for end in (End.NEVER, End.UNKNOWN, End.RETURNING, End.ALIVE):
        assert [[]] * 7 == Doctors().watch([select(end)], 30)


def test_what_turns_out_to_be_at_hand_is_no_finding_any_more() -> None:
    """Who holds a channel is looked for later than who used it."""
    doctors, waiter = Doctors(), sender(3, 2, End.GONE)
    assert 1 == len(doctors.look(look_at([waiter], 10)))
    assert [] == doctors.look(look_at([waiter], 12, holders={waiter.address: (8,)}))


# --- somebody is, or may be ---


@pytest.mark.parametrize("end", [End.ALIVE, End.RETURNING])
def test_many_senders_of_a_slow_receiver_are_not_stuck(end: End) -> None:
    """Thirty-seven that have waited for minutes: somebody takes long, and that is no leak."""
    waiters = [sender(n, 2, end, channel=SHARED) for n in range(3, 40)]
    assert [[]] * 61 == Doctors().watch(waiters, 300)


@pytest.mark.parametrize("end", [None, End.UNKNOWN, End.NEVER])
def test_many_senders_of_nobody_are_stuck(end: End | None) -> None:
    """As when nothing is known of the other end."""
    (it,) = Doctors().watch([sender(n, 2, end) for n in range(3, 40)], 60)[-1]
    assert ("stuck", 37) == (it.evidence, it.count)


@pytest.mark.parametrize("end", [None, *End])
def test_senders_on_channels_of_their_own_that_become_more_are_found_within_a_minute(end: End | None) -> None:
    """Whatever is known of the other ends, and it is said."""
    found = Doctors().watch(growing(end), 60)
    assert first(found) <= 60
    (it,) = found[-1]
    assert ("F1", "abandoned" if end == End.GONE else "grows") == (it.id, it.evidence)
    words = {End.GONE: "gone", End.NEVER: "never used", End.RETURNING: "may return", End.ALIVE: "alive"}
    assert ({words[end]: it.count} if end else None) == it.facts.get("other_ends")


def test_a_queue_of_senders_before_a_slow_subscriber_is_no_leak() -> None:
    """A burst of a hundred publishers in ten seconds, of which one gets on every second: whenever it begins."""
    for begin in range(0, 60, 7):
        burst = [sender(3 + n, begin + n / 10, End.ALIVE, begin + 1.0 + n, channel=SHARED) for n in range(100)]
        assert [[]] * 31 == Doctors().watch(burst, 150)


def test_a_queue_that_nothing_stops_from_growing_is_a_leak() -> None:
    """One publisher a second for two minutes, and the subscriber hangs."""
    burst = [sender(3 + n, 2 + n, End.ALIVE, channel=SHARED) for n in range(200)]
    found = Doctors().watch(burst, 120)
    assert 60 <= first(found) <= 100
    assert ["grows"] == [it.evidence for it in found[-1]]


# --- other findings ---


def test_a_group_that_an_earlier_finding_names_is_left_to_it() -> None:
    """The more special finding speaks."""
    seen = look_at([sender(3, 2, End.GONE)], 40)
    leak = LeakFinder(Findings())
    assert 1 == len(leak.find(seen, ()))
    assert [] == leak.find(seen, (finding(id="F14"),))
    assert 1 == len(leak.find(seen, (finding(id="F14", channel="main.other main.go:1"),)))
    assert 1 == len(leak.find(seen, (finding(id="F14", site=look_frames("main.other", 7)[0]),)))


def test_many_senders_are_stuck_where_nobody_looks_who_has_their_channels() -> None:
    """In a program with too many goroutines for that: that all receivers have exited is no good news."""
    waiters = [sender(n, 2, End.GONE) for n in range(3, 40)]
    (it,) = Doctors().watch(waiters, 60, holders={})[-1]
    assert (("stuck", 37), {"unknown": 37}) == ((it.evidence, it.count), it.facts.get("other_ends", {"unknown": 37}))
