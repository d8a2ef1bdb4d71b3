"""Which channels of a program have a latency objective, and who waits on them. Composition: joins model and findings.

This is looked at in every round; what is read in between is in objectives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.config import Objective
from otelchan.findings.objective_track import NO_AGES, Key
from otelchan.kernel.types import UNNAMED
from otelchan.model.aliases import Alias
from otelchan.model.aliases import Rules as Globs
from otelchan.model.channels import Resolved
from otelchan.model.observation import KernelState
from otelchan.model.types import OPERATIONS, SIDES, BlockedList, Snapshot

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Rules:
    """The objectives that are asked for: of those that fit, the first counts. A glob is one of a channel's whole name,
    or of the `file.go:line` in it."""

    def __init__(self, rules: Sequence[Objective]) -> None:
        self.rules = tuple(rules)
        self._globs = {operation: Globs(self._of(operation)) for operation in OPERATIONS}
        self.find = lru_cache(maxsize=65536)(self._find)

    def _of(self, operation: str) -> list[Alias]:
        return [
            Alias(str(number), rule.channel, "", rule.element_type or "")
            for number, rule in enumerate(self.rules)
            if operation in rule.operations
        ]

    def _find(self, operation: str, name: str, element_type: str) -> Objective | None:
        """The one that fits; None also while the element type is not known ("") and would decide."""
        number = self._globs[operation].alias(name, element_type)
        return self.rules[int(number)] if number else None


class Aim(NamedTuple):
    """An objective of a program. source: of the channel's name."""

    key: Key
    source: str
    rule: Objective


class Waits(NamedTuple):
    """Waits: when each began, monotonic, or how long it has lasted, the number of the aim that it is about, and whether
    it is in a select that waits on channels of other names of the user's too."""

    ns: Numbers = NO_AGES
    aim: Numbers = NO_AGES
    shared: Mask = NO_AGES != 0

    def rows(self, index: Mask) -> Waits:
        """Only those."""
        return Waits(self.ns[index], self.aim[index], self.shared[index])


class Ages(NamedTuple):
    """How long those have waited that still do; and, apart, those that may be waiting for another channel."""

    waiting_ns: Numbers = NO_AGES
    perhaps_ns: Numbers = NO_AGES


NO_WAITS = Waits()


