"""Delivery over the network, in a thread of its own behind bounded queues, so that no endpoint holds up the agent."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message

from otelchan import clock
from otelchan.telemetry.batches import MetricBatch, MetricQueue, SpanBatch, SpanQueue, metrics_request, traces_request
from otelchan.telemetry.delivery_log import SECOND, DeliveryLog
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.transport import Destination, Outcome, Transport, open_transport

log = logging.getLogger("otelchan.telemetry")

MOST_POINTS = 5_000  # in one request: about 1 MB; the Collector takes 4 MiB over gRPC, 20 MiB over HTTP
MOST_SPANS = 512  # in one request, as the SDK's batch processor
LAST_PAUSE_NS = SECOND // 5  # between attempts while closing
GRACE_S = 0.2  # for the thread to end after its deadline


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts: doubling from first_s to most_s, each +-20 % so that agents do not come together."""

    first_s: float = 1.0
    most_s: float = 30.0

    def pause_ns(self, failures: int, asked_s: float) -> int:
        """Before the next attempt, after so many failed ones; never less than the endpoint asked for."""
        pause = min(self.first_s * 2 ** min(failures - 1, 16), self.most_s) * random.uniform(0.8, 1.2)
        return int(max(pause, asked_s) * SECOND)


class _Queue(Protocol):
    """MetricQueue or SpanQueue."""

    def __len__(self) -> int: ...
    def offer(self, batch: Any) -> int: ...
    def take(self, most_items: int) -> list[Any]: ...
    def give_back(self, batches: Sequence[Any]) -> int: ...


@dataclass(slots=True)
class _Lane:
    """One signal on its way. squeezed: why a full queue gives things up. due_ns: no attempt before.

    reason: why the last attempt failed, "" when it did not. in_flight: items of the attempt that is under way.
    turn_to: what takes the place of `transport` before the next attempt.
    """

    transport: Transport
    queue: _Queue
    request: Callable[[Sequence[Any]], Message]
    most_items: int
    squeezed: str
    failures: int = 0
    due_ns: int = 0
    reason: str = ""
    in_flight: int = 0
    turn_to: Transport | None = None

    @property
    def to(self) -> Destination:
        return self.transport.to


