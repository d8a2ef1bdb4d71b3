"""Snapshots in, OTLP out, over a real endpoint and into real files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from otelchan.config import Config, Otlp
from otelchan.findings.types import Assessment
from otelchan.model.types import GoroutineView, Losses, Snapshot
from otelchan.telemetry import Telemetry
from otelchan.telemetry.batches import MetricBatch, SpanBatch, metrics_request, traces_request
from otelchan.telemetry.export import NetworkSink
from otelchan.telemetry.otlpfile import FileSink
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.pipeline import open_sinks
from tests.support.otlp_server import otlp_server
from tests.support.snapshots import (
    NOW,
    SECOND,
    attributes,
    bare_channel,
    block_span,
    by_name,
    channel,
    data_points,
    finding,
    process,
    snapshot,
)

ENDED = 1  # the no-recorded-value flag


class KeepingSink:
    """A sink that keeps what it is offered."""

    def __init__(self) -> None:
        self.metrics: list[MetricBatch] = []
        self.spans: list[SpanBatch] = []

    def start(self, own: AgentMetrics) -> None:
        """Nothing to open."""

    def offer_metrics(self, batch: MetricBatch) -> None:
        """Keep."""
        self.metrics.append(batch)

    def offer_spans(self, batch: SpanBatch) -> None:
        """Keep."""
        self.spans.append(batch)

    def close(self, deadline_s: float) -> bool:
        """Nothing to close."""
        return True

    def messages(self) -> list[list[ResourceMetrics]]:
        """What each batch is over the wire."""
        return [list(metrics_request([batch]).resource_metrics) for batch in self.metrics]


def published(*snapshots: Snapshot, config: Config | None = None) -> tuple[KeepingSink, Telemetry]:
    """A pipeline into a list, after these snapshots."""
    sink = KeepingSink()
    telemetry = Telemetry(config or Config(), [sink])
    for each in snapshots:
        telemetry.publish(each, Assessment())
    return sink, telemetry


def later(seconds: int, channels: Sequence[Any] = (), **changes: Any) -> Snapshot:
    """A snapshot so much later."""
    return snapshot(channels, time_unix_ns=NOW + seconds * SECOND, **changes)


def ended(messages: Sequence[ResourceMetrics]) -> set[tuple[str, str]]:
    """(metric, channel.name) of every point with the flag."""
    return {
        (name, attributes(point).get("channel.name", ""))
        for message in messages
        for name, metric in by_name(message).items()
        for point in data_points(metric)
        if point.flags == ENDED
    }


def numbers(own: AgentMetrics, name: str) -> dict[tuple[str, ...], float]:
    """The agent's metric as collected now: value by attribute values."""
    (live,) = own.collect()
    return {tuple(attributes(p).values()): getattr(p, p.WhichOneof("value")) for p in data_points(by_name(live)[name])}


def test_a_channel_that_is_gone_ends_and_the_others_live_on() -> None:
    """Only its own series get the flag, once."""
    a, b = bare_channel("a"), bare_channel("b")
    sink, _ = published(later(0, [a, b]), later(10, [a]), later(20, [a]))
    assert [{""}, {"b"}, {""}] == [{name for _, name in ended(messages)} or {""} for messages in sink.messages()]


def test_a_plane_that_is_detached_ends_its_series_and_no_other() -> None:
    """What it counted is not complete any more; the gauges are."""
    sink, _ = published(later(0, [channel()]), later(10, [channel(processed={})]))
    name = "main.work main.go:41"
    assert {("channel.process", name)} == ended(sink.messages()[1])


def test_a_plane_that_is_back_begins_anew() -> None:
    """With its new start time, and without an end."""
    detached = channel(blocks={}, blocks_start_unix_ns=0)
    again = channel(blocks_start_unix_ns=NOW + 15 * SECOND)
    sink, _ = published(later(0, [channel()]), later(10, [detached]), later(20, [again]))
    live, *rest = sink.messages()[2]
    (point,) = data_points(by_name(live)["channel.block.duration"])
    assert ([], NOW + 15 * SECOND) == (rest, point.start_time_unix_nano)


def test_when_a_program_ends_its_last_values_come_and_then_every_end() -> None:
    """Everything that was alive is over, and the pipeline has forgotten the program."""
    sink, telemetry = published(later(0, [channel()]), later(10, [channel(lag=99)], ended=True))
    live, over = sink.messages()[1]
    (lag,) = data_points(by_name(live)["channel.lag"])
    assert (99, 0) == (lag.as_int, lag.flags)
    assert {(name, "main.work main.go:41" if name.startswith("channel") else "") for name in by_name(live)} == ended(
        [over]
    )
    assert {NOW + 10 * SECOND + 1_000_000} == {p.time_unix_nano for m in by_name(over).values() for p in data_points(m)}
    telemetry.flush()
    assert {(): 0} == numbers(telemetry.own, "otelchan.target.count")


