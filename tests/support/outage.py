"""A Collector that stops under load and comes back: what was made, what arrived, and what is said to be lost."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import eventually
from tests.support.agent import agent
from tests.support.driven import driven
from tests.support.paced import Paced
from tests.support.programs import free_ports
from tests.support.stack import Jaeger, Prometheus, Stack, collector
from tests.support.usage import memory_mib


class Made(NamedTuple):
    """What the agent has made, from the file that it writes beside: ids of spans, and spans that it gave up."""

    spans: set[str]
    given_up: int


def made(path: Path, service: str) -> Made:
    """From a file with OTLP JSON lines. service: of the program."""
    spans: set[str] = set()
    given_up = 0
    for line in path.read_text().splitlines():
        document = json.loads(line)
        for resource in document.get("resourceSpans", []):
            if _name(resource) == service:
                spans |= {span["spanId"] for scope in resource["scopeSpans"] for span in scope["spans"]}
        for point in _failed(document):
            labels = {a["key"]: a["value"]["stringValue"] for a in point["attributes"]}
            if labels["otelchan.signal"] == "traces":
                given_up = max(given_up, int(point["asInt"]))
    return Made(spans, given_up)


def _name(resource: dict[str, Any]) -> str:
    found = (
        a["value"].get("stringValue", "") for a in resource["resource"]["attributes"] if a["key"] == "service.name"
    )
    return str(next(found, ""))


def _failed(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in document.get("resourceMetrics", []):
        for metric in (metric for scope in resource["scopeMetrics"] for metric in scope["metrics"]):
            if metric["name"] == "otelchan.export.failed":
                yield from metric["sum"]["dataPoints"]


def stored(jaeger: Jaeger, service: str) -> set[str]:
    """Ids of a program's spans in the store."""
    return {span.span_id for span in jaeger.traces(service, limit=100_000) if span.service == service}


def passed(prometheus: Prometheus, service: str) -> float:
    """How many elements its channels have passed from goroutine to goroutine, as Prometheus has it now."""
    selector = f'job="{service}",channel_name=~".*main.work.*",channel_operation="send",channel_status="ok"'
    return sum(value for _, value in prometheus.query(f"channel_process_total{{{selector}}}"))


def lost(prometheus: Prometheus, agent_service: str) -> float:
    """How many spans the agent says it has given up, all reasons together."""
    selector = f'job="{agent_service}",otelchan_signal="traces"'
    return sum(value for _, value in prometheus.query(f"otelchan_export_failed_total{{{selector}}}"))


class Times(NamedTuple):
    """How long the Collector runs, is down and runs again, in seconds."""

    before: float
    down: float
    after: float


class Seen(NamedTuple):
    """How an outage went. handed_over: by the program's own count. total: in Prometheus afterwards. lost: spans that
    the exported counter in Prometheus says. resident_mib: of the agent, before the outage and after it."""

    handed_over: int
    total: float
    made: set[str]
    stored: set[str]
    lost: float
    lost_by_file: int
    log: str
    resident_mib: tuple[float, float]


def outage(stack: Stack, folder: Path, binary: Path, seconds: Times, spans_per_second: int, span_queue: int) -> Seen:
    """A program hands over elements all the time while its agent's Collector runs, is stopped, and runs again."""
    service, (port,) = f"outage-{uuid.uuid4().hex[:8]}", free_ports(1)
    path = folder / "otlp.jsonl"
    env = {
        "OTEL_SERVICE_NAME": f"agent-of-{service}",
        "OTELCHAN_SPAN_THRESHOLD_MS": "0",
        "OTELCHAN_SPANS_PER_SECOND": str(spans_per_second),
        "OTEL_BSP_MAX_QUEUE_SIZE": str(span_queue),
    }
    to = ("--interval", 1, "--otlp-file", path, "--endpoint", f"http://127.0.0.1:{port}")
    back_ends = (stack.prometheus.otlp, stack.jaeger.grpc)
    with (
        driven(Paced, binary, 2, {"OTEL_SERVICE_NAME": service}) as program,
        agent(folder / "log", program.pid, *to, env=env) as running,
    ):
        with collector(folder, *back_ends, http_port=port, name="before"):
            running.wait_attached()
            program.ask("pace 0 1")
            time.sleep(seconds.before)
        before_mib = memory_mib(running.pid, "VmRSS")
        time.sleep(seconds.down)
        with collector(folder, *back_ends, http_port=port, name="after"):
            running.wait_for("delivering telemetry to .* again", timeout=90)
            time.sleep(seconds.after)
            program.ask("pace 0 0")
            time.sleep(0.1)  # the millisecond that was under way
            done = program.count()
            eventually(lambda: passed(stack.prometheus, service) == done.handovers, timeout=30)
            total = passed(stack.prometheus, service)
            eventually(lambda: lost(stack.prometheus, env["OTEL_SERVICE_NAME"]) > 0, timeout=30)
            time.sleep(2)  # two intervals: the counter has been said after the last loss
            lost_spans = lost(stack.prometheus, env["OTEL_SERVICE_NAME"])
            resident = (before_mib, memory_mib(running.pid, "VmRSS"))
            running.stop()
        spans, given_up = made(path, service)
    eventually(lambda: len(stored(stack.jaeger, service)) >= len(spans) - given_up, timeout=30)
    return Seen(
        done.handovers, total, spans, stored(stack.jaeger, service), lost_spans, given_up, running.log, resident
    )
