"""Requests that are too large for who takes them go in parts: everything arrives, once, in its order."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import AbstractContextManager

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.config import Otlp
from otelchan.telemetry.batches import MetricBatch, MetricQueue, SpanBatch, metrics_request
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.export import NetworkSink
from otelchan.telemetry.halves import halves
from otelchan.telemetry.lane import LEAST_BYTES, MOST_BYTES
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.points import Point, Series
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.transport import destination
from tests.support import grpc_server as over_grpc
from tests.support.grpc_server import grpc_server
from tests.support.otlp_server import Answer, Received, otlp_server
from tests.support.sinks import QUICK, counted, started
from tests.support.snapshots import NOW, attributes, by_name, data_points

METRICS, TRACES = "/v1/metrics", "/v1/traces"


def series(number: int, name: str = "channel.lag") -> Series:
    """One of many."""
    return (name, (("channel.name", f"main.worker queue.go:{number}"), ("channel.name.source", "make")))


def metrics(points: int, ended: int = 0, target: str = "shop", last: bool = False) -> MetricBatch:
    """So many gauges of two metrics, whose values are their numbers, and so many series that are over."""
    resource = resource_message({"service.name": target})
    names = ("channel.lag", "channel.waiters")
    made = [Point(*series(number, names[number % 2]), number) for number in range(points)]
    over = frozenset(series(number, "channel.capacity") for number in range(ended))
    live = (live_metrics(resource, made, NOW),)
    return MetricBatch(target, resource, NOW, live, points, frozenset(p.series for p in made), over, last)


def spans(first: int, last: int, size: int = 500) -> SpanBatch:
    """Spans with numbers for names, each of about that size."""
    made = tuple(Span(name=f"{number}/{'x' * size}") for number in range(first, last))
    return SpanBatch("shop", resource_message({"service.name": "shop"}), made)


def in_pieces(batches: list[MetricBatch]) -> list[list[MetricBatch]]:
    """Halved until nothing can be."""
    parts = halves(batches)
    return [batches] if parts is None else [*in_pieces(parts[0]), *in_pieces(parts[1])]


def told(pieces: list[list[MetricBatch]]) -> list[tuple[str, str, int, int]]:
    """(service, place, value, flags) of every point, as a receiver reads them, in their order."""
    return [
        (attributes(resource.resource)["service.name"], attributes(point)["channel.name"], point.as_int, point.flags)
        for piece in pieces
        for resource in metrics_request(piece).resource_metrics
        for metric in by_name(resource).values()
        for point in data_points(metric)
    ]


@pytest.mark.parametrize("last", [False, True])
def test_a_batch_in_pieces_says_what_it_says_whole(last: bool) -> None:
    """Every point and every end, once; no series ends before its last value has come."""
    whole = [metrics(9, ended=3, last=last), metrics(2, target="cart")]
    pieces = in_pieces(whole)
    assert Counter(told([whole])) == Counter(told(pieces))
    assert 11 == sum(batch.items for piece in pieces for batch in piece)
    ends = [(flags, service) for service, _, _, flags in told(pieces)]
    assert ends.index((1, "shop")) > max(at for at, each in enumerate(ends) if each == (0, "shop"))


def test_what_is_one_cannot_be_halved() -> None:
    """A single point, end or span."""
    parts = halves([metrics(1, ended=1)])
    assert parts
    alive, ended = parts
    assert [None, None, None] == [halves(alive), halves(ended), halves([spans(0, 1)])]


def test_pieces_that_could_not_be_sent_are_one_batch_again() -> None:
    """Nothing is lost of those that were not sent; what is newer replaces them all, and keeps their ends."""
    first, *rest = in_pieces([metrics(9, ended=3)])
    queue = MetricQueue()
    assert 0 == queue.give_back([batch for piece in rest for batch in piece])
    (again,) = queue.take(1000)
    assert Counter(told(rest)) == Counter(told([[again]]))
    assert 9 - first[0].items == again.items
    newer = MetricBatch("shop", Resource(), NOW + 1, (), 0)
    queue.offer(newer)
    assert 8 == queue.give_back([batch for piece in rest for batch in piece])
    (kept,) = queue.take(1000)
    assert (NOW + 1, 3) == (kept.time_unix_ns, len(kept.ended))


def sink(
    url: str, protocol: str = "http/protobuf", span_batch: int = 512
) -> AbstractContextManager[tuple[NetworkSink, AgentMetrics]]:
    """A started sink and what it counts."""
    otlp = Otlp(endpoint=url, protocol=protocol, span_batch=span_batch)  # type: ignore[arg-type]
    return started(otlp)


def values(requests: list[Received]) -> list[int]:
    """Of all gauges."""
    resources = [resource for request in requests for resource in request.metrics().resource_metrics]
    return [p.as_int for r in resources for metric in by_name(r).values() for p in data_points(metric)]


def numbers(requests: list[Received]) -> list[int]:
    """Of all spans, in their order."""
    scopes = [s for request in requests for r in request.traces().resource_spans for s in r.scope_spans]
    return [int(span.name.partition("/")[0]) for scope in scopes for span in scope.spans]


def test_what_is_larger_than_a_server_takes_goes_in_parts(caplog: pytest.LogCaptureFixture) -> None:
    """413: half as much, until it is taken; from then on nothing larger is sent, and it is said once."""
    with otlp_server(most_bytes=200_000) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(10_000))
        to.offer_spans(spans(0, 500, 2_000))
        assert to.close(10.0)
        sent, failed = counted(own, "otelchan.export.sent"), counted(own, "otelchan.export.failed")
        assert ({("metrics",): 10_000, ("traces",): 500}, {}) == (sent, failed)
        assert list(range(10_000)) == sorted(values(server.of(METRICS)))
        assert list(range(500)) == numbers(server.of(TRACES))
        sizes = [len(request.body) for request in server.refused if request.path == METRICS]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) < 6
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert 2 == len(said), said
    assert all("bytes at once (HTTP status 413): they go in parts of at most" in line for line in said)


def test_grpcs_own_limit_is_kept_too() -> None:
    """RESOURCE_EXHAUSTED, as a gRPC server says it by itself."""
    with grpc_server(most_bytes=200_000) as server, sink(server.url, "grpc") as (to, own):
        to.offer_spans(spans(0, 500, 2_000))
        assert to.close(10.0)
        assert list(range(500)) == numbers(server.of(over_grpc.TRACES))
        assert {} == counted(own, "otelchan.export.failed")


def test_no_request_is_larger_than_servers_take_by_themselves() -> None:
    """4 MiB over gRPC: a program with 50,000 series does not have to be refused first."""
    with grpc_server() as server, sink(server.url, "grpc") as (to, own):
        to.offer_metrics(metrics(50_000))
        assert to.close(20.0)
        requests = server.of(over_grpc.METRICS)
        assert list(range(50_000)) == sorted(values(requests))
        assert {("metrics",): 50_000} == counted(own, "otelchan.export.sent")
    assert max(len(request.body) for request in requests) <= MOST_BYTES < sum(len(each.body) for each in requests)


def test_a_span_that_nobody_takes_is_given_up_and_the_others_arrive() -> None:
    """It is counted by the status."""
    with otlp_server(most_bytes=80_000) as server, sink(server.url) as (to, own):
        to.offer_spans(spans(0, 10))
        to.offer_spans(spans(10, 11, 100_000))
        to.offer_spans(spans(11, 20))
        assert to.close(10.0)
        assert [*range(10), *range(11, 20)] == numbers(server.of(TRACES))
        assert {("traces", "http_413"): 1} == counted(own, "otelchan.export.failed")


def test_who_takes_nothing_is_not_asked_about_every_point() -> None:
    """Below 64 KiB a refusal is not about the size."""
    with otlp_server(most_bytes=0) as server, sink(server.url) as (to, own):
        to.offer_metrics(metrics(10_000))
        assert to.close(10.0)
        assert {("metrics", "http_413"): 10_000} == counted(own, "otelchan.export.failed")
        assert min(len(request.body) for request in server.refused) > LEAST_BYTES / 4
        assert len(server.refused) < 100


def test_parts_that_have_arrived_are_not_sent_again() -> None:
    """The server is overloaded between two parts of a request."""
    answers = [Answer(), Answer(503), Answer()]
    with otlp_server(traces=answers, most_bytes=300_000) as server, sink(server.url) as (to, own):
        to.offer_spans(spans(0, 500, 2_000))
        server.wait_for(TRACES, 3)
        assert to.close(10.0)
        good = [request for at, request in enumerate(server.of(TRACES)) if at != 1]
        assert list(range(500)) == numbers(good)
        assert ({("traces",): 500}, {}) == (
            counted(own, "otelchan.export.sent"),
            counted(own, "otelchan.export.failed"),
        )


def test_a_delay_makes_fewer_requests_unless_there_is_a_full_one() -> None:
    """As OTEL_BSP_SCHEDULE_DELAY says: here a minute, and ten spans are full."""
    with otlp_server() as server:
        otlp = Otlp(endpoint=server.url, span_batch=10, span_delay_s=60)
        to = NetworkSink(destination(otlp, "metrics"), destination(otlp, "traces"), QUICK)
        to.start(AgentMetrics())
        to.offer_spans(spans(0, 3))  # the first do not wait
        server.wait_for(TRACES, 1)
        for first in (3, 6, 9):
            to.offer_spans(spans(first, first + 3))
        to.offer_spans(spans(12, 15))
        server.wait_for(TRACES, 2)
        assert to.close(5.0)
        assert [[0, 1, 2], [*range(3, 13)], [13, 14]] == [numbers([request]) for request in server.of(TRACES)]
