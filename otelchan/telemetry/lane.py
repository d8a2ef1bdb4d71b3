"""One signal on its way: what waits, the connection, and a thread of its own, so that an endpoint that is slow with one
signal does not hold up the other."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message

from otelchan import clock
from otelchan.telemetry.account import Account
from otelchan.telemetry.delivery_log import SECOND, DeliveryLog
from otelchan.telemetry.halves import halves
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.transport import Destination, Outcome, Transport, open_transport

log = logging.getLogger("otelchan.telemetry")

MOST_BYTES = 4_000_000  # of a request without compression: gRPC servers take 4 MiB, the Collector over HTTP 20
LEAST_BYTES = 65_536  # who does not take that much takes nothing
LAST_PAUSE_NS = SECOND // 5  # between attempts while closing


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
    @property
    def items(self) -> int: ...
    def offer(self, batch: Any) -> int: ...
    def take(self, most_items: int) -> list[Any]: ...
    def give_back(self, batches: Sequence[Any]) -> int: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What is particular to a signal. request: the message of batches. squeezed: why a full queue gives things up."""

    queue: _Queue
    request: Callable[[Sequence[Any]], Message]
    squeezed: str


class Lane:
    """Safe to call from any thread. Everything that is offered is sent, or counted as given up with a reason."""

    def __init__(self, to: Destination, kind: Kind, backoff: Backoff, reports: DeliveryLog) -> None:
        self._transport: Transport = open_transport(to)
        self._kind, self._queue = kind, kind.queue
        self._backoff, self._account = backoff, Account(reports)
        self._turn_to: Transport | None = None  # takes the place of the transport before the next attempt
        self._most_bytes = MOST_BYTES
        self._failures = 0
        self._due_ns = 0  # no attempt before
        self._last_ns = 0  # when the last attempt ended
        self._in_flight = 0  # items of the round that is under way
        self._wake = threading.Condition()
        self._stop_ns: int | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="otelchan-export", daemon=True)

    @property
    def to(self) -> Destination:
        """Where it sends now."""
        return self._transport.to

    @property
    def waiting(self) -> int:
        """Items that wait, or are under way."""
        with self._wake:
            return self._queue.items + self._in_flight

    def start(self, own: AgentMetrics) -> None:
        """Start the thread."""
        self._account.own = own
        self._thread.start()

    def offer(self, batch: Any) -> None:
        """Waits with what is there already."""
        with self._wake:
            self._account.given_up(self.to, self._queue.offer(batch), self._kind.squeezed)
            self._wake.notify()

    def redirect(self, to: Destination) -> None:
        """What waits goes there, and what comes; an attempt that is under way ends first. The connection is new."""
        with self._wake:
            self._turn_to, replaced = open_transport(to), self._turn_to
            self._due_ns = 0
            if replaced:
                replaced.close()
            self._wake.notify()

    def stop(self, stop_ns: int) -> bool:
        """Pauses are cut short from now on, and nothing is begun after that time. False: it was said before."""
        with self._wake:
            if self._stop_ns is not None:
                return False
            self._stop_ns = stop_ns
            self._due_ns = 0
            self._wake.notify()
            return True

    def end(self, wait_s: float) -> int:
        """Wait for the thread so long; how many items could not be delivered."""
        self._thread.join(wait_s)
        with self._wake:
            self._closed = True
            left: int = self._in_flight + sum(batch.items for batch in self._queue.take(1 << 60))
            self._in_flight = 0
            self._account.given_up(self.to, left, "shutdown")
            self._transport.close()
            if self._turn_to:
                self._turn_to.close()
        return left

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while (pause_s := self._pause_s()) != 0:
                    self._wake.wait(pause_s)
                if self._done():
                    return
            self._turn()
            if (timeout_s := self._timeout_s()) > 0:
                try:
                    self._round(timeout_s)
                except Exception as error:  # or exporting would be over, and nobody told
                    self._on_bug(error)

    def _pause_s(self) -> float | None:
        """Until something is due; None: until something is offered; 0: now."""
        if self._done():
            return 0
        if not len(self._queue):
            return None
        due_ns = self._due_ns
        if self._stop_ns is not None:
            due_ns = min(due_ns, self._stop_ns)
        elif len(self._queue) < self.to.most_items:
            due_ns = max(due_ns, self._last_ns + int(self.to.delay_s * SECOND))
        return max(due_ns - clock.monotonic_ns(), 0) / SECOND

    def _done(self) -> bool:
        if self._stop_ns is None:
            return False
        return clock.monotonic_ns() >= self._stop_ns or not len(self._queue)

    def _turn(self) -> None:
        with self._wake:
            if self._turn_to and not self._closed:
                self._transport.close()
                self._transport, self._turn_to = self._turn_to, None
                self._failures, self._most_bytes = 0, MOST_BYTES
                self._account.reason = ""

    def _timeout_s(self) -> float:
        if self._stop_ns is None:
            return self.to.timeout_s
        return min(self.to.timeout_s, (self._stop_ns - clock.monotonic_ns()) / SECOND)

    def _round(self, timeout_s: float) -> None:
        """Send the oldest of what waits, in one request if that is not too large, until a failure."""
        with self._wake:
            batches = self._queue.take(self.to.most_items)
            self._in_flight = sum(batch.items for batch in batches)
        groups = deque([batches])
        while groups and timeout_s > 0:
            message = self._kind.request(groups[0]).SerializeToString()
            parts = halves(groups[0]) if len(message) > self._most_bytes else None
            if parts is None:
                began_ns = clock.monotonic_ns()
                outcome = self._attempt(message, timeout_s)
                parts = halves(groups[0]) if self._too_large(outcome, len(message)) else None
                if parts is None and not self._conclude(groups, outcome, began_ns):
                    return
            if parts is not None:
                groups.popleft()
                groups.extendleft(reversed(parts))
            timeout_s = self._timeout_s()
        with self._wake:
            if groups and not self._closed:  # closing
                self._in_flight = 0
                self._give_back(groups)

    def _attempt(self, message: bytes, timeout_s: float) -> Outcome:
        begin = clock.monotonic_ns()
        outcome = self._transport.send(message, timeout_s)
        self._last_ns = clock.monotonic_ns()
        self._account.took(self.to, self._last_ns - begin)
        return outcome

    def _too_large(self, outcome: Outcome, size: int) -> bool:
        """Whether half of it may be taken. From then on no request is as large."""
        if not outcome.too_large or size <= LEAST_BYTES:
            return False
        self._most_bytes = max(size // 2, LEAST_BYTES)
        self._account.too_large(self.to, outcome, size, self._most_bytes)
        return True

    def _conclude(self, groups: deque[list[Any]], outcome: Outcome, began_ns: int) -> bool:
        """What becomes of the first group; False: it and the others have to wait, or all is over."""
        with self._wake:
            if self._closed:  # what was under way has been counted as given up, and closing ended it
                return False
            if not outcome.delivered and outcome.retry:
                self._in_flight = 0
                self._account.failed(self.to, outcome, began_ns)
                self._failures += 1
                if not self._turn_to:
                    self._due_ns = clock.monotonic_ns() + self._next_pause_ns(outcome.retry_after_s)
                self._give_back(groups)
                return False
            items = sum(batch.items for batch in groups.popleft())
            self._in_flight -= items
            if outcome.delivered:
                self._failures, self._due_ns = 0, 0
                self._account.delivered(self.to, outcome, items)
            else:
                self._account.failed(self.to, outcome, began_ns)
                self._account.given_up(self.to, items, outcome.reason)
            return True

    def _on_bug(self, error: Exception) -> None:
        """What was under way is given up; what waits is tried as ever."""
        log.debug("sending failed", exc_info=True)
        with self._wake:
            if not self._closed:
                self._account.bug(self.to, error, self._in_flight)
                self._in_flight = 0
                self._due_ns = clock.monotonic_ns() + self._next_pause_ns(0.0)

    def _give_back(self, groups: deque[list[Any]]) -> None:
        lost = self._queue.give_back([batch for group in groups for batch in group])
        self._account.given_up(self.to, lost, self._kind.squeezed)

    def _next_pause_ns(self, asked_s: float) -> int:
        if self._stop_ns is not None:
            return LAST_PAUSE_NS
        return self._backoff.pause_ns(self._failures, asked_s)
