"""F12: states of live channels, and those that are made and never used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from otelchan.config import Findings
from otelchan.findings.states import StatesFinder
from otelchan.findings.types import Finding
from otelchan.model.types import ChannelName, Counter, End, LiveChannels, LiveColumns
from tests.support.lives import Row, live
from tests.support.snapshots import SECOND, START, bare_channel, snapshot

NAME = "main.work main.go:41"
BOTH: dict[str, Any] = {"sending": End.ALIVE, "receiving": End.ALIVE}
POLLS = {("send", "would_block"): Counter(0, START), ("recv", "would_block"): Counter(0, START)}


def look(finder: StatesFinder, now: float, rows: Sequence[Row], **changes: Any) -> list[Finding]:
    """What is found at one look."""
    view = bare_channel(NAME, **{"processed": POLLS, **changes})
    return finder.find(snapshot([view], time_unix_ns=START + int(now * SECOND), live=live(*rows)))


def state_of(row: Row, *before: Row, now: float = 60, every: float = 20) -> str:
    """The state of one channel, after it has been seen otherwise before."""
    finder = StatesFinder(Findings(dangling_s=30, wait_s=10, saturation_percent=90))
    for number, earlier in enumerate(reversed(before), 1):
        look(finder, now - number * every, [earlier])
    look(finder, now, [row])
    ((state, number),) = finder.states[NAME].items()
    assert number == 1
    return state


@pytest.mark.parametrize(
    ("state", "row"),
    [
        ("created", Row(1, made_unix_ns=START + 31 * SECOND)),
        ("dangling", Row(1, made_unix_ns=START + 30 * SECOND)),
        ("in_use", Row(1, sent=5, received=5, **BOTH)),
        ("in_use", Row(1, sent=3, length=3, capacity=8, sending=End.GONE)),
        ("in_use", Row(1, receivers=1)),
        ("in_use", Row(1, receiving=End.GONE)),
        ("in_use", Row(1, made_unix_ns=0, sent=-1, received=-1, sending=End.UNKNOWN, receiving=End.UNKNOWN)),
        ("in_use", Row(1, sent=-1, received=-1, sending=End.UNKNOWN, receiving=End.UNKNOWN)),
        ("saturated", Row(1, sent=18, received=9, length=9, capacity=10, **BOTH)),
        ("in_use", Row(1, sent=17, received=9, length=8, capacity=10, **BOTH)),
        ("saturated", Row(1, capacity=0, senders=1)),
        ("closed", Row(1, closed=True)),
        ("closed", Row(1, closed=True, length=8, sent=8, **BOTH)),
    ],
)
def test_a_channel_is_in_one_state(state: str, row: Row) -> None:
    """By what is known of it at the first look; one whose make was not seen is neither created nor dangling."""
    assert state == state_of(row)


def test_one_that_does_not_move_is_stalled() -> None:
    """Something is in it, or somebody waits to send, and for ten seconds nothing has come or gone."""
    full = Row(1, sent=8, length=8, **BOTH)
    assert "stalled" == state_of(full, full)
    assert "saturated" == state_of(full, full, every=5)
    assert "saturated" == state_of(full, full._replace(sent=7, length=7))
    waiting = Row(1, capacity=0, senders=2, sending=End.ALIVE)
    assert "stalled" == state_of(waiting, waiting)


def test_one_that_has_nothing_to_do_is_not_stalled() -> None:
    """A pool that waits for work."""
    idle = Row(1, sent=8, received=8, receivers=3, **BOTH)
    assert "in_use" == state_of(idle, idle)


def test_what_is_not_counted_is_not_stalled() -> None:
    """A buffer may be full at each look and yet much has passed through it."""
    full = Row(1, sent=-1, received=-1, length=8, **BOTH)
    assert "saturated" == state_of(full, full)


def test_an_address_that_is_used_again_is_another_channel() -> None:
    """With other counts, so it has moved."""
    assert "in_use" == state_of(Row(1, sent=2, length=2, **BOTH), Row(1, sent=3, length=3, **BOTH))


def test_one_that_was_waited_on_once_is_used() -> None:
    """A select that goes on with another case is not counted, only seen; but a channel that was made later at the same
    address is another one."""
    row = Row(1, made_unix_ns=START)
    assert "in_use" == state_of(row, row._replace(receivers=1))
    assert "dangling" == state_of(row, row._replace(receivers=1, made_unix_ns=START - SECOND))


def test_states_are_counted_by_name() -> None:
    """Only of the user's own channels."""
    finder = StatesFinder(Findings())
    rows = [Row(n, made_unix_ns=START) for n in range(3)] + [Row(9, closed=True), Row(10, "other", receivers=1)]
    look(finder, 60, [*rows, Row(11, "time.NewTimer", kind="timer")])
    assert finder.states == {NAME: {"dangling": 3, "closed": 1}, "other": {"in_use": 1}}


# --- the finding ---


