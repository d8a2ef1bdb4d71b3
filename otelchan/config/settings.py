"""Every setting there is: name with its unit, default, what is allowed, what it means. Data; config reads it in."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from otelchan.config import patterns
from otelchan.config.describe import count as _count
from otelchan.config.describe import doc as _doc
from otelchan.config.dumps import Dumps
from otelchan.config.findings import Findings
from otelchan.config.naming import Naming
from otelchan.config.objectives import Objectives
from otelchan.config.targets import Rules

DEFAULT_ENDPOINTS = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}  # by protocol
AUTO = "auto"
AN_ENDPOINT = "an http or https URL, or for grpc host:port"


def _signal(allowed: str, unit: str = "") -> Meta:
    return _doc("As above, for this signal.", allowed, unit=unit, reload=True)


Seconds = Annotated[float, Meta(ge=0.1, le=300)]
Percent = Annotated[float, Meta(gt=0, le=100)]
NodePercent = Annotated[float, Meta(gt=0, le=10_000)]  # of one core, and a node may have a hundred
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

    endpoint: Endpoint = None
    headers: Headers = {}
    compression: SomeCompression = None
    timeout_s: SomeSeconds = None
    certificate: SomeFile = None
    client_certificate: SomeFile = None
    client_key: SomeFile = None
    protocol: SomeProtocol = None
    insecure: SomeInsecure = None


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


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. Units are in the names: s seconds, ms milliseconds."""

    interval_s: Annotated[
        float, _doc("Between two exports.", "0.1 to 3600", ge=0.1, le=3600, unit="seconds", reload=True)
    ] = 10.0
    max_overhead: Annotated[
        Percent | None,
        _doc(
            "Probe time that a watched program may pay; `off`: no limit, also none for the node, for measurements.",
            "more than 0, at most 100, or off",
            unit="percent of one core",
            reload=True,
            off=True,
        ),
    ] = 3.0
    max_overhead_node: Annotated[
        NodePercent | None,
        _doc(
            "Probe time that all watched programs may pay together; when it is more, the dearest one gives up first. "
            "`off`: no limit but each one's own.",
            "more than 0, at most 10000, or off",
            unit="percent of one core",
            reload=True,
            off=True,
        ),
    ] = 10.0
    backend: Annotated[
        Literal["auto", "libbpf", "bcc"],
        _doc(
            "How the kernel side is loaded: compiled ahead of time through libbpf, or compiled here by BCC in a "
            "short-lived child. auto: libbpf when its library and the object are there, else BCC.",
            "auto, libbpf or bcc",
        ),
    ] = "auto"
    attach: Annotated[
        Literal["auto", "multi", "perf"],
        _doc(
            "How probes are attached: one uprobe_multi link per plane, or one perf event per site. auto: multi where "
            "the kernel has it and filters by process, else perf.",
            "auto, multi or perf",
        ),
    ] = "auto"
    image_cache: Annotated[
        Path | None,
        _doc(
            "Folder for what was found in executables, so that attaching to the same one again takes no seconds: at "
            "most 256 files and 64 MiB. It must be ours alone (mode 0700). auto: /var/cache/otelchan/images for root, "
            "else otelchan/images in XDG_CACHE_HOME or ~/.cache.",
            "auto, off or a path",
            off=True,
        ),
    ] = AUTO
    span_threshold_ms: Annotated[
        float,
        _doc(
            "Blocks as long as this or longer become spans.",
            "0 to 3600000",
            ge=0,
            le=3_600_000,
            unit="milliseconds",
            reload=True,
        ),
    ] = 10.0
    spans_per_second: Annotated[
        float,
        _doc("Spans of one program, at most.", "0 to 10000", ge=0, le=10_000, unit="spans per second", reload=True),
    ] = 100.0
    series_per_process: Annotated[
        int,
        _count(
            "Time series of one program, at most; those that exist stay until they end.", "time series", 1, 1_000_000
        ),
    ] = 2000
    series_total: Annotated[
        int,
        _count(
            "Time series of all programs, at most; those that exist stay until they end.", "time series", 1, 10_000_000
        ),
    ] = 20000
    otlp_file: Annotated[
        Path | None,
        _doc(
            "File for OTLP JSON lines, instead of the network, or beside it when an endpoint is given too; "
            "`{signal}` in it becomes `metrics` and `traces`, for a file each.",
            "a path",
        ),
    ] = None
    targets: Rules = ()
    objectives: Objectives = ()
    otlp: Otlp = Otlp()
    findings: Findings = Findings()
    dumps: Dumps = Dumps()
    naming: Naming = Naming()

    @property
    def program_budget(self) -> float | None:
        """Of each program, as a fraction of one core; None: no limit."""
        return None if self.max_overhead is None else self.max_overhead / 100

    @property
    def node_budget(self) -> float | None:
        """Of all programs together, as a fraction of one core; None: no limit."""
        if self.max_overhead is None or self.max_overhead_node is None:
            return None
        return self.max_overhead_node / 100

    @property
    def uses_network(self) -> bool:
        """Whether anything is sent over the network: always, unless only a file is asked for or it is disabled."""
        given = self.otlp.endpoint or self.otlp.metrics.endpoint or self.otlp.traces.endpoint
        return self.otlp.enabled and (not self.otlp_file or bool(given))