@dataclass(slots=True)
class Aims:
    """Those of one program. of_key: number of the aim by (name key, number of the operation).

    address, of_address: of channels, ascending, and for each operation that number, -1: none. selects: when those began
    that were seen to, so that their wakes will be counted. older: how long those waits have lasted that began before,
    whose wakes will not be. over: for so many there was no room.
    """

    aims: list[Aim] = field(default_factory=list)
    of_key: dict[tuple[int, int], int] = field(default_factory=dict)
    over: int = 0
    address: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    of_address: Numbers = field(default_factory=lambda: np.zeros((0, len(OPERATIONS)), np.int64))
    selects: Waits = NO_WAITS
    older: Waits = NO_WAITS

    def look(self, kernel: KernelState, snapshot: Snapshot, looked_ns: int) -> None:
        """Where their channels are now, and who waits on them. looked_ns: when the snapshot's memory was read."""
        numbers = {key for key, _ in self.of_key}
        found = {key & ~UNNAMED: key for key in numbers if key & UNNAMED}
        found.update({address: key for address, key in kernel.keys.items() if key in numbers})
        rows = [[self.of_key.get((key, o), -1) for o in range(len(OPERATIONS))] for _, key in sorted(found.items())]
        self.address = np.array(sorted(found), np.uint64)
        self.of_address = np.array(rows, np.int64).reshape(len(rows), len(OPERATIONS))
        self.selects, self.older = self._waits(BlockedList.of(snapshot.blocked), looked_ns)

    def _waits(self, blocked: BlockedList, looked_ns: int) -> tuple[Waits, Waits]:
        columns, names = blocked.columns, blocked.names
        number = {aim.key: n for n, aim in enumerate(self.aims)}
        table = [[number.get(Key(name.name, side), -1) for side in SIDES] for name in names.channels]
        aim = np.array(table, np.int64).reshape(len(table), len(SIDES))[columns.channel, columns.operation]
        select = np.array([reason == "select" for reason in names.reasons], np.bool_)[columns.reason]
        waits = Waits(columns.age_ns, aim, select & _shared(blocked))
        exact, older = (aim >= 0) & select & ~columns.at_least, (aim >= 0) & columns.at_least
        return waits._replace(ns=looked_ns - columns.age_ns).rows(exact), waits.rows(older)

    def ages(self, parks: np.ndarray, read_ns: int) -> dict[int, Ages]:
        """Of those that still waited when parks were read, by number of the aim. parks: entries of
        kernel.types.PARK of those who are parked. A select is still the one that was seen when its goroutine is parked
        since the same time. What began before we came is as old as it was at the last look."""
        times, channels = parks["time"].astype(np.int64), parks["channel"]
        still = np.isin(self.selects.ns, times[channels == 0])
        selects = self.selects.rows(still)
        parts = [self.older, selects._replace(ns=read_ns - selects.ns)]
        if len(self.address) and len(parks):
            place = np.minimum(np.searchsorted(self.address, channels), len(self.address) - 1)
            operation = np.minimum(parks["operation"], len(OPERATIONS) - 1)
            known = (self.address[place] == channels) & (parks["operation"] < len(OPERATIONS))
            aim = np.where(known, self.of_address[place, operation], -1)
            parts.append(Waits(read_ns - times, aim, aim < 0).rows(aim >= 0))
        age_ns, aims, shared = (np.concatenate(column) for column in zip(*parts, strict=True))
        age_ns = np.maximum(age_ns, 0)
        return {n: Ages(age_ns[(aims == n) & ~shared], age_ns[(aims == n) & shared]) for n in np.unique(aims).tolist()}


def _shared(blocked: BlockedList) -> Mask:
    """For each entry whether its goroutine waits on user's channels of several names."""
    columns, names = blocked.columns, blocked.names
    _, goroutine = np.unique(columns.goroutine_id, return_inverse=True)
    number: dict[str, int] = {}
    name = np.array([number.setdefault(channel.name, len(number)) for channel in names.channels], np.int64)
    user = np.array([channel.kind == "user" for channel in names.channels], np.bool_)
    pairs = np.unique(np.stack((goroutine, name[columns.channel]))[:, user[columns.channel]], axis=1)
    several: Mask = (np.bincount(pairs[0], minlength=int(goroutine.max(initial=-1)) + 1) > 1)[goroutine]
    return several


class Room(NamedTuple):
    """For so many more aims, and name keys with an operation."""

    aims: int
    keys: int


def aims_of(known: Mapping[int, Resolved], rules: Rules, room: Room, before: Collection[tuple[int, int]]) -> Aims:
    """What is asked of these name keys. before: those that were watched already, and go first; then places where
    channels are made, then single channels of which no make was seen."""
    found, number = Aims(), dict[Key, int]()
    had = {key for key, _ in before}
    for name_key in sorted(known, key=lambda key: (key not in had, key & UNNAMED, key)):
        what = known[name_key]
        for operation, side in enumerate(OPERATIONS):
            rule = rules.find(side, what.name.name, what.element_type) if what.name.kind == "user" else None
            if rule is None:
                continue
            aim = Aim(Key(what.name.name, side), what.name.source, rule)
            new = aim.key not in number
            if len(found.of_key) >= room.keys or (new and len(found.aims) >= room.aims):
                found.over += 1
                continue
            if new:
                number[aim.key] = len(found.aims)
                found.aims.append(aim)
            found.of_key[name_key, operation] = number[aim.key]
    return found
