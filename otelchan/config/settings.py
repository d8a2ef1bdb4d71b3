"""Every setting there is: name with its unit, default, what is allowed, what it means. Data; config reads it in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta, Struct

DEFAULT_ENDPOINT = "http://localhost:4318"


Seconds = Annotated[float, Meta(ge=0.1, le=300)]
Percent = Annotated[float, Meta(gt=0, le=100)]


def _doc(text: str, allowed: str, ge: float | None = None, le: float | None = None) -> Meta:
    return Meta(description=text, extra={"allowed": allowed}, ge=ge, le=le)


Endpoint = Annotated[str | None, _doc("Whole address for this signal, used as it is.", "an http or https URL")]
Headers = Annotated[
    dict[str, str], _doc("Headers of every request; in a variable or flag `name=value,name=value`.", "names and values")
]
SomeCompression = Annotated[Literal["none", "gzip"] | None, _doc("Of request bodies, for this signal.", "none or gzip")]
SomeSeconds = Annotated[Seconds | None, _doc("Longest wait for one request of this signal, seconds.", "0.1 to 300")]
SomeFile = Annotated[str | None, _doc("As above, for this signal.", "the path of a PEM file")]
Protocol = Annotated[Literal["http/protobuf"] | None, _doc("As above, for this signal.", "http/protobuf")]


class Signal(Struct, frozen=True, forbid_unknown_fields=True):
    """What is different for one signal; unset: as for both."""

    endpoint: Endpoint = None
    headers: Headers = {}
    compression: SomeCompression = None
    timeout_s: SomeSeconds = None
    certificate: SomeFile = None
    client_certificate: SomeFile = None
    client_key: SomeFile = None
    protocol: Protocol = None


class Otlp(Struct, frozen=True, forbid_unknown_fields=True):
    """Where telemetry goes over the network, and how."""

    enabled: Annotated[bool, _doc("Whether anything is sent over the network.", "true or false")] = True
    endpoint: Annotated[
        str | None,
        _doc(
            f"Base address; `/v1/metrics` and `/v1/traces` are added. Unset: {DEFAULT_ENDPOINT}, or no network when "
            "`otlp_file` is given.",
            "an http or https URL",
        ),
    ] = None
    headers: Headers = {}
    protocol: Annotated[Literal["http/protobuf"], _doc("OTLP transport.", "http/protobuf")] = "http/protobuf"
    compression: Annotated[Literal["none", "gzip"], _doc("Of request bodies.", "none or gzip")] = "none"
    timeout_s: Annotated[float, _doc("Longest wait for one request, seconds.", "0.1 to 300", ge=0.1, le=300)] = 10.0
    certificate: Annotated[
        str | None, _doc("Certificates to trust instead of the built-in ones.", "the path of a PEM file")
    ] = None
    client_certificate: Annotated[str | None, _doc("Shown to the endpoint.", "the path of a PEM file")] = None
    client_key: Annotated[str | None, _doc("Its key.", "the path of a PEM file")] = None
    metrics: Signal = Signal()
    traces: Signal = Signal()

    @property
    def base_endpoint(self) -> str:
        """The base address that is used."""
        return self.endpoint or DEFAULT_ENDPOINT


class Findings(Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of findings."""

    leak_suspect_s: Annotated[
        float,
        _doc("A goroutine parked on a channel longer than this is a suspect, seconds.", "1 to 86400", ge=1, le=86400),
    ] = 5.0
    leak_long_s: Annotated[
        float, _doc("A goroutine parked longer than this is long-lived, seconds.", "1 to 86400", ge=1, le=86400)
    ] = 30.0
    leak_window_s: Annotated[
        float,
        _doc("How far back suspects are looked at for growth and turnover, seconds.", "10 to 86400", ge=10, le=86400),
    ] = 60.0
    leak_long_window_s: Annotated[
        float, _doc("The same for long-lived ones, seconds: finds slow leaks.", "10 to 86400", ge=10, le=86400)
    ] = 600.0
    leak_growth: Annotated[
        int, _doc("Goroutines that must have joined a group for good before it counts as growing.", "1 or more", ge=1)
    ] = 3
    leak_stuck: Annotated[
        int,
        _doc("So many long-lived senders in a group, none of which ever got on, are stuck.", "2 or more", ge=2),
    ] = 10


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. Units are in the names: s seconds, ms milliseconds."""

    interval_s: Annotated[float, _doc("Between two exports, seconds.", "0.1 to 3600", ge=0.1, le=3600)] = 10.0
    max_overhead: Annotated[
        Percent | None,
        _doc(
            "Probe time that a watched program may pay, percent of one core; `off`: no limit, for measurements.",
            "more than 0, at most 100, or off",
        ),
    ] = 3.0
    span_threshold_ms: Annotated[
        float, _doc("Blocks longer than this become spans, milliseconds.", "0 to 3600000", ge=0, le=3_600_000)
    ] = 10.0
    spans_per_second: Annotated[
        float, _doc("Spans per second and program, at most.", "0 to 10000", ge=0, le=10_000)
    ] = 100.0
    series_per_process: Annotated[int, _doc("Time series per program, at most.", "1 or more", ge=1)] = 2000
    series_total: Annotated[int, _doc("Time series of all programs, at most.", "1 or more", ge=1)] = 20000
    otlp_file: Annotated[
        str | None,
        _doc(
            "File for OTLP JSON lines, instead of the network, or beside it when an endpoint is given too; "
            "`{signal}` in it becomes `metrics` and `traces`, for a file each.",
            "a path",
        ),
    ] = None
    otlp: Otlp = Otlp()
    findings: Findings = Findings()

    @property
    def uses_network(self) -> bool:
        """Whether anything is sent over the network: always, unless only a file is asked for or it is disabled."""
        given = self.otlp.endpoint or self.otlp.metrics.endpoint or self.otlp.traces.endpoint
        return self.otlp.enabled and (not self.otlp_file or bool(given))


class Leaf(NamedTuple):
    """One setting. key: dotted path."""

    key: str
    type: Any
    default: Any
    text: str
    allowed: str

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "OTELCHAN_" + self.key.upper().replace(".", "_")


def _leaves(struct: type[Struct], prefix: str = "") -> Iterator[Leaf]:
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        kind = hints[field.name]
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _leaves(kind, f"{prefix}{field.name}.")
            continue
        (meta,) = kind.__metadata__
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        yield Leaf(prefix + field.name, kind, default, meta.description, meta.extra["allowed"])


LEAVES = {leaf.key: leaf for leaf in _leaves(Config)}
