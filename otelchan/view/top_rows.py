"""`otelchan top`: from a program's snapshot, and the one before it, to rows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from otelchan.findings.types import Assessment, Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import OPERATIONS, Age, ChannelView, Overhead, Snapshot
from otelchan.view.top_rates import About, about, channels_of, rate

USER_KINDS = ("user", "nil")
_ON_CHANNELS = ("chan ", "select")  # how the runtime's wait reasons begin
_P99 = 0.99
_LATER = 1 << 62


class Cost(NamedTuple):
    """What the probes in a program cost, as a part of one core. allowed: None: no limit."""

    share: float
    allowed: float | None


class Look(NamedTuple):
    """One program at one moment. cost: None: not known."""

    snapshot: Snapshot
    assessment: Assessment
    cost: Cost | None = None


class ChannelRow(NamedTuple):
    """All channels of one name in one program.

    blocked: goroutines parked on them, of both sides. p99_ns: block time that 99 of 100 blocks since the look before
    did not exceed; None: nobody's block ended, or nobody measures. sends, receives: elements per second since the look
    before; None: not counted. about_sends, about_receives: the same estimated, where counting would cost too much.
    health: 0 to 100, None: not known. states: channels by state.
    """

    pid: int
    program: str
    name: str
    kind: str
    element_type: str
    channels: int
    closed: int
    length: int
    capacity: int
    lag: int
    blocked: int
    p99_ns: int | None
    sends: float | None
    receives: float | None
    about_sends: About | None
    about_receives: About | None
    oldest: Age | None
    health: int | None
    states: Mapping[str, int]


class GroupRow(NamedTuple):
    """Goroutines that do the same at the same place. reason: why they are parked, else their status. site: where.

    frames, depth, ids: as in GoroutineGroup.
    """

    pid: int
    program: str
    reason: str
    goroutines: int
    oldest: Age | None
    site: Frame | None
    created_by: Frame | None
    frames: tuple[Frame, ...]
    depth: int
    ids: tuple[int, ...]


class FindingRow(NamedTuple):
    """Something that is wrong."""

    pid: int
    program: str
    finding: Finding


class ProgramRow(NamedTuple):
    """A program, and what watching it is like. blocked: goroutines parked on channels, each once. watched_ns: how long.
    losses: by reason, those that there are. planes: as in Snapshot, and "trial" for one on trial. overhead: what the
    budget makes of it, None: not known."""

    pid: int
    program: str
    go_version: str
    goroutines: int
    channels: int
    lag: int
    blocked: int
    findings: int
    planes: Mapping[str, str]
    losses: Mapping[str, int]
    watched_ns: int
    cost: Cost | None
    overhead: Overhead | None
    ended: bool


Row = ChannelRow | GroupRow | FindingRow | ProgramRow
R = TypeVar("R", ChannelRow, GroupRow, FindingRow, ProgramRow)


def channel_rows(now: Look, before: Look | None, all_kinds: bool = False) -> list[ChannelRow]:
    """One row per channel name. all_kinds: also timers, contexts and the like."""
    earlier = {view.name: view for view in before.snapshot.channels} if before else {}
    return [
        _channel_row(now, view, earlier.get(view.name), before)
        for view in channels_of(now.snapshot)
        if all_kinds or view.kind in USER_KINDS
    ]


def _channel_row(now: Look, view: ChannelView, earlier: ChannelView | None, before: Look | None) -> ChannelRow:
    times = now.snapshot.time_unix_ns, before.snapshot.time_unix_ns if before else 0
    health = now.assessment.health.get(view.name)
    sends, receives = (
        rate(
            view.processed.get((operation, "ok")), earlier.processed.get((operation, "ok")) if earlier else None, times
        )
        for operation in OPERATIONS
    )
    earlier_estimates = before.snapshot.estimates if before else ()
    about_sends, about_receives = (
        about(now.snapshot.estimates, earlier_estimates, view.name, operation, times) for operation in OPERATIONS
    )
    return ChannelRow(
        *whose(now),
        name=view.name,
        kind=view.kind,
        element_type=view.element_type,
        channels=view.channels,
        closed=view.closed,
        length=view.length,
        capacity=view.capacity,
        lag=view.lag,
        blocked=sum(view.waiters.values()),
        p99_ns=quantile_ns([blocks_since(view, earlier, operation) for operation in OPERATIONS], _P99),
        sends=sends,
        receives=receives,
        about_sends=about_sends,
        about_receives=about_receives,
        oldest=max(view.oldest.values(), default=None),
        health=health.score if health else None,
        states=now.assessment.states.get(view.name, {}),
    )


def whose(look: Look) -> tuple[int, str]:
    """Process id, and the file name of the executable."""
    process = look.snapshot.process
    return process.pid, process.executable.rpartition("/")[2]


def blocks_since(now: ChannelView, before: ChannelView | None, operation: str) -> dict[int, int]:
    """Blocks that ended since the look before, or since they are measured: upper bound in ns -> number."""
    found = dict(now.blocks[operation].buckets) if operation in now.blocks else {}
    if before is not None and before.blocks_start_unix_ns == now.blocks_start_unix_ns and operation in before.blocks:
        for bound, count in before.blocks[operation].buckets:
            found[bound] = found.get(bound, 0) - count
    return {bound: count for bound, count in sorted(found.items()) if count > 0}


def quantile_ns(parts: Iterable[Mapping[int, int]], share: float) -> int | None:
    """Upper bound of the bucket in which that share of all is reached; None where there is nothing."""
    total: dict[int, int] = {}
    for part in parts:
        for bound, count in part.items():
            total[bound] = total.get(bound, 0) + count
    left = share * sum(total.values())
    for bound in sorted(total):
        left -= total[bound]
        if left <= 0:
            return bound
    return None


def group_rows(now: Look) -> list[GroupRow]:
    """One row per group of goroutines."""
    return [
        GroupRow(
            *whose(now),
            group.wait_reason or group.status,
            group.count,
            group.oldest,
            group.frames[0] if group.frames else None,
            _origin(group.created_by),
            group.frames,
            group.depth,
            group.ids,
        )
        for group in now.snapshot.groups
    ]


def _origin(created_by: Frame | None) -> Frame | None:
    """The runtime starts main, which says nothing."""
    return None if created_by is None or created_by.function.startswith("runtime.") else created_by


def finding_rows(now: Look) -> list[FindingRow]:
    """One row per finding, worst first."""
    return [FindingRow(*whose(now), finding) for finding in now.assessment.findings]


def program_row(now: Look) -> ProgramRow:
    """One program."""
    snapshot = now.snapshot
    mine = [view for view in snapshot.channels if view.kind in USER_KINDS]
    trials = snapshot.overhead.trials if snapshot.overhead else ()
    return ProgramRow(
        *whose(now),
        go_version=snapshot.go_version,
        goroutines=snapshot.goroutines.count,
        channels=sum(view.channels for view in snapshot.channels),
        lag=sum(view.lag for view in mine),
        blocked=sum(group.count for group in snapshot.groups if group.wait_reason.startswith(_ON_CHANNELS)),
        findings=len(now.assessment.findings),
        planes={plane: "trial" if plane in trials else state for plane, state in snapshot.planes.items()},
        losses={reason: number for reason, number in snapshot.losses.by_reason.items() if number},
        watched_ns=max(snapshot.time_unix_ns - snapshot.attached_unix_ns, 0),
        cost=now.cost,
        overhead=snapshot.overhead,
        ended=snapshot.ended,
    )


def _known(counted: float | None, estimated: About | None) -> float:
    if counted is not None:
        return counted
    return estimated.likely if estimated else -1.0


SORTS: Mapping[str, Callable[[ChannelRow], float]] = {
    "lag": lambda row: row.lag,
    "blocked": lambda row: row.blocked,
    "p99": lambda row: -1 if row.p99_ns is None else row.p99_ns,
    "send/s": lambda row: _known(row.sends, row.about_sends),
    "recv/s": lambda row: _known(row.receives, row.about_receives),
    "oldest": lambda row: -1 if row.oldest is None else row.oldest.age_ns,
    "health": lambda row: -_LATER if row.health is None else -row.health,
}
"""By the name of the column: what it is sorted by, most urgent first."""


def sorted_by(rows: Iterable[ChannelRow], column: str, turned: bool = False) -> list[ChannelRow]:
    """Most urgent first, or last if turned; then the one with more lag, then by name."""
    by_name = sorted(rows, key=lambda row: (-row.lag, row.pid, row.name))
    return sorted(by_name, key=SORTS[column], reverse=not turned)


def matching(rows: Iterable[R], text: str) -> list[R]:
    """Rows in which the text is, in any place, upper or lower case."""
    wanted = text.casefold()
    return [row for row in rows if wanted in _said(row).casefold()]


def _said(row: Row) -> str:
    """What a person may look for in a row."""
    found = [str(row.pid), row.program]
    if isinstance(row, ChannelRow):
        found += [row.name, row.element_type, *row.states]
    elif isinstance(row, GroupRow):
        found += [row.reason, *(frame.place for frame in (row.site, row.created_by) if frame)]
    elif isinstance(row, FindingRow):
        found += [row.finding.severity, row.finding.id, row.finding.sentence]
    return "\n".join(found)


def identity(row: ChannelRow | GroupRow | FindingRow) -> tuple[object, ...]:
    """What a row is about, in this look and in the next."""
    if isinstance(row, ChannelRow):
        return row.pid, row.name
    if isinstance(row, GroupRow):
        return row.pid, row.reason, row.frames, row.created_by
    return row.pid, row.finding.id, row.finding.channel, row.finding.site


def of_channel(now: Look, name: str) -> tuple[ChannelView | None, Sequence[Finding]]:
    """A channel name in a look, and what was found about it, or about goroutines that use it among others: what its
    health is made of."""
    view = next((view for view in channels_of(now.snapshot) if view.name == name), None)
    return view, [
        finding
        for finding in now.assessment.findings
        if name in (finding.channel, *(member.channel for member in finding.members))
    ]
