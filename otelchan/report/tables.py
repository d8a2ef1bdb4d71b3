"""The tables of a program's part of the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from otelchan.report.charts import sparkline
from otelchan.report.html import Cell, Column, Html, details, joined, table, tag
from otelchan.report.text import amount
from otelchan.report.topology import lasting
from otelchan.report.types import ChannelRow, Line, Link, ObjectiveRow, Program, StackRow, Waits
from otelchan.view.words import age, count, duration, moment, place

MOST_FRAMES = 40
_SOURCES = {
    "make": "",
    "code": "the only make in the code that fits",
    "use": "where it was made is not known",
    "alias": "an alias of yours",
}
_CHANNELS = (
    Column("channel", "where it was made, or its type and who uses it"),
    Column("lag over time"),
    Column("lag", "elements in the buffer and in the hands of parked senders, at the end", number=True),
    Column("capacity", "of all channels of the name together", number=True),
    Column("waiting", "goroutines that wait at the end", number=True),
    Column("oldest", "the oldest of these waits", number=True),
    Column("sent/s", "over the last minute recorded", number=True),
    Column("received/s", "over the last minute recorded", number=True),
    Column("in vain/s", "attempts that would have blocked (would_block), over the last minute recorded", number=True),
    Column("block p50, p99", "of the operations that had to wait: half of them, and 99 of 100, took at most so long"),
    Column("state", "channels of the name by state at the end (F12)"),
    Column("health", "0 to 100 (F13)", number=True),
)
_CLOSES = (
    Column("channel"),
    Column("last close"),
    Column("closed by"),
    Column("closes", number=True),
    Column("residue", "elements in the buffer at the close", number=True),
    Column("drained", "of these, received later", number=True),
    Column("received after close", "zero values", number=True),
    Column("mean delay", "from the close to each later receive", number=True),
    Column("panics"),
)


def channels_table(rows: Sequence[ChannelRow], suspects: Collection[str], more: int) -> Html:
    """Those with the largest lag first. more: so many are not shown."""
    note = f"and {more:,} more channel names with less lag, which are not shown" if more else ""
    cells = [_channel(row, row.name in suspects) for row in rows]
    return table(f"{count(len(rows), 'channel name')}, by lag at the end", _CHANNELS, cells, note)


def _channel(row: ChannelRow, suspected: bool) -> list[Cell]:
    sent, received = row.rates.get(("send", "ok")), row.rates.get(("recv", "ok"))
    return [
        Cell(_name(row, suspected), row.name),
        Cell(Html(sparkline(row.lag, f"lag of {row.name}")) if _drawn(row.lag) else "-"),
        _number(row.lag_now),
        _number(row.capacity),
        _sides({side: f"{n:,.0f}" for side, n in row.waiters.items()}, sum(row.waiters.values())),
        _seconds(max(row.oldest.values(), default=None)),
        _rate(sent),
        _rate(received),
        _rate(_sum([rate for (_, status), rate in row.rates.items() if status == "would_block"])),
        _quantiles(row.waits),
        Cell(_states(row)),
        Cell(_health(row.health), -1.0 if row.health is None else row.health),
    ]


def _drawn(line: Line) -> bool:
    return sum(value is not None for value in line.values) > 1


def _name(row: ChannelRow, suspected: bool) -> Html:
    what = f"chan {row.element_type}" if row.element_type else ""
    words = "; ".join(word for word in (what, _SOURCES.get(row.source, "")) if word)
    mark = [tag("strong", "suspected", class_="critical")] if suspected else []
    return joined((tag("code", row.name or "(no name)"), tag("div", words, class_="note"), *mark))


def _states(row: ChannelRow) -> Html | str:
    if not row.states:
        return "gone"
    lines = [tag("div", f"{number:,.0f} {state.replace('_', ' ')}") for state, number in row.states.items()]
    return tag("div", *lines, class_="lines")


def _health(score: float | None) -> Html | str:
    if score is None:
        return "-"
    kind = "critical" if score < 50 else "warning" if score < 80 else ""
    return tag("span", f"{score:.0f}", class_=kind)


def _number(value: float | None) -> Cell:
    return Cell.of("" if value is None else f"{value:,.0f}", value)


def _rate(value: float | None) -> Cell:
    return Cell.of("" if value is None else amount(value, ""), value)


def _seconds(value: float | None) -> Cell:
    return Cell.of("" if value is None else duration(int(value * 1e9)), value)


def _sum(values: Sequence[float]) -> float | None:
    return sum(values) if values else None


def _sides(words: Mapping[str, str], number: float) -> Cell:
    return Cell(", ".join(f"{shown} {side}" for side, shown in words.items()) or "0", number)


def _quantiles(waits: Sequence[Waits]) -> Cell:
    """A line for each operation. Sorted by the worst p99."""
    if not waits:
        return Cell("-", float("-inf"))
    lines = [tag("div", f"{one.operation} {_bound(one, one.p50)}, {_bound(one, one.p99)}") for one in waits]
    worst = max(one.highest_bound * 2 if one.p99 is None else one.p99 for one in waits)
    return Cell(tag("div", *lines, class_="lines"), worst)


def _bound(waits: Waits, value: float | None) -> str:
    """Over the highest bound it is only known that it is over it."""
    return f"> {amount(waits.highest_bound, 's')}" if value is None else amount(value, "s")


def closes_table(rows: Sequence[ChannelRow]) -> Html | None:
    """In the order in which channels were closed; None when none was, and nothing panicked."""
    closed = [row for row in rows if row.closes or row.closed or row.panics]
    if not closed:
        return None
    closed.sort(key=lambda row: (row.closed or (1 << 63, ""), row.name))
    return table("In the order of their last closes", _CLOSES, list(map(_close, closed)))


def _close(row: ChannelRow) -> list[Cell]:
    time, function = row.closed or (0, "")
    return [
        Cell(tag("code", row.name), row.name),
        Cell(_instant(time), time) if time else Cell("-", float("-inf")),
        Cell(function or ("not known" if time else "-")),
        _number(row.closes),
        _number(row.residue),
        _number(row.drained),
        _number(row.totals.get(("recv", "closed"))),
        _seconds(row.read_delay),
        Cell(", ".join(f"{n:,.0f} {error.replace('_', ' ')}" for error, n in row.panics.items()) or "-"),
    ]


def _instant(time: int) -> str:
    """With milliseconds: an order is told by them."""
    return f"{moment(time)[:-1]}.{time // 1_000_000 % 1000:03d}Z"


def reasons_table(program: Program) -> Html | None:
    """Why goroutines wait at the end; None when none does."""
    columns = (Column("wait reason"), Column("goroutines", number=True), Column("oldest", number=True))
    ends = [(line.label, line.values[-1] if line.values else None) for line in program.goroutines.blocked]
    rows = [
        [Cell(reason), _number(number), _seconds(program.goroutines.oldest.get(reason))]
        for reason, number in sorted(ends, key=lambda end: -(end[1] or 0.0))
        if number
    ]
    return table("Parked at the end, by wait reason", columns, rows) if rows else None


def places_table(rows: Sequence[StackRow], more: int, caption: str) -> Html:
    """Where goroutines wait, with their stacks."""
    columns = (
        Column("where"),
        Column("goroutines", number=True),
        Column("waits", number=True),
        Column("why"),
        Column("channel"),
    )
    note = f"and {more:,} more places, which are not shown" if more else ""
    return table(caption, columns, list(map(_place, rows)), note)


def _place(row: StackRow) -> list[Cell]:
    mark = [Html(" "), tag("strong", "suspected", class_="critical")] if row.suspected else []
    started = [tag("div", f"started at {place(row.created_by)}", class_="note")] if row.created_by else []
    where = joined((tag("code", place(row.site)), *mark, *started, stack(row)))
    oldest = "-" if row.oldest is None else age(int(row.oldest * 1e9), row.at_least)
    return [
        Cell(where, place(row.site)),
        Cell(f"{row.count:,}", row.count),
        Cell(oldest, -1.0 if row.oldest is None else row.oldest),
        Cell(row.wait_reason),
        Cell(" ".join(word for word in (row.operation, row.channel) if word) or "-"),
    ]


def stack(row: StackRow) -> Html:
    """Its frames, closed at first."""
    if not row.stack:
        return Html("")
    return details("stack", frames_block(row.stack))


def frames_block(frames: Sequence[tuple[str, str, int]]) -> Html:
    """As Go prints a stack."""
    shown = [joined((function, f"{file}:{line}"), "\n    ") for function, file, line in frames[:MOST_FRAMES]]
    left = len(frames) - len(shown)
    return tag("div", joined([*shown, *([f"... {left} more frames"] if left else [])], "\n"), class_="stack")


def links_table(links: Sequence[Link], suspects: Collection[str], more: int) -> Html:
    """Who waits where, and who could let them go on."""
    columns = (
        Column("these wait"),
        Column("goroutines", number=True),
        Column("to"),
        Column("channel"),
        Column("oldest", number=True),
        Column("the other end is used by"),
    )
    waiting = {link.function for link in lasting(links, suspects)}
    rows = [
        [
            Cell(tag("code", link.function)),
            _number(link.waiters),
            Cell(link.operation),
            Cell(tag("strong", link.channel, class_="critical") if link.channel in suspects else link.channel),
            _seconds(link.oldest),
            Cell(_others(link, waiting)),
        ]
        for link in links
    ]
    note = f"and {more:,} more, which are not shown" if more else ""
    return table("Who waits for whom, at the end", columns, rows, note)


def _others(link: Link, waiting: Collection[str]) -> str:
    shown = [f"{name} (waits itself)" if name in waiting else name for name in link.others[:5]]
    left = len(link.others) - len(shown)
    return ", ".join([*shown, *([f"and {left} more"] if left else [])]) or "nobody that was seen"


def _high(row: ObjectiveRow, window: str) -> Cell:
    value = row.p999.get(window)
    return Cell("too few samples", float("-inf")) if value is None and window in row.samples else _seconds(value)


def objectives_table(rows: Sequence[ObjectiveRow]) -> Html:
    """Latency objectives (F11)."""
    columns = (
        Column("channel"),
        Column("operation"),
        Column("state at the end"),
        Column("allowed", number=True),
        Column("p999, short window", number=True),
        Column("p999, long window", number=True),
        Column("samples, short / long", number=True),
        Column("breaches", "times that it opened while it was recorded", number=True),
    )
    cells = [
        [
            Cell(row.channel),
            Cell(row.operation),
            Cell(tag("span", row.state or "not watched any more", class_="critical" if row.state == "open" else "")),
            _seconds(row.objective),
            _high(row, "short"),
            _high(row, "long"),
            Cell(f"{row.samples.get('short', 0):,.0f} / {row.samples.get('long', 0):,.0f}", row.samples.get("long", 0)),
            _number(row.breaches),
        ]
        for row in rows
    ]
    return table("Latency objectives", columns, cells)
