"""What an agent said of itself: a page that hides what was lost would be wrong."""

from __future__ import annotations

from collections.abc import Iterator

from otelchan.report.history import History
from otelchan.report.series import resource_text
from otelchan.report.types import Agent
from otelchan.view.findings_text import LOSSES
from otelchan.view.words import count, moment

_COUNTED = {
    "otelchan.event.lost": "lost",
    "otelchan.export.failed": "points and spans given up",
    "otelchan.export.rejected": "points and spans rejected by the endpoint",
    "otelchan.span.sampled_out": "spans left out, over the rate",
    "otelchan.attach.failed": "programs that could not be watched",
    "otelchan.target.missed": "processes that ended before they were looked at",
    "otelchan.dump.left_out": "dumps of stacks that were not written",
}
"""What takes something away from the page, since the agent started."""
_NOW = {
    "otelchan.series.overflow": "series over the cap at the end",
    "otelchan.objective.left_out": "objectives without room at the end",
    "otelchan.target.refused": "Go processes that cannot be watched",
}
_LOUD = ("warning", "error")


def agent_of(history: History) -> Agent:
    """Its account at the last time that it was heard of."""
    return Agent(
        resource_text(history.resource, "service.name") or "otelchan",
        resource_text(history.resource, "service.version"),
        tuple(_facts(history)),
        tuple(sorted(_losses(history), key=lambda loss: (-loss[2], loss[:2]))),
        _one(history, "otelchan.overhead.measured"),
        _one(history, "otelchan.overhead.allowed"),
        tuple(_left_out(history)),
    )


def _losses(history: History) -> Iterator[tuple[str, str, float]]:
    for metric, words in _COUNTED.items():
        for attributes, counted in history.series.totals(metric):
            if not counted.total:
                continue
            reason = attributes.get("otelchan.reason", "")
            if metric == "otelchan.event.lost":
                yield LOSSES.get(reason, reason), reason, counted.total
            else:
                signal = attributes.get("otelchan.signal", "")
                yield words, " ".join(word for word in (signal, reason) if word), counted.total
    for metric, words in _NOW.items():
        value = _one(history, metric)
        if value:
            yield words, "", value
    for attributes, counted in history.series.totals("otelchan.log.record"):
        if attributes["otelchan.log.level"] in _LOUD and counted.total:
            yield "lines in the agent's log", attributes["otelchan.log.level"], counted.total


def _left_out(history: History) -> Iterator[tuple[str, str, float]]:
    for attributes, value in history.series.latest("otelchan.probe.left_out", history.end):
        if value:
            yield attributes["otelchan.plane"], attributes["otelchan.reason"].replace("_", " "), value


def _one(history: History, metric: str) -> float | None:
    return next((value for _, value in history.series.latest(metric, history.end)), None)


def _facts(history: History) -> Iterator[tuple[str, str]]:
    resource = history.resource
    yield "host", resource_text(resource, "host.name") or "not known"
    yield "pid", resource_text(resource, "process.pid") or "not known"
    started = _one(history, "otelchan.start.time")
    if started and 0 < started < 1e10:
        yield "started", moment(int(started * 1e9))
    yield "heard of until", moment(history.end) if history.end else "never"
    watched = _one(history, "otelchan.target.count")
    if watched is not None:
        yield "watches", count(int(watched), "program")
    memory = _one(history, "process.memory.usage")
    if memory:
        yield "memory", f"{memory / 1e6:.0f} MB"
    cpu = sum(counted.total for _, counted in history.series.totals("process.cpu.time"))
    if cpu:
        yield "processor time", f"{cpu:.1f} s since it started"
