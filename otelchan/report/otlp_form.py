"""Lines of OTLP JSON (specification, protocol/otlp.md and protocol/file-exporter.md), as far as a report reads them.

What the agent's `--otlp-file` writes, and the Collector's file exporter: one MetricsData or TracesData per line. Fields
that are not here are passed over, so that newer writers can be read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import msgspec

from otelchan.gobinary.types import Frame

DELTA = 1  # AggregationTemporality, opentelemetry/proto/metrics/v1/metrics.proto
NO_RECORDED_VALUE = 1  # DataPointFlags, likewise
Integer = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
LEAST, MOST = 1e-12, 1e18
Attribute = str | int | float | bool


class Value(msgspec.Struct, rename="camel"):
    """AnyValue; what is none of these is passed over."""

    string_value: str | None = None
    int_value: Integer | None = None
    double_value: float | None = None
    bool_value: bool | None = None


class KeyValue(msgspec.Struct):
    """An attribute."""

    key: str = ""
    value: Value = msgspec.field(default_factory=Value)


class Resource(msgspec.Struct):
    """Who the data is about."""

    attributes: list[KeyValue] = []


class Scope(msgspec.Struct):
    """What made the data."""

    name: str = ""
    version: str = ""


class DataPoint(msgspec.Struct, rename="camel"):
    """NumberDataPoint and HistogramDataPoint in one."""

    attributes: list[KeyValue] = []
    start_time_unix_nano: Natural = 0
    time_unix_nano: Natural = 0
    flags: Natural = 0
    as_double: float | None = None
    as_int: Integer | None = None
    sum: float | None = None
    bucket_counts: list[Natural] = []
    explicit_bounds: list[float] = []

    @property
    def number(self) -> float:
        """Of a NumberDataPoint: always one that can be reckoned with."""
        return _usable(float(self.as_int) if self.as_int is not None else self.as_double or 0.0)

    @property
    def total(self) -> float:
        """The sum of a HistogramDataPoint, likewise."""
        return _usable(self.sum or 0.0)

    @property
    def ends(self) -> bool:
        """There is no value: the series is over."""
        return bool(self.flags & NO_RECORDED_VALUE)


class Data(msgspec.Struct, rename="camel"):
    """Gauge, Sum or Histogram. Of an enumeration OTLP JSON has the number; a name is passed over."""

    data_points: list[DataPoint] = []
    aggregation_temporality: int | str = 0


class Metric(msgspec.Struct):
    """One metric's points."""

    name: str = ""
    gauge: Data | None = None
    sum: Data | None = None
    histogram: Data | None = None

    @property
    def data(self) -> Data:
        """Its points, of whatever kind."""
        return self.gauge or self.sum or self.histogram or Data()


class Event(msgspec.Struct, rename="camel"):
    """Something within a span."""

    name: str = ""
    attributes: list[KeyValue] = []


class Link(msgspec.Struct, rename="camel"):
    """To another span."""

    span_id: str = ""
    attributes: list[KeyValue] = []


class Span(msgspec.Struct, rename="camel"):
    """A span."""

    span_id: str = ""
    name: str = ""
    start_time_unix_nano: Natural = 0
    end_time_unix_nano: Natural = 0
    attributes: list[KeyValue] = []
    events: list[Event] = []
    links: list[Link] = []


class ScopeMetrics(msgspec.Struct):
    """Metrics of one scope."""

    scope: Scope = msgspec.field(default_factory=Scope)
    metrics: list[Metric] = []


class ScopeSpans(msgspec.Struct):
    """Spans of one scope."""

    scope: Scope = msgspec.field(default_factory=Scope)
    spans: list[Span] = []


class Telemetry(msgspec.Struct, rename="camel"):
    """Of one Resource, metrics or spans."""

    resource: Resource = msgspec.field(default_factory=Resource)
    scope_metrics: list[ScopeMetrics] = []
    scope_spans: list[ScopeSpans] = []


class Content(msgspec.Struct, rename="camel"):
    """One line. Of logs and profiles it is only told that they are there."""

    resource_metrics: list[Telemetry] | None = None
    resource_spans: list[Telemetry] | None = None
    resource_logs: msgspec.Raw = msgspec.Raw()
    resource_profiles: msgspec.Raw = msgspec.Raw()

    @property
    def others(self) -> int:
        """How many kinds of data it has that are none of ours."""
        return sum(bool(bytes(kind)) for kind in (self.resource_logs, self.resource_profiles))

    @property
    def is_otlp(self) -> bool:
        """Whether it has any of the keys of such a line."""
        return self.resource_metrics is not None or self.resource_spans is not None or bool(self.others)


def _usable(value: float) -> float:
    """Nothing that is measured is greater or, but for 0, nearer to 0, and infinity would spread."""
    return 0.0 if math.isnan(value) or abs(value) < LEAST else min(max(value, -MOST), MOST)


_DECODER = msgspec.json.Decoder(Content, strict=False)  # 64-bit integers are strings in OTLP JSON


def content_of(line: bytes) -> Content | None:
    """What a line says; None when it is no OTLP JSON."""
    try:
        content = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return content if content.is_otlp else None


def attributes_of(pairs: list[KeyValue]) -> dict[str, Attribute]:
    """By key; those without a plain value are left out."""
    found: dict[str, Attribute] = {}
    for pair in pairs:
        value = pair.value
        for plain in (value.string_value, value.int_value, value.bool_value, value.double_value):
            if plain is not None:
                found[pair.key] = plain
                break
    return found


def text(attributes: Mapping[str, Attribute], name: str) -> str:
    """An attribute as text; "" when it is not there."""
    value = attributes.get(name)
    return "" if value is None else str(value)


def number(attributes: Mapping[str, Attribute], name: str) -> int:
    """An attribute as an integer; 0 when it is not there or none."""
    value = attributes.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def frames_of(stack: str) -> tuple[Frame, ...]:
    """code.stacktrace as the agent writes it: a function, and under it a tab, the file and the line."""
    lines = stack.split("\n")
    return tuple(_frame(function, place) for function, place in zip(lines[::2], lines[1::2], strict=False))


def _frame(function: str, place: str) -> Frame:
    file, _, line = place.strip().rpartition(":")
    return Frame(function, file, int(line) if line.isdecimal() and len(line) < 10 else 0)
