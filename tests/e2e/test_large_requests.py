"""Requests that are larger than the real Collector takes: how it says so, and that everything arrives in parts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from otelchan.config import Otlp
from otelchan.telemetry.batches import MetricBatch, metrics_request
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.export import NetworkSink
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.points import Point
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.transport import destination, open_transport
from tests.support import eventually
from tests.support.receivers import GRPC, HEADER, HTTP, Receivers, receivers
from tests.support.snapshots import NOW

POINTS = 40_000


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    """With all receivers."""
    with receivers(tmp_path_factory.mktemp("receivers")) as running:
        yield running


def settings(collector: Receivers, protocol: str, case: str) -> Otlp:
    """To its plain port."""
    endpoint = collector.endpoint("plain", protocol)
    return Otlp(endpoint=endpoint, protocol=protocol, compression="gzip", headers={HEADER: case})  # type: ignore[arg-type]


def many(points: int) -> MetricBatch:
    """Gauges whose values are their numbers, of one program: about 110 bytes each."""
    resource = resource_message({"service.name": "shop"})
    made = [
        Point("channel.lag", (("channel.name", f"example.com/shop.Serve queue.go:{number}"), ("x", "y" * 40)), number)
        for number in range(points)
    ]
    live = (live_metrics(resource, made, NOW),)
    return MetricBatch("shop", resource, NOW, live, points, frozenset(point.series for point in made))


def values(collector: Receivers, case: str) -> list[int]:
    """Of all gauges that have come with that value in the header."""
    found: list[int] = []
    for line in collector.took.read_text().splitlines():
        if case in line:
            for resource in json.loads(line)["resourceMetrics"]:
                metrics = [
                    m for scope in resource["scopeMetrics"] for m in scope["metrics"] if m["name"] == "channel.lag"
                ]
                found += [int(point["asInt"]) for metric in metrics for point in metric["gauge"]["dataPoints"]]
    return found


@pytest.mark.parametrize(("protocol", "size"), [(GRPC, 5 << 20), (HTTP, 21 << 20)])
def test_the_collector_refuses_what_is_too_large_in_words_that_are_understood(
    collector: Receivers, protocol: str, size: int
) -> None:
    """4 MiB over gRPC, 20 MiB over HTTP, unpacked."""
    transport = open_transport(destination(settings(collector, protocol, uuid.uuid4().hex), "metrics"))
    request = metrics_request([many(1)])
    request.resource_metrics[0].scope_metrics[0].metrics[0].description = "x" * size
    outcome = transport.send(request.SerializeToString())
    transport.close()
    assert (False, False, True) == (outcome.delivered, outcome.retry, outcome.too_large), outcome


def test_more_than_it_takes_at_once_arrives_whole(collector: Receivers) -> None:
    """Every point, once, over gRPC, whose limit is the smaller one."""
    case = uuid.uuid4().hex
    otlp = settings(collector, GRPC, case)
    sink, own = NetworkSink(destination(otlp, "metrics"), destination(otlp, "traces")), AgentMetrics()
    sink.start(own)
    sink.offer_metrics(many(POINTS))
    assert sink.close(30.0)
    eventually(lambda: len(values(collector, case)) >= POINTS)
    assert list(range(POINTS)) == sorted(values(collector, case))