def test_three_programs_are_three_resources_and_nothing_is_mixed() -> None:
    """Also when two of them run the same executable: each value under its own instance, after a real round trip."""
    programs = [
        process(pid, start_ticks=pid * 10, executable=exe)
        for pid, exe in ((11, "/srv/a"), (12, "/srv/a"), (13, "/srv/b"))
    ]
    with otlp_server() as server:
        telemetry = Telemetry(Config(otlp=Otlp(endpoint=server.url)))
        for program in programs:
            telemetry.publish(
                snapshot(
                    [channel(lag=program.pid)],
                    process=program,
                    main_module="",
                    spans=(block_span(goroutine_id=program.pid),),
                ),
                Assessment(),
            )
        assert telemetry.close(5.0)
        metrics = [r for request in server.of("/v1/metrics") for r in request.metrics().resource_metrics]
        traces = [r for request in server.of("/v1/traces") for r in request.traces().resource_spans]
    lags: dict[str, list[tuple[int, int]]] = {}
    for message in metrics:
        resource = attributes(message.resource)
        for point in data_points(by_name(message)["channel.lag"]) if "channel.lag" in by_name(message) else []:
            if not point.flags:  # the series of all programs end when nobody looks at them any more
                lags.setdefault(resource["service.name"], []).append((resource["process.pid"], point.as_int))
    assert {"a": [(11, 11), (12, 12)], "b": [(13, 13)]} == {name: sorted(found) for name, found in lags.items()}
    spans = [
        (attributes(each.resource)["process.pid"], attributes(span)["goroutine.id"])
        for each in traces
        for span in each.scope_spans[0].spans
    ]
    assert [(11, 11), (12, 12), (13, 13)] == sorted(spans)
    instances = {attributes(message.resource)["service.instance.id"] for message in metrics}
    assert 4 == len(instances)  # three programs and the agent itself


def test_a_program_that_execs_is_another_one() -> None:
    """Same pid, same start time, another executable: the old series end with it, not with the new one."""
    sink, _ = published(
        later(0, [bare_channel("a")]),
        later(5, [bare_channel("a")], ended=True),
        later(10, [bare_channel("b")], process=process(executable="/srv/other")),
    )
    assert 2 == len({batch.target for batch in sink.metrics})
    assert set() == ended(sink.messages()[2])


def test_block_spans_come_with_their_exemplars_marked() -> None:
    """The slowest of a bucket carries the mark, and the histogram points at it."""
    slow = block_span()
    fast = block_span(start_unix_ns=NOW - 140_000_000, context=slow.context._replace(span_id=b"\x09" * 8))
    sink, _ = published(snapshot([channel()], spans=(fast, slow)))
    (traces,) = traces_request(sink.spans).resource_spans
    marks = {span.span_id: "otelchan.exemplar" in attributes(span) for span in traces.scope_spans[0].spans}
    (live,) = sink.messages()[0]
    (point,) = data_points(by_name(live)["channel.block.duration"])
    assert {slow.context.span_id: True, fast.context.span_id: False} == marks
    assert [slow.context.span_id] == [exemplar.span_id for exemplar in point.exemplars]


def test_a_finding_is_a_metric_and_two_spans() -> None:
    """While it holds, and at both ends."""
    sink = KeepingSink()
    telemetry = Telemetry(Config(), [sink])
    for seconds, findings in ((0, [finding()]), (10, [finding()]), (20, [])):
        telemetry.publish(later(seconds), Assessment(findings))
    states = [attributes(span)["finding.state"] for batch in sink.spans for span in batch.spans]
    holding = ["otelchan.finding" in by_name(messages[0]) for messages in sink.messages()]
    assert (["started", "ended"], [True, True, False]) == (states, holding)


def test_losses_are_the_agents_own_metrics() -> None:
    """By reason over all programs; a span over the rate limit is a choice and counted apart."""
    one, two = process(1), process(2)
    _, telemetry = published(
        later(0, process=one, losses=Losses({"park": 2, "sampled": 10})),
        later(0, process=two, losses=Losses({"park": 3, "sampled": 0})),
        later(10, process=one, losses=Losses({"park": 7, "sampled": 11})),
    )
    assert {("park",): 10} == numbers(telemetry.own, "otelchan.event.lost")
    assert {(): 11} == numbers(telemetry.own, "otelchan.span.sampled_out")


