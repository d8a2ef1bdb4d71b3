"""A small HTTP server in a thread of its own, made so that no client can hurt the program that it is part of.

One request per connection. What a client may take is bounded: so many connections, so many bytes of a request, so many
seconds from the first byte to the last, so many requests in a second. It holds up nobody but itself.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from otelchan import clock
from otelchan.errors import UsageError

log = logging.getLogger("otelchan.status")

_SECOND = 1_000_000_000
_READ = 65536
_BACKLOG = 128  # where it is full, the kernel makes clients wait for a second
_JOIN_S = 5.0


class Limits(NamedTuple):
    """What clients may take. connections: one more, and the oldest of them has to go. request_bytes: of a request, and
    of what comes after it. per_second: connections; more of them wait in the kernel's queue. deadline_s: for a
    connection, from its beginning to its end."""

    connections: int = 16
    request_bytes: int = 8192
    per_second: int = 200
    deadline_s: float = 5.0


class Page(NamedTuple):
    """What is answered. kind: the content type."""

    status: HTTPStatus
    kind: str
    body: bytes


Pages = Mapping[str, Callable[[], Page]]


def _listener(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    """Raises OSError, also where the kernel has no IPv6."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class _Connection:
    """One client. answer: None while the request is not complete; then what is still to be sent of it."""

    def __init__(self, peer: socket.socket, end_ns: int) -> None:
        self.peer, self.end_ns = peer, end_ns
        self.request = b""
        self.answer: memoryview | None = None
        self.ignored = 0


class Server:
    """Listens from its making on, answers from `start` to `close`."""

    def __init__(self, address: str, pages: Pages, limits: Limits = Limits()) -> None:  # noqa: B008 a value
        """address: host:port, as status.listen. Raises UsageError when nobody can listen there."""
        host, port = address.rsplit(":", 1)
        host = "127.0.0.1" if host == "localhost" else host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._pages, self._limits = pages, limits
        try:
            self._listener = _listener(family, host, int(port))
        except OSError as error:
            raise UsageError(
                f"status.listen is {address}, where nobody can listen: {error.strerror}; give another address or port"
            ) from None
        self._connections: dict[int, _Connection] = {}  # by descriptor, the oldest first
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._second_ns = self._accepted = 0
        self._thread = threading.Thread(target=self._run, name="otelchan-status", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        if self._thread.is_alive():
            self._waker.send(b"x")
            self._thread.join(_JOIN_S)
        for connection in list(self._connections.values()):
            self._drop(connection)
        for each in (self._selector, self._listener, self._waker, self._woken):
            each.close()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            ready = self._selector.select(self._pause_s())
            now = clock.monotonic_ns()
            for key, _ in ready:
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept(now)
                elif key.fd in self._connections:  # not dropped for a newer one meanwhile
                    self._advance(self._connections[key.fd])
            for connection in [each for each in self._connections.values() if each.end_ns <= now]:
                self._drop(connection)
            self._listen_again(now)

    def _pause_s(self) -> float | None:
        """Until somebody's time is over, or the listener is listened to again; None: nobody is there."""
        due = [next(iter(self._connections.values())).end_ns] if self._connections else []
        due += [self._second_ns + _SECOND] if self._is_full() else []
        return max(min(due) - clock.monotonic_ns(), 0) / _SECOND if due else None

    def _is_full(self) -> bool:
        return self._accepted >= self._limits.per_second

    def _accept(self, now: int) -> None:
        if now - self._second_ns >= _SECOND:
            self._second_ns, self._accepted = now, 0
        self._accepted += 1
        if self._is_full():
            self._selector.unregister(self._listener)
        try:
            peer, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptors left
            return
        peer.setblocking(False)
        if len(self._connections) >= self._limits.connections:
            self._drop(next(iter(self._connections.values())))
        self._connections[peer.fileno()] = _Connection(peer, now + int(self._limits.deadline_s * _SECOND))
        self._selector.register(peer, selectors.EVENT_READ)

    def _listen_again(self, now: int) -> None:
        if self._is_full() and now - self._second_ns >= _SECOND:
            self._accepted = 0
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _advance(self, connection: _Connection) -> None:
        try:
            if connection.answer is None:
                self._read(connection)
            elif connection.answer:
                self._write(connection)
            else:
                self._ignore(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _read(self, connection: _Connection) -> None:
        received = connection.peer.recv(self._limits.request_bytes)
        if not received:
            self._drop(connection)
            return
        connection.request += received
        if b"\r\n\r\n" in connection.request or b"\n\n" in connection.request:
            answer = self._answer(connection.request)
        elif len(connection.request) >= self._limits.request_bytes:
            answer = response(_plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        else:
            return
        connection.answer = memoryview(answer)
        self._selector.modify(connection.peer, selectors.EVENT_WRITE)
        self._write(connection)

    def _write(self, connection: _Connection) -> None:
        assert connection.answer is not None
        connection.answer = connection.answer[connection.peer.send(connection.answer) :]
        if not connection.answer:
            # Closing with unread bytes would reset the connection and could take the answer away from the client.
            connection.peer.shutdown(socket.SHUT_WR)
            self._selector.modify(connection.peer, selectors.EVENT_READ)

    def _ignore(self, connection: _Connection) -> None:
        received = connection.peer.recv(_READ)
        connection.ignored += len(received)
        if not received or connection.ignored > self._limits.request_bytes:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        del self._connections[connection.peer.fileno()]
        self._selector.unregister(connection.peer)
        with suppress(OSError):
            connection.peer.close()

    def _answer(self, request: bytes) -> bytes:
        words = request.split(b"\n", 1)[0].split()
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return response(_plain(HTTPStatus.BAD_REQUEST))
        page = self._pages.get(words[1].split(b"?", 1)[0].decode("latin-1"))
        if page is None:
            return response(_plain(HTTPStatus.NOT_FOUND, f"there are {', '.join(self._pages)}"))
        if words[0] not in (b"GET", b"HEAD"):
            return response(_plain(HTTPStatus.METHOD_NOT_ALLOWED), "Allow: GET, HEAD\r\n")
        try:
            made = page()
        except Exception:  # a bug of ours must not end the thread, without which a good agent looks dead
            log.exception(
                "a bug of ours: the answer to %s could not be made; please report it with the traceback below",
                words[1].decode("latin-1"),
            )
            made = _plain(HTTPStatus.INTERNAL_SERVER_ERROR)
        return response(made, body=words[0] == b"GET")


def _plain(status: HTTPStatus, text: str = "") -> Page:
    return Page(status, "text/plain; charset=utf-8", f"{text or status.phrase}\n".encode())


def response(page: Page, headers: str = "", body: bool = True) -> bytes:
    """A whole HTTP/1.1 response, after which the connection ends. headers: more of them, each with its line end."""
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\nContent-Type: {page.kind}\r\n"
        f"Content-Length: {len(page.body)}\r\nCache-Control: no-store\r\n{headers}Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (page.body if body else b"")
