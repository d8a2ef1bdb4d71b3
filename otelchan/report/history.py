"""What is remembered of one observed process, or of one agent, while a recording is read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from otelchan.findings.types import STATES
from otelchan.report.otlp_form import Attribute, Telemetry
from otelchan.report.series import Key, Series
from otelchan.report.told import Told
from otelchan.report.tracks import Columns, States

OURS = "otelchan"  # the name of the agent's scope, and of its distribution
BLOCKS = "channel.block.duration"
_FRESH_NS = 60_000_000_000
MOST_STATES = 5000  # channels and objectives whose states are remembered
_WORST = {state: rank for rank, state in enumerate(("in_use", "created", "closed", "saturated", "dangling", "stalled"))}
_SLO = ("closed", "half-open", "open")  # by the value of channel.slo.state
assert set(_WORST) == set(STATES)
Name = TypeVar("Name", bound=Hashable)


class History:
    """One Resource. start, end: first and last look at it, by its metrics; 0: there are none. looks: how many."""

    def __init__(self, resource: Mapping[str, Attribute]) -> None:
        self.resource = dict(resource)
        self.series = Series(self._on_value, self._on_buckets)
        self.told = Told()
        self.start, self.end, self.looks = 0, 0, 0
        self._before = 0  # the look before the last one
        self.first_span, self.last_span = 0, 0
        self.heat: Columns | None = None
        self.channel_states: dict[str, States] = {}
        self.objectives: dict[tuple[str, str], States] = {}
        self.findings: dict[tuple[str, str, str], States] = {}  # by id, severity and channel
        self._counts: dict[str, dict[str, float]] = {}  # channels of a name by state, at the round that is read
        self._changed: set[str] = set()

    @property
    def is_program(self) -> bool:
        """Whether this is an observed process, not an agent."""
        return self.resource.get("telemetry.distro.name") == OURS

    def add(self, telemetry: Telemetry) -> int:
        """Take what our agent has said of this Resource. Returns how many scopes of others were passed over."""
        foreign = 0
        for metrics in telemetry.scope_metrics:
            if metrics.scope.name != OURS:
                foreign += 1
                continue
            points = (point for metric in metrics.metrics for point in metric.data.data_points)
            self._round(next((point.time_unix_nano for point in points if not point.ends), 0))
            for metric in metrics.metrics:
                self.series.add(metric)
        for spans in telemetry.scope_spans:
            if spans.scope.name != OURS:
                foreign += 1
                continue
            for span in spans.spans:
                self.told.add(span)
                self.first_span = min(self.first_span or span.start_time_unix_nano, span.start_time_unix_nano)
                self.last_span = max(self.last_span, span.end_time_unix_nano)
        return foreign

    def _round(self, time: int) -> None:
        if time <= self.end:
            return  # the rest of the same, written twice, or nothing but that all series have ended
        self.finish()
        self.start = self.start or time
        self._before, self.end = self.end, time
        self.looks += 1

    def finish(self) -> None:
        """All of the last round is there: what holds together is put together."""
        for name in self._changed:
            held = [state for state, count in self._counts[name].items() if count]
            worst = max(held, key=lambda state: _WORST.get(state, -1), default="")
            _add(self.channel_states, name, self.end, worst)
        self._changed.clear()

    def _on_value(self, metric: str, key: Key, time: int, value: float | None) -> None:
        if metric == "channel.count":
            self._counts.setdefault(key[0], {})[key[2]] = value or 0.0
            self._changed.add(key[0])
        elif metric == "channel.slo.state":
            state = "" if value is None else _SLO[min(max(int(value), 0), 2)]
            _add(self.objectives, (key[0], key[2]), time, state)
        elif metric == "otelchan.finding":
            _add(self.findings, (key[0], key[1], key[2]), time, key[1] if value else "")

    def _on_buckets(self, metric: str, since: int, time: int, bounds: tuple[float, ...], counts: list[int]) -> None:
        if metric != BLOCKS:
            return
        if self.heat is None:
            # What a recording that begins later has of before that is not spread over hours.
            fresh = 0 < since < self.start < since + _FRESH_NS
            self.heat = Columns(bounds, since if fresh else self.start)
        if self.heat.bounds == bounds:
            self.heat.add(max(since, self._before), time, counts)  # a series that is new has come since the last look


def _add(known: dict[Name, States], key: Name, time: int, state: str) -> None:
    if key in known or len(known) < MOST_STATES:
        known.setdefault(key, States()).add(time, state)
