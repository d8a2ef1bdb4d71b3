"""Medians, spreads and ratios of repeated measurements."""

from __future__ import annotations

import pytest

from benchmarks.stats import Spread, differences, ratios, spread


def test_a_spread_is_median_quartiles_and_extremes() -> None:
    """Of five values: the middle one, those at a quarter and three quarters, the smallest and the largest."""
    assert Spread(3.0, 2.0, 4.0, 1.0, 50.0, 5) == spread([50.0, 3.0, 1.0, 4.0, 2.0])


def test_a_single_measurement_has_no_spread() -> None:
    """All of it is that value."""
    assert Spread(7.0, 7.0, 7.0, 7.0, 7.0, 1) == spread([7])


def test_no_measurements_are_refused() -> None:
    """There is no median of nothing."""
    with pytest.raises(ValueError, match="no measurements"):
        spread([])


def test_ratios_are_taken_within_rounds() -> None:
    """A round in which everything took ten times as long changes nothing."""
    assert (2.0, 2.0, 2.0) == ratios([20.0, 240.0, 22.0], to=[10.0, 120.0, 11.0])[:3]


def test_differences_are_taken_within_rounds() -> None:
    """What is added, round by round."""
    assert Spread(5.0, 5.0, 5.0, 5.0, 5.0, 3) == differences([15.0, 105.0, 6.0], to=[10.0, 100.0, 1.0])


def test_rounds_that_do_not_match_are_refused() -> None:
    """A variant that lacks a round cannot be compared."""
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], to=[1.0])
