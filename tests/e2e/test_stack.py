"""The back ends that the other end-to-end tests rely on, by themselves: what the Collector takes comes out again."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.support import eventually
from tests.support.stack import CONFIGS, Collector, Stack, binary, collector, prometheus

TRACE_ID = "0123456789abcdef0123456789abcdef"
SPAN_ID = "0123456789abcdef"
LINKED_TRACE_ID = "fedcba9876543210fedcba9876543210"
LINKED_SPAN_ID = "fedcba9876543210"


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def resource(service: str) -> Resource:
    return Resource(attributes=[text("service.name", service), text("service.instance.id", "one")])


def lag_request(service: str, value: int, flags: int = 0) -> ExportMetricsServiceRequest:
    """One point of channel.lag; flag 1 is OTLP's "no recorded value"."""
    point = NumberDataPoint(time_unix_nano=time.time_ns(), attributes=[text("channel.name", "main.f main.go:7")])
    if flags:
        point.flags = flags
    else:
        point.as_int = value
    metric = Metric(name="channel.lag", unit="{element}", gauge=Gauge(data_points=[point]))
    scope = ScopeMetrics(metrics=[metric])
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=resource(service), scope_metrics=[scope])]
    )


def span_request(service: str) -> ExportTraceServiceRequest:
    end = time.time_ns()
    span = Span(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=bytes.fromhex(SPAN_ID),
        name="send main.f main.go:7",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=end - 1_500_000_000,
        end_time_unix_nano=end,
        attributes=[text("channel.name", "main.f main.go:7")],
        links=[Span.Link(trace_id=bytes.fromhex(LINKED_TRACE_ID), span_id=bytes.fromhex(LINKED_SPAN_ID))],
        events=[Span.Event(name="woken", time_unix_nano=end, attributes=[text("channel.waker.function", "main.g")])],
    )
    scope = ScopeSpans(spans=[span])
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource(service), scope_spans=[scope])])


def post(entry: Collector, signal: str, request: ExportMetricsServiceRequest | ExportTraceServiceRequest) -> None:
    answer = requests.post(
        f"{entry.http}/v1/{signal}",
        data=request.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def test_a_gauge_sent_to_the_collector_is_answered_by_prometheus_under_its_translated_name(stack: Stack) -> None:
    """channel.lag with unit {element} becomes channel_lag, its attributes and its Resource's identity become labels."""
    service = f"stack-{uuid.uuid4().hex[:8]}"
    post(stack.collector, "metrics", lag_request(service, 41))
    series = eventually(lambda: stack.prometheus.query(f'channel_lag{{job="{service}"}}'))
    assert series == [({"job": service, "instance": "one", "channel_name": "main.f main.go:7"}, 41.0)]


def test_a_point_without_recorded_value_ends_its_series_at_once(stack: Stack) -> None:
    """The flag that otelchan sends when a process ends takes the series out of the next query, not in five minutes."""
    service = f"stack-{uuid.uuid4().hex[:8]}"
    post(stack.collector, "metrics", lag_request(service, 1))
    selector = f'channel_lag{{job="{service}"}}'
    eventually(lambda: stack.prometheus.query(selector))
    post(stack.collector, "metrics", lag_request(service, 0, flags=1))
    assert eventually(lambda: stack.prometheus.query(selector) == [])


def test_a_span_sent_to_the_collector_is_found_in_the_trace_store_with_all_its_parts(stack: Stack) -> None:
    """Name, duration, attributes, link, event and Resource of a span arrive unchanged."""
    service = f"stack-{uuid.uuid4().hex[:8]}"
    post(stack.collector, "traces", span_request(service))
    (span,) = eventually(lambda: stack.jaeger.traces(service, operation="send main.f main.go:7"))
    assert (span.trace_id, span.span_id, span.service) == (TRACE_ID, SPAN_ID, service)
    assert span.duration_us == 1_500_000
    assert span.tags["channel.name"] == "main.f main.go:7"
    assert [(link.trace_id, link.span_id) for link in span.links] == [(LINKED_TRACE_ID, LINKED_SPAN_ID)]
    assert span.parents == ()
    assert [event.fields for event in span.events] == [{"event": "woken", "channel.waker.function": "main.g"}]
    assert span.resource["service.instance.id"] == "one"


def test_the_collector_counts_what_it_took_under_the_receivers_own_name(stack: Stack) -> None:
    """Its own metrics tell otelchan's data apart by the receiver's name, otlp/otelchan."""
    post(stack.collector, "metrics", lag_request(f"stack-{uuid.uuid4().hex[:8]}", 5))
    lines = stack.collector.own_metrics().splitlines()
    accepted = [line for line in lines if line.startswith("otelcol_receiver_accepted_metric_points")]
    assert any('receiver="otlp/otelchan"' in line for line in accepted), accepted


@pytest.mark.parametrize(
    ("program", "arguments", "name"),
    [
        ("otelcol", ["validate", "--config"], "standalone.yaml"),
        ("promtool", ["check", "config"], "prometheus.yaml"),
    ],
)
def test_shipped_configurations_are_valid_with_their_defaults(program: str, arguments: list[str], name: str) -> None:
    """The programs' own checkers accept the files with no environment variable set."""
    command: list[str | Path] = [binary(program), *arguments, CONFIGS / name]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_collector_keeps_metrics_until_prometheus_comes_back(tmp_path: Path) -> None:
    """What was sent while Prometheus was down is in its queue and arrives after the restart, with its old value."""
    with prometheus(tmp_path) as first:
        port = int(first.url.rsplit(":", 1)[1])
    service = f"stack-{uuid.uuid4().hex[:8]}"
    with collector(tmp_path, first.otlp, "127.0.0.1:1") as entry:
        post(entry, "metrics", lag_request(service, 17))
        eventually(lambda: "retry" in (tmp_path / "collector.log").read_text().lower())
        with prometheus(tmp_path, port) as second:
            series = eventually(lambda: second.query(f'channel_lag{{job="{service}"}}'))
    assert [value for _, value in series] == [17.0]
