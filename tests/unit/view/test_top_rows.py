"""Rows of `otelchan top`: what happened since the look before, what is most urgent, what somebody looks for."""

from typing import Any

import pytest

from otelchan.findings.types import Assessment, Health
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, ChannelView, Counter, GoroutineGroup, Histogram, Losses
from otelchan.view.top_rows import (
    Cost,
    Look,
    channel_rows,
    finding_rows,
    group_rows,
    matching,
    program_row,
    quantile_ns,
    sorted_by,
)
from tests.support.snapshots import ATTACHED, CALLER, NOW, SECOND, WORKER, channel, finding, snapshot

EARLIER = NOW - 10 * SECOND


def look(*channels: ChannelView, at: int = NOW, assessment: Assessment | None = None, **changes: Any) -> Look:
    """A program with these channels."""
    return Look(snapshot(channels, time_unix_ns=at, **changes), assessment or Assessment())


def counted(sends: int, since: int = ATTACHED) -> ChannelView:
    """A channel on which so many elements were sent."""
    return channel(processed={("send", "ok"): Counter(sends, since)})


def test_rates_are_those_since_the_look_before() -> None:
    """And "not known" where nobody counts."""
    (row,) = channel_rows(look(counted(1500)), look(counted(1000), at=EARLIER))

    assert (50.0, None) == (row.sends, row.receives)


@pytest.mark.parametrize("before", [None, look(counted(9999, since=ATTACHED - SECOND), at=EARLIER), look(at=EARLIER)])
def test_what_was_not_counted_at_the_look_before_is_since_it_is_counted(before: Look | None) -> None:
    """Nothing was, or its count has begun anew, or the channel was not there."""
    (row,) = channel_rows(look(counted(1500)), before)

    assert 1500 / 100 == row.sends


def test_block_time_is_of_the_waits_that_ended_since_the_look_before() -> None:
    """Of both sides together: ninety-nine of a hundred took no longer."""
    then = channel(blocks={"send": Histogram(90, 0, ((1 << 40, 90),))})
    now = channel(
        blocks={"send": Histogram(189, 0, ((1024, 99), (1 << 40, 90))), "recv": Histogram(1, 0, ((4096, 1),))}
    )

    (row,) = channel_rows(look(now), look(then, at=EARLIER))
    (still,) = channel_rows(look(now), look(now, at=EARLIER))

    assert (1024, None) == (row.p99_ns, still.p99_ns)


def test_a_quantile_is_the_bound_of_its_bucket() -> None:
    """The first in which that share is reached."""
    parts = ({1: 98}, {2: 1, 3: 1})

    assert (1, 2, 3, None) == (*(quantile_ns(parts, share) for share in (0.98, 0.99, 0.999)), quantile_ns([], 0.5))


def test_a_row_has_what_is_there_now() -> None:
    """Of the channels of that name, with their states and their health."""
    assessment = Assessment(
        states={"main.work main.go:41": {"saturated": 3}}, health={"main.work main.go:41": Health(40, {"F10": 60})}
    )

    (row,) = channel_rows(look(channel(), assessment=assessment), None)

    assert (4242, "shop", "main.work main.go:41", 7, 2) == (row.pid, row.program, row.name, row.lag, row.blocked)
    assert (Age(1_500_000_000, False), 40, {"saturated": 3}) == (row.oldest, row.health, row.states)


def test_channels_that_are_no_users_are_shown_when_asked_for() -> None:
    """Timers are many, and nobody's fault."""
    now = look(channel(), channel("timer", kind="timer"), channel("nil channel", kind="nil"))

    assert ["main.work main.go:41", "nil channel"] == [row.name for row in channel_rows(now, None)]
    assert 3 == len(channel_rows(now, None, all_kinds=True))


def test_the_most_urgent_come_first() -> None:
    """By any column; what is not known is not urgent; equal ones by lag, then by name."""
    views = [
        channel("a", lag=1, oldest={}, processed={}),
        channel("b", lag=5, oldest={}, processed={}),
        channel("c", lag=3),
        channel("d", lag=3, oldest={}, processed={}),
    ]
    health = {"a": Health(90, {}), "b": Health(10, {})}
    rows = channel_rows(look(*views, assessment=Assessment(health=health)), None)

    def order(column: str, turned: bool = False) -> str:
        return "".join(row.name for row in sorted_by(rows, column, turned))

    assert ("bcda", "acdb") == (order("lag"), order("lag", turned=True))
    assert ("bacd", "cbda", "cbda") == (order("health"), order("oldest"), order("send/s"))


def test_rows_are_found_by_any_text_in_them() -> None:
    """Upper or lower case."""
    rows = channel_rows(
        look(channel("main.Work main.go:41"), channel("main.done main.go:50", element_type="bool")), None
    )

    found = {
        text: [row.name[:9] for row in matching(rows, text)] for text in ("WORK", "bool", "go:5", "4242", "nothing")
    }

    assert {
        "WORK": ["main.Work"],
        "bool": ["main.done"],
        "go:5": ["main.done"],
        "4242": ["main.Work", "main.done"],
        "nothing": [],
    } == found


def test_goroutines_are_rows_by_group() -> None:
    """Why they are parked, or what else they do; that the runtime starts main says nothing."""
    by_runtime = Frame("runtime.newproc", "<autogenerated>", 1)
    groups = (
        GoroutineGroup("waiting", "chan send", (WORKER, CALLER), 4, CALLER, 37, Age(5, True), (1, 2), 99),
        GoroutineGroup("running", "", (), 0, by_runtime, 1, None, (3,), 3),
    )

    parked, running = group_rows(look(groups=groups))

    assert ("chan send", 37, Age(5, True), WORKER, CALLER) == parked[2:7]
    assert ("running", 1, None, None, None) == running[2:7]
    assert [parked] == matching([parked, running], "worker")


def test_findings_are_rows() -> None:
    """Found by what they say."""
    rows = finding_rows(look(assessment=Assessment(findings=(finding(), finding(id="F9", sentence="a nil channel")))))

    assert ["F1", "F9"] == [row.finding.id for row in rows]
    assert ["F9"] == [row.finding.id for row in matching(rows, "nil")]


def test_a_program_is_summed_up() -> None:
    """Its timers make no lag; losses are those that there are."""
    now = look(
        channel(),
        channel("timer", kind="timer"),
        losses=Losses({"park": 0, "name": 3}),
        planes={"makes": "on"},
        assessment=Assessment(findings=(finding(),)),
        groups=[
            GoroutineGroup("waiting", reason, (), 0, None, number, None, (), 0)
            for reason, number in (("chan send", 1), ("select (no cases)", 2), ("IO wait", 4), ("", 8))
        ],
    )._replace(cost=Cost(0.001, 0.03))

    row = program_row(now)

    assert (12, 6, 7, 3, 1) == (row.goroutines, row.channels, row.lag, row.blocked, row.findings)
    assert ({"makes": "on"}, {"name": 3}, 100 * SECOND, Cost(0.001, 0.03)) == (
        row.planes,
        row.losses,
        row.watched_ns,
        row.cost,
    )
