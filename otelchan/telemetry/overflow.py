"""What is over the cap, added up in one point per metric, which carries otel.metric.overflow=true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from otelchan.telemetry.attributes import OVERFLOW
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.points import Attributes, HistogramValue, Point, Series, Value

OVERFLOW_ATTRIBUTES: Attributes = ((OVERFLOW, True),)


class Overflow:
    """Adds up the series of one program that are over the cap. Remembers their last values, so that the sum of a
    cumulative metric never falls, also when a series of it is gone."""

    def __init__(self) -> None:
        self._last: dict[Series, Point] = {}
        self._totals: dict[str, Value] = {}
        self._starts: dict[str, int] = {}

    def __contains__(self, series: Series) -> bool:
        return series in self._last

    def __len__(self) -> int:
        return len(self._last)

    def fold(self, points: Iterable[Point]) -> list[Point]:
        """The overflow points now, for these points over the cap."""
        seen: dict[Series, Point] = {}
        gauges: defaultdict[str, list[Value]] = defaultdict(list)
        for point in points:
            seen[point.series] = point
            if METRICS[point.name].cumulative:
                self._grow(point)
            else:
                gauges[point.name].append(point.value)
        self._last = seen
        folded = [Point(name, OVERFLOW_ATTRIBUTES, total, self._starts[name]) for name, total in self._totals.items()]
        folded += [Point(name, OVERFLOW_ATTRIBUTES, _together(name, values)) for name, values in gauges.items()]
        return folded

    def _grow(self, point: Point) -> None:
        before = self._last.get(point.series)
        grown = point.value
        if before is not None and before.start_unix_ns == point.start_unix_ns:
            grown = minus(point.value, before.value)
        total = self._totals.get(point.name)
        self._totals[point.name] = grown if total is None else plus(total, grown)
        self._starts[point.name] = min(self._starts.get(point.name, point.start_unix_ns), point.start_unix_ns)


def _together(name: str, values: list[Value]) -> Value:
    numbers = [value for value in values if not isinstance(value, HistogramValue)]
    return max(numbers) if METRICS[name].unit == "s" else sum(numbers)  # the oldest of ages, the sum of numbers


def plus(left: Value, right: Value) -> Value:
    """The sum of two values of one metric."""
    if isinstance(left, HistogramValue) and isinstance(right, HistogramValue):
        return HistogramValue(
            tuple(a + b for a, b in zip(left.counts, right.counts, strict=True)), left.sum + right.sum
        )
    assert not isinstance(left, HistogramValue) and not isinstance(right, HistogramValue)
    return left + right


def minus(left: Value, right: Value) -> Value:
    """What left grew over right; never below zero."""
    if isinstance(left, HistogramValue) and isinstance(right, HistogramValue):
        return HistogramValue(
            tuple(max(a - b, 0) for a, b in zip(left.counts, right.counts, strict=True)), max(left.sum - right.sum, 0.0)
        )
    assert not isinstance(left, HistogramValue) and not isinstance(right, HistogramValue)
    return max(left - right, 0)
