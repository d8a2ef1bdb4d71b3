"""An endpoint on loopback that does what no OTLP endpoint should, connection by connection, and then works."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PIECE = 65536
STEP_S = 0.05  # between two drops
DROPS = 400  # 20 s, if anybody waits for them


@dataclass
class HostileServer:
    """took: bodies of requests that were answered well. sent: bytes that a misbehaving connection got rid of."""

    port: int
    took: list[bytes] = field(default_factory=list)
    sent: int = 0
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The base endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, connection: socket.socket, data: bytes) -> None:
        """Send, and count it."""
        connection.sendall(data)
        self.sent += len(data)

    def drip(self, connection: socket.socket, drops: bytes) -> None:
        """A byte at a time."""
        for drop in drops:
            if self.stopped.wait(STEP_S):
                return
            self.say(connection, bytes([drop]))


Behaviour = Callable[[HostileServer, socket.socket], None]


def request(connection: socket.socket) -> bytes:
    """Read one request; its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += _more(connection)
    return body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(PIECE)
    if not data:
        raise ConnectionError
    return data


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_in_the_request(server: HostileServer, connection: socket.socket) -> None:
    """Reads a little and resets the connection."""
    connection.recv(10)
    _reset(connection)


def reset_in_the_answer(server: HostileServer, connection: socket.socket) -> None:
    """A part of the headers."""
    request(connection)
    server.say(connection, b"HTTP/1.1 200 OK\r\nContent-Le")
    time.sleep(STEP_S)
    _reset(connection)


def hangs_up(server: HostileServer, connection: socket.socket) -> None:
    """Takes the request and says nothing."""
    request(connection)


def says_nothing(server: HostileServer, connection: socket.socket) -> None:
    """Takes the request and keeps the connection."""
    request(connection)
    server.stopped.wait(DROPS * STEP_S)


def does_not_read(server: HostileServer, connection: socket.socket) -> None:
    """Leaves the request where it is."""
    server.stopped.wait(DROPS * STEP_S)


def drips_headers(server: HostileServer, connection: socket.socket) -> None:
    """One header that comes byte by byte."""
    request(connection)
    server.say(connection, b"HTTP/1.1 503 Later\r\nX-Slow: ")
    server.drip(connection, b"a" * DROPS)


def drips_a_body(server: HostileServer, connection: socket.socket) -> None:
    """Each byte in good time, all of them not."""
    request(connection)
    server.say(connection, b"HTTP/1.1 503 Later\r\nContent-Length: 100000\r\n\r\n")
    server.drip(connection, b"a" * DROPS)


def drips_chunks(server: HostileServer, connection: socket.socket) -> None:
    """The same without a length."""
    request(connection)
    server.say(connection, b"HTTP/1.1 503 Later\r\nTransfer-Encoding: chunked\r\n\r\n")
    server.drip(connection, b"1\r\na\r\n" * DROPS)


def _endlessly(start: bytes, again: bytes) -> Behaviour:
    def behave(server: HostileServer, connection: socket.socket) -> None:
        request(connection)
        server.say(connection, start)
        piece = again * (PIECE // len(again) or 1)
        while not server.stopped.is_set() and server.sent < 2_000_000_000:
            server.say(connection, piece)

    return behave


endless_body = _endlessly(b"HTTP/1.1 503 Later\r\nContent-Length: 999999999999\r\n\r\n", b"a")
endless_chunks = _endlessly(b"HTTP/1.1 503 Later\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\naaaa\r\n")
endless_headers = _endlessly(b"HTTP/1.1 503 Later\r\n", b"X-A: b\r\n")
endless_header = _endlessly(b"HTTP/1.1 503 Later\r\nX-A: ", b"b")
endless_status = _endlessly(b"HTTP/1.1 5", b"0")
endless_continue = _endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
endless_garbage = _endlessly(b"\x00\x01", b"\xff\xfe\n\r\x1b[31m")


def says(answer: bytes) -> Behaviour:
    """An answer as it is, then the end of the connection."""

    def behave(server: HostileServer, connection: socket.socket) -> None:
        request(connection)
        server.say(connection, answer)

    return behave


def answer(status: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Behaviour:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    return says("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


bomb = answer("503 Later", gzip.compress(bytes(50_000_000), 9), {"Content-Encoding": "gzip"})


@contextmanager
def hostile_server(*behaviours: Behaviour, port: int = 0, backlog: int = 16) -> Iterator[HostileServer]:
    """A running endpoint: each connection gets the next of these, and when there is none it works."""
    waiting = list(behaviours)
    with socket.create_server(("127.0.0.1", port), backlog=backlog) as listener:
        server = HostileServer(listener.getsockname()[1])

        def serve(connection: socket.socket, behaviour: Behaviour | None) -> None:
            with connection, suppress(OSError):
                if behaviour:
                    behaviour(server, connection)
                    return
                while True:
                    server.took.append(request(connection))
                    connection.sendall(OK)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    server.connections += 1
                    behaviour = waiting.pop(0) if waiting else None
                    threading.Thread(target=serve, args=(connection, behaviour), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            server.stopped.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def full_backlog() -> Iterator[str]:
    """An address whose queue of connections is full: nobody accepts, so connecting takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        held = []
        for _ in range(4):  # the kernel takes one or two more than the backlog
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(address)
            held.append(one)
        time.sleep(STEP_S)
        yield f"http://127.0.0.1:{address[1]}"
        for one in held:
            one.close()