class NetworkSink:
    """Sends metrics and spans to their OTLP endpoints. While one is down: the newest metrics of each program and the
    latest spans are kept, the rest is given up and counted."""

    def __init__(
        self, metrics: Destination, traces: Destination, backoff: Backoff | None = None, span_limit: int = 4096
    ) -> None:
        self._backoff = backoff or Backoff()
        self._metrics = _Lane(open_transport(metrics), MetricQueue(), metrics_request, MOST_POINTS, "superseded")
        self._traces = _Lane(open_transport(traces), SpanQueue(span_limit), traces_request, MOST_SPANS, "overflow")
        self._lanes = (self._metrics, self._traces)
        self._reports = DeliveryLog()
        self._wake = threading.Condition()
        self._stop_ns: int | None = None
        self._closed = False
        self._own: AgentMetrics
        self._thread = threading.Thread(target=self._run, name="otelchan-export", daemon=True)

    def start(self, own: AgentMetrics) -> None:
        """Start the thread."""
        self._own = own
        self._thread.start()

    def offer_metrics(self, batch: MetricBatch) -> None:
        """Replaces what waits of the same program."""
        self._offer(self._metrics, batch)

    def offer_spans(self, batch: SpanBatch) -> None:
        """Waits behind the spans that are there already."""
        self._offer(self._traces, batch)

    def _offer(self, lane: _Lane, batch: MetricBatch | SpanBatch) -> None:
        with self._wake:
            self._given_up(lane, lane.queue.offer(batch), lane.squeezed)
            self._wake.notify()

    def redirect(self, metrics: Destination, traces: Destination) -> None:
        """What waits goes there, and what comes; an attempt that is under way ends first. Connections are new, so
        certificates are read again."""
        with self._wake:
            for lane, to in zip(self._lanes, (metrics, traces), strict=True):
                lane.turn_to, replaced = open_transport(to), lane.turn_to
                lane.due_ns = 0
                if replaced:
                    replaced.close()
            self._wake.notify()

    def close(self, deadline_s: float) -> bool:
        """Attempts for everything, pauses cut short, until the deadline."""
        with self._wake:
            if self._stop_ns is not None:
                return True
            self._stop_ns = clock.monotonic_ns() + int(deadline_s * SECOND)
            for lane in self._lanes:
                lane.due_ns = 0
            self._wake.notify()
        self._thread.join(deadline_s + GRACE_S)
        return self._give_up_the_rest() == 0

    def _give_up_the_rest(self) -> int:
        left = []
        with self._wake:
            self._closed = True
            for lane in self._lanes:
                left.append(lane.in_flight + sum(batch.items for batch in lane.queue.take(1 << 60)))
                self._given_up(lane, left[-1], "shutdown")
                lane.transport.close()
                if lane.turn_to:
                    lane.turn_to.close()
        if any(left):
            log.warning(
                "%d metric points and %d spans could not be delivered to %s and %s before otelchan ended",
                *left,
                self._metrics.to.address,
                self._traces.to.address,
            )
        return sum(left)

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while (pause_s := self._pause_s()) != 0:
                    self._wake.wait(pause_s)
                if self._done():
                    return
            for lane in self._lanes:
                self._advance(lane)

    def _pause_s(self) -> float | None:
        """Until something is due; None: until something is offered; 0: now."""
        if self._done():
            return 0
        waiting = [lane.due_ns for lane in self._lanes if len(lane.queue)]
        if not waiting:
            return None
        due_ns = min(waiting) if self._stop_ns is None else min(*waiting, self._stop_ns)
        return max(due_ns - clock.monotonic_ns(), 0) / SECOND

    def _done(self) -> bool:
        if self._stop_ns is None:
            return False
        return clock.monotonic_ns() >= self._stop_ns or not any(len(lane.queue) for lane in self._lanes)

    def _advance(self, lane: _Lane) -> None:
        """Send what waits in this lane, if it is due, until it is empty, fails, or another lane has waited enough."""
        while len(lane.queue) and clock.monotonic_ns() >= lane.due_ns:
            self._turn(lane)
            timeout_s = lane.to.timeout_s
            if self._stop_ns is not None:
                timeout_s = min(timeout_s, (self._stop_ns - clock.monotonic_ns()) / SECOND)
            if timeout_s <= 0:
                return
            self._send(lane, timeout_s)

    def _turn(self, lane: _Lane) -> None:
        with self._wake:
            if lane.turn_to and not self._closed:
                lane.transport.close()
                lane.transport, lane.turn_to = lane.turn_to, None
                lane.failures, lane.reason = 0, ""

    def _send(self, lane: _Lane, timeout_s: float) -> None:
        with self._wake:
            batches = lane.queue.take(lane.most_items)
            lane.in_flight = items = sum(batch.items for batch in batches)
        begin = clock.monotonic_ns()
        outcome = lane.transport.send(lane.request(batches).SerializeToString(), timeout_s)
        self._own.add(
            "otelchan.export.duration", (clock.monotonic_ns() - begin) / SECOND, {"otelchan.signal": lane.to.signal}
        )
        with self._wake:
            if self._closed:  # what was under way has been counted as given up, and closing ended it
                return
            lane.in_flight = 0
            if outcome.delivered:
                self._on_delivered(lane, outcome, items)
            elif outcome.retry:
                self._on_failed(lane, outcome)
                lane.failures += 1
                if not lane.turn_to:
                    lane.due_ns = clock.monotonic_ns() + self._next_pause_ns(lane.failures, outcome.retry_after_s)
                self._given_up(lane, lane.queue.give_back(batches), lane.squeezed)
            else:
                self._on_failed(lane, outcome)
                self._given_up(lane, items, outcome.reason)

    def _next_pause_ns(self, failures: int, asked_s: float) -> int:
        if self._stop_ns is not None:
            return LAST_PAUSE_NS
        return self._backoff.pause_ns(failures, asked_s)

    def _on_delivered(self, lane: _Lane, outcome: Outcome, items: int) -> None:
        lane.failures, lane.due_ns, lane.reason = 0, 0, ""
        to, signal = lane.to, {"otelchan.signal": lane.to.signal}
        self._reports.delivered(to.origin, to.address)
        self._own.add("otelchan.export.sent", max(items - outcome.rejected, 0), signal)
        if outcome.rejected:
            reason = {"otelchan.reason": "partial_success"}
            self._own.add("otelchan.export.rejected", outcome.rejected, {**signal, **reason})
        if outcome.rejected or outcome.detail:
            self._reports.remark(
                f"partial success {to.address}",
                f"{to.address} took a request but rejected {outcome.rejected} of {items} items: "
                f"{outcome.detail or 'no reason given'}; see the log of what listens there",
            )

    def _on_failed(self, lane: _Lane, outcome: Outcome) -> None:
        lane.reason = outcome.reason
        # A bad status is about this address; no connection is about the host, so it is said once for both signals.
        key = lane.to.address if outcome.answered else lane.to.origin
        self._reports.failed(key, outcome.detail, outcome.retry, outcome.advice)

    def _given_up(self, lane: _Lane, items: int, reason: str) -> None:
        """Count what is lost, under the reason why the endpoint does not take it, if there is one."""
        if items:
            self._reports.lost(items, lane.to.origin, lane.to.address)
            self._own.add(
                "otelchan.export.failed",
                items,
                {"otelchan.signal": lane.to.signal, "otelchan.reason": lane.reason or reason},
            )
