"""Which series exist, which are over, and what happens over the cap."""

from __future__ import annotations

from otelchan.telemetry.overflow import OVERFLOW_ATTRIBUTES
from otelchan.telemetry.points import HistogramValue, Point
from otelchan.telemetry.series import RESERVED, Room, SeriesTracker
from tests.support.snapshots import ATTACHED


def tracker(limit: int = 100, total: int = 100) -> SeriesTracker:
    """A tracker of its own."""
    return SeriesTracker(limit, Room(total))


def lag(channel: str, value: int = 1) -> Point:
    """A gauge of a channel."""
    return Point("channel.lag", (("channel.name", channel),), value)


def processed(channel: str, value: int, start: int = ATTACHED) -> Point:
    """A counter of a channel."""
    return Point("channel.process", (("channel.name", channel),), value, start)


def overflow_of(points: list[Point], name: str) -> Point:
    """The overflow point of a metric."""
    (point,) = (p for p in points if p.name == name and p.attributes == OVERFLOW_ATTRIBUTES)
    return point


def test_nothing_has_ended_at_first() -> None:
    """There was nothing before."""
    tracked = tracker().update([lag("a"), lag("b")])
    assert (frozenset(), {lag("a").series, lag("b").series}) == (tracked.ended, set(tracked.series))


def test_a_series_that_is_gone_ends_once() -> None:
    """It ends when it is missing, is not mentioned after, and may come again."""
    series = tracker()
    series.update([lag("a"), lag("b")])
    assert {lag("b").series} == set(series.update([lag("a")]).ended)
    assert set() == set(series.update([lag("a")]).ended)
    again = series.update([lag("a"), lag("b")])
    assert (set(), {lag("a").series, lag("b").series}) == (set(again.ended), set(again.series))


def test_what_is_over_the_cap_is_added_up() -> None:
    """The first ones keep their series; the rest is one point with otel.metric.overflow=true, and counted."""
    tracked = tracker(limit=2).update([lag("a", 1), lag("b", 2), lag("c", 3), lag("d", 4)])
    assert [lag("a", 1), lag("b", 2)] == tracked.points[:2]
    assert Point("channel.lag", (("otel.metric.overflow", True),), 7) == overflow_of(tracked.points, "channel.lag")
    assert (3, 2) == (len(tracked.points), tracked.overflowed)


def finding(channel: str) -> Point:
    """One that holds."""
    return Point("otelchan.finding", (("finding.id", "F1"), ("channel.name", channel)), 1)


def test_a_finding_has_a_series_also_where_the_cap_is_reached() -> None:
    """Of the program's own cap and of that of all: an alert on it would be silent else. So have RESERVED of them, and
    what is no finding has no more room for that."""
    for limit, total in ((2, 100), (100, 2)):
        series = tracker(limit=limit, total=total)
        assert 0 == series.update([lag("a"), lag("b")]).overflowed
        findings = [finding(str(number)) for number in range(RESERVED + 3)]
        tracked = series.update([lag("a"), lag("b"), *findings, lag("c")])
        assert [lag("a"), lag("b"), *findings[:RESERVED]] == tracked.points[: 2 + RESERVED]
        assert 3 == overflow_of(tracked.points, "otelchan.finding").value
        assert 1 == overflow_of(tracked.points, "channel.lag").value
        assert 4 == tracked.overflowed
        series.close()


def test_the_room_of_findings_is_given_back() -> None:
    """When they are over, others have what is below the cap again, and no more."""
    series = tracker(limit=2)
    series.update([lag("a"), lag("b")])
    series.update([finding("x"), finding("y"), finding("z")])
    assert (0, [lag("c"), lag("d")]) == ((tracked := series.update([lag("c"), lag("d")])).overflowed, tracked.points)


def test_of_ages_the_oldest_stands_for_all() -> None:
    """A sum of ages would be no age."""
    ages = [
        Point("channel.wait.age", (("channel.name", name),), age) for name, age in (("a", 1.0), ("b", 9.0), ("c", 4.0))
    ]
    assert 9.0 == overflow_of(tracker(limit=1).update(ages).points, "channel.wait.age").value


def test_a_series_over_the_cap_does_not_move_out_of_it() -> None:
    """If it did, the overflow's total would fall, and its own would jump from nothing to everything."""
    series = tracker(limit=1)
    series.update([processed("a", 10), processed("b", 100)])
    tracked = series.update([processed("b", 110)])  # now there is room
    assert 110 == overflow_of(tracked.points, "channel.process").value
    assert 1 == len(tracked.points)


def test_an_overflow_total_never_falls() -> None:
    """Also when one of its series is gone, and when one starts anew."""
    series = tracker(limit=1)
    values = [
        overflow_of(series.update([processed("a", 1), *rest]).points, "channel.process").value
        for rest in (
            [processed("b", 100), processed("c", 50)],
            [processed("b", 120), processed("c", 50)],
            [processed("b", 121)],
            [processed("b", 5, ATTACHED + 7)],
            [processed("b", 8, ATTACHED + 7)],
        )
    ]
    assert [150, 170, 171, 176, 179] == values


def test_overflowing_histograms_are_added_bucket_by_bucket() -> None:
    """And their sums."""

    def blocks(name: str, *counts: int) -> Point:
        return Point(
            "channel.block.duration", (("channel.name", name),), HistogramValue(counts, sum(counts) / 2), ATTACHED
        )

    series = tracker(limit=1)
    series.update([blocks("a", 1, 1), blocks("b", 2, 0), blocks("c", 0, 4)])
    tracked = series.update([blocks("a", 1, 1), blocks("b", 3, 1)])
    assert HistogramValue((3, 5), 4.0) == overflow_of(tracked.points, "channel.block.duration").value


def test_an_overflow_gauge_ends_when_nothing_overflows() -> None:
    """It is a series like any other."""
    series = tracker(limit=1)
    series.update([lag("a"), lag("b")])
    assert {("channel.lag", OVERFLOW_ATTRIBUTES)} == set(series.update([lag("a")]).ended)


def test_the_room_of_all_programs_is_shared_and_given_back() -> None:
    """One program's series leave less for another until they are gone, or until it is not watched any more."""
    room = Room(3)
    one, two = SeriesTracker(100, room), SeriesTracker(100, room)
    one.update([lag("a"), lag("b")])
    assert 1 == two.update([lag("x"), lag("y")]).overflowed
    one.update([lag("a")])
    assert 0 == two.update([lag("x"), lag("z")]).overflowed
    one.close()
    two.close()
    assert 0 == room.used
