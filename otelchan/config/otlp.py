"""Settings of what is sent over the network: where to, how, and how much waits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from otelchan.config import patterns
from otelchan.config.describe import count as _count
from otelchan.config.describe import doc as _doc

DEFAULT_ENDPOINTS = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}  # by protocol
AN_ENDPOINT = "an http or https URL, or for grpc host:port"


def _signal(allowed: str, unit: str = "") -> Meta:
    return _doc("As above, for this signal.", allowed, unit=unit, reload=True)


Seconds = Annotated[float, Meta(ge=0.1, le=300)]
Address = Annotated[str, Meta(pattern=patterns.ENDPOINT)]
Path = Annotated[str, Meta(pattern=patterns.PATH)]
Endpoint = Annotated[
    Address | None,
    _doc("Whole address for this signal, used as it is.", AN_ENDPOINT, reload=True),
]
HeaderName = Annotated[str, Meta(pattern=patterns.HEADER_NAME)]
HeaderValue = Annotated[str, Meta(pattern=patterns.HEADER_VALUE)]
Headers = Annotated[
    dict[HeaderName, HeaderValue],
    _doc(
        "Headers of every request; in a variable or flag `name=value,name=value`.",
        f"names and values of printable ASCII, but not `{patterns.MASK}`",
        reload=True,
    ),
]
SomeCompression = Annotated[Literal["none", "gzip"] | None, _signal("none or gzip")]
SomeSeconds = Annotated[Seconds | None, _signal("0.1 to 300", "seconds")]
SomeFile = Annotated[Path | None, _signal("the path of a PEM file")]
SomeProtocol = Annotated[Literal["http/protobuf", "grpc"] | None, _signal("http/protobuf or grpc")]
SomeInsecure = Annotated[bool | None, _signal("true or false")]


class Signal(Struct, frozen=True, forbid_unknown_fields=True):
    """What is different for one signal; unset: as for both."""

    enabled: Annotated[bool, _doc("Whether this signal is sent over the network.", "true or false", reload=True)] = True
    endpoint: Endpoint = None
    headers: Headers = {}
    compression: SomeCompression = None
    timeout_s: SomeSeconds = None
    certificate: SomeFile = None
    client_certificate: SomeFile = None
    client_key: SomeFile = None
    protocol: SomeProtocol = None
    insecure: SomeInsecure = None
    export_timeout_s: Annotated[
        Seconds | None,
        _doc(
            "No request of this signal takes longer, whatever `timeout_s` says.",
            "0.1 to 300",
            unit="seconds",
            reload=True,
        ),
    ] = None


class Otlp(Struct, frozen=True, forbid_unknown_fields=True):
    """Where telemetry goes over the network, and how."""

    enabled: Annotated[bool, _doc("Whether anything is sent over the network.", "true or false", reload=True)] = True
    endpoint: Annotated[
        Address | None,
        _doc(
            "Base address; over HTTP `/v1/metrics` and `/v1/traces` are added, over gRPC a path is ignored. Unset: "
            f"{DEFAULT_ENDPOINTS['http/protobuf']}, for grpc {DEFAULT_ENDPOINTS['grpc']}, or no network when "
            "`otlp_file` is given.",
            AN_ENDPOINT,
            reload=True,
        ),
    ] = None
    headers: Headers = {}
    protocol: Annotated[
        Literal["http/protobuf", "grpc"], _doc("OTLP transport.", "http/protobuf or grpc", reload=True)
    ] = "http/protobuf"
    insecure: Annotated[
        bool,
        _doc("Over gRPC, no TLS to an endpoint that is given without http or https.", "true or false", reload=True),
    ] = False
    compression: Annotated[
        Literal["none", "gzip"], _doc("Compression of request bodies.", "none or gzip", reload=True)
    ] = "none"
    timeout_s: Annotated[
        float, _doc("Longest wait for one request.", "0.1 to 300", ge=0.1, le=300, unit="seconds", reload=True)
    ] = 10.0
    certificate: Annotated[
        Path | None,
        _doc(
            "Certificates to trust instead of the built-in ones.",
            "the path of a PEM file",
            reload=True,
        ),
    ] = None
    client_certificate: Annotated[
        Path | None,
        _doc("Certificate shown to the endpoint.", "the path of a PEM file", reload=True),
    ] = None
    client_key: Annotated[Path | None, _doc("Key of that certificate.", "the path of a PEM file", reload=True)] = None
    span_queue: Annotated[
        int,
        _count(
            "Spans that are kept while their endpoint does not take them; the oldest go first, and are counted.",
            "spans",
            1,
            1_000_000,
        ),
    ] = 4096
    span_batch: Annotated[int, _count("Spans in one request, at most.", "spans", 1, 100_000)] = 512
    span_delay_s: Annotated[
        float,
        _doc(
            "Between two requests with spans, unless there are `span_batch` of them.",
            "0 to 300",
            ge=0,
            le=300,
            unit="seconds",
            reload=True,
        ),
    ] = 0.0
    metrics: Signal = Signal()
    traces: Signal = Signal()

    def of(self, signal: str) -> Signal:
        """What is different for "metrics" or "traces"."""
        return self.metrics if signal == "metrics" else self.traces

    def protocol_of(self, signal: str) -> str:
        """The transport of a signal."""
        return self.of(signal).protocol or self.protocol

    def base_endpoint(self, signal: str) -> str:
        """The address of a signal that has none of its own."""
        return self.endpoint or DEFAULT_ENDPOINTS[self.protocol_of(signal)]
