"""All series of one Resource, by metric and attributes, as the signal catalogue declares them."""

from __future__ import annotations

import itertools
import math
from collections import Counter as Numbers
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from otelchan.report.otlp_form import DELTA, Attribute, Data, DataPoint, attributes_of, text
from otelchan.report.otlp_form import Metric as MetricPoints
from otelchan.report.tracks import MOST_POINTS, Buckets, Counted, Track
from otelchan.telemetry.attributes import OVERFLOW
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Kind, Metric

MOST_SERIES = 100_000  # of one Resource; more are counted as left out
MOST_BOUNDS = 200  # of a histogram: more than can be drawn
_DRAWN = ("go.goroutine.count", "goroutine.blocked", "channel.lag", "process.memory.usage")
_COUNTER_POINTS, _GAUGE_POINTS = 60, 2
Kept = TypeVar("Kept", Track, Counted, Buckets)
Key = tuple[str, ...]
"""Values of a metric's attributes, in the order of the catalogue."""


class Gone(NamedTuple):
    """Points that could not be used. deltas: of counters that something on the way has made into differences.
    late: not after one that was there already, such as those of a file that was given twice. over: series over the cap
    of this reader. strange: of a histogram with other bounds than before, or with bounds that cannot be."""

    deltas: int = 0
    late: int = 0
    over: int = 0
    strange: int = 0


class Series:
    """What a Resource's series say.

    on_value: told (metric, key, time, value or None) of each point of a gauge that was taken.
    on_buckets: told (metric, since, time, bounds, counts by bucket that are new).
    """

    def __init__(
        self,
        on_value: Callable[[str, Key, int, float | None], None] = lambda *_: None,
        on_buckets: Callable[[str, int, int, tuple[float, ...], list[int]], None] = lambda *_: None,
    ) -> None:
        self.gauges: dict[str, dict[Key, Track]] = {}
        self.counters: dict[str, dict[Key, Counted]] = {}
        self.histograms: dict[str, dict[Key, Buckets]] = {}
        self.overflowing: dict[str, int] = {}  # when a metric last had a point that stands for series over the cap
        self._dropped: Numbers[str] = Numbers()
        self._number = 0
        self._on_value, self._on_buckets = on_value, on_buckets

    @property
    def gone(self) -> Gone:
        """Points that could not be used."""
        return Gone(**self._dropped)

    def add(self, points: MetricPoints) -> None:
        """Take the points of one metric; those of a metric that is not in the catalogue are passed over."""
        metric = METRICS.get(points.name)
        if metric is None:
            return
        data = points.data
        if metric.cumulative and data.aggregation_temporality == DELTA:
            self._dropped["deltas"] += len(data.data_points)
            return
        self._add(metric, data)

    def _add(self, metric: Metric, data: Data) -> None:
        for point in data.data_points:
            attributes = attributes_of(point.attributes)
            if attributes.get(OVERFLOW):
                if not point.ends:
                    self.overflowing[metric.name] = point.time_unix_nano
                continue
            key = tuple(text(attributes, name) for name in metric.attributes)
            if metric.kind is Kind.HISTOGRAM:
                self._histogram(metric.name, key, point)
            else:
                self._number_point(metric, key, point)

    def _number_point(self, metric: Metric, key: Key, point: DataPoint) -> None:
        value = None if point.ends else point.number
        time, start = point.time_unix_nano, point.start_time_unix_nano
        if metric.kind is Kind.COUNTER:
            counted = self._of(self.counters, metric.name, key, lambda: Counted(_COUNTER_POINTS))
            if counted is not None and not counted.add(time, start, value):
                self._dropped["late"] += 1
            return
        most = MOST_POINTS if metric.name in _DRAWN else _GAUGE_POINTS
        track = self._of(self.gauges, metric.name, key, lambda: Track(most))
        if track is None:
            return
        if track.add(time, value):
            self._on_value(metric.name, key, time, value)
        else:
            self._dropped["late"] += 1

    def _histogram(self, name: str, key: Key, point: DataPoint) -> None:
        if point.ends:
            return
        bounds = tuple(point.explicit_bounds)
        if len(point.bucket_counts) != len(bounds) + 1 or not _usable(bounds):
            self._dropped["strange"] += 1
            return
        buckets = self._of(self.histograms, name, key, lambda: Buckets(bounds))
        if buckets is None:
            return
        if buckets.bounds != bounds:
            self._dropped["strange"] += 1
            return
        added = buckets.add(point.time_unix_nano, point.start_time_unix_nano, point.bucket_counts, point.total)
        if added is None:
            self._dropped["late"] += 1
        else:
            self._on_buckets(name, added[0], point.time_unix_nano, bounds, added[1])

    def _of(self, kind: dict[str, dict[Key, Kept]], name: str, key: Key, new: Callable[[], Kept]) -> Kept | None:
        of_metric = kind.setdefault(name, {})
        found = of_metric.get(key)
        if found is None and self._number < MOST_SERIES:
            found = of_metric[key] = new()
            self._number += 1
        if found is None:
            self._dropped["over"] += 1
        return found

    def latest(self, name: str, end: int) -> Iterator[tuple[dict[str, str], float]]:
        """Of a gauge: the attributes and the value of each series that was there at the last look."""
        for key, track in self.gauges.get(name, {}).items():
            value = track.at_end(end)
            if value is not None:
                yield named(name, key), value

    def totals(self, name: str) -> Iterator[tuple[dict[str, str], Counted]]:
        """Of a counter: the attributes of each series, and what was counted."""
        for key, counted in self.counters.get(name, {}).items():
            yield named(name, key), counted


def _usable(bounds: tuple[float, ...]) -> bool:
    if not 0 < len(bounds) <= MOST_BOUNDS or not all(0 <= bound < math.inf for bound in bounds):
        return False
    return all(low < high for low, high in itertools.pairwise(bounds))


def named(metric: str, key: Key) -> dict[str, str]:
    """The attributes of a series by name."""
    return dict(zip(METRICS[metric].attributes, key, strict=True))


def resource_text(resource: Mapping[str, Attribute], *names: str) -> str:
    """The first of these attributes that is there, as text; "" when none is."""
    return next((str(resource[name]) for name in names if resource.get(name) not in (None, "")), "")