def test_planes_are_counted_over_programs() -> None:
    """How many have each plane, and why others do not; what does not hold any more is zero."""
    on = {"waits": "on", "operations": "on"}
    over = {"waits": "on", "operations": "over budget"}
    _, telemetry = published(later(0, process=process(1), planes=on), later(0, process=process(2), planes=over))
    telemetry.flush()
    assert {("waits",): 2, ("operations",): 1} == numbers(telemetry.own, "otelchan.probe.attached")
    assert {("operations", "over_budget"): 1} == numbers(telemetry.own, "otelchan.probe.left_out")
    telemetry.publish(later(10, process=process(2), planes=on), Assessment())
    telemetry.flush()
    assert {("waits",): 2, ("operations",): 2} == numbers(telemetry.own, "otelchan.probe.attached")
    assert {("operations", "over_budget"): 0} == numbers(telemetry.own, "otelchan.probe.left_out")


def test_series_over_the_cap_are_counted() -> None:
    """And folded, so that a program with endless channel names costs no more than the cap."""
    config = Config(series_per_process=10)
    channels = [bare_channel(f"main.f main.go:{line}") for line in range(100)]
    sink, telemetry = published(snapshot(channels), config=config)
    telemetry.flush()
    (live,) = sink.messages()[0]
    points = [point for metric in by_name(live).values() for point in data_points(metric)]
    overflow = [point for point in points if "otel.metric.overflow" in attributes(point)]
    assert 10 == len(points) - len(overflow)
    assert {(): 100 * 7 + 2 - 10} == numbers(telemetry.own, "otelchan.series.overflow")


def test_the_agents_own_metrics_go_the_same_way() -> None:
    """As a batch of their own, with the budget and the build."""
    sink, telemetry = published(config=Config(max_overhead=2.5))
    telemetry.flush()
    (live,) = sink.messages()[0]
    assert "otelchan" == attributes(live.resource)["service.name"]
    assert 0.025 == data_points(by_name(live)["otelchan.overhead.allowed"])[0].as_double
    assert {"otelchan.build.info", "otelchan.target.count"} <= set(by_name(live))


def test_without_a_budget_there_is_no_budget_to_show() -> None:
    """No series rather than a zero, which would look like a budget of nothing."""
    _, telemetry = published(config=Config(max_overhead=None))
    (live,) = telemetry.own.collect()
    assert "otelchan.overhead.allowed" not in by_name(live)


def test_sinks_are_what_is_configured() -> None:
    """The network by default; a file instead; both when an endpoint is given too; none when it is disabled."""

    def kinds(config: Config) -> list[type]:
        return [type(sink) for sink in open_sinks(config)]

    given = Otlp(endpoint="http://collector:4318")
    assert [NetworkSink] == kinds(Config())
    assert [FileSink] == kinds(Config(otlp_file="out.jsonl"))
    assert [NetworkSink, FileSink] == kinds(Config(otlp_file="out.jsonl", otlp=given))
    assert [] == kinds(Config(otlp=Otlp(endpoint="http://collector:4318", enabled=False)))


def test_a_file_gets_what_the_network_gets(tmp_path: Path) -> None:
    """Both at once, the agent's own metrics too."""
    path = tmp_path / "out.jsonl"
    with otlp_server() as server:
        telemetry = Telemetry(Config(otlp_file=str(path), otlp=Otlp(endpoint=server.url, compression="gzip")))
        telemetry.publish(snapshot([channel()], spans=(block_span(),)), Assessment([finding()]))
        assert telemetry.close(5.0)
        over_network = {
            (attributes(resource.resource)["service.name"], name)
            for request in server.of("/v1/metrics")
            for resource in request.metrics().resource_metrics
            for name in by_name(resource)
        }
        assert 1 == len(server.of("/v1/traces"))
    in_file = set()
    for line in path.read_text().splitlines():
        for resource in json.loads(line).get("resourceMetrics", []):
            service = next(
                a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "service.name"
            )
            in_file |= {(service, metric["name"]) for scope in resource["scopeMetrics"] for metric in scope["metrics"]}
    assert {"example.com/shop", "otelchan"} == {service for service, _ in in_file}
    assert over_network == in_file


def test_a_program_with_nothing_to_show_still_has_its_goroutines() -> None:
    """No channels seen yet: the goroutine count is there from the first interval."""
    sink, _ = published(snapshot(goroutines=GoroutineView(3)))
    ((live,),) = sink.messages()
    assert ["go.goroutine.count", "goroutine.surge"] == list(by_name(live))


def test_a_renamed_channel_ends_under_its_old_name() -> None:
    """When a better name is found, the series move."""
    first = bare_channel("chan int main.worker", source="use")
    sink, _ = published(later(0, [first]), later(10, [replace(first, name="main.work main.go:41", source="make")]))
    assert {"chan int main.worker"} == {name for _, name in ended(sink.messages()[1])}
