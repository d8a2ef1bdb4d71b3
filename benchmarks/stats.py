"""Medians and their spread. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """What repeated measurements gave: half of them lie between q1 and q3, all between low and high."""

    median: float
    q1: float
    q3: float
    low: float
    high: float
    rounds: int


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError when there is nothing."""
    if not values:
        raise ValueError("no measurements")
    if len(values) == 1:
        only = float(values[0])
        return Spread(only, only, only, only, only, 1)
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, q1, q3, min(values), max(values), len(values))


def ratios(values: Sequence[float], to: Sequence[float]) -> Spread:
    """Of each measurement to its partner of the same round: what slows a whole round down cancels out."""
    return spread([value / other for value, other in zip(values, to, strict=True)])


def differences(values: Sequence[float], to: Sequence[float]) -> Spread:
    """As ratios(), subtracted."""
    return spread([value - other for value, other in zip(values, to, strict=True)])
