"""F7: pipelines that are closed against the flow, and all the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from otelchan.config import Findings
from otelchan.findings.close_order import CloseOrderFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import ChannelView, Counter, Edge, End
from tests.support.lives import Row, live
from tests.support.snapshots import SECOND, START, bare_channel, snapshot

ORDERS, RESULTS = "main.run main.go:10", "main.run main.go:11"
STAGE = Frame("main.stage", "/src/shop/main.go", 30)
MAIN = Frame("main.stop", "/src/shop/main.go", 80)
CLOSED = 10.0
EDGES = (
    Edge(ORDERS, "send", Frame("main.orders", "/src/shop/main.go", 20), 3, 0, START),
    Edge(ORDERS, "recv", STAGE, 3, 0, START),
    Edge(RESULTS, "send", STAGE._replace(line=31), 3, 0, START),
    Edge(RESULTS, "recv", MAIN._replace(line=75), 3, 0, START),
)


# Two clocks are compared at each look, and never quite agree.
_JITTER_NS = cycle((0, -1310, -874))


def orders(received: int, closed_at: float = 0, **changes: Any) -> ChannelView:
    """What the stage receives from."""
    processed = {("send", "ok"): Counter(received, START), ("recv", "ok"): Counter(received, START)}
    return view(ORDERS, closed_at, processed=processed, **changes)


def results(closed_at: float = 0, **changes: Any) -> ChannelView:
    """What the stage sends to."""
    return view(RESULTS, closed_at, **changes)


def view(name: str, closed_at: float, **changes: Any) -> ChannelView:
    """One channel, closed at that time, or open."""
    values: dict[str, Any] = {
        "channels": 1,
        "closed": int(closed_at > 0),
        "closes": Counter(int(closed_at > 0), START),
        "closed_unix_ns": START + int(closed_at * SECOND) + next(_JITTER_NS) if closed_at else 0,
        "closed_by": MAIN if closed_at else None,
    }
    return bare_channel(name, **{**values, **changes})


def look(
    finder: CloseOrderFinder, now: float, channels: Sequence[ChannelView], edges: Sequence[Edge] = EDGES, **changes: Any
) -> list[Finding]:
    """What is found at one look."""
    return finder.find(snapshot(channels, time_unix_ns=START + int(now * SECOND), edges=edges, **changes))


def looks(edges: Sequence[Edge] = EDGES, after: float = 100, **changes: Any) -> list[list[Finding]]:
    """Every two seconds: the results are closed at ten seconds, and orders go on, so many a second."""
    finder = CloseOrderFinder(Findings())
    found = []
    for now in range(6, 31, 2):
        received = int(now * 100 if now <= CLOSED else CLOSED * 100 + (now - CLOSED) * after)
        closed = results(CLOSED if now >= CLOSED else 0, **(changes if now >= CLOSED else {}))
        found.append(look(finder, now, (orders(received), closed), edges))
    return found


def test_a_channel_closed_before_what_feeds_it_is_found() -> None:
    """It says which, who closed it, when, what feeds it and through what."""
    found = looks()
    assert [False] * 4 + [True] * 9 == [bool(each) for each in found]
    (finding,) = found[-1]
    assert ("F7", "warning", RESULTS, MAIN, 1) == (
        finding.id,
        finding.severity,
        finding.channel,
        finding.site,
        finding.count,
    )
    assert (ORDERS, ["main.stage"], 2000) == tuple(
        finding.facts[name] for name in ("fed_by", "through", "received_since")
    )
    assert finding.sentence == (
        "channel main.run main.go:11 (chan int) was closed 20 s ago by main.stop main.go:80, before channel main.run "
        "main.go:10 (chan int), which feeds it (main.stage sends on what it receives) and is still open: 2000 elements "
        "were received from that since and had nowhere to go"
    )


def test_it_is_found_when_what_feeds_it_is_closed_later() -> None:
    """And it stays for a while."""
    finder = CloseOrderFinder(Findings())
    for now in (8, 10, 12, 14):
        look(finder, now, (orders(now * 100), results(CLOSED if now >= CLOSED else 0)))
    (finding,) = look(finder, 30, (orders(1500, closed_at=15.5), results(CLOSED)))
    assert "before channel main.run main.go:10 (chan int), which feeds it" in finding.sentence
    assert "was closed 5 s later" in finding.sentence


def test_closing_along_the_flow_is_right() -> None:
    """The orders are closed, and what is still in their buffer is worked off after the results were closed, in error or
    not: the order was right."""
    finder = CloseOrderFinder(Findings())
    for now in range(6, 40, 2):
        closed = now >= CLOSED
        channels = (orders(now * 10, closed_at=9 if closed else 0), results(CLOSED if closed else 0))
        assert [] == look(finder, now, channels)


def test_who_sends_may_close_when_it_has_had_enough() -> None:
    """The first ten results do: the stage closes and goes, itself or in a deferred function."""
    assert not any(looks(closed_by=STAGE._replace(line=33)))
    assert not any(looks(closed_by=Frame("main.stage.func1", "/src/shop/main.go", 33)))


def test_a_flow_that_stands_still_has_no_fault() -> None:
    """All workers ended early, and who waited for them closes the results: nobody receives orders any more."""
    assert not any(looks(after=0))


def test_independent_channels_are_closed_in_any_order() -> None:
    """No function uses both; or it is not known who uses them."""
    apart = (EDGES[0], EDGES[1]._replace(frame=Frame("main.other", "/src/shop/main.go", 50)), *EDGES[2:])
    assert not any(looks(apart))
    assert not any(looks(()))


def test_a_gate_feeds_nothing() -> None:
    """The stage also waits for the end, which comes last or never."""
    finder = CloseOrderFinder(Findings())
    for now in range(6, 31, 2):
        gate = orders(now, element_type="struct {}")
        assert [] == look(finder, now, (gate, results(CLOSED if now >= CLOSED else 0)))


def test_partners_feed_each_other() -> None:
    """Question and answer: whichever is closed first, it was before the other."""
    back = (*EDGES, EDGES[2]._replace(channel=ORDERS), EDGES[1]._replace(channel=RESULTS))
    assert not any(looks(back))


def test_answers_made_for_each_question_are_closed_all_the_time() -> None:
    """A worker receives questions from one channel and answers on another for each; who asked closes that."""
    assert not any(looks(channels=3, closed=3))
    assert not any(looks(closes=Counter(500, START)))


def test_a_stage_is_known_by_its_goroutine_too() -> None:
    """It sends through a function that others use for other channels."""
    emit = Frame("main.emit", "/src/shop/main.go", 60)
    edges = (*EDGES[:2], EDGES[2]._replace(frame=emit), EDGES[3])
    rows = (
        Row(0xC000010000, ORDERS, sending=End.ALIVE, receiving=End.ALIVE),
        Row(0xC000020000, RESULTS, sending=End.ALIVE, receiving=End.ALIVE),
    )
    users = {rows[0].address: ((7,), (8,)), rows[1].address: ((8,), (1,))}
    finder, found = CloseOrderFinder(Findings()), []
    for now in range(6, 31, 2):
        channels = (orders(now * 100), results(CLOSED if now >= CLOSED else 0))
        found = look(finder, now, channels, edges, live=live(*rows, users=users))
    assert [RESULTS] == [finding.channel for finding in found]


def test_two_of_a_name_are_not_told_apart() -> None:
    """Which of the orders feeds which of the results is not known: nothing is said."""
    finder = CloseOrderFinder(Findings())
    for now in range(6, 31, 2):
        channels = (orders(now * 100, channels=2), results(CLOSED if now >= CLOSED else 0))
        assert [] == look(finder, now, channels)
