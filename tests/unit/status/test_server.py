"""The small HTTP server: what it answers, and that nobody who talks to it can hold up anybody else."""

from __future__ import annotations

import http.client
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus

import pytest

from otelchan.errors import UsageError
from otelchan.status.server import Limits, Page, Server
from tests.support.programs import free_ports

BODY = b"all is well\n"
LARGE = b"x" * (32 << 20)  # more than the kernel keeps for a client that does not read


def good() -> Page:
    """A page."""
    return Page(HTTPStatus.OK, "text/plain", BODY)


def broken() -> Page:
    """A page that cannot be made."""
    raise ZeroDivisionError


@contextmanager
def server(limits: Limits = Limits(), host: str = "127.0.0.1") -> Iterator[int]:  # noqa: B008 a value
    """A running one; its port."""
    (port,) = free_ports(1)
    pages: dict[str, Callable[[], Page]] = {
        "/good": good,
        "/broken": broken,
        "/large": lambda: Page(HTTPStatus.OK, "text/plain", LARGE),
    }
    running = Server(f"{host}:{port}", pages, limits)
    running.start()
    try:
        yield port
    finally:
        running.close()


def ask(port: int, path: str = "/good", method: str = "GET", **more: object) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, **more)  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def say(port: int, request: bytes) -> bytes:
    """Everything that is answered to some bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_page_is_answered() -> None:
    """With its length, its type, and the end of the connection; what is behind a question mark is nobody's business."""
    with server() as port:
        status, body, headers = ask(port, "/good?verbose=1")
    assert (200, BODY) == (status, body)
    assert ("text/plain", "12", "close") == tuple(
        headers[name] for name in ("content-type", "content-length", "connection")
    )


def test_what_is_not_there_or_not_allowed_is_said() -> None:
    """Another path, another method, no HTTP, too much of it; HEAD has no body."""
    with server() as port:
        assert (404, b"there are /good, /broken, /large\n") == ask(port, "/bad")[:2]
        status, _, headers = ask(port, method="DELETE")
        assert (405, "GET, HEAD") == (status, headers["allow"])
        status, body, headers = ask(port, method="HEAD")
        assert (200, b"", "12") == (status, body, headers["content-length"])
        assert say(port, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert say(port, b"GET /good SSH-2\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert say(port, b"\xff\xfe\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert say(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000).startswith(b"HTTP/1.1 431 ")
        assert say(port, b"GET /good HTTP/1.0\n\n").endswith(BODY)


def test_a_page_that_cannot_be_made_does_not_end_the_server(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets 500, the log the reason, the next client its page."""
    with server() as port:
        assert 500 == ask(port, "/broken")[0]
        assert 200 == ask(port)[0]
    assert [
        "a bug of ours: the answer to /broken could not be made; please report it with the traceback below"
    ] == caplog.messages


def test_a_large_request_gets_its_answer_all_the_same() -> None:
    """What comes after the header is not kept; the client is told before the connection ends."""
    with server() as port:
        status, _, _ = ask(port, method="POST", body=b"x" * 4096, headers={"X-Long": "y" * 2000})
        assert 405 == status
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST /good HTTP/1.1\r\n\r\n")
            for _ in range(1000):
                client.sendall(b"x" * 65536)


def test_slow_clients_hold_up_nobody_and_have_to_go() -> None:
    """One that sends a byte now and then, one that says nothing, one that does not read its answer: others are answered
    meanwhile, and after the deadline the connections are gone."""
    with server(Limits(deadline_s=1.0)) as port, ExitStack() as clients:
        slow = [clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(3)]
        slow[2].sendall(b"GET /large HTTP/1.1\r\n\r\n")
        begin = time.monotonic()
        gone: set[int] = set()
        while len(gone) < 2 and time.monotonic() < begin + 10:
            assert 200 == ask(port)[0]
            with suppress(OSError):
                slow[0].sendall(b"G")
            for number in (0, 1):
                slow[number].settimeout(0.05)
                with suppress(TimeoutError):
                    if slow[number].recv(1) == b"":
                        gone.add(number)
        assert {0, 1} == gone
        slow[2].settimeout(10)
        received = 0
        with suppress(ConnectionResetError):
            while more := slow[2].recv(1 << 20):
                received += len(more)
        assert received < len(LARGE)


def test_many_connections_hold_up_nobody() -> None:
    """However many say nothing, one who asks is answered, and there are never more than the limit."""
    with server(Limits(connections=8, deadline_s=60)) as port, ExitStack() as clients:
        idle = [clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(100)]
        assert 200 == ask(port)[0]
        time.sleep(0.2)
        for client in idle:
            client.setblocking(False)
        assert 8 >= sum(is_open(client) for client in idle)


def is_open(client: socket.socket) -> bool:
    """Whether the other side has not ended the connection."""
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_who_asks_all_the_time_is_answered_so_often_only() -> None:
    """What the agent pays for it has a limit; the rest waits."""
    answered: list[float] = []
    with server(Limits(per_second=20)) as port:
        begin = time.monotonic()
        stop = begin + 1.5

        def hammer() -> None:
            while time.monotonic() < stop:
                ask(port)
                answered.append(time.monotonic())

        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seconds = int(max(answered) - begin) + 1
    assert 20 <= len(answered) <= 20 * (seconds + 1)


def test_an_address_that_is_taken_is_a_usage_error() -> None:
    """With what to do about it."""
    with server() as port:
        with pytest.raises(UsageError) as refused:
            Server(f"127.0.0.1:{port}", {})
        expected = (
            f"status.listen is 127.0.0.1:{port}, where nobody can listen: Address already in use; give another address "
            "or port"
        )
    assert expected == str(refused.value)


def test_a_kernel_that_gives_no_socket_is_a_usage_error() -> None:
    """As one without IPv6 does for [::1]; here none gets a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(UsageError, match="where nobody can listen: Too many open files; give another address"):
            Server("[::1]:9464", {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_localhost_is_this_machine() -> None:
    """Whatever is in /etc/hosts."""
    with server(host="localhost") as port:
        assert 200 == ask(port)[0]


def test_nothing_is_left_behind() -> None:
    """No thread, no descriptor, and the address can be used again at once."""
    with server() as port:
        ask(port)
    assert [] == [thread.name for thread in threading.enumerate() if thread.name == "otelchan-status"]
    again = Server(f"127.0.0.1:{port}", {"/good": good})
    again.start()
    try:
        assert 200 == ask(port)[0]
    finally:
        again.close()
