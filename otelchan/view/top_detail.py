"""`otelchan top`: all that is known of the channels of one name, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from otelchan.gobinary.types import Frame
from otelchan.model.types import OPERATIONS, SIDES, Age, Blocked, BlockedList, ChannelView, Edge, Snapshot
from otelchan.view.top_rows import FindingRow, GroupRow, Look, blocks_since, of_channel, quantile_ns
from otelchan.view.words import age, count, duration, moment, place

MOST_GROUPS = 20
"""Of waiting goroutines, and as many places that use the channel, are shown."""
_BARS = " ▁▂▃▄▅▆▇█"
_QUANTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))


class Waiters(NamedTuple):
    """Goroutines that wait on the channels of one name at one place. example: one of them, the oldest."""

    number: int
    ids: tuple[int, ...]
    example: Blocked


def waiters(snapshot: Snapshot, name: str) -> list[Waiters]:
    """Who waits on the channels of that name, the largest group first."""
    blocked = BlockedList.of(snapshot.blocked)
    columns, names = blocked.columns, blocked.names
    numbers = [number for number, channel in enumerate(names.channels) if channel.name == name]
    rows = np.flatnonzero(np.isin(columns.channel, numbers))
    if not len(rows):
        return []
    alike = np.stack([column[rows] for column in (columns.operation, columns.reason, columns.stack, columns.creator)])
    _, which = np.unique(alike, axis=1, return_inverse=True)
    which, age_ns = which.ravel(), columns.age_ns[rows]
    order = np.lexsort((columns.goroutine_id[rows], -age_ns, which))
    found = []
    for part in np.split(order, np.cumsum(np.bincount(which))[:-1]):
        ids = tuple(columns.goroutine_id[rows[part[:10]]].tolist())
        found.append(Waiters(len(part), ids, blocked[int(rows[part[0]])]))
    return sorted(found, key=lambda group: -group.number)


def histogram(view: ChannelView, before: ChannelView | None, operation: str) -> list[tuple[int, int]]:
    """Blocks that ended since the look before: (upper bound in ns, number), one entry per octave, from the shortest to
    the longest without a gap."""
    octaves: dict[int, int] = {}
    for bound, number in blocks_since(view, before, operation).items():
        octave = max(bound - 1, 1).bit_length()
        octaves[octave] = octaves.get(octave, 0) + number
    if not octaves:
        return []
    return [(1 << octave, octaves.get(octave, 0)) for octave in range(min(octaves), max(octaves) + 1)]


def group_lines(row: GroupRow) -> list[str]:
    """A group of goroutines: the whole stack that they share."""
    ids = ", ".join(map(str, row.ids)) + (", ..." if row.goroutines > len(row.ids) else "")
    oldest = f", oldest {_age(row.oldest)}" if row.oldest else ""
    page = [f"{row.goroutines} x {row.reason}{oldest}", f"goroutine {ids}"]
    page += _stack(row.frames, row.created_by)
    if row.depth > len(row.frames):
        page.append(f"      ({row.depth} frames with those of the runtime; calls that were inlined are not counted)")
    return page


def finding_lines(row: FindingRow) -> list[str]:
    """A finding: what it says, of which goroutines, and where to read on."""
    finding = row.finding
    page = [f"{finding.severity.upper()} {finding.id}", finding.sentence, ""]
    page += [f"channel: {finding.channel}"] if finding.channel else []
    page += [f"at: {place(finding.site)}"] if finding.site else []
    page += [f"created by: {place(finding.created_by)}"] if finding.created_by else []
    for member in finding.members[:MOST_GROUPS]:
        note = f": {member.note}" if member.note else ""
        page += ["", f"goroutine {member.goroutine_id}, {member.wait_reason}, {_age(member.age)}{note}"]
        page += _stack(member.frames, None)
    return [*page, "", f"`otelchan explain {finding.id}` says what it means, how it can be wrong, and what to do."]


def channel_lines(now: Look, before: Look | None, name: str) -> list[str]:
    """The whole page."""
    view, findings = of_channel(now, name)
    if view is None:
        return [f"There is no channel of the name {name} any more."]
    earlier = of_channel(before, name)[0] if before else None
    page = [name, *_facts(now, view)]
    page += [f"{finding.severity.upper()} {finding.id}: {finding.sentence}" for finding in findings]
    for operation in OPERATIONS:
        page += _blocks(view, earlier, operation)
    page += ["", *_waiting(waiters(now.snapshot, name))]
    page += ["", *_users([edge for edge in now.snapshot.edges if edge.channel == name])]
    return page


def _facts(now: Look, view: ChannelView) -> Iterator[str]:
    closed = f", {view.closed} of them closed" if view.closed else ""
    yield (
        f"{count(view.channels, 'live channel')} of {view.element_type or 'a type not known'}{closed}; "
        f"{view.length} of {view.capacity} elements buffered; lag {view.lag}"
    )
    states = now.assessment.states.get(view.name)
    if states:
        yield "states: " + ", ".join(f"{number} {state}" for state, number in states.items())
    health = now.assessment.health.get(view.name)
    if health:
        taken = ", ".join(f"{finding} takes {points}" for finding, points in health.parts.items())
        yield f"health: {health.score} of 100" + (f"; {taken}" if taken else "")
    for (operation, status), counter in view.processed.items():
        yield f"{operation} {status}: {counter.value} since {moment(counter.start_unix_ns)}"
    if view.closed_by is not None:
        yield f"last closed {moment(view.closed_unix_ns)} by {place(view.closed_by)}"
    for each in now.snapshot.estimates:
        if each.channel == view.name:
            yield (
                f"{each.operation} {each.status}: about {each.value} since {moment(each.start_unix_ns)}, "
                f"between {each.lower} and {each.upper}, estimated from time slices"
            )
    if not view.processed:
        yield "elements are not counted now: their probes are off"


def _blocks(view: ChannelView, earlier: ChannelView | None, operation: str) -> Iterator[str]:
    found = histogram(view, earlier, operation)
    if found:
        buckets = blocks_since(view, earlier, operation)
        shares = ((word, quantile_ns([buckets], share)) for word, share in _QUANTILES)
        said = ", ".join(f"{word} {_bound(bound)}" for word, bound in shares if bound is not None)
        total = count(sum(buckets.values()), "wait")
        yield f"{operation}: {total} ended since the last look, {said}"
        yield f"      {_bound(found[0][0])} {sparkline([number for _, number in found])} {_bound(found[-1][0])}"


def sparkline(numbers: Sequence[int]) -> str:
    """One character per number; what is not zero is seen."""
    most = max(numbers, default=0)
    return "".join(_BARS[-(-number * (len(_BARS) - 1) // most) if most else 0] for number in numbers)


def _bound(nanoseconds: int) -> str:
    return f"<= {duration(nanoseconds)}" if nanoseconds < 1 << 62 else "over 2 min"


def _waiting(groups: Sequence[Waiters]) -> Iterator[str]:
    if not groups:
        yield "Nobody waits on it."
        return
    yield f"{count(sum(group.number for group in groups), 'wait')} on it:"
    for group in groups[:MOST_GROUPS]:
        example = group.example
        ids = ", ".join(map(str, group.ids)) + (", ..." if group.number > len(group.ids) else "")
        yield f"  {group.number} x {_doing(example)}, oldest {_age(example.age)}, goroutine {ids}"
        yield from _stack(example.frames, example.created_by)
    if len(groups) > MOST_GROUPS:
        yield f"  and {count(len(groups) - MOST_GROUPS, 'other place')}"


def _doing(blocked: Blocked) -> str:
    if blocked.operation not in SIDES[:-1] or blocked.wait_reason.endswith(("send", "receive")):
        return blocked.wait_reason
    return f"{blocked.wait_reason}, to {'send' if blocked.operation == 'send' else 'receive'}"


def _age(value: Age) -> str:
    return age(value.age_ns, value.at_least)


def _stack(frames: Sequence[Frame], created_by: Frame | None) -> Iterator[str]:
    for frame in frames:
        yield f"      {place(frame)}"
    if created_by is not None:
        yield f"      created by {place(created_by)}"


def _users(edges: Sequence[Edge]) -> Iterator[str]:
    if not edges:
        yield "Nobody was seen to use it."
        return
    yield "Used by:"
    words = {"send": "sends", "recv": "receives", "close": "closes"}
    latest = sorted(edges, key=lambda edge: (-edge.last_unix_ns, edge))
    for edge in latest[:MOST_GROUPS]:
        parked = f", {edge.parked} waiting" if edge.parked else ""
        yield f"  {words[edge.operation]:8} {place(edge.frame)}{parked}, last seen {moment(edge.last_unix_ns)}"
    if len(latest) > MOST_GROUPS:
        yield f"  and {count(len(latest) - MOST_GROUPS, 'other place')}"
