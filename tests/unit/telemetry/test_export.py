"""Delivery against a real endpoint that works, fails, is slow, is not there, and comes back."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NamedTuple

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.config import Otlp
from otelchan.telemetry.batches import MetricBatch, SpanBatch
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.export import Backoff, NetworkSink
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.points import Point, Series
from otelchan.telemetry.resource import resource_message
from tests.support import grpc_server as over_grpc
from tests.support.grpc_server import Reply, grpc_server
from tests.support.otlp_server import Answer, OtlpServer, Received, free_port, otlp_server
from tests.support.sinks import QUICK, counted, started
from tests.support.snapshots import NOW, attributes, by_name, data_points

METRICS, TRACES = "/v1/metrics", "/v1/traces"
HTTP = "http/protobuf"
CLOSES: Series = ("channel.close", (("channel.name", "a"),))


def metrics(value: int, target: str = "shop", ended: frozenset[Series] = frozenset()) -> MetricBatch:
    """One gauge with that value, at a time that is as much later."""
    resource = resource_message({"service.name": target})
    point = Point("channel.lag", (("channel.name", "a"),), value)
    live = (live_metrics(resource, [point], NOW + value),)
    return MetricBatch(target, resource, NOW + value, live, 1, frozenset([point.series]), ended)


def spans(*names: str) -> SpanBatch:
    """Spans with these names."""
    return SpanBatch("shop", resource_message({"service.name": "shop"}), tuple(Span(name=name) for name in names))


def values(requests: list[Received]) -> list[tuple[str, int]]:
    """(service, value) of every live gauge in requests."""
    return [
        (attributes(resource.resource)["service.name"], point.as_int)
        for request in requests
        for resource in request.metrics().resource_metrics
        for metric in by_name(resource).values()
        for point in data_points(metric)
        if not point.flags
    ]


def span_names(requests: list[Received]) -> list[str]:
    """Names of all spans in requests."""
    return [
        span.name
        for request in requests
        for resource in request.traces().resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def sink(
    url: str, timeout_s: float = 5.0, span_limit: int = 4096, backoff: Backoff = QUICK, protocol: str = HTTP
) -> AbstractContextManager[tuple[NetworkSink, AgentMetrics]]:
    """A started sink and what it counts; closed at the end."""
    otlp = Otlp(endpoint=url, timeout_s=timeout_s, protocol=protocol)  # type: ignore[arg-type]
    return started(otlp, backoff, span_limit)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, warnings and above."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class Protocol(NamedTuple):
    """What differs between HTTP and gRPC for these tests. metrics, traces: where each signal arrives."""

    name: str
    metrics: str
    traces: str

    def server(self, port: int = 0, slow_metrics_s: float = 0.0) -> AbstractContextManager[OtlpServer[Any]]:
        """An endpoint that takes its time with the first metrics."""
        if self.name == HTTP:
            return otlp_server(port, metrics=[Answer(wait_s=slow_metrics_s)])
        return grpc_server(port, metrics=[Reply(wait_s=slow_metrics_s)])


OVER_HTTP = Protocol(HTTP, METRICS, TRACES)
OVER_GRPC = Protocol("grpc", over_grpc.METRICS, over_grpc.TRACES)
BOTH = pytest.mark.parametrize("protocol", [OVER_HTTP, OVER_GRPC], ids=["http", "grpc"])


@BOTH
def test_metrics_and_spans_arrive(protocol: Protocol) -> None:
    """Each at its own path, and are counted as sent."""
    with protocol.server() as server, sink(server.url, protocol=protocol.name) as (to, own):
        to.offer_metrics(metrics(7))
        to.offer_spans(spans("send a"))
        assert [("shop", 7)] == values(server.wait_for(protocol.metrics, 1))
        assert ["send a"] == span_names(server.wait_for(protocol.traces, 1))
        assert to.close(5.0)
        assert {("metrics",): 1, ("traces",): 1} == counted(own, "otelchan.export.sent")


def test_an_overloaded_endpoint_is_tried_again() -> None:
    """503, then 200: the same values arrive, and nothing is counted as lost."""
    with otlp_server(metrics=[Answer(503)], traces=[Answer(429)]) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(7))
        to.offer_spans(spans("send a"))
        assert [("shop", 7)] * 2 == values(server.wait_for(METRICS, 2))
        assert ["send a"] * 2 == span_names(server.wait_for(TRACES, 2))
        assert to.close(5.0)
        assert {} == counted(own, "otelchan.export.failed")


def test_signals_of_one_grpc_endpoint_fail_apart(caplog: pytest.LogCaptureFixture) -> None:
    """One that takes metrics only is said once, not at every interval anew."""
    no_traces = [Reply(grpc.StatusCode.UNIMPLEMENTED)] * 3
    with grpc_server(traces=no_traces) as server, sink(server.url, protocol="grpc") as (to, own):
        for number in range(3):
            to.offer_spans(spans(f"s{number}"))
            server.wait_for(over_grpc.TRACES, number + 1)
            to.offer_metrics(metrics(number))
            server.wait_for(over_grpc.METRICS, number + 1)
        assert to.close(5.0)
        assert {("traces", "grpc_unimplemented"): 3} == counted(own, "otelchan.export.failed")
        url = server.url
    assert [
        f"cannot deliver telemetry to {url} (traces) (gRPC status UNIMPLEMENTED): what is sent there is lost and "
        "counted; it does not take OTLP over gRPC: give the gRPC port, usually 4317, or set otlp.protocol to "
        "http/protobuf"
    ] == messages(caplog)


def test_the_endpoint_is_not_asked_again_before_it_said() -> None:
    """Retry-After holds newer metrics back too, and they replace what waits."""
    asked = [Answer(503, headers={"Retry-After": "1"})]
    with otlp_server(metrics=asked) as server, sink(server.url) as (to, _):
        to.offer_metrics(metrics(1))
        server.wait_for(METRICS, 1)
        for value in (2, 3):
            to.offer_metrics(metrics(value))
        assert [("shop", 1), ("shop", 3)] == values(server.wait_for(METRICS, 2))


def test_what_the_endpoint_does_not_want_is_given_up() -> None:
    """400 is final: counted by status, and the next values are sent as if nothing had been."""
    with otlp_server(metrics=[Answer(400)]) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(1))
        server.wait_for(METRICS, 1)
        to.offer_metrics(metrics(2))
        assert [("shop", 1), ("shop", 2)] == values(server.wait_for(METRICS, 2))
        assert to.close(5.0)
        assert {("metrics", "http_400"): 1} == counted(own, "otelchan.export.failed")


def test_a_partial_success_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The SDK's exporters do neither."""
    partial = ExportMetricsServiceResponse()
    partial.partial_success.rejected_data_points = 1
    partial.partial_success.error_message = "out of order"
    answer = Answer(body=partial.SerializeToString())
    with otlp_server(metrics=[answer, answer]) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(1))
        server.wait_for(METRICS, 1)
        to.offer_metrics(metrics(2))
        server.wait_for(METRICS, 2)
        assert to.close(5.0)
        assert {("metrics", "partial_success"): 2} == counted(own, "otelchan.export.rejected")
        url = server.url
    assert [
        f"{url}/v1/metrics took a request but rejected 1 of 1 items: out of order; see the log of what listens there"
    ] == messages(caplog)


