"""One request over HTTP against a real endpoint on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelchan.telemetry.otlphttp import HttpTransport
from otelchan.telemetry.transport import Destination, Outcome
from tests.support.certificates import Certificates, make
from tests.support.grpc_server import grpc_server
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


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority."""
    return make(tmp_path_factory.mktemp("pki"))


def tls(pki: Certificates, name: str = "server", mutual: bool = False) -> ssl.SSLContext:
    """A server's side: its certificate, and whether it demands one of its clients."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.ca)
    context.load_cert_chain(getattr(pki, name), getattr(pki, f"{name}_key"))
    context.verify_mode = ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE
    return context


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


def test_a_request_that_is_too_large_is_told_from_one_that_is_wrong() -> None:
    """By its status, or by the words of a Go server, which the Collector answers with status 400."""
    said = [Answer(413), Answer(400, b"\x08\x03\x12\x1bhttp: request body too large"), Answer(400, b"bad"), Answer(500)]
    with otlp_server(metrics=said) as server:
        outcomes = [send(f"{server.url}/v1/metrics") for _ in said]
    assert [True, True, False, False] == [outcome.too_large for outcome in outcomes]
    assert {(False, False)} == {outcome[:2] for outcome in outcomes}


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


def test_tls_with_a_private_authority(pki: Certificates) -> None:
    """And with a certificate of our own where one is demanded; the key may be in the same file."""
    own = Path(pki.client).with_name("both.pem")
    own.write_text(Path(pki.client).read_text() + Path(pki.client_key).read_text())
    with otlp_server(tls=tls(pki)) as server:
        assert Outcome(True) == send(server.url, certificate=pki.ca)
    with otlp_server(tls=tls(pki, mutual=True)) as server:
        assert Outcome(True) == send(
            server.url, certificate=pki.ca, client_certificate=pki.client, client_key=pki.client_key
        )
        assert Outcome(True) == send(server.url, certificate=pki.ca, client_certificate=str(own))


def test_tls_that_fails_is_said_with_what_to_do(pki: Certificates) -> None:
    """An authority that is not trusted, built in or given; another host's certificate; a client that shows none."""
    with otlp_server(tls=tls(pki)) as server:
        unknown = [send(server.url), send(server.url, certificate=pki.stranger)]
    with otlp_server(tls=tls(pki, "elsewhere")) as server:
        other_name = send(server.url, certificate=pki.ca)
    with otlp_server(tls=tls(pki, mutual=True)) as server:
        nameless = send(server.url, certificate=pki.ca)
    assert [(False, True, "tls")] * 3 == [outcome[:3] for outcome in (*unknown, other_name)]
    assert all(outcome.detail.startswith("TLS failed: certificate verify failed: ") for outcome in unknown)
    assert {"set otlp.certificate to the PEM file of the CA that signed its certificate"} == {
        outcome.advice for outcome in unknown
    }
    assert "give the endpoint by a name that is in its certificate" == other_name.advice
    # The connection ends; whether the reason comes through before that is a race.
    assert (False, True) == nameless[:2]
    assert "client certificate" in nameless.advice
    assert "set otlp.client_certificate and otlp.client_key" in nameless.advice


def test_https_to_a_plain_port_is_a_tls_failure() -> None:
    """Said as such, so that the scheme is looked at."""
    with otlp_server() as server:
        outcome = send(server.url.replace("http://", "https://"))
    assert (False, True, "tls") == outcome[:3]
    assert "it does not speak TLS: write http:// instead of https://" == outcome.advice


def test_http_to_a_port_that_speaks_tls_is_said(pki: Certificates) -> None:
    """Most servers hang up; Go's and nginx's answer with a status, which leads to the right words."""
    with otlp_server(tls=tls(pki)) as server:
        hangs_up = send(server.url.replace("https://", "http://"))
    said = Answer(400, b"Client sent an HTTP request to an HTTPS server.\n")
    with otlp_server(metrics=[said, Answer(400)]) as server:
        answers, says_nothing = (send(f"{server.url}/v1/metrics") for _ in range(2))
    assert ("connection", True) == (hangs_up.reason, "write https:// instead of http://" in hangs_up.advice)
    assert ("http_400", "it speaks TLS: write https:// instead of http://") == (answers.reason, answers.advice)
    assert "look what listens there: if it speaks TLS write https:// instead of http://" == says_nothing.advice


def test_an_endpoint_that_speaks_grpc_is_said() -> None:
    """What it answers is not shown: it is not text."""
    with grpc_server() as server:
        outcome = send(server.url)
    assert (False, True, "connection") == outcome[:3]
    assert outcome.detail.isprintable()
    assert "for a gRPC port set otlp.protocol to grpc" in outcome.advice


def test_a_status_leads_to_what_to_do() -> None:
    """Who asks without credentials, and a path where nothing is."""
    with otlp_server(metrics=[Answer(401), Answer(403), Answer(404), Answer(500)]) as server:
        said = [send(f"{server.url}/v1/metrics").advice for _ in range(4)]
    wants = "it wants to know who asks: set otlp.headers to what it demands"
    assert [wants, wants, "check its path: a Collector takes /v1/metrics and /v1/traces", ""] == said


def test_a_key_that_was_replaced_by_something_else_is_named(pki: Certificates, tmp_path: Path) -> None:
    """After the start, where it would have been refused: the one who reads the log looks at the files, not the name."""
    (tmp_path / "key.pem").write_text("not a key")
    with otlp_server(tls=tls(pki)) as server:
        outcome = send(
            server.url, certificate=pki.ca, client_certificate=pki.client, client_key=str(tmp_path / "key.pem")
        )
    assert (False, True, "tls") == outcome[:3]
    assert "put back what fits" in outcome.advice


def test_a_certificate_that_is_gone_is_a_failure(pki: Certificates, tmp_path: Path) -> None:
    """While the agent runs, it may be replaced."""
    with otlp_server(tls=tls(pki)) as server:
        outcome = send(server.url, certificate=str(tmp_path / "gone.pem"))
    assert (False, True, "tls") == outcome[:3]
    assert "gone.pem" in outcome.detail


def test_an_answer_that_breaks_off_counts_by_its_status() -> None:
    """The endpoint had decided before; sending the same again would be a duplicate."""
    with otlp_server(metrics=[Answer(promised=10), Answer(503, promised=10)]) as server:
        outcomes = [send(f"{server.url}/v1/metrics") for _ in range(2)]
    assert [Outcome(True), Outcome(False, True, "http_503", "HTTP status 503")] == outcomes


def test_a_password_in_the_address_is_used() -> None:
    """As basic authentication."""
    with otlp_server() as server:
        send(f"{server.url}/v1/metrics".replace("http://", "http://user:secret@"))
        assert server.received[0].headers["Authorization"].startswith("Basic ")


def test_the_environment_does_not_send_telemetry_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that is meant for other programs is not used."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with otlp_server() as server:
        assert send(f"{server.url}/v1/metrics").delivered
