"""Where OTLP goes, how, and what came of one request: the seam that HTTP and gRPC share. Knows nothing of metrics.

Rules: OpenTelemetry specification, protocol/exporter.md (settings) and protocol/otlp.md (partial success).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelchan.config import Otlp, environment
from otelchan.errors import UsageError
from otelchan.telemetry import certificates
from otelchan.telemetry.certificates import Pem

SIGNALS = ("metrics", "traces")
MOST_RETRY_AFTER_S = 120.0
MOST_POINTS = 5_000  # in one request: about 1 MB
MOST_WORDS = 300  # of what an endpoint says: it may say anything, and it goes into the log
_GRPC_NAME = re.compile(r"[_.0-9A-Za-z-]+")  # of metadata: fewer than HTTP has, whose rule is the configuration's


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one signal goes, and how. url: for grpc without a path.

    certificate: a file of certificates to trust instead of the built-in ones. client_key: None when the key is in the
    same file as the client's certificate. enabled: whether anything goes there. most_waiting: spans kept while it does
    not take them. most_items: of one request. delay_s: between two requests, unless there is enough for a full one.
    """

    signal: str
    url: str
    headers: Mapping[str, str]
    gzip: bool
    timeout_s: float
    protocol: str = "http/protobuf"
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    enabled: bool = True
    most_waiting: int = 4096
    most_items: int = MOST_POINTS
    delay_s: float = 0.0

    @property
    def origin(self) -> str:
        """scheme://host:port, which is what answers or does not. Without a password, for the log."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def address(self) -> str:
        """What takes this signal there, without a password and a query, for the log."""
        return f"{self.origin} ({self.signal})" if self.protocol == "grpc" else self.origin + urlsplit(self.url).path

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return urlsplit(self.url).scheme == "https"


class Outcome(NamedTuple):
    """What came of one request.

    delivered: accepted, except for `rejected` items. retry: the same request may be tried again. reason: "" or one of
    a few words for counting; http_ and grpc_ begin a status that the endpoint answered with. detail: for people.
    retry_after_s: what the endpoint asked for, else 0. advice: what to do, "" when that follows from the detail.
    too_large: it may be taken in parts.
    """

    delivered: bool
    retry: bool = False
    reason: str = ""
    detail: str = ""
    retry_after_s: float = 0.0
    rejected: int = 0
    advice: str = ""
    too_large: bool = False

    @property
    def answered(self) -> bool:
        """Whether the endpoint itself refused; else it was not reached."""
        return self.reason.startswith(("http_", "grpc_"))


class Transport(Protocol):
    """Sends to one destination, from one thread; close may be called from another one."""

    @property
    def to(self) -> Destination:
        """Where it sends."""
        ...

    def send(self, message: bytes, timeout_s: float | None = None) -> Outcome:
        """One attempt. Never raises for what the network or the endpoint does."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def open_transport(to: Destination) -> Transport:
    """Connects when something is sent. Only what the protocol needs is imported: grpc takes 15 MB, urllib3 11."""
    if to.protocol == "grpc":
        # It writes to stderr what its errors say too; this is read when it is imported.
        os.putenv("GRPC_VERBOSITY", environment().get("GRPC_VERBOSITY", "NONE"))
        from otelchan.telemetry.otlpgrpc import GrpcTransport

        return GrpcTransport(to)
    from otelchan.telemetry.otlphttp import HttpTransport

    return HttpTransport(to)


def destination(otlp: Otlp, signal: str) -> Destination:
    """The settings of one signal: its own where there are any, else those for both.

    Raises UsageError for files that cannot be used, for headers that gRPC cannot send, and where gRPC is not installed.
    """
    own, protocol = otlp.of(signal), otlp.protocol_of(signal)
    if protocol == "grpc" and find_spec("grpc") is None:
        raise UsageError(
            f"{signal} are to be sent over gRPC, which needs grpcio, and that is not installed; "
            "run `pip install 'otelchan[grpc]'`, or set otlp.protocol to http/protobuf"
        )
    certificate, client_certificate, client_key = (
        _pem(otlp, signal, name) for name in ("certificate", "client_certificate", "client_key")
    )
    certificates.check(certificate, client_certificate, client_key)
    headers = {**otlp.headers, **own.headers}
    for name in headers:
        if protocol == "grpc" and not _GRPC_NAME.fullmatch(name):
            raise UsageError(f"otlp.headers has the name {name!r}, which gRPC does not allow; leave it out")
    return Destination(
        signal=signal,
        url=_grpc_url(otlp, signal) if protocol == "grpc" else _http_url(otlp, signal),
        headers=headers,
        gzip=(own.compression or otlp.compression) == "gzip",
        timeout_s=min(own.timeout_s or otlp.timeout_s, own.export_timeout_s or math.inf),
        protocol=protocol,
        certificate=certificate and certificate.path,
        client_certificate=client_certificate and client_certificate.path,
        client_key=client_key and client_key.path,
        enabled=own.enabled,
        most_waiting=otlp.span_queue,
        most_items=otlp.span_batch if signal == "traces" else MOST_POINTS,
        delay_s=otlp.span_delay_s if signal == "traces" else 0.0,
    )


def _http_url(otlp: Otlp, signal: str) -> str:
    return otlp.of(signal).endpoint or f"{otlp.base_endpoint(signal).rstrip('/')}/v1/{signal}"


def _grpc_url(otlp: Otlp, signal: str) -> str:
    """A scheme decides about TLS; without one `insecure` does."""
    own = otlp.of(signal)
    address = own.endpoint or otlp.base_endpoint(signal)
    insecure = otlp.insecure if own.insecure is None else own.insecure
    parts = urlsplit(address if "://" in address else f"{'http' if insecure else 'https'}://{address}")
    return f"{parts.scheme}://{parts.netloc}"


def _pem(otlp: Otlp, signal: str, name: str) -> Pem | None:
    own, both = getattr(otlp.of(signal), name), getattr(otlp, name)
    return Pem(f"otlp.{signal}.{name}", own) if own else Pem(f"otlp.{name}", both) if both else None


def accepted(signal: str, answer: bytes) -> Outcome:
    """The outcome of a request that was taken, from the body of the answer: a part of it may still be rejected."""
    try:
        if signal == "metrics":
            metrics = ExportMetricsServiceResponse.FromString(answer).partial_success
            return Outcome(True, detail=in_one_line(metrics.error_message), rejected=metrics.rejected_data_points)
        traces = ExportTraceServiceResponse.FromString(answer).partial_success
        return Outcome(True, detail=in_one_line(traces.error_message), rejected=traces.rejected_spans)
    except DecodeError:
        return Outcome(True)  # some endpoints answer JSON or nothing that makes sense; the status counts


def in_one_line(said: str) -> str:
    """What an endpoint says, for the log: no line of its own making, no control characters, and not without end."""
    words = "".join(letter if letter.isprintable() else " " for letter in said[: MOST_WORDS + 1])
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}..."
