"""One request over gRPC against a real endpoint on loopback."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelchan.telemetry.otlpgrpc import GrpcTransport
from otelchan.telemetry.transport import Destination, Outcome
from tests.support.certificates import Certificates, make
from tests.support.grpc_server import METRICS, TRACES, Reply, grpc_server, through
from tests.support.otlp_server import free_port, otlp_server

ROOT = Path(__file__).parents[3]
BODY = b"body" * 1000
Code = grpc.StatusCode
HANGS_UP_PLAIN = "look what listens there: if it speaks TLS write https:// instead of http://"
HTTP_PORT = "give the gRPC port, usually 4317, or set otlp.protocol to http/protobuf"


def transport(url: str, signal: str = "metrics", timeout_s: float = 10.0, **changes: object) -> GrpcTransport:
    """To that address."""
    values = {"headers": {}, "gzip": False, "protocol": "grpc", **changes}
    return GrpcTransport(Destination(signal=signal, url=url, timeout_s=timeout_s, **values))  # type: ignore[arg-type]


def send(url: str, signal: str = "metrics", timeout_s: float = 10.0, **changes: object) -> Outcome:
    """One attempt with BODY."""
    opened = transport(url, signal, timeout_s, **changes)
    try:
        return opened.send(BODY)
    finally:
        opened.close()


def details(*delays: Duration) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata that says when to come again."""
    status = Status()
    for delay in delays:
        status.details.add().Pack(RetryInfo(retry_delay=delay))
    return (("grpc-status-details-bin", status.SerializeToString()),)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority."""
    return make(tmp_path_factory.mktemp("pki"))


def credentials(pki: Certificates, name: str = "server", mutual: bool = False) -> grpc.ServerCredentials:
    """A server's certificate, and whether it demands one of its clients."""
    files = [Path(getattr(pki, field)).read_bytes() for field in (f"{name}_key", name, "ca")]
    return grpc.ssl_server_credentials([(files[0], files[1])], files[2], mutual)


def test_the_bytes_arrive_with_the_users_headers() -> None:
    """At the method of the signal; names of headers are lower case, as gRPC wants them, and it says who sends it."""
    with grpc_server() as server:
        headers = {"Authorization": "Bearer t", "x-raw-bin": "bytes"}
        assert [Outcome(True), Outcome(True)] == [send(server.url, s, headers=headers) for s in ("metrics", "traces")]
        metrics, traces = server.received
    assert [(METRICS, BODY), (TRACES, BODY)] == [(metrics.path, metrics.body), (traces.path, traces.body)]
    assert ("Bearer t", "b'bytes'") == (metrics.headers["authorization"], metrics.headers["x-raw-bin"])
    assert metrics.headers["user-agent"].startswith("otelchan/")


@pytest.mark.parametrize(("gzip", "low", "high"), [(False, 4000, 8000), (True, 0, 1500)])
def test_gzip_makes_what_is_sent_smaller(gzip: bool, low: int, high: int) -> None:
    """It arrives whole."""
    with grpc_server() as server, through(server.port) as way:
        assert Outcome(True) == send(f"http://127.0.0.1:{way.port}", gzip=gzip)
        assert BODY == server.received[0].body
    assert low < way.sent < high


def test_a_partial_success_is_read() -> None:
    """For both signals: how many were rejected, and why."""
    metrics, traces = ExportMetricsServiceResponse(), ExportTraceServiceResponse()
    metrics.partial_success.rejected_data_points = 7
    metrics.partial_success.error_message = "too old"
    traces.partial_success.rejected_spans = 3
    said = [Reply(body=message.SerializeToString()) for message in (metrics, traces)]
    with grpc_server(metrics=said[:1], traces=said[1:]) as server:
        outcomes = [send(server.url, signal) for signal in ("metrics", "traces")]
    assert [Outcome(True, detail="too old", rejected=7), Outcome(True, rejected=3)] == outcomes


RETRYABLE = (Code.CANCELLED, Code.ABORTED, Code.OUT_OF_RANGE, Code.UNAVAILABLE, Code.DATA_LOSS)


