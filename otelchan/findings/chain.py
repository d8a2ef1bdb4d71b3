"""Who would have to act for a blocked goroutine to go on: goroutines and channels as a graph, and chains through it.

A goroutine that waits to receive goes on when somebody sends or closes; one that waits to send, when somebody receives.
Who that could be is known, best first: from who was seen to do so (model/live.py), from who has the channel at hand
(memory/holders.py), and from functions on stacks that do so with channels of that name (model/edges.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from otelchan.findings.types import MOST_MEMBERS, Actor, Case, Step
from otelchan.findings.waits import IDLE_KINDS, TIMED_KINDS, Numbers
from otelchan.model.types import OPERATIONS, SIDES, Age, BlockedList, End, GoroutineGroup, Snapshot

MOST_STEPS = 200
"""Goroutines of one chain."""
ENDS = ("runs", "sleeps", "io", "lock", "timer", "idle", "for ever", "nobody", "unseen", "other")
"""Why a chain ends: the goroutine runs; sleeps; waits for the network or a file; for a lock; is woken by a timer; waits
for a context or a signal; on a nil channel; nobody is known who could let it go on; it is not among those that wait on
channels, and no more is known; it waits for something else."""
_SEND, _RECV = OPERATIONS.index("send"), OPERATIONS.index("recv")
_LOCKS = ("sync.", "semacquire", "wait for GC")
_RANK = {"seen": 0, "holds": 1, "reaches": 2, "code": 3}


class Graph:
    """The waits of one snapshot, and who could end them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.blocked = BlockedList.of(snapshot.blocked)
        self.columns = self.blocked.columns
        self._by_code: dict[tuple[str, str], frozenset[int]] = {}

    # --- goroutines -----------------------------------------------------------------------------------------------

    @cached_property
    def _id_order(self) -> tuple[Numbers, NDArray[np.uint64]]:
        order: Numbers = np.argsort(self.columns.goroutine_id, kind="stable")
        return order, self.columns.goroutine_id[order]

    def rows(self, goroutine_id: int) -> Numbers:
        """Where it is among the blocked ones: one row per channel that it waits on; none when it is not there."""
        order, ids = self._id_order
        first, last = np.searchsorted(ids, np.array([goroutine_id, goroutine_id + 1], np.uint64))
        return np.sort(order[first:last])

    def oldest(self) -> int | None:
        """Of those on the user's channels that no timer wakes, the one that has waited longest; None: there is none."""
        names = self.blocked.names.channels
        user = np.array([channel.kind == "user" for channel in names], np.bool_)
        other = np.array([channel.kind in (*TIMED_KINDS, *IDLE_KINDS) for channel in names], np.bool_)
        if not len(self.columns.goroutine_id):
            return None
        out = np.isin(self.columns.goroutine_id, self.columns.goroutine_id[other[self.columns.channel]])
        fits = np.flatnonzero(user[self.columns.channel] & ~out)
        if not len(fits):
            return None
        order = np.lexsort((self.columns.goroutine_id[fits], -self.columns.age_ns[fits], ~self.columns.at_least[fits]))
        return int(self.columns.goroutine_id[fits[order[0]]])

    def is_absent(self, goroutine_id: int) -> bool:
        """Whether the program certainly has no such goroutine."""
        groups = self._snapshot.groups
        if not groups or goroutine_id in self._group_of or len(self.rows(goroutine_id)):
            return False
        all_listed = all(group.count == len(group.ids) for group in groups)
        return all_listed or goroutine_id > max(group.newest_id for group in groups)

    @cached_property
    def _group_of(self) -> dict[int, GoroutineGroup]:
        return {id_: group for group in self._snapshot.groups for id_ in group.ids}

    @cached_property
    def _group_by_function(self) -> dict[str, list[int]]:
        """Goroutines that are not blocked on channels, by the functions on their stacks."""
        found: dict[str, list[int]] = {}
        for group in self._snapshot.groups:
            for function in {frame.function for frame in group.frames}:
                found.setdefault(function, []).extend(group.ids)
        return found

    @cached_property
    def _stacks_by_function(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, frames in enumerate(self.blocked.names.stacks):
            for function in {frame.function for frame in frames}:
                found.setdefault(function, []).append(number)
        return found

    @cached_property
    def _functions(self) -> dict[tuple[str, str], set[str]]:
        """Functions that use the channels of a name, by name and operation; who closes counts as one that sends."""
        found: dict[tuple[str, str], set[str]] = {}
        for edge in self._snapshot.edges:
            operation = "send" if edge.operation == "close" else edge.operation
            found.setdefault((edge.channel, operation), set()).add(edge.frame.function)
        return found

    def with_function(self, functions: Iterable[str]) -> set[int]:
        """Goroutines that have one of these functions on their stacks; not all of those that do not wait."""
        found: set[int] = set()
        for function in functions:
            stacks = self._stacks_by_function.get(function, ())
            if len(stacks):
                found.update(self.columns.goroutine_id[np.isin(self.columns.stack, np.array(stacks))].tolist())
            found.update(self._group_by_function.get(function, ()))
        return found

    # --- who could act --------------------------------------------------------------------------------------------

    @cached_property
    def _live_order(self) -> tuple[Numbers, NDArray[np.uint64]]:
        address = self._snapshot.live.columns.address
        order: Numbers = np.argsort(address)
        return order, address[order]

    @cached_property
    def _address_order(self) -> tuple[Numbers, NDArray[np.uint64]]:
        order: Numbers = np.argsort(self.columns.address, kind="stable")
        return order, self.columns.address[order]

    def waiting(self, address: int, operation: int) -> Numbers:
        """Rows of the goroutines that wait for that operation on that channel."""
        order, ordered = self._address_order
        first, last = np.searchsorted(ordered, np.array([address, address + 1], np.uint64))
        rows = order[first:last]
        result: Numbers = rows[self.columns.operation[rows] == operation]
        return result

    def users(self, address: int, operation: int) -> tuple[int, ...]:
        """Who was seen to do what ends a wait for that operation."""
        sent, received = self._snapshot.live.users.get(address, ((), ()))
        return received if operation == _SEND else sent

    def complete(self, address: int, operation: int) -> bool:
        """Whether all that ever did so were seen."""
        order, ordered = self._live_order
        place = int(np.searchsorted(ordered, np.uint64(address)))
        if place == len(ordered) or ordered[place] != address:
            return False
        columns = self._snapshot.live.columns
        end = (columns.receiving if operation == _SEND else columns.sending)[order[place]]
        return bool(end != End.UNKNOWN)

    def looked_for(self, address: int) -> bool:
        """Whether it was looked for who has the channel at hand."""
        return address in self._snapshot.holders

    def solid(self, address: int, operation: int) -> dict[int, str]:
        """Who could end a wait for that operation, for good reason: goroutine ids, and how each is known. A goroutine
        that waits for the same is none, unless it was seen to do the other thing before."""
        found = dict.fromkeys(self._snapshot.holders.get(address, ()), "holds")
        if found:
            for same in self.columns.goroutine_id[self.waiting(address, operation)].tolist():
                found.pop(same, None)
        found.update(dict.fromkeys(self.users(address, operation), "seen"))
        return found

    def possible(self, address: int, operation: int, channel: str) -> dict[int, str]:
        """The others who could end it, perhaps."""
        found: dict[int, str] = {}
        if not self.complete(address, operation):
            found.update(dict.fromkeys(self.by_code(channel, operation), "code"))
        found.update(dict.fromkeys(self._snapshot.reaching.get(address, ()), "reaches"))
        for same in self.columns.goroutine_id[self.waiting(address, operation)].tolist() if found else ():
            found.pop(same, None)
        return found

    def by_code(self, channel: str, operation: int) -> frozenset[int]:
        """Goroutines with a function on their stacks that does what ends a wait for that on channels of the name."""
        key = channel, OPERATIONS[_RECV if operation == _SEND else _SEND]
        if key not in self._by_code:
            self._by_code[key] = frozenset(self.with_function(self._functions.get(key, ())))
        return self._by_code[key]

    def case(self, row: int) -> Case:
        """One row of the blocked ones, with all that could end that wait."""
        name, kind = self.blocked.names.channels[int(self.columns.channel[row])]
        address, operation = int(self.columns.address[row]), int(self.columns.operation[row])
        if address == 0 or kind != "user":
            return Case(name, address, kind, SIDES[operation], ())
        known = self.possible(address, operation, name) | self.solid(address, operation)
        ordered = sorted(known.items(), key=lambda item: (_RANK[item[1]], item[0]))
        shown = tuple(Actor(*each) for each in ordered[:MOST_MEMBERS])
        complete = self.complete(address, operation)
        return Case(name, address, kind, SIDES[operation], shown, len(ordered) - len(shown), complete)

    # --- chains ---------------------------------------------------------------------------------------------------

    def chain(self, goroutine_id: int, most: int = MOST_STEPS) -> list[Step]:
        """Breadth first: that goroutine, those that it waits for, those that they wait for, each once."""
        steps: list[Step] = []
        seen, todo = {goroutine_id}, [(goroutine_id, 0)]
        for id_, distance in todo:  # grows while it is gone through
            step = self.step(id_, distance)
            steps.append(step)
            for actor in _next(step):
                if actor not in seen and len(todo) < most:
                    seen.add(actor)
                    todo.append((actor, distance + 1))
        return steps

    def step(self, goroutine_id: int, distance: int = 0) -> Step:
        """What one goroutine does."""
        rows = self.rows(goroutine_id).tolist()
        if not rows:
            return self._free(goroutine_id, distance)
        entry = self.blocked[rows[0]]
        cases = tuple(self.case(row) for row in rows)
        end = _end_of(cases)
        return Step(goroutine_id, distance, entry.wait_reason, entry.age, entry.frames, entry.created_by, cases, end)

    def _free(self, goroutine_id: int, distance: int) -> Step:
        group = self._group_of.get(goroutine_id)
        if group is None:
            return Step(goroutine_id, distance, "", None, (), None, (), "unseen")
        return Step(
            goroutine_id,
            distance,
            group.wait_reason or group.status,
            group.oldest if group.count == 1 else None,
            group.frames,
            group.created_by,
            (),
            _end_by_reason(group.wait_reason),
        )


def _next(step: Step) -> Iterator[int]:
    if not step.end:
        yield from (actor.goroutine_id for case in step.cases for actor in case.actors)


def _end_of(cases: tuple[Case, ...]) -> str:
    kinds = {case.kind for case in cases}
    if kinds & set(TIMED_KINDS):
        return "timer"
    if all(case.address == 0 for case in cases):
        return "for ever"
    if kinds <= set(IDLE_KINDS):
        return "idle"
    return "" if any(case.actors for case in cases) else "nobody"


def _end_by_reason(wait_reason: str) -> str:
    if not wait_reason:
        return "runs"
    if wait_reason == "sleep":
        return "sleeps"
    if wait_reason == "IO wait":
        return "io"
    return "lock" if wait_reason.startswith(_LOCKS) else "other"


def oldest_of(ages: Iterable[Age]) -> Age:
    """One whose begin was not seen is older than each that was, when its lower bound is."""
    return max(ages, key=lambda age: (age.age_ns, age.at_least))
