"""The whole way out: snapshots and findings in, OTLP out to every sink. What the agent uses of this stage."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelchan import clock
from otelchan.config import Config, environment
from otelchan.config.kubernetes import downward
from otelchan.findings.types import Assessment, Finding
from otelchan.model.types import Snapshot
from otelchan.telemetry.batches import MetricBatch, SpanBatch
from otelchan.telemetry.blocks import BlockSpans
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.export import NetworkSink
from otelchan.telemetry.limits import limit
from otelchan.telemetry.metrics import metric_points
from otelchan.telemetry.otlpfile import FileSink
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.resource import read_host, resource_message, target_attributes
from otelchan.telemetry.series import Room, SeriesTracker, Tracked
from otelchan.telemetry.sinks import Sink
from otelchan.telemetry.spans import FindingSpans, panic_span
from otelchan.telemetry.transport import destination

LEAVE_S = 5.0  # for what waits, when the network is not used any more
SAMPLED_OUT = "sampled"  # the loss that is a choice: a span over the rate limit


def open_sinks(config: Config) -> list[Sink]:
    """The network, a file, or both, as configured. Raises UsageError for files that are not there."""
    sinks: list[Sink] = []
    if config.uses_network:
        sinks.append(NetworkSink(destination(config.otlp, "metrics"), destination(config.otlp, "traces")))
    if config.otlp_file:
        sinks.append(FileSink(config.otlp_file))
    return sinks


def _has_exemplars(config: Config) -> bool:
    """Whether histograms point at spans: only when spans go somewhere."""
    return config.exemplars and ((config.uses_network and config.otlp.traces.enabled) or bool(config.otlp_file))


@dataclass(slots=True)
class _Target:
    """One observed process on the way out."""

    identity: str
    resource: Resource
    series: SeriesTracker
    findings: FindingSpans
    planes: dict[str, str]
    blocks: BlockSpans = field(default_factory=BlockSpans)
    overflowed: int = 0
    last: MetricBatch | None = None


class Telemetry:
    """Publishes snapshots. Only `close` waits for anything. own: what the agent says about itself."""

    def __init__(self, config: Config, sinks: Sequence[Sink] | None = None) -> None:
        self.own = AgentMetrics()
        self._host = read_host(downward(environment()))
        self._room = Room(config.series_total)
        self._limit = config.series_per_process
        self._exemplars, self._span_limits = _has_exemplars(config), config.span_limits
        self._targets: dict[str, _Target] = {}
        self._plane_states: set[tuple[str, str]] = set()
        self._sinks = open_sinks(config) if sinks is None else list(sinks)
        self._leaving: list[threading.Thread] = []
        self._show_budget(config.max_overhead)
        for sink in self._sinks:
            sink.start(self.own)

    def reconfigure(self, config: Config) -> None:
        """These settings from now on. Connections are new, so certificates are read again; what waits is not lost.

        Raises UsageError for files that are not there; then nothing has changed.
        """
        self._turn_network(config)
        self._room.limit, self._limit = config.series_total, config.series_per_process
        self._exemplars, self._span_limits = _has_exemplars(config), config.span_limits
        for target in self._targets.values():
            target.series.limit = self._limit
        self._show_budget(config.max_overhead)

    def _show_budget(self, percent: float | None) -> None:
        """No series rather than a zero when there is none, which would look like a budget of nothing."""
        if percent is None:
            self.own.withdraw("otelchan.overhead.allowed")
        else:
            self.own.set("otelchan.overhead.allowed", percent / 100)

    def _turn_network(self, config: Config) -> None:
        network = next((sink for sink in self._sinks if isinstance(sink, NetworkSink)), None)
        if not config.uses_network:
            if network:
                self._sinks.remove(network)
                self._leaving.append(threading.Thread(target=network.close, args=(LEAVE_S,), daemon=True))
                self._leaving[-1].start()
            return
        metrics, traces = (destination(config.otlp, signal) for signal in ("metrics", "traces"))
        if network:
            network.redirect(metrics, traces)
        else:
            self._sinks.insert(0, NetworkSink(metrics, traces))
            self._sinks[0].start(self.own)

    def publish(self, snapshot: Snapshot, assessment: Assessment) -> None:
        """One program at one moment. Its series end after a snapshot that says `ended`."""
        target = self._target(snapshot)
        points = metric_points(snapshot, assessment)
        if not self._exemplars:
            points = [point._replace(exemplars=()) if point.exemplars else point for point in points]
        tracked = target.series.update(points)
        self._offer_metrics(target, snapshot, tracked)
        self._offer_spans(target, snapshot, assessment.findings, tracked)
        target.planes = dict(snapshot.planes)
        target.overflowed = tracked.overflowed
        self._count_losses(target, snapshot)
        if snapshot.ended:
            target.series.close()
            self.own.forget(target.identity)
            del self._targets[target.identity]

    def flush(self) -> None:
        """The end of an interval: the agent's own metrics go out too. Does not wait."""
        self._describe_targets()
        self._describe_queues()
        live = self.own.collect()
        if live:
            batch = MetricBatch("otelchan", live[0].resource, clock.unix_ns(), live, _points(live))
            for sink in self._sinks:
                sink.offer_metrics(batch)

    def close(self, deadline_s: float = 5.0) -> bool:
        """The last flush, and the end of all series of programs, so that no dashboard shows for minutes what nobody
        looks at any more; waits for the sinks until the deadline. False when something had to be given up."""
        self._end_all()
        self.flush()
        stop_ns = clock.monotonic_ns() + int(deadline_s * 1e9)
        # The file comes last in the list and goes first: it is quick, the network may need all the time there is.
        delivered = [sink.close(max((stop_ns - clock.monotonic_ns()) / 1e9, 0.1)) for sink in reversed(self._sinks)]
        for thread in self._leaving:
            thread.join(max((stop_ns - clock.monotonic_ns()) / 1e9, 0.1))
        self.own.close()
        return all(delivered)

    def _target(self, snapshot: Snapshot) -> _Target:
        attributes = target_attributes(snapshot.process, snapshot.go_version, snapshot.main_module, self._host)
        identity = str(attributes["service.instance.id"])
        if identity not in self._targets:
            tracker = SeriesTracker(self._limit, self._room)
            self._targets[identity] = _Target(identity, resource_message(attributes), tracker, FindingSpans(), {})
        return self._targets[identity]

    def _offer_metrics(self, target: _Target, snapshot: Snapshot, tracked: Tracked) -> None:
        batch = MetricBatch(
            target=target.identity,
            resource=target.resource,
            time_unix_ns=snapshot.time_unix_ns,
            live=(live_metrics(target.resource, tracked.points, snapshot.time_unix_ns),),
            items=len(tracked.points),
            series=tracked.series,
            ended=tracked.ended,
            last=snapshot.ended,
        )
        target.last = batch
        for sink in self._sinks:
            sink.offer_metrics(batch)

    def _end_all(self) -> None:
        """Nobody counts any more: the series of all programs end after their last values."""
        for batch in [target.last for target in self._targets.values() if target.last]:
            ends = replace(batch, live=(), items=0, series=frozenset(), ended=batch.series, last=True, part=True)
            for sink in self._sinks:
                if isinstance(sink, NetworkSink):  # a file ends where it ends, with the last values
                    sink.offer_metrics(ends)

    def _offer_spans(self, target: _Target, snapshot: Snapshot, findings: Sequence[Finding], tracked: Tracked) -> None:
        spans = target.blocks.of(snapshot.spans, tracked.points)
        spans += [panic_span(event) for event in snapshot.panics]
        spans += target.findings.update(findings, snapshot.time_unix_ns, snapshot.ended)
        if spans:
            limit(spans, self._span_limits)
            batch = SpanBatch(target.identity, target.resource, tuple(spans))
            for sink in self._sinks:
                sink.offer_spans(batch)

    def _count_losses(self, target: _Target, snapshot: Snapshot) -> None:
        lost = dict(snapshot.losses.by_reason)
        sampled_out = lost.pop(SAMPLED_OUT, 0) + target.blocks.sampled_out
        self.own.total("otelchan.span.sampled_out", sampled_out, source=target.identity)
        for reason, number in lost.items():
            self.own.total("otelchan.event.lost", number, {"otelchan.reason": reason}, target.identity)

    def _describe_queues(self) -> None:
        """What waits for the network; no series when it is not used."""
        network = next((sink for sink in self._sinks if isinstance(sink, NetworkSink)), None)
        if network is None:
            self.own.withdraw("otelchan.export.queue.size")
            self.own.withdraw("otelchan.export.queue.limit")
            return
        for signal, items in network.queued().items():
            self.own.set("otelchan.export.queue.size", items, {"otelchan.signal": signal})
        self.own.set("otelchan.export.queue.limit", network.span_limit, {"otelchan.signal": "traces"})

    def _describe_targets(self) -> None:
        """Gauges about all targets; what was said before is set to zero when it does not hold any more."""
        self.own.set("otelchan.target.count", len(self._targets))
        self.own.set("otelchan.series.overflow", sum(target.overflowed for target in self._targets.values()))
        planes = [pair for target in self._targets.values() for pair in target.planes.items()]
        self._plane_states |= set(planes)
        for plane, state in self._plane_states:
            number = planes.count((plane, state))
            if state == "on":
                self.own.set("otelchan.probe.attached", number, {"otelchan.plane": plane})
            else:
                reason = {"otelchan.plane": plane, "otelchan.reason": state.replace(" ", "_")}
                self.own.set("otelchan.probe.left_out", number, reason)


def _points(live: Iterable[ResourceMetrics]) -> int:
    metrics = [metric for resource in live for scope in resource.scope_metrics for metric in scope.metrics]
    return sum(
        len(metric.gauge.data_points) + len(metric.sum.data_points) + len(metric.histogram.data_points)
        for metric in metrics
    )
