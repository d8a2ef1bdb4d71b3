"""The agent's own metrics, through the OpenTelemetry SDK, on the agent's own Resource and clock.

Names, kinds and units come from the signal catalogue; a name that is not in it is a bug and raises KeyError.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from typing import Protocol

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from otelchan import __version__
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Kind, Metric, Owner

Labels = Mapping[str, str]


class _Gauge(Protocol):
    def set(self, amount: float, attributes: Labels | None = None) -> None: ...


class AgentMetrics:
    """Plain setters for what the agent says about itself. Safe to call from any thread."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider(
            metric_readers=[self._reader],
            resource=_agent_resource(),
            exemplar_filter=AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
        )
        meter = self._provider.get_meter("otelchan", __version__)
        own = [metric for metric in METRICS.values() if metric.owner is Owner.AGENT]
        self._counters = {m.name: _counter(meter, m) for m in own if m.kind is Kind.COUNTER}
        self._histograms = {m.name: _histogram(meter, m) for m in own if m.kind is Kind.HISTOGRAM}
        self._gauges: dict[str, _Gauge] = {m.name: _gauge(meter, m) for m in own if m.kind is Kind.GAUGE}
        self._totals: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}
        self._lock = threading.Lock()
        self._withdrawn: set[str] = set()
        self.set("otelchan.build.info", 1, {"otelchan.version": __version__})

    def add(self, name: str, value: float, attributes: Labels | None = None) -> None:
        """Add to a counter, or record one value of a histogram. value: never negative."""
        if name in self._histograms:
            self._histograms[name].record(value, attributes)
        else:
            self._counters[name].add(value, attributes)

    def set(self, name: str, value: float, attributes: Labels | None = None) -> None:
        """Set a gauge."""
        self._withdrawn.discard(name)
        self._gauges[name].set(value, attributes)

    def withdraw(self, name: str) -> None:
        """A gauge that means nothing any more, until it is set again; the SDK would repeat its last value for ever."""
        self._withdrawn.add(name)

    def total(self, name: str, value: float, attributes: Labels | None = None, source: str = "") -> None:
        """Add to a counter what a running total has grown since the last call. source: whose total it is; several
        sources may feed one series, and the total of a source that starts anew starts from zero."""
        key = (name, source, tuple(sorted((attributes or {}).items())))
        with self._lock:
            before = self._totals.get(key)
            self._totals[key] = value
        if before is None or value < before:
            self.add(name, value, attributes)  # also when it is zero: the series exists from the start
        elif value > before:
            self.add(name, value - before, attributes)

    def forget(self, source: str) -> None:
        """That source is gone; what it counted stays counted."""
        with self._lock:
            self._totals = {key: value for key, value in self._totals.items() if key[1] != source}

    def collect(self) -> tuple[ResourceMetrics, ...]:
        """Everything as it is now, cumulative, encoded. Empty when OTEL_SDK_DISABLED is set."""
        data = self._reader.get_metrics_data()
        resources = tuple(encode_metrics(data).resource_metrics) if data is not None else ()
        for metrics in (scope.metrics for resource in resources for scope in resource.scope_metrics):
            for metric in [metric for metric in metrics if metric.name in self._withdrawn]:
                metrics.remove(metric)
        return resources

    def close(self) -> None:
        """Shut the SDK down."""
        self._provider.shutdown()


def _agent_resource() -> Resource:
    # Resource.create reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES: those are about the agent, not targets.
    resource = Resource.create()
    defaults = {"service.instance.id": str(uuid.uuid4()), "service.version": __version__}
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "otelchan"}))
    return Resource(defaults).merge(resource)


def _counter(meter: Meter, metric: Metric) -> Counter:
    return meter.create_counter(metric.name, metric.unit, metric.description)


def _histogram(meter: Meter, metric: Metric) -> Histogram:
    return meter.create_histogram(
        metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=list(metric.bounds)
    )


def _gauge(meter: Meter, metric: Metric) -> _Gauge:
    return meter.create_gauge(metric.name, metric.unit, metric.description)
