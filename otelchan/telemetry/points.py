"""What is exported of one program at one moment, before it is encoded: a list of points. Nothing here knows OTLP."""

from __future__ import annotations

from typing import NamedTuple

Attributes = tuple[tuple[str, str | int | float | bool], ...]
Series = tuple[str, Attributes]  # metric name and attributes: what makes a time series one within a Resource


class HistogramValue(NamedTuple):
    """counts: per bucket, one more than the metric has bounds. sum: in the metric's unit."""

    counts: tuple[int, ...]
    sum: float


class Exemplar(NamedTuple):
    """value: in the metric's unit. Points at a span that carries otelchan.exemplar=true."""

    value: float
    time_unix_ns: int
    trace_id: bytes
    span_id: bytes


Value = int | float | HistogramValue


class Point(NamedTuple):
    """start_unix_ns: since when a cumulative value counts; 0 for gauges."""

    name: str
    attributes: Attributes
    value: Value
    start_unix_ns: int = 0
    exemplars: tuple[Exemplar, ...] = ()

    @property
    def series(self) -> Series:
        """Which time series it belongs to."""
        return (self.name, self.attributes)