@BOTH
def test_an_endpoint_that_is_not_there_is_said_once_and_its_return_once(
    caplog: pytest.LogCaptureFixture, protocol: Protocol
) -> None:
    """Meanwhile the newest metrics and the latest spans are kept; what was given up is counted."""
    port = free_port()
    with sink(f"http://127.0.0.1:{port}", span_limit=3, protocol=protocol.name) as (to, own):
        for value in range(5):
            to.offer_metrics(metrics(value))
            to.offer_metrics(metrics(value, "cart"))
            to.offer_spans(spans(f"s{value}"))
            wait_until_refused(own, value + 1)
        assert 1 == len(messages(caplog))
        with protocol.server(port) as server:
            server.wait_for(protocol.metrics, 1)
            server.wait_for(protocol.traces, 1)
            assert to.close(5.0)
            assert {("shop", 4), ("cart", 4)} == set(values(server.of(protocol.metrics)))
            assert ["s2", "s3", "s4"] == span_names(server.of(protocol.traces))
        lost = counted(own, "otelchan.export.failed")
    assert {("metrics", "refused"): 8, ("traces", "refused"): 2} == lost
    down, back = messages(caplog)
    assert down.startswith(f"cannot deliver telemetry to http://127.0.0.1:{port} (connection refused): the newest")
    assert back.startswith(f"delivering telemetry to http://127.0.0.1:{port} again after ")


def wait_until_refused(own: AgentMetrics, times: int) -> None:
    """Until so many requests of each signal have been attempted."""
    for _ in range(500):
        (live,) = own.collect()
        metric = by_name(live).get("otelchan.export.duration")
        counts = [point.count for point in data_points(metric)] if metric else []
        if len(counts) == 2 and min(counts) >= times:
            return
        time.sleep(0.01)
    raise AssertionError(f"{counts} requests were attempted")


