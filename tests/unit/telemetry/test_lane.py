"""One signal on its way: what waits behind a slow endpoint, and that nothing ends the thread that sends."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan import clock
from otelchan.config import Otlp
from otelchan.telemetry.batches import MetricBatch, SpanBatch, SpanQueue, traces_request
from otelchan.telemetry.delivery_log import DeliveryLog
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.export import NetworkSink
from otelchan.telemetry.lane import Backoff, Kind, Lane
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.points import Point
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.transport import destination
from tests.support.otlp_server import Answer, otlp_server
from tests.support.snapshots import NOW, attributes, by_name, data_points

TRACES = "/v1/traces"
QUICK = Backoff(first_s=0.02, most_s=0.05)


def spans(*names: str) -> SpanBatch:
    """Spans with these names."""
    return SpanBatch("shop", resource_message({"service.name": "shop"}), tuple(Span(name=name) for name in names))


def failed(own: AgentMetrics) -> dict[tuple[str, ...], float]:
    """What was given up, by signal and reason."""
    (live,) = own.collect()
    metric = by_name(live).get("otelchan.export.failed")
    return {tuple(attributes(point).values()): point.as_int for point in (data_points(metric) if metric else [])}


def test_a_bug_in_sending_is_counted_and_said_and_the_next_spans_arrive(caplog: pytest.LogCaptureFixture) -> None:
    """Here in making a request: whatever it is, it must not end the thread in silence."""
    with otlp_server() as server:

        def request(batches: Sequence[SpanBatch]) -> ExportTraceServiceRequest:
            if any(span.name == "bad" for batch in batches for span in batch.spans):
                raise ValueError("cannot be")
            return traces_request(batches)

        to = destination(Otlp(endpoint=server.url), "traces")
        lane, own = Lane(to, Kind(SpanQueue(), request, "overflow"), QUICK, DeliveryLog()), AgentMetrics()
        lane.start(own)
        lane.offer(spans("bad", "bad"))
        for _ in range(200):
            if failed(own):
                break
            time.sleep(0.01)
        lane.offer(spans("good"))
        assert ["good"] == [
            s.name for s in server.wait_for(TRACES, 1)[0].traces().resource_spans[0].scope_spans[0].spans
        ]
        lane.stop(clock.monotonic_ns() + 1_000_000_000)
        assert 0 == lane.end(5.0)
        assert {("traces", "internal"): 2} == failed(own)
    (down, _back) = [record.getMessage() for record in caplog.records]
    assert "a bug of ours, please report it: ValueError: cannot be" in down


def test_a_slow_endpoint_for_one_signal_does_not_hold_up_the_other() -> None:
    """Spans arrive while a request with metrics hangs."""
    with otlp_server(metrics=[Answer(wait_s=30)]) as server:
        otlp = Otlp(endpoint=server.url, timeout_s=30)
        sink = NetworkSink(destination(otlp, "metrics"), destination(otlp, "traces"), QUICK)
        sink.start(AgentMetrics())
        resource = resource_message({"service.name": "shop"})
        lag = live_metrics(resource, [Point("channel.lag", (("channel.name", "a"),), 1)], NOW)
        sink.offer_metrics(MetricBatch("shop", resource, NOW, (lag,), 1))
        server.wait_for("/v1/metrics", 1)
        sink.offer_spans(spans("a"))
        server.wait_for(TRACES, 1)
        assert {"metrics": 1, "traces": 0} == {**sink.queued(), "traces": 0}
        sink.close(0.0)


def test_how_much_waits_is_known() -> None:
    """With what is under way; after the end there is nothing."""
    with otlp_server(traces=[Answer(wait_s=30)]) as server:
        otlp = Otlp(endpoint=server.url, timeout_s=30, span_queue=5)
        sink = NetworkSink(destination(otlp, "metrics"), destination(otlp, "traces"), QUICK)
        sink.start(own := AgentMetrics())
        sink.offer_spans(spans("a"))
        server.wait_for(TRACES, 1)
        sink.offer_spans(spans(*"bcdefgh"))
        assert ({"metrics": 0, "traces": 6}, 5) == (sink.queued(), sink.span_limit)
        sink.close(0.0)
        assert ({"metrics": 0, "traces": 0}, 8) == (sink.queued(), sum(failed(own).values()))
