"""One request against a real endpoint on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelchan.config import Otlp, Signal
from otelchan.errors import UsageError
from otelchan.telemetry.transport import Destination, HttpTransport, Outcome, destination
from tests.support.otlp_server import Answer, free_port, otlp_server


def send(url: str, signal: str = "metrics", timeout_s: float = 5.0, **changes: object) -> Outcome:
    """One attempt with the body b"body"."""
    values = {"headers": {}, "gzip": False, **changes}
    transport = HttpTransport(Destination(signal=signal, url=url, timeout_s=timeout_s, **values))  # type: ignore[arg-type]
    try:
        return transport.send(b"body" * 100)
    finally:
        transport.close()


@contextmanager
def listener(answer: bytes) -> Iterator[str]:
    """An address that says something that is not HTTP and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_a_base_endpoint_gets_the_path_of_the_signal() -> None:
    """With a path of its own before it, and without double slashes."""
    urls = [destination(Otlp(endpoint=f"http://collector:4318{path}"), "traces").url for path in ("", "/", "/otlp/")]
    assert [f"http://collector:4318{path}/v1/traces" for path in ("", "", "/otlp")] == urls
    assert "http://localhost:4318/v1/metrics" == destination(Otlp(), "metrics").url


def test_an_endpoint_of_one_signal_is_used_as_it_is() -> None:
    """The other one keeps the base."""
    otlp = Otlp(endpoint="http://a:1", traces=Signal(endpoint="https://b:2/spans"))
    assert ("https://b:2/spans", "http://a:1/v1/metrics") == tuple(
        destination(otlp, signal).url for signal in ("traces", "metrics")
    )


def test_what_is_set_for_a_signal_beats_what_is_set_for_both() -> None:
    """Headers are added up, everything else is replaced."""
    otlp = Otlp(
        headers={"a": "1", "b": "2"},
        compression="gzip",
        timeout_s=7,
        metrics=Signal(headers={"b": "3"}, compression="none", timeout_s=2),
    )
    metrics, traces = destination(otlp, "metrics"), destination(otlp, "traces")
    assert ({"a": "1", "b": "3"}, False, 2) == (metrics.headers, metrics.gzip, metrics.timeout_s)
    assert ({"a": "1", "b": "2"}, True, 7) == (traces.headers, traces.gzip, traces.timeout_s)


def test_certificates_are_files_that_exist(tmp_path: Path) -> None:
    """A path that is wrong is found at the start, by name."""
    pem = tmp_path / "ca.pem"
    pem.touch()
    to = destination(Otlp(certificate=str(pem), client_certificate=str(pem), client_key=str(pem)), "metrics")
    assert (str(pem), (str(pem), str(pem))) == (to.verify, to.client_certificate)
    assert (True, None) == (destination(Otlp(), "metrics").verify, destination(Otlp(), "metrics").client_certificate)
    with pytest.raises(UsageError, match=r"otlp\.certificate is /no/such\.pem, but there is no such file"):
        destination(Otlp(certificate="/no/such.pem"), "metrics")
    with pytest.raises(UsageError, match=r"otlp\.client_key is .* but there is no otlp\.client_certificate"):
        destination(Otlp(client_key=str(pem)), "metrics")


def test_a_request_is_protobuf_with_the_users_headers() -> None:
    """And says who sends it."""
    with otlp_server() as server:
        assert Outcome(True) == send(f"{server.url}/v1/metrics", headers={"authorization": "Bearer t"})
        (request,) = server.received
    assert ("application/x-protobuf", "Bearer t") == (request.headers["Content-Type"], request.headers["authorization"])
    assert request.headers["User-Agent"].startswith("otelchan/")
    assert b"body" * 100 == request.body


def test_gzip_makes_the_body_smaller() -> None:
    """It arrives whole."""
    with otlp_server() as server:
        send(f"{server.url}/v1/metrics", gzip=True)
        (request,) = server.received
    assert ("gzip", b"body" * 100) == (request.headers["Content-Encoding"], request.body)
    assert int(request.headers["Content-Length"]) < 100


