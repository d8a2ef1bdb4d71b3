"""Who waits on channels, in groups: all goroutines blocked at one place, on channels of one name, started at one place.

Each is there with what is known of those who could make it go on: the other ends of all channels that it waits on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.findings.ends import HOPE, other_ends
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import OPERATIONS, SIDES, Age, Blocked, BlockedList, End, Kept, Snapshot

IDLE_KINDS = ("context", "signal")
TIMED_KINDS = ("timer", "ticker")
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
_SEND = OPERATIONS.index("send")


class GroupKey(NamedTuple):
    """operation: "send", "recv", or "" on a nil channel."""

    channel: str
    operation: str
    wait_reason: str
    site: Frame | None
    created_by: Frame | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Goroutines that are parked on channels, one entry each. address: of the channel that it is grouped by.

    way_out: it is in a select that also waits for a context or a signal. end: an End, of those who could make it go on,
    on whatever channel: GONE only when they are gone everywhere.
    """

    goroutine_id: NDArray[np.uint64]
    address: NDArray[np.uint64]
    age_ns: Numbers
    at_least: Mask
    way_out: Mask
    end: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.goroutine_id)

    def rows(self, index: Numbers | Mask) -> Waiting:
        """Only those."""
        return Waiting(
            self.goroutine_id[index],
            self.address[index],
            self.age_ns[index],
            self.at_least[index],
            self.way_out[index],
            self.end[index],
        )

    def whose(self, end: End) -> Waiting:
        """Those whose other end is like that."""
        return self.rows(self.end == end)

    @property
    def channels(self) -> int:
        """Different ones."""
        ordered = np.sort(self.address)  # numpy.unique makes a hash table of very many, which takes 20 times as long
        return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(len(ordered), 1)

    @property
    def oldest(self) -> Age:
        """Of the one that has waited longest."""
        place = int(self.age_ns.argmax())
        return Age(int(self.age_ns[place]), bool(self.at_least[place]))


_NONE, _NO_ID = np.zeros(0, np.int64), np.zeros(0, np.uint64)
NOBODY = Waiting(_NO_ID, _NO_ID, _NONE, _NONE != 0, _NONE != 0, np.zeros(0, np.uint8))
"""No goroutine."""


class Groups:
    """Who waits in successive snapshots of one program, by group."""

    def __init__(self) -> None:
        self._kept: Kept[dict[GroupKey, Waiting]] = Kept()

    def of(self, snapshot: Snapshot, operations: Collection[str] = SIDES) -> dict[GroupKey, Waiting]:
        """As waiting_groups, of those that do one of these, always the same ones; nobody may change them."""
        live, held = snapshot.live.columns, (snapshot.holders, snapshot.reaching)
        ends = live.address, live.sending, live.receiving
        return self._kept.of(
            lambda: {key: who for key, who in waiting_groups(snapshot).items() if key.operation in operations},
            snapshot.blocked,
            *ends,
            equal=held,
        )


def waiting_groups(snapshot: Snapshot) -> dict[GroupKey, Waiting]:
    """Who waits, by group; each goroutine once. Left out: those that a timer will wake, those that wait for a context
    or a signal only, which is what they are for, and those on a nil channel."""
    every = BlockedList.of(snapshot.blocked)
    goroutine = np.unique(every.columns.goroutine_id, return_inverse=True)[1]
    index, way_out = _one_per_goroutine(every, goroutine)
    return _groups(every, index, way_out, _hopes(other_ends(snapshot, every), goroutine)[goroutine[index]])


def named_by(findings: Sequence[Finding]) -> Callable[[GroupKey], bool]:
    """Whether these findings already say something of a group, or of a goroutine in it."""
    groups = {(finding.channel, finding.wait_reason, finding.site, finding.created_by) for finding in findings}
    members = {
        (member.channel, member.wait_reason, member.frames[0] if member.frames else None)
        for finding in findings
        for member in finding.members
    }

    def names(key: GroupKey) -> bool:
        place = (key.channel, key.wait_reason, key.site)
        return (*place, key.created_by) in groups or place in members

    return names


def nil_groups(snapshot: Snapshot) -> dict[GroupKey, Waiting]:
    """Who waits on no channel at all, by group: each for ever."""
    every = BlockedList.of(snapshot.blocked)
    index = np.flatnonzero(every.columns.address == 0)
    return _groups(every, index, np.zeros(len(index), np.bool_), np.full(len(index), End.UNKNOWN, np.uint8))


def _groups(every: BlockedList, index: Numbers, way_out: Mask, end: NDArray[np.uint8]) -> dict[GroupKey, Waiting]:
    """These entries by group."""
    names, of = every.names, every.columns.rows(index)
    waiting = Waiting(of.goroutine_id, of.address, of.age_ns, of.at_least, way_out, end)
    group = np.zeros(len(index), np.int64)
    for values, numbers in (
        ((channel.name for channel in names.channels), of.channel),
        (SIDES, of.operation),
        (names.reasons, of.reason),
        ((frames[0] if frames else None for frames in names.stacks), of.stack),
        (names.creators, of.creator),
    ):
        different = _numbers(values)
        group = group * (int(different.max(initial=0)) + 1) + different[numbers]
    _, example, which = np.unique(group, return_index=True, return_inverse=True)
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1]) if len(which) else []
    examples = index[example].tolist()
    return {_key(every[place]): waiting.rows(rows) for place, rows in zip(examples, members, strict=True)}


def _hopes(ends: NDArray[np.uint8], goroutine: Numbers) -> NDArray[np.uint8]:
    """The most hopeful of each goroutine's ends."""
    best = np.zeros(int(goroutine.max(initial=-1)) + 1, np.int64)
    np.maximum.at(best, goroutine, np.argsort(HOPE)[ends])
    return np.array(HOPE, np.uint8)[best]


def _numbers(values: Iterable[object]) -> Numbers:
    """Equal numbers for equal values."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _key(entry: Blocked) -> GroupKey:
    site = entry.frames[0] if entry.frames else None
    return GroupKey(entry.channel, entry.operation, entry.wait_reason, site, entry.created_by)


def _one_per_goroutine(blocked: BlockedList, goroutine: Numbers) -> tuple[Numbers, Mask]:
    """The entry that says most about each goroutine, and whether it has a way out. Selects have several. goroutine: a
    number for each entry, ascending with the id."""
    columns, channels = blocked.columns, blocked.names.channels
    most = int(goroutine.max(initial=-1)) + 1

    def any_of(kinds: Iterable[str]) -> Mask:
        is_one = np.array([channel.kind in kinds for channel in channels], np.bool_)
        result: Mask = np.bincount(goroutine[is_one[columns.channel] & (columns.address != 0)], minlength=most) > 0
        return result

    shown = any_of(("user",)) & ~any_of(TIMED_KINDS)
    # The channel it would send on; else the first by name, to be the same every time.
    by_name = {name: rank for rank, name in enumerate(sorted({channel.name for channel in channels}))}
    rank = np.array([by_name[channel.name] for channel in channels], np.int64)[columns.channel]
    user = np.array([channel.kind == "user" for channel in channels], np.bool_)[columns.channel]
    order = np.lexsort((rank, columns.operation != _SEND, ~user, goroutine))
    heads = order[np.diff(goroutine[order], prepend=-1) != 0]
    return heads[shown], any_of(IDLE_KINDS)[shown]
