"""What is remembered of a series while a recording of any length is read."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from otelchan.report.tracks import MOST_STRETCHES, Buckets, Columns, Counted, States, Track
from otelchan.report.types import Stretch

SECOND = 1_000_000_000


def track(*values: float | None, most: int = 240) -> Track:
    """A value a second, from second 1 on."""
    made = Track(most)
    for second, value in enumerate(values, 1):
        made.add(second * SECOND, value)
    return made


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300))
def test_a_track_is_bounded_and_keeps_its_peak_its_end_and_its_order(values: list[float]) -> None:
    """However long the recording: at most twice the points asked for, the greatest value and the newest among them."""
    line = track(*values, most=8).line("lag")
    assert len(line.times) < 16
    assert max(values) == max(value for value in line.values if value is not None)
    assert (len(values) * SECOND, values[-1]) == (line.times[-1], line.values[-1])
    assert sorted(set(line.times)) == list(line.times)


def test_a_series_that_has_ended_has_no_value_at_the_end() -> None:
    """Also when the end itself was not written, because others went on."""
    assert 3.0 == track(1, 2, 3).at_end(3 * SECOND)
    assert None is track(1, 2, None).at_end(3 * SECOND)
    assert None is track(1, 2, 3).at_end(4 * SECOND)
    assert 2.0 == track(1, 2, None).at_end(2 * SECOND)


def test_points_that_do_not_follow_in_time_are_refused() -> None:
    """What was written twice counts once."""
    made = track(1, 2)
    assert [False, True] == [made.add(2 * SECOND, 9), made.add(3 * SECOND, 5)]
    assert (1.0, 2.0, 5.0) == made.line("").values


def test_a_counter_goes_on_over_a_new_beginning() -> None:
    """A new start time, or a lower value without one, adds to what was counted before."""
    counted = Counted()
    for time, start, value in ((1, 1, 10.0), (2, 1, 15.0), (3, 3, 4.0), (4, 3, 6.0), (5, 3, 1.0)):
        counted.add(time * SECOND, start * SECOND, value)
    assert 15 + 6 + 1 == counted.total
    assert SECOND == counted.since


def test_a_rate_is_over_the_time_asked_for_and_unknown_of_one_point() -> None:
    """Of what came between the two points that enclose it."""
    counted = Counted()
    counted.add(10 * SECOND, SECOND, 100.0)
    assert None is counted.rate(0, 10 * SECOND)
    for second in range(11, 31):
        counted.add(second * SECOND, SECOND, 100.0 + 5 * (second - 10))
    assert 5.0 == counted.rate(20 * SECOND, 30 * SECOND)
    assert 5.0 == counted.rate(0, 30 * SECOND)


def test_quantiles_are_upper_bounds_and_none_over_the_highest() -> None:
    """Half of four values are in the first bucket, and 99 of 100 nowhere that has a bound."""
    buckets = Buckets((0.1, 1.0))
    assert (0, [2, 1, 1]) == buckets.add(SECOND, 0, [2, 1, 1], 9.0)
    assert (0.1, 1.0, None) == (buckets.quantile(0.5), buckets.quantile(0.75), buckets.quantile(0.99))
    assert (SECOND, [1, 0, 0]) == buckets.add(2 * SECOND, 0, [3, 1, 1], 9.1)
    assert None is buckets.add(2 * SECOND, 0, [9, 9, 9], 99.0)
    assert (2 * SECOND, [0, 1, 0]) == buckets.add(3 * SECOND, 2 * SECOND, [0, 1, 0], 0.5)
    assert ([3, 2, 1], 9.6) == (buckets.counts, buckets.sum)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 50)), min_size=1, max_size=60))
def test_columns_are_bounded_and_lose_nothing(steps: list[tuple[int, int]]) -> None:
    """However long it lasts there are at most so many columns, and what was put in is in them."""
    columns, now = Columns((1.0,), 0), 0
    for seconds, count in steps:
        columns.add(now, now + seconds * SECOND, [count, 1])
        now += seconds * SECOND
    edges, rows = columns.rates(now)
    assert len(edges) - 1 <= Columns.MOST
    assert edges[-1] >= now
    lengths = [(right - left) / SECOND for left, right in pairwise(edges)]
    found = [sum(rate * length for rate, length in zip(row, lengths, strict=True)) for row in rows]
    assert abs(found[0] - sum(count for _, count in steps)) < 1e-6
    assert abs(found[1] - len(steps)) < 1e-6


def test_the_last_column_ends_with_the_recording() -> None:
    """What came in a part of it is not spread over what is to come."""
    columns = Columns((1.0,), 0, 10 * SECOND)
    columns.add(0, 12 * SECOND, [120, 0])
    edges, rows = columns.rates(12 * SECOND)
    assert ([0, 10 * SECOND, 12 * SECOND], [10.0, 10.0]) == (edges, rows[0])


def test_series_that_were_thinned_are_summed_as_of_the_same_times() -> None:
    """Of each other points are kept; until its next one, what a series had counts. After its end nothing does."""
    one, other = Track(), Track()
    for time, value in ((1, 10.0), (3, 20.0), (5, 10.0)):
        one.add(time, value)
    other.add(2, 1.0)
    other.add(4, None)
    one.added(other)
    assert ((1, 2, 3, 4, 5), (10.0, 11.0, 21.0, 20.0, 10.0)) == one.line("")[1:]


def test_a_state_that_nobody_has_ended_ends_with_its_last_look() -> None:
    """The agent was killed, and the next one does not know of it."""
    states = States()
    states.add(1, "critical")
    states.add(3, "critical")
    assert ("critical", Stretch(3, 5, "")) == (states.at_end(3).state, states.at_end(5))


def test_a_state_holds_until_a_later_look_says_otherwise() -> None:
    """Looks that say the same make one stretch."""
    states = States()
    for second, state in enumerate(("in_use", "in_use", "stalled", "stalled", ""), 1):
        states.add(second, state)
    assert (Stretch(1, 3, "in_use"), Stretch(3, 5, "stalled")) == states.stretches
    assert (("stalled", 3), ("", 5), 1) == (states.at_end(4)[::-2], states.at_end(5)[::-2], states.of("stalled"))


def test_states_that_change_all_the_time_are_bounded() -> None:
    """The oldest stretches give way, and that is counted."""
    states = States()
    for second in range(MOST_STRETCHES + 10):
        states.add(second, "odd" if second % 2 else "even")
    assert MOST_STRETCHES >= len(states.stretches)
    assert 10 == states.left_out
