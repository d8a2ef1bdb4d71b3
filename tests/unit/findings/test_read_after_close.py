"""F4 on loops that go on after a close, and on all that reads a closed channel by right, as series of looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from otelchan.config import Findings
from otelchan.findings.read_after_close import ReadAfterCloseFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Counter, Edge, End, GoroutineView, Histogram
from tests.support.lives import Row, live
from tests.support.snapshots import SECOND, START, WORKER, bare_channel, snapshot

NAME = "main.work main.go:41"
STOP = Frame("main.stop", "/src/shop/main.go", 80)
CLOSED = START + 10 * SECOND


def look(finder: ReadAfterCloseFinder, now: float, reads: int, **changes: Any) -> list[Finding]:
    """What is found when so many receives have found it closed by then, on one channel that was closed at 10 s."""
    several: dict[str, Any] = {"goroutines": 20, "sent": 100, "closes": 1, "edges": (), "ended": False, **changes}
    counted = {("send", "ok"): several["sent"], ("recv", "closed"): reads}
    seen = several.get("seen", True)
    view = bare_channel(
        NAME,
        element_type=several.get("element_type", "int"),
        kind=several.get("kind", "user"),
        counted=counted,
        processed={("recv", "closed"): Counter(reads, START)} if seen else {},
        channels=1,
        closed=1,
        closes=several.get("makes", Counter(several["closes"], START)),
        closed_unix_ns=CLOSED,
        closed_by=STOP,
        read_delay=Histogram(3, 6 * SECOND, ((100_000, 1), (1 << 63, 2))),
    )
    row = Row(0xC000010000, closed=True, sent=several.get("live_sent", several["sent"]), receiving=End.ALIVE)
    return finder.find(
        snapshot(
            [view],
            time_unix_ns=START + int(now * SECOND),
            goroutines=GoroutineView(several["goroutines"]),
            live=live(row),
            attached_unix_ns=START,
            edges=several["edges"],
            ended=several["ended"],
        )
    )


def spinning(finder: ReadAfterCloseFinder, rate: float = 200, **changes: Any) -> list[list[Finding]]:
    """Looks every two seconds at receives that go on at a rate since the close."""
    return [look(finder, now, int(max(now - 10, 0) * rate), **changes) for now in range(10, 31, 2)]


def ids(found: Sequence[Sequence[Finding]]) -> list[list[str]]:
    return [[finding.id for finding in each] for each in found]


def test_a_loop_that_goes_on_after_the_close_is_found_at_the_second_look() -> None:
    """It says how many, how fast, who closed and when, and where the loop is."""
    edge = Edge(NAME, "recv", WORKER, 7, 0, START + 20 * SECOND)
    found = spinning(ReadAfterCloseFinder(Findings()), edges=(edge,))
    assert [[], [], *[["F4"]] * 9] == ids(found)
    (finding,) = found[-1]
    assert ("warning", NAME, WORKER, 4000) == (finding.severity, finding.channel, finding.site, finding.count)
    assert finding.growth_per_minute == 200 * 60
    assert finding.sentence == (
        "receives at main.worker main.go:57 go on from channel main.work main.go:41 (chan int), which main.stop "
        "main.go:80 closed 20 s ago: 4000 so far, 200 a second, all of them zero values"
    )
    assert ("main.stop main.go:80", CLOSED, 200.0) == tuple(
        finding.facts[name] for name in ("closed_by", "closed_unix_ns", "per_second")
    )
    assert (2.0, 2) == (finding.facts["mean_delay_s"], finding.facts["later_than_10_ms"])


def test_receivers_that_end_are_none() -> None:
    """Each of five thousand workers gets its one end, over some seconds."""
    finder = ReadAfterCloseFinder(Findings())
    assert not any(look(finder, now, min((now - 10) * 1000, 5000), goroutines=5001) for now in range(10, 31, 2))


def test_channels_made_and_closed_all_the_time_are_none() -> None:
    """A channel for each request, closed after its answers, and its reader ends: a thousand a second."""
    finder = ReadAfterCloseFinder(Findings())
    assert not any(look(finder, now, now * 1000, closes=now * 1000) for now in range(10, 31, 2))


@pytest.mark.parametrize("element_type", ["struct {}", "int"])
def test_a_gate_may_be_read_for_ever(element_type: str) -> None:
    """Nothing was ever sent on it, so its close is what it is for; whatever its type, when its make was seen."""
    assert not any(spinning(ReadAfterCloseFinder(Findings()), 20_000, element_type=element_type, sent=0))


@pytest.mark.parametrize(("element_type", "found"), [("struct {}", False), ("bool", False), ("main.Job", True)])
def test_without_the_make_the_type_says_whether_it_is_a_gate(element_type: str, found: bool) -> None:
    """It was closed before the agent came; nobody knows what was sent."""
    looks = spinning(ReadAfterCloseFinder(Findings()), element_type=element_type, sent=0, live_sent=-1)
    assert found == any(looks)


def test_a_closed_channel_of_signals_that_something_was_sent_on_is_no_gate() -> None:
    """A chan struct{} that wakes a loop, which after the close runs all the time."""
    assert any(spinning(ReadAfterCloseFinder(Findings()), element_type="struct {}"))


def test_a_slow_rate_is_none() -> None:
    """Forty a second, where fifty are asked for; with a lower threshold it is found."""
    assert not any(spinning(ReadAfterCloseFinder(Findings()), 40))
    assert any(spinning(ReadAfterCloseFinder(Findings(read_after_close_per_second=30)), 40))


def test_channels_of_the_runtime_are_left_out() -> None:
    """The end of a context is read again and again."""
    assert not any(spinning(ReadAfterCloseFinder(Findings()), kind="context"))


def test_it_ends_when_the_loop_ends() -> None:
    """At the next look."""
    finder = ReadAfterCloseFinder(Findings())
    assert spinning(finder)[-1]
    assert [] == look(finder, 32, 4000)


def test_it_stays_while_the_probes_are_out() -> None:
    """It is not forgotten as soon as it cannot be seen, but after a while."""
    finder = ReadAfterCloseFinder(Findings(event_hold_s=60))
    (before,) = spinning(finder)[-1]
    assert [before] == look(finder, 40, 4000, seen=False)
    assert [before] == look(finder, 90, 4000, seen=False)
    assert [] == look(finder, 92, 4000, seen=False)


def test_a_tight_loop_that_costs_more_than_the_budget_is_found_by_trials() -> None:
    """The probes are tried every fifteen seconds, and come off at once: each trial counts some thousands, and between
    two of them nothing is known."""
    finder, found = ReadAfterCloseFinder(Findings()), []
    for now in range(10, 41, 2):
        found = look(finder, now, 30_000 * (1 + (now - 10) // 15), seen=False)
        assert bool(found) == (now >= 26)
    (finding,) = found
    assert (90_000, False) == (finding.count, finding.facts["complete"])
    assert "at least 90000 so far, too many to count them all" in finding.sentence


@pytest.mark.parametrize("makes", [None, Counter(3, START + 1000 * SECOND)])
def test_without_all_closes_nothing_is_said(makes: Counter | None) -> None:
    """A program that makes a channel for each of very many requests pays too much for the probes that count closes: its
    receives that found one closed cannot be compared with anything."""
    finder = ReadAfterCloseFinder(Findings())
    assert not any(look(finder, now, now * 30_000, seen=False, makes=makes) for now in range(10, 60, 2))


def test_the_end_of_the_program_changes_nothing() -> None:
    """What was found at the last look before still holds."""
    finder = ReadAfterCloseFinder(Findings())
    (before,) = spinning(finder)[-1]
    (after,) = look(finder, 30.1, 4000, ended=True)
    assert before == after
