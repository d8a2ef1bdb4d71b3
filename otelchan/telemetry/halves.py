"""Requests that are too large for who takes them: what is in one, in two halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics

from otelchan.telemetry.batches import MetricBatch, SpanBatch, ends_of, points_in

Batch = TypeVar("Batch", MetricBatch, SpanBatch)


def halves(batches: Sequence[Batch]) -> tuple[list[Batch], list[Batch]] | None:
    """What goes first and what goes then, in the same order; None: a single point or span, or nothing but one end.

    Points of one program may come in two requests: they have the same time, and each has its Resource.
    """
    if len(batches) > 1:
        middle = len(batches) // 2
        return list(batches[:middle]), list(batches[middle:])
    parts = _of_one(batches[0])
    return ([parts[0]], [parts[1]]) if parts else None


def _of_one(batch: Batch) -> tuple[Batch, Batch] | None:
    if isinstance(batch, MetricBatch):
        return _of_metrics(batch)
    middle = len(batch.spans) // 2
    return (replace(batch, spans=batch.spans[:middle]), replace(batch, spans=batch.spans[middle:])) if middle else None


def _of_metrics(batch: MetricBatch) -> tuple[MetricBatch, MetricBatch] | None:
    ended = ends_of(batch)
    if batch.live and ended:  # a series must not end before its last value
        alive = replace(batch, ended=frozenset(), last=False, part=True)
        return alive, replace(batch, live=(), items=0, series=frozenset(), ended=ended, part=True)
    if ended:
        middle = len(ended) // 2
        first = frozenset(islice(ended, middle))
        parts = replace(batch, ended=first, part=True), replace(batch, ended=ended - first, part=True)
        return parts if middle else None
    live = _of_live(batch.live)
    return (_with(batch, live[0]), _with(batch, live[1])) if live else None


def _with(batch: MetricBatch, live: tuple[ResourceMetrics, ...]) -> MetricBatch:
    return replace(batch, live=live, items=sum(points_in(message) for message in live), part=True)


def _of_live(
    live: tuple[ResourceMetrics, ...],
) -> tuple[tuple[ResourceMetrics, ...], tuple[ResourceMetrics, ...]] | None:
    if len(live) > 1:
        middle = len(live) // 2
        return live[:middle], live[middle:]
    first, second = ResourceMetrics(), ResourceMetrics()
    first.CopyFrom(live[0])
    second.CopyFrom(live[0])
    for ours, theirs in _lists(first, second):
        if middle := len(ours) // 2:
            del ours[middle:]
            del theirs[:middle]
            return (first,), (second,)
    return None


def _lists(first: ResourceMetrics, second: ResourceMetrics):  # type: ignore[no-untyped-def]  # of three kinds
    """Pairs of equal lists to cut in two, the outermost first."""
    yield first.scope_metrics, second.scope_metrics
    if first.scope_metrics:
        yield first.scope_metrics[0].metrics, second.scope_metrics[0].metrics
        if first.scope_metrics[0].metrics:
            yield _points(first.scope_metrics[0].metrics[0]), _points(second.scope_metrics[0].metrics[0])


def _points(metric: Metric):  # type: ignore[no-untyped-def]  # of a kind for each kind of metric
    return getattr(metric, metric.WhichOneof("data") or "gauge").data_points
