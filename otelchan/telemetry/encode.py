"""Points to OTLP metric messages.

The SDK's encoder is not used for programs that are watched: it merges equal Resources silently and cannot set the
no-recorded-value flag (opentelemetry-python 1.45, metrics_encoder). Temporality is always cumulative.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelchan import __version__
from otelchan.telemetry import catalogue
from otelchan.telemetry.points import Attributes, HistogramValue, Point, Series
from otelchan.telemetry.signals import Kind, Metric

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

SCOPE = InstrumentationScope(name="otelchan", version=__version__)
_CUMULATIVE = otlp.AGGREGATION_TEMPORALITY_CUMULATIVE
_ENDED = otlp.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


def key_values(attributes: Attributes) -> list[KeyValue]:
    """The OTLP form of attributes."""
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes]


def add_attributes(into: RepeatedCompositeFieldContainer[KeyValue], attributes: Attributes) -> None:
    """Put attributes where they belong: a third of the time of making messages of them that are copied there."""
    for key, value in attributes:
        place = into.add(key=key).value
        if isinstance(value, str):
            place.string_value = value
        elif isinstance(value, bool):
            place.bool_value = value
        elif isinstance(value, int):
            place.int_value = value
        else:
            place.double_value = value


def _any_value(value: str | int | float | bool) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value)


def live_metrics(resource: Resource, points: Iterable[Point], time_unix_ns: int) -> otlp.ResourceMetrics:
    """Points with their values, one Metric message per name."""
    message, metrics = _message(resource)
    for name, group in groupby(sorted(points, key=_name), key=_name):
        metric = catalogue.METRICS[name]
        if metric.kind is Kind.HISTOGRAM:
            _add_histograms(_histogram(metrics.add(), metric), group, time_unix_ns)
        else:
            _add_numbers(_numbers(metrics.add(), metric), group, time_unix_ns)
    return message


def ended_metrics(resource: Resource, series: Iterable[Series], time_unix_ns: int) -> otlp.ResourceMetrics:
    """A point with the no-recorded-value flag for every series that is over."""
    message, metrics = _message(resource)
    for name, group in groupby(sorted(series, key=itemgetter(0)), key=itemgetter(0)):
        metric = catalogue.METRICS[name]
        if metric.kind is Kind.HISTOGRAM:
            _end_histograms(_histogram(metrics.add(), metric), group, time_unix_ns)
        else:
            _end_numbers(_numbers(metrics.add(), metric), group, time_unix_ns)
    return message


def _name(point: Point) -> str:
    return point.name


# Messages are filled in place: a message that is put into another one is copied, and there may be thousands of points.


def _message(resource: Resource) -> tuple[otlp.ResourceMetrics, RepeatedCompositeFieldContainer[otlp.Metric]]:
    message = otlp.ResourceMetrics(resource=resource)
    scope = message.scope_metrics.add(scope=SCOPE)
    return message, scope.metrics


def _numbers(message: otlp.Metric, metric: Metric) -> RepeatedCompositeFieldContainer[otlp.NumberDataPoint]:
    _describe(message, metric)
    if metric.kind is Kind.GAUGE:
        return message.gauge.data_points
    message.sum.aggregation_temporality = _CUMULATIVE
    message.sum.is_monotonic = metric.kind is Kind.COUNTER
    return message.sum.data_points


def _histogram(message: otlp.Metric, metric: Metric) -> RepeatedCompositeFieldContainer[otlp.HistogramDataPoint]:
    _describe(message, metric)
    message.histogram.aggregation_temporality = _CUMULATIVE
    return message.histogram.data_points


def _describe(message: otlp.Metric, metric: Metric) -> None:
    message.name, message.unit, message.description = metric.name, metric.unit, metric.description


# What a point of a series always has, encoded once: series come again every interval, and reading bytes is quicker than
# copying attribute messages (0.5 against 1.5 us per point).


@lru_cache(maxsize=16384)
def _number_base(attributes: Attributes) -> bytes:
    return otlp.NumberDataPoint(attributes=key_values(attributes)).SerializeToString()


@lru_cache(maxsize=4096)
def _histogram_base(bounds: tuple[float, ...], attributes: Attributes) -> bytes:
    point = otlp.HistogramDataPoint(attributes=key_values(attributes), explicit_bounds=bounds)
    return point.SerializeToString()


def _add_numbers(
    into: RepeatedCompositeFieldContainer[otlp.NumberDataPoint], points: Iterable[Point], time_unix_ns: int
) -> None:
    for point in points:
        message = into.add()
        message.MergeFromString(_number_base(point.attributes))
        message.time_unix_nano = time_unix_ns
        message.start_time_unix_nano = point.start_unix_ns
        if isinstance(point.value, int):
            message.as_int = point.value
        else:
            assert isinstance(point.value, float)
            message.as_double = point.value


def _add_histograms(
    into: RepeatedCompositeFieldContainer[otlp.HistogramDataPoint], points: Iterable[Point], time_unix_ns: int
) -> None:
    for point in points:
        value = point.value
        assert isinstance(value, HistogramValue)
        message = into.add()
        message.MergeFromString(_histogram_base(catalogue.METRICS[point.name].bounds, point.attributes))
        message.time_unix_nano = time_unix_ns
        message.start_time_unix_nano = point.start_unix_ns
        message.count = sum(value.counts)
        message.sum = value.sum
        message.bucket_counts.extend(value.counts)
        for exemplar in point.exemplars:
            message.exemplars.add(
                time_unix_nano=exemplar.time_unix_ns,
                as_double=exemplar.value,
                trace_id=exemplar.trace_id,
                span_id=exemplar.span_id,
            )


def _end_numbers(
    into: RepeatedCompositeFieldContainer[otlp.NumberDataPoint], series: Iterable[Series], time_unix_ns: int
) -> None:
    for _, attributes in series:
        message = into.add()
        message.MergeFromString(_number_base(attributes))
        message.time_unix_nano = time_unix_ns
        message.flags = _ENDED


def _end_histograms(
    into: RepeatedCompositeFieldContainer[otlp.HistogramDataPoint], series: Iterable[Series], time_unix_ns: int
) -> None:
    for name, attributes in series:
        bounds = catalogue.METRICS[name].bounds
        message = into.add()
        message.MergeFromString(_histogram_base(bounds, attributes))
        message.time_unix_nano = time_unix_ns
        message.flags = _ENDED
        # Prometheus ends a bucket or a sum only when the flagged point has it (otlptranslator, histograms).
        message.sum = 0.0
        message.bucket_counts.extend([0] * (len(bounds) + 1))
