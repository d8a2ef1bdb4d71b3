"""What became of one signal: counted in the agent's own metrics, and said in the log."""

from __future__ import annotations

from otelchan.telemetry.delivery_log import SECOND, DeliveryLog
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.transport import Destination, Outcome


class Account:
    """Of one signal. own: to be set before anything is counted. reason: why the last attempt failed, "" when it did
    not. to: where the signal goes at the moment."""

    def __init__(self, reports: DeliveryLog) -> None:
        self.own: AgentMetrics
        self.reason = ""
        self._reports = reports

    def took(self, to: Destination, duration_ns: int) -> None:
        """An attempt has ended, however."""
        self.own.add("otelchan.export.duration", duration_ns / SECOND, {"otelchan.signal": to.signal})

    def delivered(self, to: Destination, outcome: Outcome, items: int) -> None:
        """So many items were taken, except for those that were rejected."""
        self.reason = ""
        signal = {"otelchan.signal": to.signal}
        rejected = min(max(outcome.rejected, 0), items)  # it may answer anything
        self._reports.delivered(to.origin, to.address)
        self.own.add("otelchan.export.sent", items - rejected, signal)
        if rejected:
            reason = {"otelchan.reason": "partial_success"}
            self.own.add("otelchan.export.rejected", rejected, {**signal, **reason})
        if rejected or outcome.detail:
            self._reports.remark(
                f"partial success {to.address}",
                f"{to.address} took a request but rejected {rejected} of {items} items: "
                f"{outcome.detail or 'no reason given'}; see the log of what listens there",
            )

    def failed(self, to: Destination, outcome: Outcome, began_ns: int) -> None:
        """An attempt, which began then, has failed."""
        self.reason = outcome.reason
        # A bad status is about this address; no connection is about the host, so it is said once for both signals.
        key = to.address if outcome.answered else to.origin
        self._reports.failed(key, outcome.detail, outcome.retry, outcome.advice, began_ns)

    def too_large(self, to: Destination, outcome: Outcome, size: int, most: int) -> None:
        """A request of that size was refused: from now on they have at most so many bytes."""
        self._reports.remark(
            f"too large {to.address}",
            f"{to.address} does not take {size} bytes at once ({outcome.detail}): they go in parts of at most {most}; "
            "raise its limit, or lower series_per_process",
        )

    def bug(self, to: Destination, error: Exception, items: int) -> None:
        """Something went wrong on this side, and so many items are given up."""
        self.reason = "internal"
        words = f"a bug of ours, please report it: {type(error).__name__}: {error}"
        self._reports.failed(to.address, words, retry=False)
        self.given_up(to, items, self.reason)

    def given_up(self, to: Destination, items: int, reason: str) -> None:
        """Count what is lost, under the reason why the endpoint does not take it, if there is one."""
        if items:
            self._reports.lost(items, to.origin, to.address)
            attributes = {"otelchan.signal": to.signal, "otelchan.reason": self.reason or reason}
            self.own.add("otelchan.export.failed", items, attributes)
