"""`otelchan top`: rows as text, the same on the screen, in one frame, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from otelchan.model.types import Age
from otelchan.view.findings_text import LOSSES
from otelchan.view.table import Column, Table, print_table
from otelchan.view.top_rates import About
from otelchan.view.top_rows import (
    ChannelRow,
    FindingRow,
    GroupRow,
    Look,
    ProgramRow,
    channel_rows,
    finding_rows,
    group_rows,
    program_row,
    sorted_by,
)
from otelchan.view.words import age, count, duration, frame_object, place

VERSION = 1
MOST_ROWS = 20
"""Of each table in one frame; --json has all."""
CHANNEL_COLUMNS = (
    Column("lag", number=True),
    Column("blocked", number=True),
    Column("p99", number=True),
    Column("send/s", number=True),
    Column("recv/s", number=True),
    Column("oldest", number=True),
    Column("health", number=True),
    Column("channel", long=True),
    Column("states", long=True),
)
GROUP_COLUMNS = (
    Column("count", number=True),
    Column("oldest", number=True),
    Column("waits for"),
    Column("at", long=True),
    Column("created by", long=True),
)
FINDING_COLUMNS = (Column("severity"), Column("id"), Column("what", long=True))
_FINDING = ("severity", "id", "sentence")
_PROCESS = Column("pid", number=True)
_ANY = {"on", "trial", "sliced"}  # in which there is a probe, now or again soon
_FOREVER_NS = 1 << 62  # bounds above this are those of the last bucket, which has none


def channel_cells(row: ChannelRow) -> tuple[str, ...]:
    """As CHANNEL_COLUMNS."""
    return (
        str(row.lag),
        str(row.blocked),
        bound(row.p99_ns),
        elements(row.sends, row.about_sends),
        elements(row.receives, row.about_receives),
        of_age(row.oldest),
        "-" if row.health is None else str(row.health),
        row.name,
        ", ".join(f"{number} {state}" for state, number in row.states.items()),
    )


def group_cells(row: GroupRow) -> tuple[str, ...]:
    """As GROUP_COLUMNS."""
    return str(row.goroutines), of_age(row.oldest), row.reason, place(row.site), place(row.created_by)


def finding_cells(row: FindingRow) -> tuple[str, ...]:
    """As FINDING_COLUMNS."""
    return row.finding.severity, row.finding.id, row.finding.sentence


def of_age(value: Age | None) -> str:
    """Short; with ">=" when it may be more."""
    return "-" if value is None else age(value.age_ns, value.at_least)


def bound(nanoseconds: int | None) -> str:
    """What durations did not exceed."""
    if nanoseconds is None:
        return "-"
    return duration(nanoseconds) if nanoseconds < _FOREVER_NS else "> 2 min"


def per_second(number: float | None) -> str:
    """Three digits at least, "1.5 M"; "-" when it is not counted."""
    if number is None:
        return "-"
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}" if number < size * 999.5 else f"{number / size:.0f}{unit}"
    return f"{number:.0f}" if number >= 9.95 or number == 0 else f"{number:.1f}"


def elements(counted: float | None, estimated: About | None) -> str:
    """A second, counted; or estimated, "≈1.5 M"."""
    return f"≈{per_second(estimated.likely)}" if counted is None and estimated else per_second(counted)


def about_program(row: ProgramRow) -> str:
    """One line: what it is, and how it is."""
    findings = count(row.findings, "finding") if row.findings else "no findings"
    live = (
        f"{count(row.goroutines, 'goroutine')}, {row.blocked} blocked, {count(row.channels, 'channel')}, lag {row.lag}"
    )
    return f"{row.program} {row.pid}{' (ended)' if row.ended else ''}: {findings}, {live}, {row.go_version}"


def about_watching(row: ProgramRow) -> str:
    """One line: since when, which probes, what they cost, what the budget makes of that, what was lost."""
    planes = ", ".join(f"{plane} {state}" for plane, state in row.planes.items())
    parts = [f"watched for {duration(row.watched_ns)}", f"probes: {planes or 'none yet'}"]
    if row.cost is not None:
        allowed = "no limit" if row.cost.allowed is None else f"{row.cost.allowed:.1%} allowed"
        parts.append(f"they take {row.cost.share:.2%} of a core, {allowed}")
    parts += _governed(row)
    lost = "; ".join(f"{number} {LOSSES.get(reason, reason)}" for reason, number in row.losses.items())
    return "; ".join(parts) + (f"; lost: {lost}" if lost else "; nothing lost")


def _governed(row: ProgramRow) -> list[str]:
    """What is not as it would be without a budget, in words."""
    states = set(row.planes.values())
    said = ["census only: every probe would cost too much"] if "over budget" in states and not states & _ANY else []
    if row.overhead is None:
        return said
    if row.overhead.stacks_off:
        said.append("no stacks, to make hits cheaper")
    if row.overhead.slices:
        watched = row.overhead.gate_ns / max(row.watched_ns, 1)
        said.append(f"{count(row.overhead.slices, 'time slice')} so far, {watched:.2%} of the time")
    return said


class Frame(NamedTuple):
    """One frame: every program now, and as it was before, if it was. sort, turned: of channels, see sorted_by."""

    looks: Sequence[tuple[Look, Look | None]]
    sort: str = "lag"
    turned: bool = False
    all_kinds: bool = False

    @property
    def channels(self) -> list[ChannelRow]:
        """Of all programs, sorted."""
        rows = (row for now, before in self.looks for row in channel_rows(now, before, self.all_kinds))
        return sorted_by(rows, self.sort, self.turned)

    @property
    def groups(self) -> list[GroupRow]:
        """Of all programs, the largest first."""
        return sorted((row for now, _ in self.looks for row in group_rows(now)), key=lambda row: -row.goroutines)

    @property
    def findings(self) -> list[FindingRow]:
        """Of all programs."""
        return [row for now, _ in self.looks for row in finding_rows(now)]

    @property
    def programs(self) -> list[ProgramRow]:
        """All of them."""
        return [program_row(now) for now, _ in self.looks]


def print_frame(frame: Frame, out: TextIO) -> None:
    """Write one frame: each program, then channels, goroutines and findings of all of them."""
    several = len(frame.looks) > 1
    for program in frame.programs:
        out.write(f"{about_program(program)}\n{about_watching(program)}\n")
    out.write("\n")
    channels, groups, findings = frame.channels, frame.groups, frame.findings
    cells = [(row.pid, channel_cells(row)) for row in channels]
    print_table(_table(f"channels by {frame.sort}", CHANNEL_COLUMNS, cells, several), out)
    print_table(_table("goroutines", GROUP_COLUMNS, [(row.pid, group_cells(row)) for row in groups], several), out)
    if findings:
        cells = [(row.pid, finding_cells(row)) for row in findings]
        print_table(_table("findings", FINDING_COLUMNS, cells, several), out)


def _table(title: str, columns: Sequence[Column], rows: Sequence[tuple[int, Sequence[str]]], several: bool) -> Table:
    shown = [(str(pid), *cells) if several else tuple(cells) for pid, cells in rows[:MOST_ROWS]]
    more = len(rows) - len(shown)
    note = f"and {more} more; --json has all" if more else ""
    return Table(title, (_PROCESS, *columns) if several else columns, shown, note)


def frame_document(frame: Frame) -> dict[str, Any]:
    """The frame as JSON values: all rows. Times in nanoseconds; null: not known."""
    return {
        "version": VERSION,
        "programs": [_object(row._asdict()) for row in frame.programs],
        "channels": [_object(row._asdict()) for row in frame.channels],
        "goroutines": [_object(row._asdict()) for row in frame.groups],
        "findings": [
            {"pid": row.pid, "program": row.program, **dict(zip(_FINDING, finding_cells(row), strict=True))}
            for row in frame.findings
        ],
    }


def _object(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_items(values.items()))


def _items(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    for key, value in items:
        if key == "oldest":
            yield "oldest_ns", None if value is None else value.age_ns
            yield "oldest_at_least", None if value is None else value.at_least
        elif key in ("site", "created_by"):
            yield key, frame_object(value)
        elif key == "frames":
            yield key, [frame_object(frame) for frame in value]
        elif key in ("cost", "overhead", "about_sends", "about_receives"):
            yield key, None if value is None else value._asdict()
        else:
            yield key, dict(value) if isinstance(value, Mapping) else value
