"""From what was remembered of a process to its part of the page."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from otelchan.report.channels import channel_rows, counted_since
from otelchan.report.history import History
from otelchan.report.missing import missing_from
from otelchan.report.series import resource_text
from otelchan.report.suspects import finding_rows, held_rows, place_rows
from otelchan.report.topology import chain_graph, links_of, topology_graph, uses_of, waiting_of, worth_a_look
from otelchan.report.tracks import held
from otelchan.report.types import (
    Goroutines,
    HeatMap,
    Line,
    ObjectiveRow,
    Program,
    Timeline,
)

MOST_CHANNELS, MOST_PLACES, MOST_LINKS, MOST_FINDINGS, MOST_TIMELINES = 50, 20, 50, 50, 12
_ORDINARY = ("in_use", "created", "closed", "")
_FACTS = {
    "pid": "process.pid",
    "executable": "process.executable.path",
    "Go": "process.runtime.version",
    "started": "process.creation.time",
    "host": "host.name",
    "container": "container.id",
    "pod": "k8s.pod.uid",
    "instance": "service.instance.id",
    "otelchan": "telemetry.distro.version",
}


def program_of(history: History, key: str) -> Program:
    """All that was recorded of it. key: its name on the page."""
    findings = finding_rows(history)
    suspects = {name for row in findings if row.end is None for name in row.channels}
    rows, places = channel_rows(history), place_rows(history, findings)
    uses, (waiting, chain_by) = uses_of(history), waiting_of(history)
    oldest = {(row.name, side): age for row in rows for side, age in row.oldest.items()}
    own = {row.name for row in rows if row.lag.times}  # a timer, a context or a signal comes by itself
    links = links_of({use: n for use, n in waiting.items() if use.channel in own}, uses, oldest, suspects)
    held = held_rows(history)
    rows.sort(key=lambda row: row.name not in suspects)  # and within them as they were
    return Program(
        key,
        resource_text(history.resource, "service.name", "process.executable.name") or "a program without a name",
        tuple(
            (word, resource_text(history.resource, name)) for word, name in _FACTS.items() if history.resource.get(name)
        ),
        history.start or history.first_span,
        history.end or history.last_span,
        history.looks,
        history.looks > 1,
        _goroutines(history),
        findings[:MOST_FINDINGS],
        rows[:MOST_CHANNELS],
        _heat(history),
        _states(history, suspects),
        held[:MOST_TIMELINES],
        places[:MOST_PLACES],
        topology_graph(uses, waiting, suspects),
        chain_graph(worth_a_look(links, suspects), suspects),
        links[:MOST_LINKS],
        _objectives(history),
        tuple(missing_from(history, chain_by)),
        counted_since(history),
        chain_by,
        most_of(rows, places, links, findings),
    )


def most_of(*lists: Sequence[object]) -> dict[str, int]:
    """How many channels, places, links and findings are more than are kept."""
    kept = {"channels": MOST_CHANNELS, "places": MOST_PLACES, "links": MOST_LINKS, "findings": MOST_FINDINGS}
    return {word: len(rows) - most for (word, most), rows in zip(kept.items(), lists, strict=True) if len(rows) > most}


def _goroutines(history: History) -> Goroutines:
    total = next(iter(history.series.gauges.get("go.goroutine.count", {}).values()), None)
    blocked = [
        (track.at_end(history.end) or 0.0, track.line(key[0], history.end))
        for key, track in history.series.gauges.get("goroutine.blocked", {}).items()
    ]
    blocked.sort(key=lambda line: (-line[0], line[1].label))
    return Goroutines(
        total.line("goroutines", history.end) if total else Line("goroutines", (), ()),
        _on_one_clock([line for _, line in blocked]),
        {a["goroutine.wait_reason"]: age for a, age in history.series.latest("goroutine.wait.age", history.end)},
        _total(history, "goroutine.created"),
        _total(history, "goroutine.exited"),
        _total(history, "goroutine.surge") or 0.0,
    )


def _on_one_clock(lines: Sequence[Line]) -> list[Line]:
    """The same times for all of them, so that they can be stacked."""
    times = tuple(sorted({time for line in lines for time in line.times}))
    return [Line(line.label, times, tuple(_held(line, times))) for line in lines]


def _held(line: Line, times: Sequence[int]) -> Iterator[float | None]:
    values = [math.nan if value is None else value for value in line.values]
    return (None if math.isnan(value) else value for value in held(line.times, values, times))


def _total(history: History, metric: str) -> float | None:
    found = [counted.total for _, counted in history.series.totals(metric)]
    return sum(found) if found else None


def _heat(history: History) -> HeatMap | None:
    if history.heat is None:
        return None
    edges, rows = history.heat.rates(history.end)
    return HeatMap(edges, history.heat.bounds, rows) if any(map(any, rows)) else None


def _states(history: History, suspects: Collection[str]) -> list[Timeline]:
    """Of channels that were in a state worth a look, and of all objectives."""
    found = [
        (name not in suspects, -_uneasy(timeline), timeline)
        for name, states in history.channel_states.items()
        if _uneasy(timeline := Timeline(name, tuple(stretch for stretch in states.stretches if stretch.state)))
    ]
    found.sort(key=lambda row: (*row[:2], row[2].label))
    slo = [
        Timeline(f"objective: {operation} {name}", tuple(stretch for stretch in states.stretches if stretch.state))
        for (name, operation), states in history.objectives.items()
    ]
    return [row for row in (*slo, *(timeline for *_, timeline in found)) if row.stretches][:MOST_TIMELINES]


def _uneasy(timeline: Timeline) -> int:
    return sum(stretch.end - stretch.start for stretch in timeline.stretches if stretch.state not in _ORDINARY)


def _objectives(history: History) -> list[ObjectiveRow]:
    metrics = ("channel.slo.objective", "channel.slo.p999", "channel.slo.sample")
    limits, quantiles, samples = (_by_side(history, metric) for metric in metrics)
    rows = [
        ObjectiveRow(
            channel,
            operation,
            states.at_end(history.end).state,
            limits.get((channel, operation), {}).get("", 0.0),
            quantiles.get((channel, operation), {}),
            samples.get((channel, operation), {}),
            states.of("open"),
        )
        for (channel, operation), states in history.objectives.items()
    ]
    return sorted(rows, key=lambda row: (-row.breaches, row.channel, row.operation))


def _by_side(history: History, metric: str) -> dict[tuple[str, str], dict[str, float]]:
    """By channel and operation, then by window."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for attributes, value in history.series.latest(metric, history.end):
        side = found.setdefault((attributes["channel.name"], attributes["channel.operation"]), {})
        side[attributes.get("slo.window", "")] = value
    return found
