"""What may be switched off of the telemetry: a signal, exemplars, long spans; also while the agent runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.config import Config, Otlp, Signal
from otelchan.config.limits import SpanLimits
from otelchan.findings.types import Assessment
from otelchan.telemetry import Telemetry
from otelchan.telemetry.transport import destination
from tests.support.otlp_server import OtlpServer, otlp_server
from tests.support.snapshots import attributes, block_span, by_name, channel, data_points, snapshot

METRICS, TRACES = "/v1/metrics", "/v1/traces"


def sent(server: OtlpServer[Any], *configs: Config) -> None:
    """One snapshot with a slow block under each of these settings, all of it delivered."""
    telemetry = Telemetry(configs[0])
    for number, config in enumerate(configs):
        telemetry.reconfigure(config)
        telemetry.publish(snapshot([channel()], spans=(block_span(),)), Assessment())
        if config.otlp.traces.enabled and config.uses_network:
            server.wait_for(TRACES, number + 1)
    assert telemetry.close()


def to(server: OtlpServer[Any], **more: Any) -> Config:
    """Settings that send there. more: of Config."""
    otlp = {name: more.pop(name) for name in ("metrics", "traces") if name in more}
    return Config(otlp=Otlp(endpoint=server.url, **otlp), **more)


def exemplars(server: OtlpServer[Any]) -> int:
    """Of all histograms."""
    resources = [r for request in server.of(METRICS) for r in request.metrics().resource_metrics]
    metrics = [by_name(r)["channel.block.duration"] for r in resources if "channel.block.duration" in by_name(r)]
    return sum(len(point.exemplars) for metric in metrics for point in data_points(metric))


def spans(server: OtlpServer[Any]) -> list[Span]:
    """All of them."""
    resources = [r for request in server.of(TRACES) for r in request.traces().resource_spans]
    return [span for r in resources for scope in r.scope_spans for span in scope.spans]


def test_exemplars_come_with_marked_spans() -> None:
    """So it is by default."""
    with otlp_server() as server:
        sent(server, to(server))
        assert (1, [True]) == (exemplars(server), [attributes(span)["otelchan.exemplar"] for span in spans(server)])


def test_without_exemplars_nothing_is_marked() -> None:
    """OTEL_METRICS_EXEMPLAR_FILTER=always_off."""
    with otlp_server() as server:
        sent(server, to(server, exemplars=False))
        assert (0, [False]) == (exemplars(server), ["otelchan.exemplar" in attributes(span) for span in spans(server)])


def test_a_signal_that_is_off_is_not_sent_and_not_counted_as_lost() -> None:
    """OTEL_TRACES_EXPORTER=none, and without spans no exemplars; OTEL_METRICS_EXPORTER=none."""
    with otlp_server() as server:
        sent(server, to(server, traces=Signal(enabled=False)))
        assert (0, []) == (exemplars(server), spans(server))
        metrics = {
            name for request in server.of(METRICS) for r in request.metrics().resource_metrics for name in by_name(r)
        }
        assert ("channel.block.duration" in metrics, "otelchan.export.failed" in metrics) == (True, False)
    with otlp_server() as server:
        sent(server, to(server, metrics=Signal(enabled=False)))
        assert (0, 1) == (len(server.of(METRICS)), len(spans(server)))


def test_with_both_signals_off_there_is_no_network() -> None:
    """Only a file, if one is asked for, and that has exemplars."""
    off = Signal(enabled=False)
    assert not Config(otlp=Otlp(metrics=off, traces=off)).uses_network


def test_a_file_has_everything_whatever_the_network_gets(tmp_path: Path) -> None:
    """It was asked for by name."""
    path = tmp_path / "otlp.jsonl"
    with otlp_server() as server:
        sent(server, to(server, traces=Signal(enabled=False), otlp_file=str(path)))
        assert 1 == exemplars(server)  # its span is in the file
        assert [] == spans(server)
    assert '"resourceSpans"' in path.read_text()


def test_limits_hold_for_every_span() -> None:
    """OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and the others; marks stay."""
    with otlp_server() as server:
        sent(server, to(server, span_limits=SpanLimits(attributes=2, events=0)))
        (span,) = spans(server)
    assert (2, True, 0, True) == (
        len(span.attributes),
        attributes(span)["otelchan.exemplar"],
        len(span.events),
        span.dropped_attributes_count > 0,
    )


def test_all_of_it_changes_in_a_running_agent() -> None:
    """Off and on again."""
    with otlp_server() as server:
        on, off = to(server), to(server, exemplars=False, span_limits=SpanLimits(attributes=1))
        sent(server, on, off, on)
        marked = ["otelchan.exemplar" in attributes(span) for span in spans(server)]
        assert [True, False, True] == marked
        assert [False, True, False] == [len(span.attributes) == 1 for span in spans(server)]


def test_a_request_takes_no_longer_than_the_shortest_time_for_it() -> None:
    """OTEL_BSP_EXPORT_TIMEOUT and OTEL_METRIC_EXPORT_TIMEOUT beside the exporter's own time."""
    otlp = Otlp(timeout_s=10, metrics=Signal(export_timeout_s=3), traces=Signal(timeout_s=2, export_timeout_s=30))
    assert [3, 2] == [destination(otlp, signal).timeout_s for signal in ("metrics", "traces")]


def test_when_the_agent_ends_the_series_of_all_programs_end() -> None:
    """After their last values, which are sent once: nobody counts any more, so nothing may look as if somebody did."""
    with otlp_server() as server:
        sent(server, to(server))
        resources = [r for request in server.of(METRICS) for r in request.metrics().resource_metrics]
    points = [
        (name, tuple(attributes(point).items()), point.flags, point.time_unix_nano)
        for resource in resources
        if attributes(resource.resource)["service.name"] != "otelchan"
        for name, metric in by_name(resource).items()
        for point in data_points(metric)
    ]
    last = {point[:2]: point[3] for point in points if not point[2]}
    ends = {point[:2]: point[3] for point in points if point[2]}
    assert {series: at + 1_000_000 for series, at in last.items()} == ends
    assert len(points) == 2 * len(last) > 10