def test_the_ends_of_series_survive_an_outage() -> None:
    """What ended while nobody listened is ended when somebody does."""
    port = free_port()
    with sink(f"http://127.0.0.1:{port}") as (to, _):
        to.offer_metrics(metrics(1, ended=frozenset([CLOSES])))
        to.offer_metrics(metrics(2))
        with otlp_server(port) as server:
            (request, *_more) = server.wait_for(METRICS, 1)
    _live, ended = request.metrics().resource_metrics
    assert ["channel.close"] == list(by_name(ended))


def test_a_slow_endpoint_does_not_hold_up_who_publishes() -> None:
    """While one request hangs, newer metrics replace each other; the newest arrives after the timeout."""
    with otlp_server(metrics=[Answer(wait_s=30)]) as server, sink(server.url, timeout_s=0.3) as (to, own):
        to.offer_metrics(metrics(1))
        server.wait_for(METRICS, 1)
        for value in range(2, 100):
            to.offer_metrics(metrics(value))
        assert [("shop", 1), ("shop", 99)] == values(server.wait_for(METRICS, 2))
        assert to.close(5.0)
        assert 98 == sum(counted(own, "otelchan.export.failed").values())


def test_one_signal_does_not_wait_for_the_others_backoff() -> None:
    """Traces are down for long; metrics go through."""
    down = [Answer(503, headers={"Retry-After": "60"})]
    with otlp_server(traces=down) as server, sink(server.url) as (to, _):
        to.offer_spans(spans("a"))
        server.wait_for(TRACES, 1)
        to.offer_metrics(metrics(1))
        server.wait_for(METRICS, 1)
        to.offer_metrics(metrics(2))
        assert [("shop", 1), ("shop", 2)] == values(server.wait_for(METRICS, 2))


def test_closing_delivers_what_waits() -> None:
    """Pauses are cut short: what waits for its next attempt is attempted at once."""
    down = [Answer(503, headers={"Retry-After": "60"})]
    with otlp_server(metrics=down) as server, sink(server.url) as (to, _):
        to.offer_metrics(metrics(1))
        server.wait_for(METRICS, 1)
        assert to.close(5.0)
        assert [("shop", 1)] * 2 == values(server.of(METRICS))


def test_closing_gives_up_at_its_deadline(caplog: pytest.LogCaptureFixture) -> None:
    """What is not delivered by then is counted and said."""
    with sink(f"http://127.0.0.1:{free_port()}") as (to, own):
        to.offer_metrics(metrics(1))
        to.offer_spans(spans("a", "b"))
        assert not to.close(0.2)
        assert {("metrics", "refused"): 1, ("traces", "refused"): 2} == counted(own, "otelchan.export.failed")
    assert "1 metric points and 2 spans could not be delivered" in messages(caplog)[-1]


@BOTH
def test_closing_does_not_wait_for_an_endpoint_that_hangs(caplog: pytest.LogCaptureFixture, protocol: Protocol) -> None:
    """The request that is under way is counted as given up, once, and that is all that is said."""
    hanging = protocol.server(slow_metrics_s=30)
    with hanging as server, sink(server.url, timeout_s=20, protocol=protocol.name) as (to, own):
        to.offer_metrics(metrics(1))
        server.wait_for(protocol.metrics, 1)
        assert not to.close(0.1)
        server.stopped.set()  # it answers after all, or has been cut off
        wait_for_the_end_of_sending()
        assert 1 == sum(counted(own, "otelchan.export.failed").values())
        assert {} == counted(own, "otelchan.export.sent")
        assert 1 == len(messages(caplog))


def wait_for_the_end_of_sending() -> None:
    """Until no thread sends any more."""
    for thread in threading.enumerate():
        if thread.name == "otelchan-export":
            thread.join(10)


def test_pauses_grow_to_a_limit_and_respect_what_was_asked() -> None:
    """Doubling, with a fifth of chance, never below what the endpoint wants."""
    backoff = Backoff(first_s=1.0, most_s=30.0)
    bounds = [(0.8, 1.2), (1.6, 2.4), (3.2, 4.8), (24, 36), (24, 36)]
    for (low, high), failures in zip(bounds, (1, 2, 3, 6, 5000), strict=True):
        assert low <= backoff.pause_ns(failures, 0) / 1e9 <= high
    assert 60 <= backoff.pause_ns(1, 60.0) / 1e9


def test_many_programs_go_in_few_requests() -> None:
    """What waits is sent together, up to the limit of a request."""
    hanging = [Answer(wait_s=0.3)]
    with otlp_server(metrics=hanging) as server, sink(server.url) as (to, _):
        to.offer_metrics(metrics(0, "first"))
        server.wait_for(METRICS, 1)
        for number in range(100):
            to.offer_metrics(replace(metrics(number, f"shop-{number}"), items=100))
        assert 50 == len(values(server.wait_for(METRICS, 3)[1:2]))
