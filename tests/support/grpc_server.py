"""The same over gRPC: a real server on loopback that answers as a test wants, and remembers what it was sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import grpc

from tests.support.otlp_server import OtlpServer, Received

METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass(frozen=True)
class Reply:
    """What the endpoint says. trailing: metadata behind it. wait_s: before it says anything. gzip: it is packed."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""
    body: bytes = b""
    trailing: tuple[tuple[str, str | bytes], ...] = ()
    wait_s: float = 0.0
    gzip: bool = False


class _Any(grpc.GenericRpcHandler):
    """Takes every method, as bytes."""

    def __init__(self, server: OtlpServer[Reply]) -> None:
        self._server = server

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = handler_call_details.method

        def answer(body: bytes, context: grpc.ServicerContext) -> bytes:
            headers = {key: str(value) for key, value in context.invocation_metadata()}
            reply = self._server.take(Received(path, headers, body)) or Reply()
            self._server.stopped.wait(reply.wait_s)
            if reply.gzip:
                context.set_compression(grpc.Compression.Gzip)
            context.set_code(reply.code)
            context.set_details(reply.details)
            context.set_trailing_metadata(reply.trailing)
            return reply.body

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def grpc_server(
    port: int = 0,
    metrics: Sequence[Reply] = (),
    traces: Sequence[Reply] = (),
    credentials: grpc.ServerCredentials | None = None,
    most_bytes: int = 4 << 20,
) -> Iterator[OtlpServer[Reply]]:
    """A running endpoint. metrics, traces: what it says to the first requests of that signal. most_bytes: of a request,
    as gRPC itself limits it."""
    server: OtlpServer[Reply] = OtlpServer(port, {METRICS: list(metrics), TRACES: list(traces)})
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", most_bytes)]
    running = grpc.server(ThreadPoolExecutor(4), [_Any(server)], options=options)
    if credentials:
        server.scheme = "https"
        server.port = running.add_secure_port(f"127.0.0.1:{port}", credentials)
    else:
        server.port = running.add_insecure_port(f"127.0.0.1:{port}")
    running.start()
    try:
        yield server
    finally:
        server.stopped.set()
        running.stop(None).wait()


@dataclass
class Through:
    """A way to a port that counts the bytes that go there."""

    port: int
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, source: socket.socket, sink: socket.socket, count: bool) -> None:
        """Until one side ends."""
        with suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    self.sent += len(data) if count else 0
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def through(port: int) -> Iterator[Through]:
    """One connection to a port of this machine, counted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        way = Through(listener.getsockname()[1])

        def connect() -> None:
            here, _ = listener.accept()
            with here, socket.create_connection(("127.0.0.1", port)) as there:
                back = threading.Thread(target=way.carry, args=(there, here, False), daemon=True)
                back.start()
                way.carry(here, there, True)
                back.join()

        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        yield way
        thread.join(10)
