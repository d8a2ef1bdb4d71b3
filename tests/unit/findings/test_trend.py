"""Numbers over successive looks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from otelchan.findings.trend import Trend, slope

SECOND = 1_000_000_000


def trend(numbers: Iterable[int], window_s: int = 60) -> Trend:
    """One look a second."""
    result = Trend(window_s * SECOND)
    for place, number in enumerate(numbers):
        result.add(place * SECOND, number)
    return result


def test_growth_must_be_in_every_part() -> None:
    """Ten in ten seconds; the same at one go is none in the other parts."""
    assert 10 == trend(range(11)).growth(10 * SECOND, 5)
    assert 0 == trend([0] * 6 + [10] * 5).growth(10 * SECOND, 5)
    assert 0 == trend(range(11, 0, -1)).growth(10 * SECOND, 2)


def test_it_must_have_been_looked_at_for_that_long() -> None:
    """Nothing is known of the time before."""
    assert 0 == trend(range(10)).growth(10 * SECOND, 2)
    assert 0 == Trend(SECOND).growth(SECOND, 2)


def test_the_number_at_a_time_lies_between_the_looks() -> None:
    """One look from before the window is kept for that, and no more."""
    numbers = trend(range(100), window_s=10)
    assert [89, 89, 95, 99] == [numbers.at(second * SECOND) for second in (0, 89, 95, 200)]
    assert 95.5 == numbers.at(95_500_000_000)
    assert 99 == numbers.last


def test_how_long_ago_a_look_was() -> None:
    """It is not known of more looks than there were."""
    numbers = trend(range(5))
    assert [0, 2 * SECOND, 4 * SECOND, None] == [numbers.since(looks) for looks in (0, 2, 4, 5)]
    assert Trend(SECOND).since(0) is None


@pytest.mark.parametrize(
    ("numbers", "expected"), [([5, 7, 9], 2.0), ([9, 8, 7], -1.0), ([4, 4], 0.0), ([4], 0.0), ([0, 9, 0], 0.0)]
)
def test_the_slope_is_per_second(numbers: list[int], expected: float) -> None:
    """By the least squares."""
    assert expected == slope([(place * SECOND, number) for place, number in enumerate(numbers)])
