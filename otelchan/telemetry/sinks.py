"""Where telemetry goes: the seam between what is exported and how it gets there."""

from __future__ import annotations

from typing import Protocol

from otelchan.telemetry.batches import MetricBatch, SpanBatch
from otelchan.telemetry.own import AgentMetrics


class Sink(Protocol):
    """Something that takes telemetry: the network, or a file. None of these calls waits for anything, except close."""

    def start(self, own: AgentMetrics) -> None:
        """Begin; what is delivered and lost is counted in `own`. Raises UsageError for what the user can fix."""
        ...

    def offer_metrics(self, batch: MetricBatch) -> None:
        """Take the metrics of one program."""
        ...

    def offer_spans(self, batch: SpanBatch) -> None:
        """Take spans of one program."""
        ...

    def close(self, deadline_s: float) -> bool:
        """Deliver what waits, for at most about so long, and stop. False when something had to be given up."""
        ...
