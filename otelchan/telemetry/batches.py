"""What waits to be sent: the newest metric batch of each program, and the newest spans. Plain data structures."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.telemetry.encode import SCOPE, ended_metrics
from otelchan.telemetry.points import Series

END_AFTER_NS = 1_000_000  # Prometheus keeps milliseconds: an end at the time of the last value would be a duplicate


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """All metrics of one program at one moment.

    target: whose. live: encoded points. items: how many. series: of these points. ended: series that are over since
    the batch before. last: the program is not watched any more, so the series of this batch end after it. part: of what
    is said of one moment, in several requests: it joins what waits of its program instead of taking its place.
    """

    target: str
    resource: Resource
    time_unix_ns: int
    live: tuple[ResourceMetrics, ...]
    items: int
    series: frozenset[Series] = frozenset()
    ended: frozenset[Series] = frozenset()
    last: bool = False
    part: bool = False


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Spans of one program."""

    target: str
    resource: Resource
    spans: tuple[Span, ...]

    @property
    def items(self) -> int:
        """How many spans."""
        return len(self.spans)


def points_in(message: ResourceMetrics) -> int:
    """How many points there are in it."""
    metrics = (metric for scope in message.scope_metrics for metric in scope.metrics)
    return sum(
        len(metric.gauge.data_points) + len(metric.sum.data_points) + len(metric.histogram.data_points)
        for metric in metrics
    )


def superseded(older: MetricBatch, newer: MetricBatch) -> MetricBatch:
    """One batch that says what is now: the newer values, and the ends of both that still are ends. A program that
    replaces itself by exec with the same executable has the last batch of one and the first of another."""
    return replace(newer, ended=(ends_of(older) | newer.ended) - newer.series)


def ends_of(batch: MetricBatch) -> frozenset[Series]:
    """The series that are over after it."""
    return batch.ended | batch.series if batch.last else batch.ended


def _rejoined(first: MetricBatch, second: MetricBatch) -> MetricBatch:
    """One batch of two parts of one."""
    return replace(
        second,
        live=first.live + second.live,
        items=first.items + second.items,
        series=first.series | second.series,
        ended=first.ended | second.ended,
    )


def metrics_request(batches: Iterable[MetricBatch]) -> ExportMetricsServiceRequest:
    """Ends come in a ResourceMetrics of their own behind the live ones: the Collector's prometheus exporter skips the
    rest of a Metric after a flagged point (contrib prometheusexporter, accumulator.go, 095cbd9)."""
    request = ExportMetricsServiceRequest()
    for batch in batches:
        request.resource_metrics.extend(batch.live)
        if ended := ends_of(batch):
            time_unix_ns = batch.time_unix_ns + (END_AFTER_NS if batch.last else 0)
            request.resource_metrics.append(ended_metrics(batch.resource, ended, time_unix_ns))
    return request


def traces_request(batches: Iterable[SpanBatch]) -> ExportTraceServiceRequest:
    """One ResourceSpans per batch. Filled in place: a message that is put into another one is copied, each time."""
    request = ExportTraceServiceRequest()
    for batch in batches:
        scope = request.resource_spans.add(resource=batch.resource).scope_spans.add(scope=SCOPE)
        scope.spans.extend(batch.spans)
    return request


class MetricQueue:
    """Metric totals are cumulative, so only the newest batch of each program is kept. Not thread-safe."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._batches: OrderedDict[str, MetricBatch] = OrderedDict()

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def items(self) -> int:
        """Points that wait."""
        return sum(batch.items for batch in self._batches.values())

    def offer(self, batch: MetricBatch) -> int:
        """Keep it; returns how many items had to be given up for it."""
        older = self._batches.get(batch.target)
        lost = older.items if older and not batch.part else 0
        join = _rejoined if batch.part else superseded
        self._batches[batch.target] = join(older, batch) if older else batch
        while len(self._batches) > self._limit:
            lost += self._batches.popitem(last=False)[1].items
        return lost

    def take(self, most_items: int) -> list[MetricBatch]:
        """The oldest batches, together at most so many items, but at least one batch."""
        taken: list[MetricBatch] = []
        items = 0
        while self._batches and (not taken or items + next(iter(self._batches.values())).items <= most_items):
            taken.append(self._batches.popitem(last=False)[1])
            items += taken[-1].items
        return taken

    def give_back(self, batches: Sequence[MetricBatch]) -> int:
        """They could not be sent; returns how many items are superseded by now. They may be parts of batches."""
        lost = 0
        for batch in reversed(batches):
            newer = self._batches.get(batch.target)
            if newer is not None and newer.part:
                self._batches[batch.target] = _rejoined(batch, newer)
            elif newer is not None:
                self._batches[batch.target] = superseded(batch, newer)
                lost += batch.items
            else:
                self._batches[batch.target] = batch
                self._batches.move_to_end(batch.target, last=False)
        return lost


class SpanQueue:
    """Spans, oldest first; the oldest are given up when there are too many. Not thread-safe."""

    def __init__(self, limit: int = 4096) -> None:
        self.limit = limit  # may change: too many go with the next offer
        self._batches: deque[SpanBatch] = deque()
        self._items = 0

    def __len__(self) -> int:
        return self._items

    @property
    def items(self) -> int:
        """Spans that wait."""
        return self._items

    def offer(self, batch: SpanBatch) -> int:
        """Keep them; returns how many spans had to be given up."""
        self._batches.append(batch)
        self._items += len(batch.spans)
        return self._trim()

    def take(self, most_items: int) -> list[SpanBatch]:
        """The oldest spans, at most so many."""
        taken: list[SpanBatch] = []
        while self._batches and most_items > 0:
            batch = self._batches.popleft()
            if len(batch.spans) > most_items:
                self._batches.appendleft(replace(batch, spans=batch.spans[most_items:]))
                batch = replace(batch, spans=batch.spans[:most_items])
            taken.append(batch)
            most_items -= len(batch.spans)
            self._items -= len(batch.spans)
        return taken

    def give_back(self, batches: Sequence[SpanBatch]) -> int:
        """They could not be sent; returns how many spans had to be given up."""
        self._batches.extendleft(reversed(batches))
        self._items += sum(len(batch.spans) for batch in batches)
        return self._trim()

    def _trim(self) -> int:
        lost = 0
        while self._items - lost > self.limit:
            oldest = self._batches.popleft()
            excess = self._items - lost - self.limit
            if len(oldest.spans) > excess:
                self._batches.appendleft(replace(oldest, spans=oldest.spans[excess:]))
                lost += excess
            else:
                lost += len(oldest.spans)
        self._items -= lost
        return lost
