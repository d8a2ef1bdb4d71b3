"""Programs that do all that is wrong with channels and goroutines, watched by a real agent, and another agent that is
in trouble itself; real Collectors, one of them overloaded; a real Prometheus with the rules, and Jaeger.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import requests
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics

from dashboards.generator.alerts.__main__ import write
from dashboards.generator.alerts.collector import COUNTERS
from dashboards.generator.parameters import Parameters
from tests.support.agent import Agent, agent
from tests.support.driven import Driven, driven
from tests.support.faults import Fault, fault, places
from tests.support.gateway import blocks, encoded, resource
from tests.support.gobuild import build
from tests.support.hammer import hammer
from tests.support.jaeger import Jaeger, Span
from tests.support.otlp_server import Answer, otlp_server
from tests.support.programs import free_ports
from tests.support.shop import Shop, shop
from tests.support.stack import CONFIGS, Collector, Prometheus, jaeger, prometheus, run_collector

SPEED = 20
"""Durations in the rules are divided by this."""
OBJECTIVE_S = 0.5
"""Of F11's channel."""
QUEUE = 10
"""What the overloaded Collector has room for, items of each signal."""
FIRST_LOOK_S = 5  # who uses a channel is known of those that are made after all planes are on, and a look
BAD = (
    *("F1", "F1-abandoned", "F2", "F4", "F5", "F5-dies", "F6", "F6-gone", "F7", "F8", "F9", "F10", "F11", "F12"),
    *("F14", "F14-select", "F15", "F16"),
)
"""Of the workload `faults`."""
CONFIG = """
max_overhead: off # a busy machine may not decide what is seen
ongoing_span_s: 2
objectives:
  - channel: "{}"
    operation: recv
    objective_ms: {:.0f}
    short_window_s: 20
    long_window_s: 40
    cool_down_s: 600
findings: {{dangling_s: 10, lock_s: 10}}
"""
SPANS = 8
"""In a request to the overloaded Collector."""
PROTOBUF = {"Content-Type": "application/x-protobuf"}
AWAY = {"PROMETHEUS_OTLP_ENDPOINT": "http://127.0.0.1:1/api/v1/otlp", "TEMPO_OTLP_ENDPOINT": "127.0.0.1:1"}
_REFUSAL = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=1))
_LITTLE = {
    "OTELCHAN_SPANS_PER_SECOND": "1",
    "OTELCHAN_SPAN_THRESHOLD_MS": "0",
    "OTELCHAN_SERIES_PER_PROCESS": "32",
    "OTELCHAN_EXEMPLARS": "false",  # their spans would be refused
}


@dataclass(frozen=True)
class Misbehaving:
    """All that runs. careful: watches the programs. careless: has little room. since: Unix time when all is watched."""

    prometheus: Prometheus
    jaeger: Jaeger
    standalone: Collector
    gateway: Collector
    overloaded: Collector
    faults: dict[str, Fault]
    shop: Shop
    delays: Driven
    careful: Agent
    careless: Agent
    since: float
    overloads: list[float] = field(default_factory=list)

    def resource_of(self, pid: int) -> dict[str, str]:
        """`job` and `instance` of a watched process, or of an agent."""
        of_pid = self.prometheus.query(f'last_over_time(target_info{{process_pid="{pid}"}}[10m])')
        ((job, instance),) = {(labels["job"], labels["instance"]) for labels, _ in of_pid}
        return {"job": job, "instance": instance}

    def spans(self) -> list[Span]:
        """Everything in the trace store."""
        return [span for service in self.jaeger.services() for span in self.jaeger.traces(service, limit=20000)]

    def all_are_found(self) -> bool:
        """Whether each program has been found out."""
        found = {labels["finding_id"] for labels, _ in self.prometheus.samples("otelchan_finding", 300)}
        assert {name.partition("-")[0] for name in BAD} <= found, found
        return True

    def all_is_lost(self) -> bool:
        """Whether the overloaded Collector has refused and given up, metrics and spans; it gets more to do."""
        self.overload()
        said = self.overloaded.own_metrics()
        names = [name for key in ("refused", "failed", "full") for name in COUNTERS[key]]
        assert [] == [name for name in names if not re.search(rf"^{name}(_total)?{{.*}} [1-9]", said, re.M)]
        return True

    def overload(self) -> None:
        """More for the Collector that has nowhere to go with it; it refuses some of it."""
        for path, body in (("traces", encoded("busy", blocks(SPANS))), ("metrics", _points(SPANS))):
            requests.post(f"{self.overloaded.http}/v1/{path}", data=body, headers=PROTOBUF, timeout=30)
        self.overloads.append(time.time())

    @property
    def overloaded_instance(self) -> str:
        """Its name where it is scraped."""
        return urlparse(self.overloaded.metrics_url).netloc

    def sent_between(self, start: float, end: float) -> int:
        """Spans that the overloaded Collector was sent between two Unix times."""
        return SPANS * sum(start <= moment <= end for moment in self.overloads)


def _points(count: int) -> bytes:
    now = time.time_ns()
    gauge = Gauge(data_points=[NumberDataPoint(time_unix_nano=now, as_int=number) for number in range(count)])
    scope = ScopeMetrics(metrics=[Metric(name="channel.lag", unit="{element}", gauge=gauge)])
    busy = ResourceMetrics(resource=resource("busy"), scope_metrics=[scope])
    return ExportMetricsServiceRequest(resource_metrics=[busy]).SerializeToString()


