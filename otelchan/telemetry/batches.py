"""What waits to be sent: the newest metric batch of each program, and the newest spans. Plain data structures."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otelchan.telemetry.encode import SCOPE, ended_metrics
from otelchan.telemetry.points import Series

END_AFTER_NS = 1_000_000  # Prometheus keeps milliseconds: an end at the time of the last value would be a duplicate


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """All metrics of one program at one moment.

    target: whose. live: encoded points. items: how many. series: of these points. ended: series that are over since
    the batch before. last: the program is not watched any more, so the series of this batch end after it.
    """

    target: str
    resource: Resource
    time_unix_ns: int
    live: tuple[ResourceMetrics, ...]
    items: int
    series: frozenset[Series] = frozenset()
    ended: frozenset[Series] = frozenset()
    last: bool = False


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


def superseded(older: MetricBatch, newer: MetricBatch) -> MetricBatch:
    """One batch that says what is now: the newer values, and the ends of both that still are ends."""
    return replace(newer, ended=(older.ended | newer.ended) - newer.series)


def metrics_request(batches: Iterable[MetricBatch]) -> ExportMetricsServiceRequest:
    """Ends come in a ResourceMetrics of their own behind the live ones: the Collector's prometheus exporter skips the
    rest of a Metric after a flagged point (contrib prometheusexporter, accumulator.go, 095cbd9)."""
    request = ExportMetricsServiceRequest()
    for batch in batches:
        request.resource_metrics.extend(batch.live)
        ended = batch.ended | batch.series if batch.last else batch.ended
        if ended:
            time_unix_ns = batch.time_unix_ns + (END_AFTER_NS if batch.last else 0)
            request.resource_metrics.append(ended_metrics(batch.resource, ended, time_unix_ns))
    return request


def traces_request(batches: Iterable[SpanBatch]) -> ExportTraceServiceRequest:
    """One ResourceSpans per batch."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(resource=batch.resource, scope_spans=[ScopeSpans(scope=SCOPE, spans=batch.spans)])
            for batch in batches
        ]
    )


class MetricQueue:
    """Metric totals are cumulative, so only the newest batch of each program is kept. Not thread-safe."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._batches: OrderedDict[str, MetricBatch] = OrderedDict()

    def __len__(self) -> int:
        return len(self._batches)

    def offer(self, batch: MetricBatch) -> int:
        """Keep it; returns how many items had to be given up for it."""
        older = self._batches.get(batch.target)
        lost = older.items if older else 0
        self._batches[batch.target] = superseded(older, batch) if older else batch
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
        """They could not be sent; returns how many items are superseded by now."""
        lost = 0
        for batch in reversed(batches):
            newer = self._batches.get(batch.target)
            if newer is not None:
                self._batches[batch.target] = superseded(batch, newer)
                lost += batch.items
            else:
                self._batches[batch.target] = batch
                self._batches.move_to_end(batch.target, last=False)
        return lost


class SpanQueue:
    """Spans, oldest first; the oldest are given up when there are too many. Not thread-safe."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._batches: deque[SpanBatch] = deque()
        self._items = 0

    def __len__(self) -> int:
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
        while self._items - lost > self._limit:
            oldest = self._batches.popleft()
            excess = self._items - lost - self._limit
            if len(oldest.spans) > excess:
                self._batches.appendleft(replace(oldest, spans=oldest.spans[excess:]))
                lost += excess
            else:
                lost += len(oldest.spans)
        self._items -= lost
        return lost
