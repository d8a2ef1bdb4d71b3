"""Groups of goroutines over successive looks: who joined one for good, and who got on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.waits import NOBODY, GroupKey, Mask, Numbers, Waiting
from otelchan.model.types import End

SUSPECT, LONG = 0, 1  # age classes
TURNOVER = 0.1  # so many of those that came may get on without the group being healthy


class Members(NamedTuple):
    """By ascending goroutine id. initial: it was there at the first look, so nobody saw it come."""

    goroutine_id: NDArray[np.uint64]
    age_ns: Numbers
    initial: Mask


_NO_MEMBERS = Members(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.bool_))


class Sample(NamedTuple):
    """One look at a group, per age class: members over that age that were seen to come; members over it that left.

    Looks at which nothing is other than before are not kept."""

    time_ns: int
    joined: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(slots=True)
class Group:
    """One group over time. reported: it was a finding at the last look, by growth or size. peak: the most members it
    had as one."""

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
        if not self.samples or joined != self.samples[-1].joined or any(left):  # else it says nothing new
            self.samples.append(Sample(time_ns, joined, left))

    def forget(self, before_ns: int) -> None:
        """Drop what is too old, but keep one sample from before, for what was the case at that time."""
        while len(self.samples) > 1 and self.samples[1].time_ns <= before_ns:
            self.samples.popleft()
        first = self.samples[0]
        if first.time_ns <= before_ns and any(first.left):
            self.samples[0] = first._replace(left=(0,) * len(first.left))  # that was before

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


class Growth(NamedTuple):
    """goroutines that came for good, within span_ns."""

    goroutines: int
    span_ns: int

    @property
    def per_minute(self) -> float:
        """Goroutines per minute."""
        return self.goroutines * 60 * words.SECOND / self.span_ns


class Demand(NamedTuple):
    """What growth must show: in one of these age classes, in every one of so many equal parts of at least span_ns."""

    classes: tuple[int, ...]
    parts: int
    span_ns: int


@dataclass(frozen=True, slots=True)
class Look:
    """One group now."""

    key: GroupKey
    group: Group
    waiting: Waiting
    time_ns: int

    @property
    def pool(self) -> bool:
        """All receive from one channel."""
        return self.key.operation == "recv" and self.waiting.channels == 1

    @property
    def apart(self) -> bool:
        """Each has a channel of its own."""
        return self.waiting.channels == len(self.waiting)

    @property
    def way_out(self) -> bool:
        """Some are in a select with a context or a signal."""
        return bool(self.waiting.way_out.any())

    @property
    def in_use(self) -> bool:
        """Most of their channels are used by somebody alive at the other end."""
        return 2 * len(self.waiting.whose(End.ALIVE)) > len(self.waiting)

    def over(self, age_ns: int) -> Waiting:
        """Those that have waited for so long."""
        return self.waiting.rows(self.waiting.age_ns >= age_ns)


class Watch:
    """Groups of one program in successive snapshots. Bounded by what the snapshots hold and by the window.

    ages, windows: of suspects and of long-lived ones, nanoseconds. first_ns: the first look; 0: there was none.
    elapsed_ns: between the last two looks.
    """

    def __init__(self, settings: Findings) -> None:
        self._least = settings.leak_growth
        self.ages, self.windows = _times(settings)
        self.groups: dict[GroupKey, Group] = {}
        self.first_ns = self.last_ns = self.elapsed_ns = 0

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on. With other times, growth is looked for from now on only, because what was
        counted before meant something else; who is known to wait stays so."""
        times = self.ages, self.windows
        self._least = settings.leak_growth
        self.ages, self.windows = _times(settings)
        if times != (self.ages, self.windows):
            self.first_ns = 0

    def look(self, waiting: Mapping[GroupKey, Waiting], now_ns: int) -> list[Look]:
        """Every group that there is now, or was within the window. now_ns: when memory was looked at; the same again:
        it was not looked at since, and who came or got on in between is not known yet."""
        first, again = not self.first_ns, now_ns == self.last_ns
        self.first_ns = self.first_ns or now_ns
        if not again:
            self.elapsed_ns, self.last_ns = now_ns - (self.last_ns or now_ns), now_ns
        by_key = {**waiting, **{key: NOBODY for key in self.groups if key not in waiting}}
        looks = []
        for key, members in by_key.items():
            group = self.groups.setdefault(key, Group())
            if not again:
                group.look(members, now_ns, self.elapsed_ns, first, self.ages)
                group.forget(now_ns - max(self.windows))
            looks.append(Look(key, group, members, now_ns))
        self.groups = {key: group for key, group in self.groups.items() if by_key[key] or _remembers(group)}
        return looks

    def growth(self, look: Look) -> Growth | None:
        """How it grows, when it does."""
        demand = self._demand(look)
        return next((growth for c in demand.classes if (growth := self._growth_of(look, c, demand))), None)

    def _demand(self, look: Look) -> Demand:
        """The weaker the shape, the more it takes: a pool that is being filled grows too, for a while, and so do the
        queue before a slow subscriber and the connections that a context with a deadline of minutes ends."""
        if look.way_out:
            return Demand((LONG,), 4, self.windows[SUSPECT] + self.ages[LONG])
        if look.pool:
            return Demand((LONG,), 4, self.windows[SUSPECT])
        if look.in_use and not (look.apart and look.key.operation == "send"):
            return Demand((LONG,), 4, self.ages[LONG])
        if look.in_use or look.key.operation == "recv":
            return Demand((SUSPECT, LONG), 4, self.windows[SUSPECT] // 3)
        return Demand((SUSPECT, LONG), 2, self.ages[SUSPECT] // 2)

    def _growth_of(self, look: Look, age_class: int, demand: Demand) -> Growth | None:
        """Growth of one age class within its window, when it went on in every part of it and hardly anybody got on."""
        # Nobody can have been seen to come and to wait that long before this:
        earliest_ns = self.first_ns + self.ages[age_class]
        start_ns = max(look.time_ns - self.windows[age_class], earliest_ns)
        span_ns = look.time_ns - start_ns
        if span_ns < max(demand.span_ns, demand.parts * self.elapsed_ns, 1):
            return None
        edges = [start_ns + span_ns * part // demand.parts for part in range(demand.parts + 1)]
        joined = [look.group.joined_at(edge_ns, age_class) for edge_ns in edges]
        grown = joined[-1] - joined[0]
        steady = all(before < after for before, after in pairwise(joined))
        if grown < self._least or not steady:
            return None
        if look.group.left_since(start_ns, age_class) > TURNOVER * grown:
            return None
        return Growth(grown, span_ns)


def _times(settings: Findings) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ages and windows of suspects and of long-lived ones, nanoseconds."""
    seconds = (
        (settings.leak_suspect_s, settings.leak_long_s),
        (settings.leak_window_s, settings.leak_long_window_s),
    )
    ages, windows = (tuple(int(s * words.SECOND) for s in pair) for pair in seconds)
    return ages, windows


def _remembers(group: Group) -> bool:
    return any(any(sample.joined) or any(sample.left) for sample in group.samples)
