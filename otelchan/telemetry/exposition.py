"""The agent's own metrics as Prometheus reads them: its text format, version 0.0.4.

Names and values are those that go out by OTLP, under the names that Prometheus's OTLP receiver gives them. The library
prometheus_client is not used: it has a registry of its own, and these values are in OTLP messages already.
Format: prometheus.io/docs/instrumenting/exposition_formats, checked against promtool and Prometheus itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Kind, prometheus_label, prometheus_name

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TYPES = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.UP_DOWN_COUNTER: "gauge", Kind.HISTOGRAM: "histogram"}
Labels = tuple[tuple[str, str], ...]


def exposition(collected: Iterable[otlp.ResourceMetrics]) -> str:
    """The text. The Resource is in `target_info`, as everywhere in OpenTelemetry."""
    lines: list[str] = []
    for resource in collected:
        info = _labels(resource.resource.attributes)
        lines += [
            "# HELP target_info Resource of the agent.",
            "# TYPE target_info gauge",
            _line("target_info", info, 1),
        ]
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            lines += _family(metric)
    return "".join(f"{line}\n" for line in lines)


def _family(metric: otlp.Metric) -> Iterator[str]:
    declared = METRICS[metric.name]
    name = prometheus_name(declared)
    yield f"# HELP {name} {_escaped(declared.description)}"
    yield f"# TYPE {name} {_TYPES[declared.kind]}"
    for number in (*metric.gauge.data_points, *metric.sum.data_points):
        integer = number.WhichOneof("value") == "as_int"
        yield _line(name, _labels(number.attributes), number.as_int if integer else number.as_double)
    for histogram in metric.histogram.data_points:
        yield from _histogram(name, histogram)


def _histogram(name: str, point: otlp.HistogramDataPoint) -> Iterator[str]:
    labels, below = _labels(point.attributes), 0
    for bound, count in zip((*map(_number, point.explicit_bounds), "+Inf"), point.bucket_counts, strict=True):
        below += count
        yield _line(f"{name}_bucket", (*labels, ("le", bound)), below)
    yield _line(f"{name}_sum", labels, point.sum)
    yield _line(f"{name}_count", labels, point.count)


def _line(name: str, labels: Labels, value: float) -> str:
    said = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels)
    return f"{name}{{{said}}} {_number(value)}" if said else f"{name} {_number(value)}"


def _labels(attributes: Sequence[KeyValue]) -> Labels:
    return tuple(sorted((prometheus_label(item.key), _text(item.value)) for item in attributes))


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return str(value.bool_value).lower()
    return str(getattr(value, kind)) if kind else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(value).removesuffix(".0")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
