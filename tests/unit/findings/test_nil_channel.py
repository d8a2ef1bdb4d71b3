"""F9 on goroutines that wait on no channel at all."""

from __future__ import annotations

import pytest

from otelchan.findings.types import Finding
from tests.support.snapshots import CALLER, SECOND, WORKER, look_frames
from tests.support.watched import Doctors, Waiter, first

NO_CASES = "select (no cases)"
REASONS = ("chan receive (nil chan)", "chan send (nil chan)", "select", NO_CASES)


def nil(id_: int, start: float = 2, reason: str = REASONS[0], **changes: object) -> Waiter:
    """A goroutine that waits for ever from then on."""
    return Waiter(id_, start, operation="", reason=reason, channel=0, name="", changes=changes)


def found(waiters: list[Waiter], seconds: int = 30, **settings: float) -> list[Finding]:
    """At the last of several looks."""
    return Doctors(**settings).watch(waiters, seconds)[-1]


@pytest.mark.parametrize("reason", REASONS)
def test_goroutines_that_wait_on_nothing_are_found_after_the_set_time(reason: str) -> None:
    """Ten seconds by default; all that are there are counted."""
    looks = Doctors().watch([nil(n, reason=reason) for n in (7, 8, 9)], 30)
    assert 15 == first(looks)
    (it,) = looks[-1]
    assert ("F9", "", reason, WORKER, CALLER, 3, "nil", 28 * SECOND) == (
        it.id,
        it.channel,
        it.wait_reason,
        it.site,
        it.created_by,
        it.count,
        it.evidence,
        it.oldest_ns,
    )


def test_a_select_without_cases_is_only_a_warning() -> None:
    """Somebody may have meant it; nobody means a nil channel."""
    severities = {reason: found([nil(7, reason=reason)])[0].severity for reason in REASONS}
    assert {"critical": 3, "warning": 1} == {s: list(severities.values()).count(s) for s in severities.values()}
    assert "warning" == severities[NO_CASES]


def test_the_main_goroutine_may_end_in_a_select_without_cases() -> None:
    """That is how a program lives on without it."""
    assert [] == found([nil(1, reason=NO_CASES)])
    (it,) = found([nil(1, reason=NO_CASES), nil(2, reason=NO_CASES)])
    assert 1 == it.count


@pytest.mark.parametrize("reason", REASONS[:3])
def test_the_main_goroutine_on_a_nil_channel_is_found(reason: str) -> None:
    """Nobody writes that on purpose."""
    assert ["F9"] == [it.id for it in found([nil(1, reason=reason)])]


def test_a_select_that_also_waits_on_a_channel_is_none_of_this() -> None:
    """Cases that are switched off are nil; the others are what it waits on."""
    assert [] == found([Waiter(7, 2, reason="select"), Waiter(8, 2, operation="send", reason="select")])


def test_the_sentence_says_what_it_waits_for() -> None:
    """In each of the four ways."""
    said = [found([nil(7, reason=reason)])[0].sentence for reason in REASONS]
    place = "blocked at main.worker main.go:57 for up to 28 s, and nothing can ever wake it; started at "
    assert [
        f"1 goroutine is stuck {doing}: {place}main.main.func1 main.go:31"
        for doing in (
            "receiving from a nil channel",
            "sending on a nil channel",
            "in a select of nil channels only",
            "in select {}",
        )
    ] == said


def test_it_says_how_fast_they_become_more() -> None:
    """One for every request."""
    (it,) = found([nil(3 + n, start=n) for n in range(60)], 60)
    assert 60 == it.count
    assert 55 <= it.growth_per_minute <= 65
    assert "2 goroutines are" not in it.sentence
    assert "a minute, and nothing can ever wake them" in it.sentence


def test_places_are_told_apart() -> None:
    """Two lines are two findings, the larger one first."""
    waiters = [nil(3), nil(4), *(nil(n, frames=look_frames("main.other", 7)) for n in (5, 6, 7))]
    assert [("main.other", 3), ("main.worker", 2)] == [
        (it.site and it.site.function, it.count) for it in found(waiters)
    ]


def test_the_time_comes_from_the_settings() -> None:
    """wait_s."""
    assert [] == found([nil(7)], wait_s=60)
