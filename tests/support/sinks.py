"""A sink that sends to an endpoint of a test, and what it has counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from otelchan.config import Otlp
from otelchan.telemetry.export import Backoff, NetworkSink
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.transport import destination
from tests.support.snapshots import attributes, by_name, data_points

QUICK = Backoff(first_s=0.02, most_s=0.05)


@contextmanager
def started(
    otlp: Otlp, backoff: Backoff = QUICK, span_limit: int | None = None
) -> Iterator[tuple[NetworkSink, AgentMetrics]]:
    """A started sink and what it counts; closed at the end."""
    sink = NetworkSink(destination(otlp, "metrics"), destination(otlp, "traces"), backoff, span_limit)
    own = AgentMetrics()
    sink.start(own)
    try:
        yield sink, own
    finally:
        sink.close(0.0)


def counted(own: AgentMetrics, name: str) -> dict[tuple[str, ...], float]:
    """A counter's values by attribute values."""
    (live,) = own.collect()
    metric = by_name(live).get(name)
    points = data_points(metric) if metric else []
    return {tuple(attributes(point).values()): point.as_int or point.as_double for point in points}
