"""HTTP connections that an endpoint cannot hold for ever: urllib3's time limits are for each read and each write."""

from __future__ import annotations

import errno
import io
import socket
from dataclasses import dataclass
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from otelchan import clock

MOST_ANSWER_BYTES = 1 << 20  # of one answer, with all headers: an OTLP answer has a hundred
ENDLESS = "its answer does not end"


@dataclass(slots=True)
class Bounds:
    """What is left for one request, sending and reading together."""

    until_ns: int = 0
    bytes_left: int = 0

    def begin(self, seconds: float) -> None:
        """A new request."""
        self.until_ns = clock.monotonic_ns() + int(seconds * 1e9)
        self.bytes_left = MOST_ANSWER_BYTES

    def left_s(self) -> float:
        """Time that is left. Raises TimeoutError when there is none."""
        left_ns = self.until_ns - clock.monotonic_ns()
        if left_ns <= 0:
            raise TimeoutError("timed out")
        return left_ns / 1e9

    def came(self, size: int) -> None:
        """So much has been read. Raises OSError when that is too much."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise OSError(errno.EMSGSIZE, ENDLESS)


class _Socket:
    """A connected socket within bounds: what http.client and urllib3 use of it."""

    def __init__(self, inner: socket.socket, bounds: Bounds) -> None:
        self._inner = inner
        self._bounds = bounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, value: float | None) -> None:
        """The bounds say."""

    def sendall(self, data: Any) -> None:
        with memoryview(data).cast("B") as rest:
            sent = 0
            while sent < len(rest):
                self._inner.settimeout(self._bounds.left_s())
                sent += self._inner.send(rest[sent:])

    def makefile(self, mode: str, *args: Any, **more: Any) -> io.BufferedReader:
        raw = cast(io.RawIOBase, self._inner.makefile("rb", buffering=0))  # keeps the socket open until it is closed
        return io.BufferedReader(_Reader(raw, self._inner, self._bounds))


class _Reader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, inner: socket.socket, bounds: Bounds) -> None:
        self._raw, self._inner, self._bounds = raw, inner, bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._inner.settimeout(self._bounds.left_s())
        size = self._raw.readinto(buffer)
        self._bounds.came(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


def bounded_pool(url: str, bounds: Bounds, **settings: Any) -> urllib3.HTTPConnectionPool:
    """Connections to the host of a URL. settings: of urllib3's pools."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = cast(socket.socket, _Socket(self.sock, bounds))

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            plain = super()._new_conn()
            plain.settimeout(bounds.left_s())  # for TLS to come about
            return plain

        def connect(self) -> None:
            super().connect()
            self.sock = cast(socket.socket, _Socket(self.sock, bounds))

    if urllib3.util.parse_url(url).scheme != "https":
        settings = {}
    pool = urllib3.connection_from_url(url, **settings)
    pool.ConnectionCls = Secure if isinstance(pool, urllib3.HTTPSConnectionPool) else Plain
    return pool
