"""The agent's own metrics, through the OpenTelemetry SDK, on the agent's own Resource and clock.

Names, kinds and units come from the signal catalogue; a name that is not in it is a bug and raises KeyError.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from otelchan import __version__, clock
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Kind, Metric, Owner
from otelchan.telemetry.usage import Usage, own_usage

Labels = Mapping[str, str]
# What nobody sets: it is read whenever metrics are collected.
OBSERVED: Mapping[str, Callable[[Usage], tuple[Observation, ...]]] = {
    "process.cpu.time": lambda usage: (
        Observation(usage.user_s, {"cpu.mode": "user"}),
        Observation(usage.system_s, {"cpu.mode": "system"}),
    ),
    "process.memory.usage": lambda usage: (Observation(usage.resident_bytes),),
    "process.thread.count": lambda usage: (Observation(usage.threads),),
    "process.unix.file_descriptor.count": lambda usage: (Observation(usage.descriptors),),
}


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
        agent = [metric for metric in METRICS.values() if metric.owner is Owner.AGENT]
        own = [metric for metric in agent if metric.name not in OBSERVED]
        self._usage = own_usage()
        for metric in agent:
            if metric.name in OBSERVED:
                self._observe(meter, metric)
        self._counters = {m.name: _counter(meter, m) for m in own if m.kind is Kind.COUNTER}
        self._histograms = {m.name: _histogram(meter, m) for m in own if m.kind is Kind.HISTOGRAM}
        self._gauges: dict[str, _Gauge] = {m.name: _gauge(meter, m) for m in own if m.kind is Kind.GAUGE}
        self._totals: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}
        self._lock = threading.Lock()
        self._withdrawn: set[str] = set()
        self.set("otelchan.build.info", 1, {"otelchan.version": __version__})
        self.set("otelchan.start.time", clock.unix_ns() / 1e9)

    def _observe(self, meter: Meter, metric: Metric) -> None:
        read = OBSERVED[metric.name]

        def callback(_options: CallbackOptions) -> Iterable[Observation]:
            return read(self._usage)

        counts = metric.kind is Kind.COUNTER
        create = meter.create_observable_counter if counts else meter.create_observable_up_down_counter
        create(metric.name, [callback], metric.unit, metric.description)

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

    def forget(self, *sources: str) -> None:
        """These sources are gone; what they counted stays counted."""
        gone = frozenset(sources)
        with self._lock:
            self._totals = {key: value for key, value in self._totals.items() if key[1] not in gone}

    def collect(self) -> tuple[ResourceMetrics, ...]:
        """Everything as it is now, cumulative, encoded. Empty when OTEL_SDK_DISABLED is set. Safe from any thread."""
        with suppress(OSError):  # no descriptor is left, say: what was read before stands
            self._usage = own_usage()
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
    defaults: dict[str, str | int] = {
        "service.instance.id": str(uuid.uuid4()),
        "service.version": __version__,
        "host.name": socket.gethostname(),  # an agent that starts again has another id, but this one stays
        "process.pid": os.getpid(),
    }
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