@pytest.mark.parametrize("code", [code for code in Code if code not in (Code.OK, Code.DEADLINE_EXCEEDED)])
def test_only_some_statuses_may_be_tried_again(code: grpc.StatusCode) -> None:
    """Those that the OTLP specification names."""
    with grpc_server(metrics=[Reply(code, "busy")]) as server:
        outcome = send(server.url)
    assert (False, code in RETRYABLE, f"grpc_{code.name.lower()}") == outcome[:3]
    assert (f"gRPC status {code.name}: busy", True) == (outcome.detail, outcome.answered)


def test_a_deadline_is_a_timeout_whoever_says_so() -> None:
    """The endpoint, or this side when it does not answer."""
    with grpc_server(metrics=[Reply(Code.DEADLINE_EXCEEDED), Reply(wait_s=30)]) as server:
        outcomes = [send(server.url), send(server.url, timeout_s=0.3)]
    assert [Outcome(False, True, "timeout", "no answer in time")] * 2 == outcomes


def test_exhausted_is_tried_again_only_when_the_endpoint_says_when() -> None:
    """As the specification has it: RetryInfo tells that it can recover; a delay of nothing is a permission too."""
    replies = [
        Reply(Code.RESOURCE_EXHAUSTED),
        Reply(Code.RESOURCE_EXHAUSTED, trailing=(("grpc-status-details-bin", b"nonsense"),)),
        Reply(Code.RESOURCE_EXHAUSTED, trailing=details()),
        Reply(Code.RESOURCE_EXHAUSTED, trailing=details(Duration())),
        Reply(Code.RESOURCE_EXHAUSTED, trailing=details(Duration(seconds=7, nanos=500_000_000))),
    ]
    with grpc_server(metrics=replies) as server:
        outcomes = [send(server.url) for _ in replies]
    assert [(False, 0), (False, 0), (False, 0), (True, 0), (True, 7.5)] == [
        (outcome.retry, outcome.retry_after_s) for outcome in outcomes
    ]


def test_the_endpoint_may_say_when_to_come_again() -> None:
    """With any status that may be tried again, but not for ever, and not in the past."""
    delays = [Duration(seconds=3), Duration(seconds=86400), Duration(seconds=-5)]
    with grpc_server(metrics=[Reply(Code.UNAVAILABLE, trailing=details(delay)) for delay in delays]) as server:
        outcomes = [send(server.url) for _ in delays]
    assert [3, 120, 0] == [outcome.retry_after_s for outcome in outcomes]


def test_a_status_leads_to_what_to_do() -> None:
    """Who asks without credentials, where no OTLP is taken, and when a request is too large for a Go server."""
    replies = [
        Reply(Code.UNAUTHENTICATED),
        Reply(Code.UNIMPLEMENTED),
        Reply(Code.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5000000 vs. 4194304)"),
        Reply(Code.INTERNAL),
    ]
    with grpc_server(metrics=replies) as server:
        said = [send(server.url).advice for _ in replies]
    assert [
        "it wants to know who asks: set otlp.headers to what it demands",
        f"it does not take OTLP over gRPC: {HTTP_PORT}",
        "raise max_recv_msg_size_mib of its OTLP receiver, or lower series_per_process",
        "",
    ] == said


def test_a_refused_connection_is_named() -> None:
    """The commonest failure: no Collector there."""
    assert Outcome(False, True, "refused", "connection refused") == send(f"http://127.0.0.1:{free_port()}")


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    """It may exist later."""
    outcome = send("http://no-such-host.invalid:4317")
    assert Outcome(False, True, "unreachable", "the name of the host is not known") == outcome


def test_an_endpoint_that_comes_back_is_used_at_once() -> None:
    """grpc itself would wait a second and longer before it connects again: the pauses are ours."""
    port = free_port()
    opened = transport(f"http://127.0.0.1:{port}")
    refused = [opened.send(BODY).reason for _ in range(5)]
    with grpc_server(port):
        back = opened.send(BODY)
    opened.close()
    assert (["refused"] * 5, Outcome(True)) == (refused, back)


def test_a_signal_does_not_wait_because_of_the_other_one() -> None:
    """Both go to one endpoint that was restarted: the connection of the one is not shared with the other."""
    port = free_port()
    metrics, traces = (transport(f"http://127.0.0.1:{port}", signal) for signal in ("metrics", "traces"))
    with grpc_server(port):
        assert [Outcome(True)] * 2 == [metrics.send(BODY), traces.send(BODY)]
    failed = [metrics.send(BODY).delivered for _ in range(5)]
    with grpc_server(port):
        back = metrics.send(BODY)
    metrics.close()
    traces.close()
    assert ([False] * 5, Outcome(True)) == (failed, back)


