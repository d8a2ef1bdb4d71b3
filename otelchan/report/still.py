"""A snapshot by `otelchan snapshot` as a program's part of the page: one moment, so nothing that takes time to see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from otelchan.memory.goroutines import STATUSES
from otelchan.report.programs import MOST_CHANNELS, MOST_LINKS, MOST_PLACES, most_of
from otelchan.report.topology import Use, chain_graph, links_of, worth_a_look
from otelchan.report.types import ChannelRow, Goroutines, Line, Program, StackRow
from otelchan.view.census import PARKED
from otelchan.view.snapshot import Channels, Group, Snapshot
from otelchan.view.words import moment

_AWAKE = set(STATUSES) - set(PARKED)
_MISSING = (
    "A snapshot is one moment: no history, no rates, no block times, no closes and no findings. Record for a while "
    "with `otelchan run --otlp-file`, or give a PID to `otelchan report`.",
    "The ages of waits are counted from the garbage collection that first saw them: they are at least so old, and a "
    "wait that none has seen has no age.",
    "Who uses the other end of a channel is known only where somebody waits there too.",
)


def program_of(snapshot: Snapshot, key: str, path: str) -> Program:
    """All that a snapshot says. key: its name on the page. path: the file."""
    time = int(snapshot.head["time_unix_ns"])
    rows = sorted(map(_channel, snapshot.channels.values()), key=_importance)
    places = sorted((_place(snapshot, group) for group in snapshot.groups.values()), key=lambda row: -row.count)
    waiting, oldest = _waiting(snapshot)
    links = links_of(waiting, (), oldest, ())
    return Program(
        key,
        str(snapshot.head["go"].get("main_module") or snapshot.head["process"].get("executable") or path),
        tuple(_facts(snapshot, path)),
        time,
        time,
        1,
        False,
        _goroutines(snapshot, time),
        channels=rows[:MOST_CHANNELS],
        places=places[:MOST_PLACES],
        chain=chain_graph(worth_a_look(links, ()), ()),
        links=links[:MOST_LINKS],
        missing=(*_MISSING, *_unread(snapshot)),
        chain_by="metrics" if links else "",
        more=most_of(rows, places, links, ()),
        still=True,
    )


def _importance(row: ChannelRow) -> tuple[float, float, str]:
    return -(row.lag_now or 0.0), -sum(row.waiters.values()), row.name


def _unread(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.head["unread"]:
        yield f"{snapshot.head['unread']} goroutines could not be read."


def _facts(snapshot: Snapshot, path: str) -> Iterator[tuple[str, str]]:
    process, go = snapshot.head["process"], snapshot.head["go"]
    yield "snapshot", path
    yield "of", str(snapshot.head["source"])
    yield "pid", str(process["pid"])
    yield "executable", str(process.get("executable", ""))
    yield "Go", str(go["version"])
    if process["created_unix_ns"]:
        yield "started", moment(int(process["created_unix_ns"]))


def _channel(of_name: Channels) -> ChannelRow:
    sides = {"send": float(of_name.senders), "recv": float(of_name.receivers)}
    states = {"open": float(of_name.number - of_name.closed), "closed": float(of_name.closed)}
    return ChannelRow(
        of_name.name,
        of_name.source,
        of_name.element_type,
        Line("lag", (), ()),
        float(of_name.lag),
        float(of_name.capacity),
        float(of_name.number),
        {state: number for state, number in states.items() if number},
        {side: number for side, number in sides.items() if number},
    )


def _place(snapshot: Snapshot, group: Group) -> StackRow:
    since = [member.since_ns for member in group.members if member.since_ns]
    channels = sorted(group.channels)
    return StackRow(
        group.place.wait_reason,
        ", ".join(channels[:3]) + (f" and {len(channels) - 3} more" if len(channels) > 3 else ""),
        "",
        len(group.members),
        _age(snapshot, min(since)) if since else None,
        True,
        group.place.site,
        group.place.created_by,
        snapshot.stacks[group.members[0].stack],
        False,
    )


def _age(snapshot: Snapshot, since_ns: int) -> float:
    return max(int(snapshot.head["monotonic_ns"]) - since_ns, 0) / 1e9


def _waiting(snapshot: Snapshot) -> tuple[dict[Use, float], dict[tuple[str, str], float]]:
    """Who waits where, and the oldest of them by channel and operation."""
    found: defaultdict[Use, float] = defaultdict(float)
    oldest: dict[tuple[str, str], float] = {}
    for group in snapshot.groups.values():
        since = [member.since_ns for member in group.members if member.since_ns]
        for wait in group.channels:
            operation, _, channel = wait.partition(" ")
            if group.place.site is not None and channel in snapshot.channels:
                found[Use(group.place.site.function, channel, operation)] += len(group.members)
                if since:
                    side = channel, operation
                    oldest[side] = max(oldest.get(side, 0.0), _age(snapshot, min(since)))
    return dict(found), oldest


def _goroutines(snapshot: Snapshot, time: int) -> Goroutines:
    number: defaultdict[str, int] = defaultdict(int)
    oldest: dict[str, float] = {}
    for group in snapshot.groups.values():
        reason = group.place.wait_reason
        if reason in _AWAKE:
            continue
        number[reason] += len(group.members)
        since = [member.since_ns for member in group.members if member.since_ns]
        if since:
            oldest[reason] = max(oldest.get(reason, 0.0), _age(snapshot, min(since)))
    return Goroutines(
        Line("goroutines", (time,), (float(snapshot.head["goroutines"]),)),
        [Line(reason, (time,), (float(many),)) for reason, many in sorted(number.items(), key=lambda one: -one[1])],
        oldest,
    )
