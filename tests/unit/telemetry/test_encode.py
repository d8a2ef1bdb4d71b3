"""Points as OTLP messages, read back from the bytes that go over the wire."""

from __future__ import annotations

from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from otelchan.telemetry.catalogue import BLOCK_BOUNDS_S
from otelchan.telemetry.encode import ended_metrics, live_metrics
from otelchan.telemetry.points import Exemplar, HistogramValue, Point, Series
from otelchan.telemetry.resource import resource_message
from tests.support.snapshots import ATTACHED, NOW, attributes, by_name, data_points

RESOURCE = resource_message({"service.name": "shop", "process.pid": 4242})
NAME = (("channel.name", "main.work main.go:41"),)
HISTOGRAM = HistogramValue((1, *(0,) * 14, 2, 1), 3.25)
CUMULATIVE = 2
NO_RECORDED_VALUE = 1


def over_the_wire(message: ResourceMetrics) -> ResourceMetrics:
    """What a receiver reads."""
    return ResourceMetrics.FromString(message.SerializeToString())


def test_a_gauge_keeps_its_number_whole_or_not() -> None:
    """Counts are integers, ages are doubles; a gauge has no start time."""
    points = [Point("channel.lag", NAME, 7), Point("channel.wait.age", NAME, 1.5)]
    metrics = by_name(over_the_wire(live_metrics(RESOURCE, points, NOW)))
    (lag,) = data_points(metrics["channel.lag"])
    (age,) = data_points(metrics["channel.wait.age"])
    assert ("gauge", 7, 1.5) == (metrics["channel.lag"].WhichOneof("data"), lag.as_int, age.as_double)
    assert (NOW, 0, dict(NAME)) == (lag.time_unix_nano, lag.start_time_unix_nano, attributes(lag))
    assert ("s", "{element}") == (metrics["channel.wait.age"].unit, metrics["channel.lag"].unit)


def test_a_counter_is_a_cumulative_monotonic_sum_with_a_start() -> None:
    """Prometheus makes a counter only of that."""
    metric = by_name(over_the_wire(live_metrics(RESOURCE, [Point("channel.process", NAME, 1009, ATTACHED)], NOW)))[
        "channel.process"
    ]
    (point,) = metric.sum.data_points
    assert (CUMULATIVE, True) == (metric.sum.aggregation_temporality, metric.sum.is_monotonic)
    assert (1009, ATTACHED, NOW) == (point.as_int, point.start_time_unix_nano, point.time_unix_nano)


def test_an_up_down_counter_may_fall() -> None:
    """A cumulative sum that is not monotonic."""
    metric = by_name(over_the_wire(live_metrics(RESOURCE, [Point("channel.count", NAME, 3, ATTACHED)], NOW)))[
        "channel.count"
    ]
    assert (CUMULATIVE, False) == (metric.sum.aggregation_temporality, metric.sum.is_monotonic)


def test_a_histogram_keeps_buckets_sum_and_exemplars() -> None:
    """With the bounds of the catalogue, in seconds, and no minimum or maximum, which cumulative ones cannot have."""
    exemplar = Exemplar(0.25, NOW - 5, b"t" * 16, b"s" * 8)
    point = Point("channel.block.duration", NAME, HISTOGRAM, ATTACHED, (exemplar,))
    metric = by_name(over_the_wire(live_metrics(RESOURCE, [point], NOW)))["channel.block.duration"]
    (sent,) = metric.histogram.data_points
    assert CUMULATIVE == metric.histogram.aggregation_temporality
    assert (4, 3.25, HISTOGRAM.counts) == (sent.count, sent.sum, tuple(sent.bucket_counts))
    assert BLOCK_BOUNDS_S == tuple(sent.explicit_bounds)
    assert (False, False) == (sent.HasField("min"), sent.HasField("max"))
    (shown,) = sent.exemplars
    assert (0.25, NOW - 5, b"t" * 16, b"s" * 8) == (
        shown.as_double,
        shown.time_unix_nano,
        shown.trace_id,
        shown.span_id,
    )


def test_points_of_one_metric_are_together() -> None:
    """One Metric message per name, also when its points come mixed with others."""
    other = (("channel.name", "main.jobs main.go:7"),)
    points = [Point("channel.lag", NAME, 1), Point("channel.capacity", NAME, 2), Point("channel.lag", other, 3)]
    message = over_the_wire(live_metrics(RESOURCE, points, NOW))
    assert {"channel.lag": 2, "channel.capacity": 1} == {n: len(data_points(m)) for n, m in by_name(message).items()}
    assert 2 == sum(len(scope.metrics) for scope in message.scope_metrics)


def test_the_resource_and_the_scope_are_there() -> None:
    """Numbers stay numbers."""
    message = over_the_wire(live_metrics(RESOURCE, [], NOW))
    assert {"service.name": "shop", "process.pid": 4242} == attributes(message.resource)
    assert "otelchan" == message.scope_metrics[0].scope.name


def test_a_series_that_is_over_says_so_without_a_value() -> None:
    """The no-recorded-value flag, on every kind of metric, with the attributes of the series."""
    series = [("channel.lag", NAME), ("channel.process", NAME)]
    metrics = by_name(over_the_wire(ended_metrics(RESOURCE, series, NOW)))
    for name in ("channel.lag", "channel.process"):
        (point,) = data_points(metrics[name])
        assert (NO_RECORDED_VALUE, None, NOW) == (point.flags, point.WhichOneof("value"), point.time_unix_nano)
        assert dict(NAME) == attributes(point)
    assert (CUMULATIVE, True) == (
        metrics["channel.process"].sum.aggregation_temporality,
        metrics["channel.process"].sum.is_monotonic,
    )


def test_a_histogram_that_is_over_ends_every_bucket() -> None:
    """Prometheus ends the series of a bucket and of the sum only when the flagged point has them."""
    (point,) = data_points(
        by_name(over_the_wire(ended_metrics(RESOURCE, [("channel.block.duration", NAME)], NOW)))[
            "channel.block.duration"
        ]
    )
    assert (NO_RECORDED_VALUE, True) == (point.flags, point.HasField("sum"))
    assert (BLOCK_BOUNDS_S, 17) == (tuple(point.explicit_bounds), len(point.bucket_counts))


def test_series_with_attributes_of_different_types_can_end_together() -> None:
    """The overflow point has a boolean where others have strings."""
    series: list[Series] = [("channel.lag", NAME), ("channel.lag", (("otel.metric.overflow", True),))]
    (metric,) = by_name(over_the_wire(ended_metrics(RESOURCE, series, NOW))).values()
    assert 2 == len(data_points(metric))
