"""What the agent says about itself is true: each of its metrics is made to say something."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Owner, prometheus_series
from tests.support import eventually
from tests.support.agent import Agent, agent
from tests.support.gathering import swift
from tests.support.growth import growth
from tests.support.hammer import hammer
from tests.support.otlp_server import Answer, otlp_server
from tests.support.programs import free_ports
from tests.support.shop import shop
from tests.support.status import StatusPages, Values
from tests.support.usage import processor_seconds

# Shown where what they count is the subject: the test must name the metric.
ELSEWHERE = {
    "otelchan.dump.written": "test_dumps.py",
    "otelchan.dump.left_out": "test_dumps.py",
}
REJECTED = 1
TICK_S = 0.02  # /proc counts in ticks of user and of system time


@contextmanager
def watching(log: Path, *flags: object, **env: str) -> Iterator[tuple[Agent, StatusPages]]:
    """An agent that rounds every second, and its pages."""
    pages = StatusPages()
    with agent(log, *(str(flag) for flag in flags), "--interval", 1, *pages.flags, env=env) as running:
        pages.wait_ready()
        yield running, pages


def has(pages: StatusPages, name: str, least: float, *labels: str) -> Callable[[], bool]:
    """Whether a series has reached a value."""

    def reached() -> bool:
        found = pages.metrics().get(name, {}).get(labels, 0.0)
        assert found >= least, (name, labels, found)
        return True

    return reached


def only_one(metrics: dict[str, Values]) -> dict[str, Values]:
    """These, once they are of one program."""
    assert {(): 1} == metrics["otelchan_target_count"]
    return metrics


def said(metrics: dict[str, Values]) -> set[str]:
    """The names that have a value other than zero."""
    return {name for name, values in metrics.items() if any(values.values())}


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Values]:
    """An agent that watches one program, cannot watch another, misses some, has room for few series and spans, and
    sends to an endpoint that does not want everything."""
    from tests.support import gobuild

    folder = tmp_path_factory.mktemp("work")
    busy = Path(shutil.copy(gobuild.build("shop", go="1.27.3"), folder / "busy"))
    short = Path(shutil.copy(gobuild.build("swift"), folder / "short"))
    old = folder / "old"
    old.write_bytes(gobuild.build("hammer", go="1.27.3").read_bytes().replace(b"go1.27.3", b"go1.18.9"))
    old.chmod(0o755)
    refusal = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=REJECTED))
    few = {
        "OTELCHAN_SPANS_PER_SECOND": "1",
        "OTELCHAN_SPAN_THRESHOLD_MS": "0",
        "OTELCHAN_SERIES_PER_PROCESS": "20",
    }
    with (
        otlp_server(traces=[Answer(body=refusal.SerializeToString())]) as server,
        shop(busy) as program,
        hammer(old),
        watching(folder / "log", "--exe", folder / "*", "--endpoint", server.url, **few) as (running, pages),
    ):
        program.go()
        eventually(
            lambda: [swift(short, "-for", "0ms") for _ in range(5)] and has(pages, "otelchan_target_missed_total", 1)()
        )
        eventually(has(pages, "otelchan_export_rejected_total", REJECTED, "partial_success", "traces"))
        eventually(has(pages, "otelchan_span_sampled_out_total", 1))
        # Those that came and went are gone again: what is left is what there is to count.
        metrics = eventually(lambda: only_one(pages.metrics()))
        assert sum(metrics["process_cpu_time_seconds_total"].values()) <= processor_seconds(running.pid) + TICK_S
        resident = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert 0.8 < metrics["process_memory_usage_bytes"][()] / resident < 1.25
    return metrics


@pytest.fixture(scope="module")
def in_trouble(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Values]:
    """An agent whose endpoint is not there, with a program that costs more than it may, which was busy before the agent
    came, and one with more channels that have an objective than there is room for."""
    from tests.support import gobuild

    folder = tmp_path_factory.mktemp("trouble")
    (folder / "otelchan.yaml").write_text("objectives: [{channel: '*', operation: both}]\n")
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    with ExitStack() as programs:
        busy = programs.enter_context(hammer(gobuild.build("hammer", go="1.27.3")))
        busy.ask("run")
        many = programs.enter_context(growth(gobuild.build("growth")))
        many.tell("leak", 1200)
        time.sleep(1)
        flags = (busy.pid, many.pid, "--endpoint", nobody, "--config", folder / "otelchan.yaml")
        with watching(folder / "log", *flags) as (running, pages):
            running.wait_for("is detached")
            eventually(has(pages, "otelchan_probe_left_out", 1, "waits", "sliced"))
            eventually(has(pages, "otelchan_export_failed_total", 1, "refused", "metrics"))
            eventually(has(pages, "otelchan_export_queue_size", 1, "metrics"))
            eventually(has(pages, "otelchan_log_record_total", 1, "warning"))
            eventually(has(pages, "otelchan_objective_left_out", 1))
            return pages.metrics()


def test_every_metric_of_the_agent_is_made_to_say_something(
    at_work: dict[str, Values], in_trouble: dict[str, Values]
) -> None:
    """None of them is there for show; what is not zero here is shown where it is the subject."""
    said_here = said(at_work) | said(in_trouble)
    own = [metric for metric in METRICS.values() if metric.owner is Owner.AGENT]
    silent = {metric.name for metric in own if not said_here & set(prometheus_series(metric))}
    assert set(ELSEWHERE) >= silent
    here = Path(__file__).parent
    assert [] == [name for name, file in ELSEWHERE.items() if f'"{name}"' not in (here / file).read_text()]


def test_who_is_watched_and_who_is_not_is_counted(at_work: dict[str, Values]) -> None:
    """One is watched, one refused because of its executable, some were gone too soon; all four planes are in."""
    assert (1, 1) == (at_work["otelchan_target_count"][()], at_work["otelchan_target_refused"][()])
    assert {("binary",): 1} == at_work["otelchan_attach_failed_total"]
    assert at_work["otelchan_target_missed_total"][()] >= 1
    planes = {(plane,) for plane in ("makes", "waits", "operations", "polls")}
    assert dict.fromkeys(planes, 1) == at_work["otelchan_probe_attached"]
    assert planes == set(at_work["otelchan_probe_count"])
    assert min(at_work["otelchan_probe_count"].values()) >= 4


def test_what_does_not_fit_is_counted(at_work: dict[str, Values]) -> None:
    """Series over the cap; spans over the rate; spans that the endpoint did not want."""
    assert at_work["otelchan_series_overflow"][()] > 0
    assert at_work["otelchan_span_sampled_out_total"][()] > 0
    assert {("partial_success", "traces"): REJECTED} == at_work["otelchan_export_rejected_total"]
    assert set(at_work["otelchan_export_sent_total"]) == {("metrics",), ("traces",)}


def test_durations_are_of_every_round_and_request(at_work: dict[str, Values]) -> None:
    """As many looks as assessments; time passes in each."""
    looks, assessments = (at_work[f"otelchan_{what}_duration_seconds_count"][()] for what in ("collect", "assess"))
    assert looks >= 3
    assert assessments >= looks  # of a program that ends, the last assessment is no whole look
    assert at_work["otelchan_collect_duration_seconds_sum"][()] > at_work["otelchan_assess_duration_seconds_sum"][()]
    for signal in ("metrics", "traces"):
        assert at_work["otelchan_export_duration_seconds_count"][signal,] >= 1
        assert at_work["otelchan_export_duration_seconds_sum"][signal,] > 0


def test_the_agents_own_use_is_what_the_system_says(at_work: dict[str, Values]) -> None:
    """Memory as of an agent, some threads, its maps and probes among its descriptors; started a moment ago."""
    assert 30e6 < at_work["process_memory_usage_bytes"][()] < 200e6
    assert 3 <= at_work["process_thread_count"][()] <= 20
    assert at_work["process_unix_file_descriptor_count"][()] > 10
    assert 0 < time.time() - at_work["otelchan_start_time_seconds"][()] < 600
    assert {"user", "system"} == {mode for (mode,) in at_work["process_cpu_time_seconds_total"]}


def test_an_endpoint_that_is_not_there_is_seen(in_trouble: dict[str, Values]) -> None:
    """What was given up, under the reason; what waits, with the room that spans have."""
    assert in_trouble["otelchan_export_failed_total"]["refused", "metrics"] > 0
    assert in_trouble["otelchan_export_queue_size"]["metrics",] > 0
    assert in_trouble["otelchan_export_queue_limit"]["traces",] >= in_trouble["otelchan_export_queue_size"]["traces",]
    assert "otelchan_export_sent_total" not in in_trouble


def test_a_program_that_is_too_dear_is_seen(in_trouble: dict[str, Values]) -> None:
    """The planes that were given up, why, and what the budget is; what was lost by coming late."""
    assert in_trouble["otelchan_probe_left_out"]["waits", "sliced"] == 1
    assert {(): 0.03} == in_trouble["otelchan_overhead_allowed_ratio"]
    hits, seconds = (
        sum(in_trouble[name].values()) for name in ("otelchan_probe_hit_total", "otelchan_probe_time_seconds_total")
    )
    assert 1e-7 < seconds / hits < 1e-5
    assert sum(in_trouble["otelchan_event_lost_total"].values()) > 0
    assert in_trouble["otelchan_log_record_total"]["warning",] >= 1


def test_maps_have_room(at_work: dict[str, Values]) -> None:
    """Each has at most as many entries as there is room for; those of channels and parks are in use."""
    counts, limits = at_work["otelchan_map_entry_count"], at_work["otelchan_map_entry_limit"]
    assert set(counts) == set(limits)
    assert [] == [name for name in counts if not 0 <= counts[name] <= limits[name]]
    assert min(counts["channels",], counts["parked",]) > 0
