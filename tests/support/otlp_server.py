"""A real OTLP endpoint on loopback that answers as a test wants, and remembers what it was sent. Over HTTP."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Generic, TypeVar

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

A = TypeVar("A")


@dataclass(frozen=True)
class Answer:
    """What the endpoint says. wait_s: before it says anything. promised: bytes of body that never come."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    promised: int = 0


@dataclass(frozen=True)
class Received:
    """One request. path: over gRPC the method. body: without compression."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def metrics(self) -> ExportMetricsServiceRequest:
        """The body of a metrics request."""
        return ExportMetricsServiceRequest.FromString(self.body)

    def traces(self) -> ExportTraceServiceRequest:
        """The body of a traces request."""
        return ExportTraceServiceRequest.FromString(self.body)


@dataclass
class OtlpServer(Generic[A]):
    """answers: what to say to the next requests of a path, in order; then that all is well. refused: too large ones."""

    port: int
    answers: dict[str, list[A]] = field(default_factory=dict)
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    refused: list[Received] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """The base endpoint."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def of(self, path: str) -> list[Received]:
        """What came to one path."""
        return [request for request in self.received if request.path == path]

    def wait_for(self, path: str, number: int, seconds: float = 10.0) -> list[Received]:
        """What came to a path, once it is so many requests. Raises AssertionError when they do not come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.of(path)) >= number, seconds), f"{self.of(path)} at {path}"
            return self.of(path)

    def take(self, request: Received) -> A | None:
        """Remember a request and choose its answer; None: that all is well."""
        with self._came:
            self.received.append(request)
            self._came.notify_all()
            waiting = self.answers.get(request.path)
            return waiting.pop(0) if waiting else None


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def otlp_server(
    port: int = 0,
    metrics: Sequence[Answer] = (),
    traces: Sequence[Answer] = (),
    tls: ssl.SSLContext | None = None,
    most_bytes: int | None = None,
) -> Iterator[OtlpServer[Answer]]:
    """A running endpoint. metrics, traces: what it says to the first requests of that signal. most_bytes: a larger
    request gets status 413 and is remembered as refused."""
    server: OtlpServer[Answer]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server wants
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received = Received(self.path, dict(self.headers.items()), body)
            if most_bytes is not None and len(body) > most_bytes:
                server.refused.append(received)
                answer = Answer(413)
            else:
                answer = server.take(received) or Answer()
            server.stopped.wait(answer.wait_s)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + answer.promised))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = bool(answer.promised)

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client gave up first
                super().handle()

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    http.daemon_threads = True
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    answers = {"/v1/metrics": list(metrics), "/v1/traces": list(traces)}
    server = OtlpServer(http.server_address[1], answers, "https" if tls else "http")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        http.shutdown()
        http.server_close()
        thread.join()
