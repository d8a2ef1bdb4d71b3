"""The alert rules in a real Prometheus, behind the real gateway, fed by the real agent that watches programs which are
wrong. Durations in the rules are a twentieth of what they are; nothing else is changed.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics

from dashboards.generator.alerts import collector
from tests.support import eventually
from tests.support.agent import OTELCHAN, Agent, clean_environment
from tests.support.alerting import Alerting, Fired, alerting, query_behind, variables_behind
from tests.support.faults import Fault, fault, places
from tests.support.gateway import blocks, encoded, resource
from tests.support.jaeger import Span
from tests.support.stack import run_collector
from tests.support.traceql import matching

CONFIG = """
ongoing_span_s: 2
objectives:
  - channel: "{}"
    operation: recv
    objective_ms: 500
    short_window_s: 10
    long_window_s: 30
    cool_down_s: 600
"""


PROTOBUF = {"Content-Type": "application/x-protobuf"}
LABELS = {
    "otelcol_processor_tail_sampling_count_traces_sampled": ("policy", "sampled", "decision"),
    **dict.fromkeys(collector.COUNTERS["refused"], ("receiver",)),
    **dict.fromkeys((*collector.COUNTERS["failed"], *collector.COUNTERS["full"]), ("exporter",)),
    **dict.fromkeys(collector.GAUGES, ("exporter", "data_type")),
}
"""Of the Collector's own metrics: those that the rules ask for."""


class Night(NamedTuple):
    """What is watched: one that leaks, its corrected twin, one that breaks its objective, one that dies of a panic.

    since: Unix time from which on the agent reports.
    """

    alerting: Alerting
    leaks: Fault
    twin: Fault
    late: Fault
    dies: Fault
    folder: Path
    since: float