def test_a_partial_success_is_read() -> None:
    """For both signals: how many were rejected, and why."""
    metrics, traces = ExportMetricsServiceResponse(), ExportTraceServiceResponse()
    metrics.partial_success.rejected_data_points = 7
    metrics.partial_success.error_message = "too old"
    traces.partial_success.rejected_spans = 3
    said = [Answer(body=message.SerializeToString()) for message in (metrics, traces)]
    with otlp_server(metrics=said[:1], traces=said[1:]) as server:
        outcomes = [send(f"{server.url}/v1/{signal}", signal) for signal in ("metrics", "traces")]
    assert [Outcome(True, detail="too old", rejected=7), Outcome(True, rejected=3)] == outcomes


def test_a_success_that_cannot_be_read_is_a_success() -> None:
    """Some endpoints answer JSON whatever they are asked."""
    with otlp_server(metrics=[Answer(body=b"{}"), Answer(204)]) as server:
        assert [True, True] == [send(f"{server.url}/v1/metrics").delivered for _ in range(2)]


@pytest.mark.parametrize(
    ("status", "retry"),
    [(429, True), (502, True), (503, True), (504, True), (400, False), (401, False), (404, False), (413, False),
     (500, False), (302, False)],
)  # fmt: skip
def test_only_some_statuses_may_be_tried_again(status: int, retry: bool) -> None:
    """Those that the OTLP specification names; a redirect is not followed, because a POST would become a GET."""
    with otlp_server(metrics=[Answer(status, headers={"Location": "/elsewhere"})]) as server:
        outcome = send(f"{server.url}/v1/metrics")
    assert (False, retry, f"http_{status}") == outcome[:3]


def test_the_endpoint_may_say_when_to_come_again() -> None:
    """In seconds or as a date, but not for ever; nonsense and the past are now."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    values = ["7", later, "86400", "soon", past]
    with otlp_server(metrics=[Answer(503, headers={"Retry-After": value}) for value in values]) as server:
        seconds = [send(f"{server.url}/v1/metrics").retry_after_s for _ in values]
    assert [7, 120, 0, 0] == [seconds[0], *seconds[2:]]
    assert 50 < seconds[1] <= 60


def test_a_refused_connection_is_named() -> None:
    """The commonest failure: no Collector there."""
    assert Outcome(False, True, "refused", "connection refused") == send(f"http://127.0.0.1:{free_port()}")


def test_an_endpoint_that_does_not_answer_in_time_is_left() -> None:
    """After the timeout, not when it likes to."""
    with otlp_server(metrics=[Answer(wait_s=30)]) as server:
        assert Outcome(False, True, "timeout", "no answer in time") == send(f"{server.url}/v1/metrics", timeout_s=0.2)


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    """It may exist later."""
    outcome = send("http://no-such-host.invalid:4318", timeout_s=5)
    assert (False, True, "unreachable") == outcome[:3]


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_something_else_that_listens_there_is_a_failed_connection(answer: bytes) -> None:
    """It hangs up, or does not speak HTTP."""
    with listener(answer) as url:
        outcome = send(url)
    assert (False, True, "connection") == outcome[:3]


def test_https_to_a_plain_port_is_a_tls_failure() -> None:
    """Said as such, so that the scheme is looked at."""
    with otlp_server() as server:
        outcome = send(server.url.replace("http://", "https://"))
    assert (False, True, "tls") == outcome[:3]


def test_an_answer_that_breaks_off_counts_by_its_status() -> None:
    """The endpoint had decided before; sending the same again would be a duplicate."""
    with otlp_server(metrics=[Answer(promised=10), Answer(503, promised=10)]) as server:
        outcomes = [send(f"{server.url}/v1/metrics") for _ in range(2)]
    assert [Outcome(True), Outcome(False, True, "http_503", "HTTP status 503")] == outcomes


def test_what_is_logged_has_no_password() -> None:
    """Neither the origin nor the address; the password is used."""
    to = Destination("metrics", "https://user:secret@collector:4318/v1/metrics?key=secret", {}, False, 1.0)
    assert ("https://collector:4318", "https://collector:4318/v1/metrics") == (to.origin, to.address)
    with otlp_server() as server:
        send(f"{server.url}/v1/metrics".replace("http://", "http://user:secret@"))
        assert server.received[0].headers["Authorization"].startswith("Basic ")


def test_the_environment_does_not_send_telemetry_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that is meant for other programs is not used."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with otlp_server() as server:
        assert send(f"{server.url}/v1/metrics").delivered
