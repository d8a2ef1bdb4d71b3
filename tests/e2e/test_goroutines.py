"""Who woke whom, in the trace store, and how many goroutines came and went, in Prometheus."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import eventually
from tests.support.agent import agent, clean_environment
from tests.support.jaeger import Span
from tests.support.spawner import spawner
from tests.support.stack import Prometheus, Stack

EVERY_WAIT = {"OTELCHAN_SPAN_THRESHOLD_MS": "1", "OTELCHAN_SPANS_PER_SECOND": "1000"}  # each lasts 2 ms at least
NUMBER = "channel.waker.goroutine.id"


def test_every_waker_is_in_the_trace_store(stack: Stack, workload: Callable[..., Path], tmp_path: Path) -> None:
    """Each wait's span has its waker as attributes and as an event at its end, and links to what held the waker up."""
    service = f"wakers-{uuid.uuid4().hex[:8]}"
    binary = workload("wakers", go="1.27.3", stripped=True)
    command = ("--interval", 1, "--endpoint", stack.collector.http)
    with (
        subprocess.Popen(
            [binary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment({"OTEL_SERVICE_NAME": service}),
        ) as program,
        agent(tmp_path / "log", program.pid, *command, env=EVERY_WAIT) as running,
    ):
        assert program.stdin and program.stdout
        assert "READY\n" == program.stdout.readline()
        running.wait_attached()
        print("go", file=program.stdin, flush=True)
        wakes = json.loads(program.stdout.readline())
        spans = eventually(lambda: stored(stack, service, len(wakes)))
        program.kill()
    check_wakers(wakes, spans)


def stored(stack: Stack, service: str, fewest: int) -> dict[int, list[Span]]:
    """Spans of waits by the goroutine that slept, in order, once there are as many as waits."""
    found: dict[int, list[Span]] = defaultdict(list)
    for span in stack.jaeger.traces(service):
        if "goroutine.id" in span.tags:
            found[int(span.tags["goroutine.id"])].append(span)
    count = sum(map(len, found.values()))
    assert count >= fewest, f"{count} spans of {fewest}"
    return found


def check_wakers(wakes: list[dict[str, Any]], spans: dict[int, list[Span]]) -> None:
    """What the program says of each wake is what is stored."""
    by_case: dict[str, Span] = {}
    for wake in wakes:
        span = by_case[wake["case"]] = spans[wake["sleeper"]].pop(0)
        (event,) = span.events
        for said in (span.tags, event.fields):
            assert (wake["wakes_in"], wake["how"]) == (said["channel.waker.function"], said["channel.waker.how"]), wake
            if wake["waker"] >= 0:
                assert wake["waker"] == int(said[NUMBER]), wake
        assert event.fields["event"] == "woken"
        assert event.fields["channel.waker.stacktrace"].startswith(wake["wakes_in"] + "\n")
        assert span.start_us + span.duration_us - event.time_us in (0, -1, 1), "Jaeger keeps microseconds"
        assert wake["operation"] == span.tags["channel.operation"]
        assert wake["sleeps_in"] == span.tags["code.function.name"]
    chained = {wake["case"]: by_case[wake["cause"]] for wake in wakes if wake["cause"]}
    assert chained
    linked = {case: [(link.trace_id, link.span_id) for link in by_case[case].links] for case in chained}
    assert {case: [(cause.trace_id, cause.span_id)] for case, cause in chained.items()} == linked


def test_created_and_exited_are_in_prometheus(stack: Stack, workload: Callable[..., Path], tmp_path: Path) -> None:
    """Since the agent came, and with the time it came; exactly as many as the program counts, churn or not."""
    service = f"spawner-{uuid.uuid4().hex[:8]}"
    binary = workload("spawner", go="1.26.8")
    command = ("--interval", 1, "--endpoint", stack.collector.http)
    with spawner(binary, {"OTEL_SERVICE_NAME": service}) as program:
        program.ask("start 29")
        first = program.ask("pass 101")
        with agent(tmp_path / "log", program.pid, *command) as running:
            running.wait_for(r"watching pid")
            for step in ("start 307", "end 11", "churn 4", "rest", "collect"):
                told = program.ask(step)
                if step == "churn 4":
                    eventually(lambda: grows(stack.prometheus, service))
            expected = {
                "goroutine_created_total": told.created - first.created,
                "goroutine_exited_total": told.exited - first.exited,
                "go_goroutine_count": told.alive,
            }
            assert expected["goroutine_exited_total"] > 1000
            eventually(lambda: totals(stack.prometheus, service) == expected)
            samples = stack.prometheus.samples(f'goroutine_created_total{{job="{service}"}}', 600)
            ((_, values),) = samples
            assert sorted(value for _, value in values) == [value for _, value in values]


def grows(prometheus: Prometheus, service: str) -> bool:
    """Whether a sample that was taken under churn is there."""
    return totals(prometheus, service).get("goroutine_created_total", 0) > 1000


def totals(prometheus: Prometheus, service: str) -> dict[str, float]:
    """The goroutine counts of a service."""
    names = ("goroutine_created_total", "goroutine_exited_total", "go_goroutine_count")
    return {name: v for name in names for _, v in prometheus.query(f'{name}{{job="{service}"}}')}