def test_tls_with_a_private_authority(pki: Certificates) -> None:
    """And with a certificate of our own where one is demanded; the key may be in the same file."""
    own = Path(pki.client).with_name("both.pem")
    own.write_text(Path(pki.client).read_text() + Path(pki.client_key).read_text())
    with grpc_server(credentials=credentials(pki)) as server:
        assert Outcome(True) == send(server.url, certificate=pki.ca)
    with grpc_server(credentials=credentials(pki, mutual=True)) as server:
        assert Outcome(True) == send(
            server.url, certificate=pki.ca, client_certificate=pki.client, client_key=pki.client_key
        )
        assert Outcome(True) == send(server.url, certificate=pki.ca, client_certificate=str(own))


def test_tls_that_fails_is_said_with_what_to_do(pki: Certificates) -> None:
    """An authority that is not trusted, built in or given; another host's certificate; a client that shows none."""
    with grpc_server(credentials=credentials(pki)) as server:
        unknown = [send(server.url), send(server.url, certificate=pki.stranger)]
    with grpc_server(credentials=credentials(pki, "elsewhere")) as server:
        other_name = send(server.url, certificate=pki.ca)
    with grpc_server(credentials=credentials(pki, mutual=True)) as server:
        nameless = send(server.url, certificate=pki.ca)
    assert [(False, True, "tls")] * 3 == [outcome[:3] for outcome in (*unknown, other_name)]
    sentence = "TLS failed: CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate"
    advice = "set otlp.certificate to the PEM file of the CA that signed its certificate"
    assert [(sentence, advice)] * 2 == [(outcome.detail, outcome.advice) for outcome in unknown]
    assert "give the endpoint by a name that is in its certificate" == other_name.advice
    # The connection ends; whether the reason comes through before that is a race.
    assert (False, True) == nameless[:2]
    assert "client certificate" in nameless.advice
    assert "set otlp.client_certificate and otlp.client_key" in nameless.advice


def test_the_wrong_scheme_is_said(pki: Certificates) -> None:
    """TLS to a plain port, and plain to a port that speaks TLS."""
    with grpc_server() as server:
        plain = send(server.url.replace("http:", "https:"), certificate=pki.ca)
    with grpc_server(credentials=credentials(pki)) as server:
        tls = send(server.url.replace("https:", "http:"))
    assert ("tls", "it does not speak TLS: write http:// instead of https://") == (plain.reason, plain.advice)
    assert ("connection", HANGS_UP_PLAIN) == (tls.reason, tls.advice)


def test_an_endpoint_that_speaks_http_is_said() -> None:
    """The other commonest mistake: the port of OTLP over HTTP."""
    with otlp_server() as server:
        outcome = send(server.url)
    assert Outcome(False, True, "connection", "it does not speak gRPC", advice=HTTP_PORT) == outcome


def test_a_key_that_was_replaced_by_something_else_is_named(pki: Certificates, tmp_path: Path) -> None:
    """After the start, where it would have been refused: it counts as TLS, and is tried again."""
    (tmp_path / "key.pem").write_text("not a key")
    with grpc_server(credentials=credentials(pki)) as server:
        outcome = send(
            server.url, certificate=pki.ca, client_certificate=pki.client, client_key=str(tmp_path / "key.pem")
        )
    assert (False, True, "tls") == outcome[:3]
    assert "put back what fits" in outcome.advice


def test_a_renewed_certificate_is_read_again(pki: Certificates, tmp_path: Path) -> None:
    """After a failure; a file that is missing for a moment is a failure as well."""
    trusted = tmp_path / "ca.pem"
    with grpc_server(credentials=credentials(pki)) as server:
        opened = transport(server.url, certificate=str(trusted))
        missing = opened.send(BODY)
        trusted.write_bytes(Path(pki.stranger).read_bytes())
        wrong = opened.send(BODY)
        trusted.write_bytes(Path(pki.ca).read_bytes())
        right = opened.send(BODY)
        opened.close()
    assert ("tls", "tls", Outcome(True)) == (missing.reason, wrong.reason, right)
    assert f"TLS failed: [Errno 2] No such file or directory: '{trusted}'" == missing.detail


