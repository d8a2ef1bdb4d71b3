"""A program's channels, through otelchan and the real Collector, in Prometheus and the trace store, exactly."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import agent
from tests.support.pipeline import LONG_ONLY, check_everything, settled
from tests.support.shop import shop
from tests.support.stack import Stack

BUILDS = [("1.26.8", False), ("1.26.8", True), ("1.27.3", False), ("1.27.3", True)]
ONE_SECOND = ("--interval", 1)


@pytest.mark.parametrize(("go", "stripped"), BUILDS, ids=lambda value: str(value))
def test_everything_the_program_did_is_in_prometheus_and_the_trace_store(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path, go: str, stripped: bool
) -> None:
    """Counts, lag, waiters, block durations and spans equal what the program says about itself."""
    service = f"shop-{uuid.uuid4().hex[:8]}"
    binary = workload("shop", go=go, stripped=stripped)
    with (
        shop(binary, env={"OTEL_SERVICE_NAME": service}) as program,
        agent(tmp_path / "log", program.pid, *ONE_SECOND, "--endpoint", stack.collector.http, env=LONG_ONLY) as running,
    ):
        running.wait_attached()
        program.go()
        check_everything(stack, service, program)


def test_three_programs_are_three_resources(stack: Stack, workload: Callable[..., Path], tmp_path: Path) -> None:
    """One agent, three programs: three services with their own numbers, nothing mixed, nothing lost."""
    services = [f"trio-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    binary = workload("shop", go="1.27.3")
    with (
        shop(binary, env={"OTEL_SERVICE_NAME": services[0]}) as one,
        shop(binary, env={"OTEL_SERVICE_NAME": services[1]}) as two,
        shop(workload("shop", go="1.26.8", stripped=True), env={"OTEL_SERVICE_NAME": services[2]}) as three,
        agent(
            tmp_path / "log", one.pid, two.pid, three.pid, "--interval", 1, "--endpoint", stack.collector.http
        ) as running,
    ):
        programs = dict(zip(services, (one, two, three), strict=True))
        running.wait_attached(3)
        for program in programs.values():
            program.start()
        for program in programs.values():
            program.finish()
        for service, program in programs.items():
            truth = program.report()["channels"]
            expected = {(place, "send", "ok"): t["sends"] for place, t in truth.items()}
            expected |= {(place, "recv", "ok"): t["recvs"] for place, t in truth.items()}
            processed = settled(stack.prometheus, service, expected)
            assert {key: processed.get(key) for key in expected} == expected, f"{service} seed {program.seed}"
            (target,) = stack.prometheus.query(f'target_info{{job="{service}"}}')
            assert target[0]["process_pid"] == str(program.pid)
