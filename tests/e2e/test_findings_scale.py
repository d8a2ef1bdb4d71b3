"""A hundred thousand leaked goroutines: found, in time, by an agent that stays small."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import eventually
from tests.support.agent import agent
from tests.support.growth import growth, resident_mb

LEAKED = 100_000
STEPS = 20
MOST_MB = 200
MOST_S = 1.0
# Of all looks: a shared machine may put one aside while it looks. They take 0.14 s of a processor at most.
IN_TIME = 0.8


def assessments(lines: Path) -> tuple[int, int]:
    """From the agent's own metrics: how often it looked for what is wrong in a program, and how often within MOST_S."""
    last = (0, 0)
    for line in lines.read_text().splitlines():
        for resource in json.loads(line).get("resourceMetrics", []):
            for metric in (metric for scope in resource["scopeMetrics"] for metric in scope["metrics"]):
                if metric["name"] == "otelchan.assess.duration":
                    (point,) = metric["histogram"]["dataPoints"]
                    within = point["explicitBounds"].index(MOST_S) + 1
                    last = (int(point["count"]), sum(map(int, point["bucketCounts"][:within])))
    return last


def test_a_hundred_thousand_leaked_goroutines(workload: Callable[..., Path], tmp_path: Path) -> None:
    """They come in steps, and then stay: all of them are in the finding, looks for what is wrong take less than a
    second, and then the agent is resident with less than
    200 MB."""
    lines = tmp_path / "otlp.jsonl"
    with growth(workload("growth")) as program:
        with agent(tmp_path / "log", program.pid, "--interval", 1, "--otlp-file", lines) as running:
            running.wait_attached()
            for _ in range(STEPS):
                assert program.tell("leak", LEAKED // STEPS)
                time.sleep(0.5)
            eventually(lambda: leaked(lines) == LEAKED, 90, every=2)
            time.sleep(10)
            assert leaked(lines) == LEAKED
            now_mb, most_mb = resident_mb(running.pid)
        assert "ERROR" not in running.log
    looks, within = assessments(lines)
    print(f"{looks} looks, {within} within {MOST_S} s; resident {now_mb} MB, at most {most_mb} MB")
    assert looks >= STEPS
    assert within >= IN_TIME * looks
    assert now_mb < MOST_MB


def leaked(lines: Path) -> int:
    """As exported last."""
    found = 0
    for line in lines.read_text().splitlines() if lines.exists() else ():
        for resource in json.loads(line).get("resourceMetrics", []):
            metrics = {metric["name"]: metric for scope in resource["scopeMetrics"] for metric in scope["metrics"]}
            if "go.goroutine.count" in metrics:
                points = metrics.get("goroutine.leak.suspected", {}).get("gauge", {}).get("dataPoints", [])
                found = sum(int(point["asInt"]) for point in points if not int(point.get("flags", 0)))
    return found