def made(now: float, every: float, most: int = 10_000) -> list[Row]:
    """Channels that have been made since the start, one every so many seconds, and are kept. Garbage is collected every
    ten seconds."""
    at = (n * every for n in range(min(int(now / every) + 1, most)))
    return [
        Row(n + 1, made_unix_ns=START + int(made_s * SECOND), survived=made_s < now // 10 * 10)
        for n, made_s in enumerate(at)
    ]


def growing(every: float, seconds: int, most: int = 10_000, pause: int = 2, **changes: Any) -> list[list[Finding]]:
    """Looks at them."""
    finder = StatesFinder(Findings(dangling_s=30, dangling_growth=10))
    return [look(finder, now, made(now, every, most), **changes) for now in range(0, seconds, pause)]


@pytest.mark.parametrize("pause", [1, 2, 10])
def test_channels_that_are_made_and_never_used_are_found_within_ninety_seconds(pause: int) -> None:
    """One a second: thirty seconds until the first is dangling, thirty more to see that they grow."""
    found = growing(1, 91, pause=pause)
    first = next(number for number, each in enumerate(found) if each) * pause
    assert 40 <= first <= 90
    assert all(found[first // pause :])
    (finding,) = found[-1]
    assert ("F12", "warning", NAME, "grows", 61) == (
        finding.id,
        finding.severity,
        finding.channel,
        finding.evidence,
        finding.count,
    )
    assert finding.sentence == (
        "61 channels were made as channel main.work main.go:41 (chan int) and then neither used nor closed, the oldest "
        "1 min 30 s ago, 60 more a minute"
    )


def test_where_polls_are_not_counted_it_is_worth_a_word() -> None:
    """They may be asked now and then whether there is something."""
    (finding,) = growing(1, 91, processed={})[-1]
    assert ("info", {"polls_known": False}) == (finding.severity, finding.facts)


def test_what_may_be_garbage_is_none() -> None:
    """A program that makes one for each request, and drops it, and has no need to collect garbage for minutes."""
    finder = StatesFinder(Findings(dangling_s=30, dangling_growth=10))
    for now in range(0, 300, 2):
        rows = [row._replace(survived=False) for row in made(now, 1)]
        assert [] == look(finder, now, rows)
    assert finder.states[NAME]["dangling"] == len(made(298, 1)) - 30


def test_slow_growth_is_found_later() -> None:
    """One in ten seconds: thirty in five minutes."""
    found = growing(10, 400, pause=10)
    assert not any(found[:13])
    assert found[-1]


def test_it_stays_when_no_more_come() -> None:
    """They are still there."""
    assert [60] == [finding.count for finding in growing(1, 180, most=60)[-1]]


@pytest.mark.parametrize(("every", "most"), [(1, 9), (0.0001, 5_000), (1, 1)])
def test_channels_that_are_kept_for_later_are_none(every: float, most: int) -> None:
    """A few; thousands made at once at the start; a single one that is never used."""
    assert not any(growing(every, 120, most))


def test_channels_that_are_asked_now_and_then_are_used() -> None:
    """A select with a default branch does not wait, and does not get anything."""
    polled = {**POLLS, ("recv", "would_block"): Counter(7, START)}
    assert not any(growing(1, 120, processed=polled))


def test_garbage_that_is_freed_does_not_grow() -> None:
    """The program makes one a second and drops it; the collector runs every 45 seconds."""
    finder = StatesFinder(Findings(dangling_s=30, dangling_growth=10))
    for now in range(0, 600, 2):
        rows = [row for row in made(now, 1) if row.made_unix_ns >= START + now // 45 * 45 * SECOND]
        rows = [row._replace(survived=False) for row in rows]
        assert [] == look(finder, now, rows)


def test_another_age_begins_anew() -> None:
    """What was young by the old age is old by the new one, all at once: that is no growth."""
    finder = StatesFinder(Findings(dangling_s=3600))
    assert not any(look(finder, now, made(now, 1, 40)) for now in range(0, 100, 2))
    finder.reconfigure(Findings(dangling_s=30))
    assert not any(look(finder, now, made(now, 1, 40)) for now in range(100, 200, 2))


def test_a_hundred_thousand_channels_take_milliseconds() -> None:
    """Less than a hundredth of what reading them takes; here compared with sorting as many numbers."""
    number = 100_000
    values: dict[str, Any] = {name: np.zeros(number, np.int64) for name in LiveColumns._fields}
    values |= {
        "address": np.arange(1, number + 1, dtype=np.uint64),
        "closed": np.zeros(number, np.bool_),
        "survived": np.ones(number, np.bool_),
    }
    values |= {name: np.full(number, End.NEVER, np.uint8) for name in ("sending", "receiving")}
    values["made_unix_ns"] = np.full(number, START)
    seen = snapshot([bare_channel(NAME)], live=LiveChannels(LiveColumns(**values), (ChannelName(NAME, "user"),), {}))
    finder, plain = StatesFinder(Findings()), list(range(number))

    def shortest(do: Any) -> float:
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            do()
            taken.append(time.perf_counter() - start)
        return min(taken)

    finder.find(seen)
    assert finder.states == {NAME: {"dangling": number}}
    assert shortest(lambda: finder.find(seen)) < 10 * shortest(lambda: [n + 1 for n in plain])


def test_signals_are_no_finding() -> None:
    """A channel that speaks by being closed, one for each connection that is open, is by design; its state is said."""
    found = []
    finder = StatesFinder(Findings(dangling_s=30, dangling_growth=10))
    for now in range(0, 300, 2):
        found += look(finder, now, made(now, 1), element_type="struct {}")
    assert found == []
    assert finder.states[NAME]["dangling"] > 100
