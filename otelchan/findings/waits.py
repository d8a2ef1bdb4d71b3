"""Who waits on channels, in groups, over successive snapshots: who joined a group for good, and who got on.

A group is all goroutines blocked at one place, on channels of one name, started at one place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.gobinary.types import Frame
from otelchan.model.types import Blocked

IDLE_KINDS = ("context", "signal")


class GroupKey(NamedTuple):
    """operation: "send", "recv", or "" on a nil channel."""

    channel: str
    operation: str
    wait_reason: str
    site: Frame | None
    created_by: Frame | None


class Waiting(NamedTuple):
    """One goroutine that is parked on channels. address: of the channel that it is grouped by.

    way_out: it is in a select that also waits for a context or a signal.
    """

    goroutine_id: int
    address: int
    age_ns: int
    at_least: bool
    way_out: bool


class Member(NamedTuple):
    """initial: it was there at the first look, so nobody saw it come."""

    age_ns: int
    initial: bool


class Sample(NamedTuple):
    """One look at a group, per age class: members over that age that were seen to come; members over it that left."""

    time_ns: int
    joined: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(slots=True)
class Group:
    """One group over time. reported: it was a finding at the last look. peak: the most members it had as one."""

    members: dict[int, Member] = field(default_factory=dict)
    samples: deque[Sample] = field(default_factory=deque)
    reported: bool = False
    peak: int = 0

    def look(
        self, waiting: Sequence[Waiting], time_ns: int, elapsed_ns: int, first: bool, ages: tuple[int, ...]
    ) -> None:
        """Who is there now. elapsed_ns: since the last look. ages: least age of each class."""
        left = [0] * len(ages)
        before, self.members = self.members, {}
        for goroutine in waiting:
            member = before.get(goroutine.goroutine_id)
            if member is not None and _same_wait(member, goroutine, elapsed_ns):
                del before[goroutine.goroutine_id]
                self.members[goroutine.goroutine_id] = Member(goroutine.age_ns, member.initial)
            else:
                self.members[goroutine.goroutine_id] = Member(goroutine.age_ns, first)
        for member in before.values():
            for index, age_ns in enumerate(ages):
                left[index] += member.age_ns >= age_ns
        joined = tuple(sum(not m.initial and m.age_ns >= age_ns for m in self.members.values()) for age_ns in ages)
        self.samples.append(Sample(time_ns, joined, tuple(left)))

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


def _same_wait(member: Member, now: Waiting, elapsed_ns: int) -> bool:
    """Whether it has not gone on in between. A wait that is new since the last look is younger than that look; an age
    may also step back a little when an exact time gives way to a lower bound, which is no new wait."""
    return now.age_ns >= member.age_ns or now.age_ns > elapsed_ns


def waiting_groups(blocked: Iterable[Blocked]) -> dict[GroupKey, list[Waiting]]:
    """Who waits, by group; each goroutine once. Left out: those that a timer will wake, and those that wait for a
    context or a signal only, which is what they are for."""
    groups: dict[GroupKey, list[Waiting]] = {}
    for entry, way_out in _one_per_goroutine(blocked):
        site = entry.frames[0] if entry.frames else None
        key = GroupKey(entry.channel, entry.operation, entry.wait_reason, site, entry.created_by)
        waiting = Waiting(entry.goroutine_id, entry.channel_address, entry.age.age_ns, entry.age.at_least, way_out)
        groups.setdefault(key, []).append(waiting)
    return groups


def _one_per_goroutine(blocked: Iterable[Blocked]) -> Iterator[tuple[Blocked, bool]]:
    """The channel that says most about each goroutine, and whether it has a way out. Selects have several."""
    single: dict[int, Blocked] = {}
    several: dict[int, list[Blocked]] = {}
    for entry in blocked:
        first = single.setdefault(entry.goroutine_id, entry)
        if first is not entry:
            several.setdefault(entry.goroutine_id, [first]).append(entry)
    for goroutine_id, entry in single.items():
        if goroutine_id not in several:
            if entry.kind == "user":
                yield entry, False
            continue
        kinds = {case.kind for case in several[goroutine_id]}
        user = [case for case in several[goroutine_id] if case.kind == "user"]
        if user and "timer" not in kinds:
            # The channel it would send on; else the first by name, to be the same every time.
            yield min(user, key=lambda case: (case.operation != "send", case.channel)), not kinds.isdisjoint(IDLE_KINDS)
