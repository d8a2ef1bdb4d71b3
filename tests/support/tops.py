"""One frame of `otelchan top`, of a program made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otelchan.findings.types import Assessment, Health
from otelchan.model.types import OPERATIONS, Age, Estimate, GoroutineGroup, Overhead
from otelchan.view.top_rows import Cost, Look
from otelchan.view.top_text import Frame
from tests.support.snapshots import CALLER, NOW, SECOND, WORKER, channel, finding, process, snapshot

NAME = "main.work main.go:41"
GROUP = GoroutineGroup("waiting", "chan send", (WORKER, CALLER), 4, CALLER, 37, Age(5 * SECOND, True), (1, 2), 99)


def look(pid: int = 4242, **changes: Any) -> Look:
    """A program with one channel that 37 goroutines wait on."""
    now = snapshot(
        [channel()], process=process(pid), groups=(GROUP,), planes={"makes": "on", "waits": "off"}, **changes
    )
    return Look(now, Assessment(findings=(finding(),)), Cost(0.0012, 0.03))


def frame() -> Frame:
    """With a state and a health, and a program that does too much to be counted."""
    estimates = tuple(
        Estimate(NAME, "make", operation, "ok", 5_000_000, 3_000_000, 9_000_000, NOW - 10 * SECOND)
        for operation in OPERATIONS
    )
    planes = {"makes": "on", "waits": "on", "operations": "sliced", "polls": "over budget"}
    now = look(estimates=estimates, overhead=Overhead(0.0012, 0.03, ("makes",), True, 40, 90_000_000, 180_000_000))
    now = now._replace(snapshot=replace(now.snapshot, planes=planes))
    states, health = {NAME: {"saturated": 2, "closed": 1}}, {NAME: Health(40, {"F10": 60})}
    return Frame([(now._replace(assessment=now.assessment._replace(states=states, health=health)), None)])