def test_a_password_in_the_address_is_used() -> None:
    """As over HTTP, and it is not shown."""
    with grpc_server() as server:
        url = server.url.replace("http://", "http://user:s%40cret@")
        opened = transport(url)
        opened.send(BODY)
        opened.close()
        said = server.received[0].headers["authorization"]
    assert f"Basic {base64.b64encode(b'user:s@cret').decode()}" == said
    assert (server.url, f"{server.url} (metrics)") == (opened.to.origin, opened.to.address)


def test_the_environment_does_not_send_telemetry_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """grpc reads proxy variables itself, unless it is told not to."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with grpc_server() as server:
        assert Outcome(True) == send(server.url)


def test_closing_ends_a_request_that_is_under_way() -> None:
    """From another thread; afterwards it can be opened anew."""
    outcomes = []
    with grpc_server(metrics=[Reply(wait_s=30)]) as server:
        opened = transport(server.url, timeout_s=30)
        thread = threading.Thread(target=lambda: outcomes.append(opened.send(BODY)))
        thread.start()
        server.wait_for(METRICS, 1)
        opened.close()
        thread.join(10)
        assert [(False, True)] == [outcome[:2] for outcome in outcomes]
        assert Outcome(True) == opened.send(BODY)
        opened.close()


PROGRAM = """
import sys
from otelchan.config import Otlp
from otelchan.telemetry import Telemetry
from otelchan.telemetry.transport import destination, open_transport
from otelchan.telemetry.export import NetworkSink
otlp = Otlp(endpoint=sys.argv[1], protocol=sys.argv[2], timeout_s=20)
"""


def run(program: str, url: str, protocol: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, as grpc is one per process. It must end by itself."""
    command = [sys.executable, "-c", PROGRAM + program, url, protocol]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environ, check=False)


@pytest.mark.parametrize(("protocol", "needed"), [("http/protobuf", "['urllib3']"), ("grpc", "['grpc']")])
def test_only_what_the_protocol_needs_is_imported(protocol: str, needed: str) -> None:
    """grpc takes 15 MB, urllib3 11."""
    program = (
        "open_transport(destination(otlp, 'metrics')).send(b'')\n"
        "print([name for name in ('grpc', 'urllib3', 'requests') if name in sys.modules])"
    )
    done = run(program, f"http://127.0.0.1:{free_port()}", protocol)
    assert (needed + "\n", "", 0) == (done.stdout, done.stderr, done.returncode)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_endpoint_that_never_answers_does_not_hold_up_the_end(protocol: str) -> None:
    """It takes the connection and says nothing; the request that is under way is counted and the program ends."""
    program = (
        "import time\n"
        "from otelchan.telemetry.own import AgentMetrics\n"
        "from otelchan.telemetry.batches import SpanBatch\n"
        "from opentelemetry.proto.resource.v1.resource_pb2 import Resource\n"
        "from opentelemetry.proto.trace.v1.trace_pb2 import Span\n"
        "sink = NetworkSink(destination(otlp, 'metrics'), destination(otlp, 'traces'))\n"
        "sink.start(AgentMetrics())\n"
        "sink.offer_spans(SpanBatch('a', Resource(), (Span(name='a'),)))\n"
        "time.sleep(0.5)\n"
        "print(sink.close(0.1))"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run(program, f"http://127.0.0.1:{silent.getsockname()[1]}", protocol)
    assert ("False\n", 0) == (done.stdout, done.returncode)
    assert done.stderr.splitlines()[-1].startswith("0 metric points and 1 spans could not be delivered to ")


def test_grpc_itself_writes_nothing_unless_it_is_asked_to(pki: Certificates) -> None:
    """What it says comes with the error too, in one line; its own variable switches its log on."""
    program = "print(open_transport(destination(otlp, 'metrics')).send(b'').reason)"
    with grpc_server(credentials=credentials(pki)) as server:
        quiet = run(program, server.url, "grpc")
        loud = run(program, server.url, "grpc", GRPC_VERBOSITY="info")
    assert ("tls\n", "") == (quiet.stdout, quiet.stderr)
    assert "CERTIFICATE_VERIFY_FAILED" in loud.stderr
