"""Endpoints that are slow, broken or worse: no request takes longer than its time, no answer more than its room."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from otelchan.config import Otlp
from otelchan.telemetry.batches import MetricBatch
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.export import NetworkSink
from otelchan.telemetry.otlpgrpc import GrpcTransport
from otelchan.telemetry.otlphttp import HttpTransport
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.points import Point
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.transport import Destination, Outcome
from tests.support import hostile_server as hostile
from tests.support.grpc_server import Reply, grpc_server
from tests.support.hostile_server import DROPS, Behaviour, answer, hostile_server
from tests.support.sinks import counted, started
from tests.support.snapshots import NOW, by_name, data_points

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 0.4  # eight drops
LATE = Outcome(False, True, "timeout", "no answer in time")
LATER = Outcome(False, True, "http_503", "HTTP status 503")


def send(url: str, body: bytes = b"body" * 100, timeout_s: float = TIMEOUT_S) -> Outcome:
    """One attempt that may take a moment."""
    transport = HttpTransport(Destination("metrics", url, {}, False, timeout_s))
    try:
        return transport.send(body)
    finally:
        transport.close()


def partial(said: str, rejected: int = 7) -> bytes:
    """The body of a partial success."""
    message = ExportMetricsServiceResponse()
    message.partial_success.error_message = said
    message.partial_success.rejected_data_points = rejected
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (hostile.says_nothing, LATE),
        (hostile.drips_headers, LATE),
        (hostile.drips_a_body, LATER),
        (hostile.drips_chunks, LATER),
    ],
    ids=["nothing", "headers", "body", "chunks"],
)
def test_a_request_has_a_time_however_slowly_it_is_answered(behaviour: Behaviour, outcome: Outcome) -> None:
    """Not each read of it: a byte now and then would keep the connection for hours. A status that came counts."""
    with hostile_server(behaviour) as server:
        assert outcome == send(server.url)
        assert server.sent < DROPS / 4


def test_a_request_has_a_time_however_slowly_it_is_taken() -> None:
    """The endpoint does not read what it is sent, more than any buffer takes."""
    with hostile_server(hostile.does_not_read) as server:
        assert LATE == send(server.url, bytes(50_000_000))


def test_a_request_has_a_time_also_when_no_tls_comes_about() -> None:
    """The endpoint takes the connection and never says hello."""
    with hostile_server(hostile.does_not_read) as server:
        assert LATE == send(server.url.replace("http://", "https://"))


def test_an_endpoint_that_does_not_accept_connections_is_left() -> None:
    """Its queue of connections is full."""
    with hostile.full_backlog() as url:
        assert LATE == send(url)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (hostile.endless_body, "http_503"),
        (hostile.endless_chunks, "http_503"),
        (hostile.endless_headers, "connection"),
        (hostile.endless_header, "connection"),
        (hostile.endless_status, "connection"),
        (hostile.endless_continue, "connection"),
        (hostile.endless_garbage, "connection"),
    ],
    ids=["body", "chunks", "headers", "header", "status", "continue", "garbage"],
)
def test_an_answer_without_end_is_left(behaviour: Behaviour, reason: str) -> None:
    """After its beginning, for its length and long before its time is over; what is said about it is one line."""
    with hostile_server(behaviour) as server:
        outcome = send(server.url, timeout_s=20.0)
        assert server.sent < 20_000_000  # what the kernel's buffers take, and not two gigabytes
    assert (False, True, reason) == outcome[:3]
    assert outcome.detail.isprintable()


def test_an_answer_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    """Fifty megabytes from fifty kilobytes; that it is packed was not asked for."""
    with hostile_server(hostile.bomb) as server:
        assert LATER == send(server.url)


@pytest.mark.parametrize(
    "value",
    ["nan", "inf", "-inf", "-5", "1e400", "9" * 400, "٣", "", "Fri, 31 Dec 0000 23:59:59 GMT", "Fri, 31 Dec 9999999"],
)
def test_nonsense_about_when_to_come_again_is_not_followed(value: str) -> None:
    """Neither for ever, nor to the end of the exporting thread."""
    with hostile_server(answer("503 Later", headers={"Retry-After": value.encode().decode("latin-1")})) as server:
        outcome = send(server.url)
    assert 0 <= outcome.retry_after_s <= 120
    assert 120 == outcome.retry_after_s or not value.startswith("9")


def test_a_redirect_is_not_followed_but_said() -> None:
    """A POST might become a GET, and what is sent would go where nobody meant it to."""
    with hostile_server(answer("307 There", headers={"Location": "http://127.0.0.1:1/v1/metrics"})) as server:
        outcome = send(server.url)
    assert (False, False, "http_307") == outcome[:3]
    assert "give the address that it redirects to: http://127.0.0.1:1/v1/metrics" == outcome.advice


def test_what_an_endpoint_says_does_not_make_lines_in_the_log() -> None:
    """A partial success with a reason of a megabyte, with colours and line breaks."""
    with hostile_server(answer("200 OK", partial("rejected\n\x1b[31m" + "a" * 50_000))) as server:
        outcome = send(server.url)
    assert (True, 7) == (outcome.delivered, outcome.rejected)
    assert outcome.detail.startswith("rejected  [31maaa")
    assert (True, True) == (outcome.detail.isprintable(), len(outcome.detail) < 400)


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "packed"])
def test_an_answer_over_grpc_that_is_too_large_is_not_read(gzip: bool) -> None:
    """Two megabytes where a hundred bytes are usual; it is not taken for a request that is too large."""
    with grpc_server(metrics=[Reply(body=bytes(2 << 20), gzip=gzip)]) as server:
        transport = GrpcTransport(Destination("metrics", server.url, {}, False, 5.0, protocol="grpc"))
        outcome = transport.send(b"body")
        transport.close()
    said = "its answer is larger than 1 MiB"
    assert Outcome(False, False, "grpc_resource_exhausted", said, advice="look what listens there") == outcome


def test_what_a_grpc_server_says_does_not_make_lines_in_the_log() -> None:
    """Its status message with line breaks and colours, and as long as gRPC lets it be."""
    with grpc_server(metrics=[Reply(grpc.StatusCode.INTERNAL, "no\n\x1b[31m" + "a" * 5000)]) as server:
        transport = GrpcTransport(Destination("metrics", server.url, {}, False, 5.0, protocol="grpc"))
        outcome = transport.send(b"body")
        transport.close()
    assert outcome.detail.startswith("gRPC status INTERNAL: no")
    assert (True, True) == (outcome.detail.isprintable(), len(outcome.detail) < 400)


# --- the whole way ------------------------------------------------------------------------------------------------


def metrics(value: int) -> MetricBatch:
    """One gauge with that value."""
    resource = resource_message({"service.name": "shop"})
    point = Point("channel.lag", (("channel.name", "a"),), value)
    live = (live_metrics(resource, [point], NOW + value),)
    return MetricBatch("shop", resource, NOW + value, live, 1, frozenset([point.series]))


def sink(url: str) -> AbstractContextManager[tuple[NetworkSink, AgentMetrics]]:
    """A started sink that does not wait long, and what it counts."""
    otlp = Otlp(endpoint=url, timeout_s=TIMEOUT_S)
    return started(otlp)


RETRIED = (
    hostile.reset_in_the_request,
    hostile.reset_in_the_answer,
    hostile.hangs_up,
    hostile.says_nothing,
    hostile.drips_headers,
    hostile.drips_a_body,
    hostile.endless_headers,
    hostile.endless_body,
    hostile.endless_garbage,
    hostile.bomb,
    answer("429 Slowly", headers={"Retry-After": "nan"}),
    answer("502 Nobody"),
)


@pytest.mark.parametrize("behaviour", RETRIED, ids=[getattr(each, "__name__", "") for each in RETRIED])
def test_what_could_not_be_sent_arrives_when_the_endpoint_works(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    """The same metrics, whatever it did before, twice; one line says that it does not work, one that it does again."""
    with hostile_server(behaviour, behaviour) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(7))
        wait_for(server, 1)
        assert to.close(5.0)
        assert (
            {("metrics",): 1},
            {},
        ) == (counted(own, "otelchan.export.sent"), counted(own, "otelchan.export.failed"))
    arrived = ExportMetricsServiceRequest.FromString(server.took[0])
    found = [metric for resource in arrived.resource_metrics for metric in by_name(resource).values()]
    assert [7] == [point.as_int for metric in found for point in data_points(metric)]
    down, back = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert down.startswith(f"cannot deliver telemetry to {server.url}")
    assert back.startswith(f"delivering telemetry to {server.url}")
    assert (True, True) == (down.isprintable(), len(down) < 600)


def wait_for(server: hostile.HostileServer, requests: int) -> None:
    """Until so many requests were answered well."""
    for _ in range(1000):
        if len(server.took) >= requests:
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(server.took)} requests of {requests} came")


@pytest.mark.parametrize(("rejected", "counts"), [(1, 1), (10**15, 1), (-5, 0)])
def test_no_more_is_rejected_than_was_sent(rejected: int, counts: int) -> None:
    """An endpoint may answer any number: what is counted stays right."""
    with hostile_server(answer("200 OK", partial("no", rejected))) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(1))
        assert to.close(5.0)
        rejections = sum(counted(own, "otelchan.export.rejected").values())
        assert (counts, 1 - counts) == (rejections, counted(own, "otelchan.export.sent")[("metrics",)])


PROGRAM = """
import sys
from otelchan.telemetry.otlpgrpc import GrpcTransport
from otelchan.telemetry.otlphttp import HttpTransport
from otelchan.telemetry.transport import Destination
from tests.support import hostile_server as hostile
transport = HttpTransport(Destination("metrics", sys.argv[1], {}, False, 5.0))
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
for _ in range(20):
    transport.send(bytes(1000))
before = resident()
for _ in range(int(sys.argv[2])):
    transport.send(bytes(1000))
print(resident() - before)
"""


def test_memory_does_not_grow_with_what_an_endpoint_says() -> None:
    """Two hundred answers that would fill the machine's memory, in a program of its own."""
    bad = [hostile.endless_body, hostile.endless_headers, hostile.endless_garbage, hostile.bomb] * 55
    with hostile_server(*bad) as server:
        command = [sys.executable, "-c", PROGRAM, server.url, "200"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert int(done.stdout) < 5_000_000
