"""Delivery over the network, in threads of its own behind bounded queues, so that no endpoint holds up the agent."""

from __future__ import annotations

import logging
from dataclasses import replace

from otelchan import clock
from otelchan.telemetry.batches import MetricBatch, MetricQueue, SpanBatch, SpanQueue, metrics_request, traces_request
from otelchan.telemetry.delivery_log import SECOND, DeliveryLog
from otelchan.telemetry.lane import Backoff, Kind, Lane
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.transport import Destination

__all__ = ["Backoff", "NetworkSink"]

log = logging.getLogger("otelchan.telemetry")

GRACE_S = 0.2  # for a thread to end after its deadline


class NetworkSink:
    """Sends metrics and spans to their OTLP endpoints. While one is down: the newest metrics of each program and the
    latest spans are kept, the rest is given up and counted. What is switched off for the network is not taken."""

    def __init__(
        self, metrics: Destination, traces: Destination, backoff: Backoff | None = None, span_limit: int | None = None
    ) -> None:
        if span_limit is not None:
            traces = replace(traces, most_waiting=span_limit)
        reports = DeliveryLog()
        backoff = backoff or Backoff()
        self._spans = SpanQueue(traces.most_waiting)
        self._metrics = Lane(metrics, Kind(MetricQueue(), metrics_request, "superseded"), backoff, reports)
        self._traces = Lane(traces, Kind(self._spans, traces_request, "overflow"), backoff, reports)
        self._lanes = (self._metrics, self._traces)
        self._enabled = (metrics.enabled, traces.enabled)

    def start(self, own: AgentMetrics) -> None:
        """Start the threads."""
        for lane in self._lanes:
            lane.start(own)

    def offer_metrics(self, batch: MetricBatch) -> None:
        """Replaces what waits of the same program."""
        if self._enabled[0]:
            self._metrics.offer(batch)

    def offer_spans(self, batch: SpanBatch) -> None:
        """Waits behind the spans that are there already."""
        if self._enabled[1]:
            self._traces.offer(batch)

    def queued(self) -> dict[str, int]:
        """Metric points and spans that wait or are under way, by signal."""
        return {lane.to.signal: lane.waiting for lane in self._lanes}

    @property
    def span_limit(self) -> int:
        """Spans that may wait."""
        return self._spans.limit

    def redirect(self, metrics: Destination, traces: Destination) -> None:
        """What waits goes there, and what comes; an attempt that is under way ends first. Connections are new, so
        certificates are read again."""
        self._enabled = (metrics.enabled, traces.enabled)
        self._spans.limit = traces.most_waiting
        self._metrics.redirect(metrics)
        self._traces.redirect(traces)

    def close(self, deadline_s: float) -> bool:
        """Attempts for everything, pauses cut short, until the deadline."""
        stop_ns = clock.monotonic_ns() + int(deadline_s * SECOND)
        if not all([lane.stop(stop_ns) for lane in self._lanes]):
            return True
        left = []
        for lane in self._lanes:
            left.append(lane.end(max((stop_ns - clock.monotonic_ns()) / SECOND, 0) + GRACE_S))
        if any(left):
            log.warning(
                "%d metric points and %d spans could not be delivered to %s and %s before otelchan ended",
                *left,
                self._metrics.to.address,
                self._traces.to.address,
            )
        return sum(left) == 0
