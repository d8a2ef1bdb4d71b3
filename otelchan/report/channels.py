"""From what was remembered of a program's series to the rows of its channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from otelchan.report.history import BLOCKS, History
from otelchan.report.series import named
from otelchan.report.tracks import Buckets, Counted, Track
from otelchan.report.types import ChannelRow, Line, Waits

RECENT_NS = 60_000_000_000
"""Rates are over the last minute, or over all where that is shorter."""
_BY_OPERATION = {"channel.waiters": "waiters", "channel.wait.age": "oldest"}
_ONE_VALUE = {"channel.capacity": "capacity", "channel.health": "health"}
_TOTALS = {"channel.close": "closes", "channel.close.residue": "residue", "channel.close.drained": "drained"}


def channel_rows(history: History) -> list[ChannelRow]:
    """All channels of a program by name, the one with the largest lag at the end first; then those where most wait."""
    rows: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for put in (_lags, _gauges, _counters, _histograms, _closes):
        put(history, rows)
    _types(history, rows)
    made = [_row(name, fields) for name, fields in rows.items()]
    return sorted(made, key=_importance)


def _importance(row: ChannelRow) -> tuple[bool, float, float, float, str]:
    # Those of timers, contexts and signals have no lag; neither has what is gone.
    return (
        row.lag_now is None,
        -(row.lag_now or 0.0),
        -sum(row.waiters.values()),
        -max(row.oldest.values(), default=0.0),
        row.name,
    )


def _row(name: str, fields: dict[str, Any]) -> ChannelRow:
    return ChannelRow(name, **{"source": "", "element_type": "", "lag": Line("lag", (), ()), **fields})


def _lags(history: History, rows: dict[str, dict[str, Any]]) -> None:
    """A name may have channels of several element types: their lag is summed."""
    tracks: dict[str, Track] = {}
    for key, track in history.series.gauges.get("channel.lag", {}).items():
        if key[0] not in tracks:
            tracks[key[0]] = track
        else:
            tracks[key[0]].added(track)
    for name, track in tracks.items():
        rows[name]["lag"] = track.line("lag", history.end)
        rows[name]["lag_now"] = track.at_end(history.end)


def _types(history: History, rows: dict[str, dict[str, Any]]) -> None:
    """Where the name is from, and the element types of all channels that ever had it."""
    for metric in ("channel.capacity", "channel.process", "channel.panic"):
        for key in (*history.series.gauges.get(metric, {}), *history.series.counters.get(metric, {})):
            attributes = named(metric, key)
            row = rows[attributes["channel.name"]]
            row.setdefault("source", attributes["channel.name.source"])
            element_type, before = attributes.get("channel.element.type", ""), row.get("element_type", "")
            if element_type and element_type not in before.split(", "):
                row["element_type"] = f"{before}, {element_type}" if before else element_type


def _gauges(history: History, rows: dict[str, dict[str, Any]]) -> None:
    for metric, field in _ONE_VALUE.items():
        for attributes, value in history.series.latest(metric, history.end):
            row = rows[attributes["channel.name"]]
            row[field] = row.get(field, 0.0) + value if metric == "channel.capacity" else value
    for metric, field in _BY_OPERATION.items():
        for attributes, value in history.series.latest(metric, history.end):
            if value:
                sides, side = rows[attributes["channel.name"]].setdefault(field, {}), attributes["channel.operation"]
                before = sides.get(side, 0.0)
                sides[side] = before + value if field == "waiters" else max(before, value)
    for attributes, value in history.series.latest("channel.count", history.end):
        row = rows[attributes["channel.name"]]
        row["channels"] = row.get("channels", 0.0) + value
        if value:
            row.setdefault("states", {})[attributes["channel.state"]] = value


def _counters(history: History, rows: dict[str, dict[str, Any]]) -> None:
    begin = history.end - RECENT_NS
    for attributes, counted in history.series.totals("channel.process"):
        row, key = rows[attributes["channel.name"]], (attributes["channel.operation"], attributes["channel.status"])
        _sum_into(row.setdefault("totals", {}), key, counted.total)
        rate = counted.rate(begin, history.end)
        if rate is not None:
            _sum_into(row.setdefault("rates", {}), key, rate)
    for metric, field in _TOTALS.items():
        for attributes, counted in history.series.totals(metric):
            _sum_into(rows[attributes["channel.name"]], field, counted.total)
    for attributes, counted in history.series.totals("channel.panic"):
        panics = rows[attributes["channel.name"]].setdefault("panics", {})
        _sum_into(panics, attributes["error.type"], counted.total)


def _sum_into(sums: dict[Any, Any], key: object, value: float) -> None:
    sums[key] = sums.get(key, 0.0) + value


def _histograms(history: History, rows: dict[str, dict[str, Any]]) -> None:
    for key, buckets in history.series.histograms.get(BLOCKS, {}).items():
        attributes = named(BLOCKS, key)
        if sum(buckets.counts):
            waits = rows[attributes["channel.name"]].setdefault("waits", [])
            waits.append(_waits(attributes["channel.operation"], buckets))


def _waits(operation: str, buckets: Buckets) -> Waits:
    return Waits(
        operation,
        sum(buckets.counts),
        buckets.sum,
        buckets.quantile(0.5),
        buckets.quantile(0.99),
        buckets.bounds[-1] if buckets.bounds else 0.0,
    )


def _closes(history: History, rows: dict[str, dict[str, Any]]) -> None:
    for key, track in history.series.gauges.get("channel.close.time", {}).items():
        attributes, newest = named("channel.close.time", key), track.before(history.end)
        if newest is None:
            continue
        # Also of a channel that is gone, or whose program is.
        row, closed = rows[attributes["channel.name"]], int(newest[1] * 1e9)
        if 1 << 63 > closed > row.get("closed", (0, ""))[0]:
            row["closed"] = closed, attributes["code.function.name"]
    for key, buckets in history.series.histograms.get("channel.close.read_delay", {}).items():
        if sum(buckets.counts):
            rows[named("channel.close.read_delay", key)["channel.name"]]["read_delay"] = buckets.sum / sum(
                buckets.counts
            )


def counted_since(history: History) -> int:
    """When the oldest counter of the program began; 0: there is none."""
    return min((counted.since for counted in _all_counted(history) if counted.since), default=0)


def _all_counted(history: History) -> Iterator[Counted]:
    for of_metric in history.series.counters.values():
        yield from of_metric.values()