@contextlib.contextmanager
def misbehaving(folder: Path) -> Iterator[Misbehaving]:
    """From the first program to what they have been told to do; what comes of it takes its time."""
    with ExitStack() as running:
        (port,) = free_ports(1)
        traces = running.enter_context(jaeger(folder))
        ends = {"PROMETHEUS_OTLP_ENDPOINT": f"http://127.0.0.1:{port}/api/v1/otlp", "TEMPO_OTLP_ENDPOINT": traces.grpc}
        quick = {"STORAGE": str(folder / "queues"), "DECISION_WAIT": "1s", "SPAN_METRICS_INTERVAL": "1s"}
        more = {f"OTELCHAN_GATEWAY_{name}": value for name, value in {**quick, "SPANS_PER_SECOND": "20"}.items()}
        gateway = running.enter_context(run_collector(folder, "gateway.yaml", {**ends, **more}, name="gateway"))
        entry = {**ends, "TEMPO_OTLP_ENDPOINT": gateway.grpc}
        standalone = running.enter_context(run_collector(folder, "standalone.yaml", entry, name="standalone"))
        overloaded = running.enter_context(_overloaded(folder))
        config = _prometheus_config(folder, [standalone, gateway, overloaded])
        metrics = running.enter_context(prometheus(folder, port, config))

        faults = {name: running.enter_context(fault(name, "bad")) for name in BAD}
        trading = running.enter_context(shop(build("shop"), "-seed", "42"))
        delays = running.enter_context(driven(Driven, build("delays"), 2))
        careful = running.enter_context(_careful(folder, standalone, [*faults.values(), trading, delays]))
        careless = running.enter_context(_careless(folder, standalone))
        careful.wait_attached(len(faults) + 2)
        since = time.time()
        time.sleep(FIRST_LOOK_S)
        for program in faults.values():
            program.go()
        trading.start()
        delays.ask("go 1")
        everything = (faults, trading, delays, careful, careless, since)
        yield Misbehaving(metrics, traces, standalone, gateway, overloaded, *everything)


def _overloaded(folder: Path) -> contextlib.AbstractContextManager[Collector]:
    small = f"{{queue_size: {QUEUE}, batch: {{min_size: 5, max_size: 5}}}}"
    retry = "{initial_interval: 1s, max_interval: 1s, max_elapsed_time: 2s}"
    overlays = tuple(
        f"yaml:{{exporters: {{{name}: {{sending_queue: {small}, retry_on_failure: {retry}}}}}}}"
        for name in ("otlp_http/prometheus", "otlp_grpc/tempo")
    )
    return run_collector(folder, "standalone.yaml", AWAY, overlays=overlays, name="overloaded")


def _prometheus_config(folder: Path, scraped: list[Collector]) -> Path:
    """The shipped prometheus.yaml with what docs/alerts.md says to add."""
    write(folder / "rules", Parameters(speed=SPEED))
    config: dict[str, Any] = yaml.safe_load((CONFIGS / "prometheus.yaml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(folder / "rules" / "*.yaml")]
    targets = [urlparse(collector.metrics_url).netloc for collector in scraped]
    static = [{"targets": targets}]
    config["scrape_configs"] = [{"job_name": "otelcol", "scrape_interval": "2s", "static_configs": static}]
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _careful(
    folder: Path, to: Collector, programs: list[Fault | Shop | Driven]
) -> contextlib.AbstractContextManager[Agent]:
    (folder / "careful.yaml").write_text(CONFIG.format(places()["F11 made"], OBJECTIVE_S * 1000))
    (folder / "dumps").mkdir(mode=0o700)
    pids = [program.pid for program in programs]
    options = ("--interval", 1, "--config", folder / "careful.yaml", "--endpoint", to.http)
    return agent(folder / "careful.log", *pids, *options, env={"OTELCHAN_DUMPS_FOLDER": str(folder / "dumps")})


@contextlib.contextmanager
def _careless(folder: Path, to: Collector) -> Iterator[Agent]:
    """It has room for few series and spans; one program costs more than it may, another one is too old to be watched, a
    third one only waits; its traces go where they are not wanted."""
    there = folder / "watched"
    there.mkdir()
    compiled = build("hammer", go="1.27.3")
    busy, old = Path(shutil.copy(compiled, there / "busy")), there / "old"
    steady = Path(shutil.copy(build("delays"), there / "steady"))
    old.write_bytes(compiled.read_bytes().replace(b"go1.27.3", b"go1.18.9"))
    old.chmod(0o755)
    with (
        otlp_server(traces=[Answer(400), Answer(body=_REFUSAL.SerializeToString())] * 300) as unkind,
        hammer(busy) as program,
        hammer(old),
        driven(Driven, steady, 2) as waiting,
    ):
        waiting.ask("go 1")  # spans all the time: a busy one that is over its budget has none
        program.ask("run")  # before the agent comes: it tries the probes, and finds them too dear
        env = {**_LITTLE, "OTELCHAN_OTLP_TRACES_ENDPOINT": f"{unkind.url}/v1/traces"}
        options = ("--exe", there / "*", "--interval", 1, "--endpoint", to.http)
        with agent(folder / "careless.log", *options, env=env) as running:
            running.wait_for("is detached")
            yield running
