"""Who waits on channels, in groups, over successive snapshots: who joined a group for good, and who got on.

A group is all goroutines blocked at one place, on channels of one name, started at one place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Frame
from otelchan.model.types import OPERATIONS, SIDES, Age, Blocked, BlockedList

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

    way_out: it is in a select that also waits for a context or a signal.
    """

    goroutine_id: NDArray[np.uint64]
    address: NDArray[np.uint64]
    age_ns: Numbers
    at_least: Mask
    way_out: Mask

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
        )

    @property
    def channels(self) -> int:
        """Different ones."""
        return len(set(self.address.tolist()))

    @property
    def oldest(self) -> Age:
        """Of the one that has waited longest."""
        place = int(self.age_ns.argmax())
        return Age(int(self.age_ns[place]), bool(self.at_least[place]))


_NONE, _NO_ID = np.zeros(0, np.int64), np.zeros(0, np.uint64)
NOBODY = Waiting(_NO_ID, _NO_ID, _NONE, _NONE != 0, _NONE != 0)
"""No goroutine."""


class Members(NamedTuple):
    """By ascending goroutine id. initial: it was there at the first look, so nobody saw it come."""

    goroutine_id: NDArray[np.uint64]
    age_ns: Numbers
    initial: Mask


_NO_MEMBERS = Members(_NO_ID, _NONE, _NONE != 0)


class Sample(NamedTuple):
    """One look at a group, per age class: members over that age that were seen to come; members over it that left."""

    time_ns: int
    joined: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(slots=True)
class Group:
    """One group over time. reported: it was a finding at the last look. peak: the most members it had as one."""

    members: Members = _NO_MEMBERS
    samples: deque[Sample] = field(default_factory=deque)
    reported: bool = False
    peak: int = 0

    def look(self, waiting: Waiting, time_ns: int, elapsed_ns: int, first: bool, ages: tuple[int, ...]) -> None:
        """Who is there now. elapsed_ns: since the last look. ages: least age of each class."""
        order, before = np.argsort(waiting.goroutine_id), self.members
        id_, age_ns = waiting.goroutine_id[order], waiting.age_ns[order]
        initial, stayed = np.full(len(id_), first), np.zeros(len(before.goroutine_id), np.bool_)
        if len(stayed):
            place = np.minimum(np.searchsorted(before.goroutine_id, id_), len(stayed) - 1)
            same = before.goroutine_id[place] == id_
            same &= _same_wait(before.age_ns[place], age_ns, elapsed_ns)
            initial[same] = before.initial[place[same]]
            stayed[place[same]] = True
        self.members = Members(id_, age_ns, initial)
        joined = tuple(int((~initial & (age_ns >= least_ns)).sum()) for least_ns in ages)
        left = tuple(int((before.age_ns[~stayed] >= least_ns).sum()) for least_ns in ages)
        self.samples.append(Sample(time_ns, joined, left))

    def forget(self, before_ns: int) -> None:
        """Drop what is too old, but keep one sample from before, for what was the case at that time."""
        while len(self.samples) > 1 and self.samples[1].time_ns <= before_ns:
            self.samples.popleft()

    def joined_at(self, time_ns: int, age_class: int) -> int:
        """Members seen to come, over the class's age, at that time; 0 before the group existed."""
        number = 0
        for sample in self.samples:
            if sample.time_ns > time_ns:
                break
            number = sample.joined[age_class]
        return number

    def left_since(self, time_ns: int, age_class: int) -> int:
        """Members over the class's age that got on since that time."""
        return sum(sample.left[age_class] for sample in self.samples if sample.time_ns > time_ns)


def _same_wait(before_ns: Numbers, now_ns: Numbers, elapsed_ns: int) -> Mask:
    """Who has not gone on in between. A wait that is new since the last look is younger than that look; an age may also
    step back a little when an exact time gives way to a lower bound, which is no new wait."""
    result: Mask = (now_ns >= before_ns) | (now_ns > elapsed_ns)
    return result


def waiting_groups(blocked: Sequence[Blocked]) -> dict[GroupKey, Waiting]:
    """Who waits, by group; each goroutine once. Left out: those that a timer will wake, and those that wait for a
    context or a signal only, which is what they are for."""
    every = BlockedList.of(blocked)
    names = every.names
    index, way_out = _one_per_goroutine(every)
    of = every.columns.rows(index)
    waiting = Waiting(of.goroutine_id, of.address, of.age_ns, of.at_least, way_out)
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


def _numbers(values: Iterable[object]) -> Numbers:
    """Equal numbers for equal values."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _key(entry: Blocked) -> GroupKey:
    site = entry.frames[0] if entry.frames else None
    return GroupKey(entry.channel, entry.operation, entry.wait_reason, site, entry.created_by)


def _one_per_goroutine(blocked: BlockedList) -> tuple[Numbers, Mask]:
    """The entry that says most about each goroutine, and whether it has a way out. Selects have several."""
    columns, channels = blocked.columns, blocked.names.channels
    ids, goroutine = np.unique(columns.goroutine_id, return_inverse=True)

    def any_of(kinds: Iterable[str]) -> Mask:
        is_one = np.array([channel.kind in kinds for channel in channels], np.bool_)
        result: Mask = np.bincount(goroutine[is_one[columns.channel]], minlength=len(ids)) > 0
        return result

    shown = any_of(("user",)) & ~any_of(TIMED_KINDS)
    # The channel it would send on; else the first by name, to be the same every time.
    by_name = {name: rank for rank, name in enumerate(sorted({channel.name for channel in channels}))}
    rank = np.array([by_name[channel.name] for channel in channels], np.int64)[columns.channel]
    user = np.array([channel.kind == "user" for channel in channels], np.bool_)[columns.channel]
    order = np.lexsort((rank, columns.operation != _SEND, ~user, goroutine))
    heads = order[np.diff(goroutine[order], prepend=-1) != 0]
    return heads[shown], any_of(IDLE_KINDS)[shown]