@contextmanager
def watching(log: Path, *arguments: str | int | Path) -> Iterator[Agent]:
    """`otelchan run`, that may be killed."""
    command = [str(OTELCHAN), "run", *(str(argument) for argument in arguments)]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, stderr=stderr, stdout=subprocess.DEVNULL, text=True, env=clean_environment()
        ) as process,
    ):
        try:
            yield Agent(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Once for all tests here; ends with the agent killed."""
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "config.yaml").write_text(CONFIG.format(places()["F11 made"]))
    with ExitStack() as running:
        watched = running.enter_context(alerting(folder))
        leaks, twin, late, dies = programs = [
            running.enter_context(fault(name, variant))
            for name, variant in (("F1-abandoned", "bad"), ("F1-abandoned", "good"), ("F11", "bad"), ("F5-dies", "bad"))
        ]
        pids = [program.pid for program in programs]
        options = ("--interval", 1, "--config", folder / "config.yaml", "--endpoint", watched.collector.http)
        agent = running.enter_context(watching(folder / "agent.log", *pids, *options))
        agent.wait_attached(4)
        watched.instance(leaks.pid)
        since = time.time()
        for program in programs:
            program.go()
        yield Night(watched, leaks, twin, late, dies, folder, since)


def spans_behind(night: Night, alert: Fired, prefix: str = "") -> list[Span]:
    """The spans that an alert's TraceQL finds in the store, by the link, once there is one."""
    query = alert.annotations[f"{prefix}traceql"]
    assert query == query_behind(alert.annotations[f"{prefix}traces_url"])

    def ask() -> list[Span]:
        return matching(query, night.alerting.jaeger.traces(alert.labels["job"]))

    return eventually(ask, 30)


def test_a_real_leak_fires(night: Night) -> None:
    """With the channel, the process and how many, in words; and its severity is that of the finding."""
    instance = night.alerting.instance(night.leaks.pid)
    alert = night.alerting.wait_for("OtelchanLeakedGoroutines", instance=instance)
    channel = alert.labels["channel_name"]
    assert channel.endswith(places()["F1-abandoned made"])
    assert "critical" == alert.labels["severity"]
    assert f"Goroutines leak ({channel}) in {alert.labels['job']}." == alert.annotations["summary"]
    words = alert.annotations["description"]
    assert (
        f"instance {instance}, pid {night.leaks.pid} on {alert.labels['host_name']}. 2 goroutines are suspected."
        in words
    )
    expected = {"job": alert.labels["job"], "instance": instance}  # its dashboard cannot choose a channel
    assert expected == variables_behind(alert.annotations["dashboard_url"])


def test_from_the_leak_to_the_place_and_to_who_started_it(night: Night) -> None:
    """The first link is to the finding's own span: in words, with the line where the goroutines are stuck."""
    alert = night.alerting.wait_for("OtelchanLeakedGoroutines", instance=night.alerting.instance(night.leaks.pid))
    started = [span for span in spans_behind(night, alert) if span.tags["finding.state"] == "started"]
    assert 1 == len(started)
    (span,) = started
    assert alert.labels["channel_name"] == span.tags["channel.name"]
    line = f"{span.tags['code.file.path'].rpartition('/')[2]}:{span.tags['code.line.number']}"
    assert places()["F1-abandoned stuck"] == line
    assert "started at main.session f1_leak.go:" in span.tags["finding.sentence"]


def test_from_the_leak_to_the_stack(night: Night) -> None:
    """By the second link: the leaked goroutines tell of themselves while they wait, with their stacks."""
    alert = night.alerting.wait_for("OtelchanLeakedGoroutines", instance=night.alerting.instance(night.leaks.pid))
    instance = alert.labels["instance"]
    assert {instance} == {span.resource["service.instance.id"] for span in spans_behind(night, alert, "blocks_")}

    def both() -> list[Span]:
        spans = spans_behind(night, alert, "blocks_")
        stuck = [span for span in spans if span.tags.get("otelchan.span.state") == "ongoing"]
        assert 2 == len({span.tags["goroutine.id"] for span in stuck})
        return stuck

    for span in eventually(both):
        assert f"/{places()['F1-abandoned stuck']}" in span.tags["code.stacktrace"]
        assert span.name == f"send {alert.labels['channel_name']}"


def test_from_a_broken_objective_to_the_stack_the_creating_site_and_the_waker(night: Night) -> None:
    """By the second link: blocks of that channel in that process, kept by the sampling, with all three."""
    instance = night.alerting.instance(night.late.pid)
    alert = night.alerting.wait_for("OtelchanLatencyObjective", instance=instance)
    blocks = [span for span in spans_behind(night, alert, "blocks_") if span.duration_us > 900_000]
    assert blocks
    marks = places()
    for span in blocks:
        assert instance == span.resource["service.instance.id"]
        assert span.tags["channel.name"].endswith(marks["F11 made"]), "where the channel was made"
        assert "main.f11Worker" in span.tags["code.stacktrace"]
        assert "main.f11" == span.tags["channel.waker.function"]
        (woken,) = (event.fields for event in span.events if event.fields["event"] == "woken")
        assert "main.f11\n" in woken["channel.waker.stacktrace"]


def test_a_burn_rate_fires_and_counts_right(night: Night) -> None:
    """Waits of a second are late for half a second; all the others, of 40 ms, are not."""
    instance = night.alerting.instance(night.late.pid)
    alert = night.alerting.wait_for("OtelchanObjectiveBurnsFast", instance=instance)
    assert "critical" == alert.labels["severity"]
    of_channel = f'{{instance="{instance}", channel_operation="recv"}}'
    bounds = night.alerting.prometheus.query(f"otelchan:channel_slo_bound:info{of_channel}")
    assert [("0.536870912", 0.5)] == [(labels["le"], value) for labels, value in bounds]
    late, every = (
        night.alerting.prometheus.query(f"otelchan:channel_block{kind}:increase1h{of_channel}")[0][1]
        for kind in ("_late", "")
    )
    assert 10 <= late
    assert 0.01 < late / every < 0.2  # 8 of about 200 in two seconds
    assert all(span.duration_us > 500_000 for span in spans_behind(night, alert))


def test_a_program_that_died_of_a_panic_fires(night: Night) -> None:
    """It told of it once, in its last moment."""
    night.dies.end()
    instance = night.alerting.instance(night.dies.pid)
    fired = night.alerting.prometheus.samples(f'ALERTS{{alertname="OtelchanCloseFault", instance="{instance}"}}', 600)
    assert {"firing"} == {labels["alertstate"] for labels, _ in fired}
    (channel,) = {labels["channel_name"] for labels, _ in fired}
    assert channel.endswith(places()["F5-dies made"])


def test_policy_hits_fire(night: Night) -> None:
    """What tail sampling keeps because something is wrong: findings, and blocks of a second."""
    alert = night.alerting.wait_for("OtelchanPolicyHits", policy="otelchan-finding")
    assert "info" == alert.labels["severity"]
    assert {"F1", "F11"} <= {span.tags["finding.id"] for span in spans_behind_any(night, alert)}


def spans_behind_any(night: Night, alert: Fired) -> list[Span]:
    """The same for an alert that is about no service: of all services."""
    query = query_behind(alert.annotations["traces_url"])
    jaeger = night.alerting.jaeger
    return matching(query, [span for service in jaeger.services() for span in jaeger.traces(service)])


def test_nothing_else_fires(night: Night) -> None:
    """Not on the corrected twin, nor about the agent or the gateway; and every rule can be evaluated and told."""
    night.alerting.wait_for("OtelchanLatencyObjective")
    expected = {
        *("OtelchanLeakedGoroutines", "OtelchanLatencyObjective", "OtelchanCloseFault"),
        *("OtelchanObjectiveBurnsFast", "OtelchanObjectiveBurnsSlowly", "OtelchanPolicyHits"),
    }
    fired = night.alerting.prometheus.samples("ALERTS{alertstate='firing'}", int(time.time() - night.since))
    ever = {labels["alertname"] for labels, _ in fired}
    assert ever <= expected
    twin = night.alerting.instance(night.twin.pid)
    assert [] == [alert for alert in night.alerting.alerts() if alert.labels.get("instance") == twin]
    assert [] == night.alerting.broken_rules()


def test_a_killed_agent_fires_until_another_one_runs(night: Night) -> None:
    """By the host it was on, since the next one has another instance id."""
    (up,) = night.alerting.prometheus.query("otelchan_build_info")
    (agent,) = night.alerting.prometheus.query(f'target_info{{instance="{up[0]["instance"]}"}}')
    subprocess.run(["kill", "-KILL", agent[0]["process_pid"]], check=True)
    alert = night.alerting.wait_for("OtelchanDown")
    assert up[0]["host_name"] == alert.labels["host_name"]
    assert f"No otelchan agent on {alert.labels['host_name']} any more." == alert.annotations["summary"]
    options = ("--interval", 1, "--endpoint", night.alerting.collector.http)
    with watching(night.folder / "again.log", night.twin.pid, *options):
        eventually(lambda: "OtelchanDown" not in {each.name for each in night.alerting.alerts()}, 60)


def points(count: int) -> bytes:
    """A request with so many points of a gauge."""
    now = time.time_ns()
    gauge = Gauge(data_points=[NumberDataPoint(time_unix_nano=now, as_int=number) for number in range(count)])
    scope = ScopeMetrics(metrics=[Metric(name="channel.lag", unit="{element}", gauge=gauge)])
    busy = ResourceMetrics(resource=resource("busy"), scope_metrics=[scope])
    return ExportMetricsServiceRequest(resource_metrics=[busy]).SerializeToString()


def test_every_metric_of_the_collector_in_the_rules_exists(night: Night, tmp_path: Path) -> None:
    """With the labels that the rules ask for: those of sampling in the gateway, the rest in a Collector whose back ends
    are away and whose queues hold next to nothing."""
    found = night.alerting.collector.own_metrics()
    away = {"PROMETHEUS_OTLP_ENDPOINT": "http://127.0.0.1:1/api/v1/otlp", "TEMPO_OTLP_ENDPOINT": "127.0.0.1:1"}
    small = "{queue_size: 10, batch: {min_size: 5, max_size: 5}}"
    retry = "{initial_interval: 1s, max_interval: 1s, max_elapsed_time: 2s}"
    overlays = tuple(
        f"yaml:{{exporters: {{{name}: {{sending_queue: {queue}, retry_on_failure: {retry}}}}}}}"
        for name, queue in (("otlp_http/prometheus", small), ("otlp_grpc/tempo", small))
    )
    with run_collector(tmp_path, "standalone.yaml", away, overlays=overlays, name="overloaded") as entry:
        for _ in range(4):
            for path, body in (("traces", encoded("busy", blocks(8))), ("metrics", points(8))):
                requests.post(f"{entry.http}/v1/{path}", data=body, headers=PROTOBUF, timeout=30)
        names = [name for names in collector.COUNTERS.values() for name in names]

        def all_there() -> bool:
            text = found + entry.own_metrics()
            assert [] == [name for name in (*names, *collector.GAUGES) if f"\n{name}" not in text]
            return True

        eventually(all_there, 30)
        for line in (found + entry.own_metrics()).splitlines():
            name = line.partition("{")[0].removesuffix("_total")
            assert name not in LABELS or all(f'{label}="' in line for label in LABELS[name]), line
