"""Goroutines as columns: very many of them differ in few things, and an object for each costs more than reading it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.goroutine import Goroutine, Texts, Wait
from otelchan.memory.made import Made
from otelchan.memory.rows import OPERATIONS, Indices, Mask, Table, Waits, Words


class Goroutines(Sequence[Goroutine]):
    """Goroutines of one census: a sequence of Goroutine, each made when it is asked for, over columns.

    The columns have one entry per goroutine, in the order of the sequence, and mean what the field of that name means
    in Goroutine; `reason` is an index into `reasons`, `stack` one into `stacks` (at 0: none).
    """

    def __init__(
        self,
        table: Table,
        rows: Indices,
        texts: Texts,
        *,
        parked: Mask,
        system: Mask,
        complete: Mask,
        depth: NDArray[np.int32],
        stack: NDArray[np.int32],
        stacks: Sequence[tuple[int, ...]],
        waits: Waits,
        serial: Indices,
        made: Made[Goroutine],
    ) -> None:
        """table: of which only `rows` are shown. parked, system, complete, depth, stack, serial: one entry per row of
        the table. waits: ordered, owners are rows. made: for objects, by these serials."""
        self._table, self._rows, self._texts = table, rows, texts
        self._parked, self._system, self._complete, self._depth = parked, system, complete, depth
        self._stack, self.stacks = stack, stacks
        self._waits, self._serial, self._made = waits, serial, made

    @classmethod
    def of(cls, goroutines: Iterable[Goroutine]) -> Goroutines:
        """From objects, unless they are columns already."""
        return goroutines if isinstance(goroutines, Goroutines) else _from_objects(tuple(goroutines))

    # --- columns --------------------------------------------------------------------------------------------------

    @property
    def address(self) -> Words:
        """Live addresses of the g structs."""
        return self._table.address[self._rows]

    @property
    def id(self) -> Words:
        """Goroutine ids."""
        return self._table.id[self._rows]

    @property
    def status(self) -> NDArray[np.uint32]:
        """Numbers that `statuses` has names for."""
        return self._table.status[self._rows]

    @property
    def statuses(self) -> Mapping[int, str]:
        """Names of statuses by number."""
        return self._texts.statuses

    @property
    def parent(self) -> Words:
        """parent_id."""
        return self._table.parent[self._rows]

    @cached_property
    def living(self) -> tuple[Words, Words, Mask]:
        """Id, parent_id and system of all that live, by ascending id: also of those that never stood still and are not
        shown here."""
        dead = [number for number, text in self._texts.statuses.items() if text == "dead"]
        rows = np.flatnonzero(~np.isin(self._table.status, dead))
        rows = rows[np.argsort(self._table.id[rows])]
        return self._table.id[rows], self._table.parent[rows], self._system[rows]

    @property
    def reason(self) -> NDArray[np.uint8]:
        """Index into `reasons`, 0 when not parked."""
        return self._if_parked(self._table.reason)

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Texts of wait reasons; "" for none."""
        texts = self._texts.reasons
        return ("", *(texts.get(number, f"number {number}") for number in range(1, 256)))

    @property
    def since(self) -> NDArray[np.int64]:
        """wait_since_ns."""
        return self._if_parked(self._table.since)

    @property
    def system(self) -> Mask:
        """Started by the runtime itself."""
        return self._system[self._rows]

    @property
    def created_at(self) -> Words:
        """Link-time addresses; 0 is none."""
        return self._link_time(self._table.created_at[self._rows])

    @property
    def stack(self) -> NDArray[np.int32]:
        """Index into `stacks`."""
        return self._stack[self._rows]

    @property
    def complete(self) -> Mask:
        """stack_complete."""
        return self._complete[self._rows]

    @property
    def depth(self) -> NDArray[np.int32]:
        """Return addresses in the whole stack."""
        return self._depth[self._rows]

    @property
    def park(self) -> tuple[Words, Words, NDArray[np.uint8], Words]:
        """Bytes of stack in use, pc, trackingSeq, first sudog; 0 when not parked."""
        used = self._if_parked(self._table.high) - self._if_parked(self._table.sp)
        rest = (self._if_parked(column) for column in (self._table.pc, self._table.sequence, self._table.waiting))
        return (used, *rest)

    @cached_property
    def waits(self) -> Waits:
        """What they are parked on. owner: place of the goroutine here, ascending."""
        return self._waits._replace(owner=np.searchsorted(self._rows, self._waits.owner))

    def waited(self) -> list[tuple[int, str, tuple[int, ...]]]:
        """Each (channel, operation, stack) once, of all that wait on channels."""
        owner, channel, operation = self.waits
        stack = self.stack[owner]
        order = np.lexsort((stack, operation, channel))
        columns = channel[order], operation[order], stack[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
        found = zip(*(column[first].tolist() for column in columns), strict=True)
        return [(address, OPERATIONS[number], self.stacks[place]) for address, number, place in found]

    def _if_parked(self, column: NDArray[Any]) -> NDArray[Any]:
        found = column[self._rows]
        found[~self._parked[self._rows]] = 0
        return found

    def _link_time(self, live: Words) -> Words:
        return np.where(live != 0, live - np.uint64(self._texts.bias), np.uint64(0))

    def apart(self) -> Goroutines:
        """The same, which keeps what objects are made of it for itself."""
        found = copy(self)
        found._made = Made()
        return found

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Goroutine: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Goroutine, ...]: ...

    def __getitem__(self, index: int | slice) -> Goroutine | tuple[Goroutine, ...]:
        if isinstance(index, slice):
            return tuple(self._objects(np.arange(len(self))[index]))
        (found,) = self._objects(np.array([range(len(self))[index]]))
        return found

    def __iter__(self) -> Iterator[Goroutine]:
        return iter(self._objects(np.arange(len(self))))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _objects(self, places: Indices) -> list[Goroutine]:
        return self._made.of(self._serial[self._rows[places]], lambda missing: self._new(places[missing]))

    def _new(self, places: Indices) -> Iterable[Goroutine]:
        """Objects from columns, which is several times faster than one by one."""
        rows = self._rows[places]
        of, parked = self._table.rows(rows), self._parked[rows]
        park = zip(*(c.tolist() for c in (of.high - of.sp, of.pc, of.sequence, of.waiting)), strict=True)
        columns = (
            of.address.tolist(),
            of.id.tolist(),
            [self._texts.statuses.get(status, f"number {status}") for status in of.status.tolist()],
            [self.reasons[reason] for reason in np.where(parked, of.reason, 0).tolist()],
            self._wait_tuples(places),
            (self._texts.select[of.reason] & parked).tolist(),
            [self.stacks[stack] for stack in self._stack[rows].tolist()],
            self._complete[rows].tolist(),
            np.where(parked, of.since, 0).tolist(),
            of.parent.tolist(),
            self._link_time(of.created_at).tolist(),
            self._link_time(of.started_at).tolist(),
            self._system[rows].tolist(),
            [numbers if is_parked else () for numbers, is_parked in zip(park, parked.tolist(), strict=True)],
            self._depth[rows].tolist(),
        )
        return map(Goroutine._make, zip(*columns, strict=True))

    def _wait_tuples(self, places: Indices) -> list[tuple[Wait, ...]]:
        waits = self.waits
        first, last = (np.searchsorted(waits.owner, places, side) for side in ("left", "right"))
        return [
            tuple(
                Wait(channel, OPERATIONS[operation])
                for channel, operation in zip(waits.channel[a:b].tolist(), waits.operation[a:b].tolist(), strict=True)
            )
            for a, b in zip(first.tolist(), last.tolist(), strict=True)
        ]


def _from_objects(goroutines: tuple[Goroutine, ...]) -> Goroutines:
    """Columns of goroutines that are objects already, and stay these objects."""
    statuses = {text: number for number, text in enumerate(dict.fromkeys(g.status for g in goroutines))}
    reasons = {text: number for number, text in enumerate(dict.fromkeys(("", *(g.wait_reason for g in goroutines))))}
    stacks = {stack: number for number, stack in enumerate(dict.fromkeys(((), *(g.stack for g in goroutines))))}
    parks = [g.park or (0, 0, 0, 0) for g in goroutines]

    def column(values: Iterable[Any], kind: Any = np.uint64) -> NDArray[Any]:
        return np.array(list(values), kind)

    none = np.zeros(len(goroutines), np.uint64)
    table = Table(
        address=column(g.address for g in goroutines),
        id=column(g.id for g in goroutines),
        status=column((statuses[g.status] for g in goroutines), np.uint32),
        reason=column((reasons[g.wait_reason] for g in goroutines), np.uint8),
        sequence=column((park[2] for park in parks), np.uint8),
        high=column(park[0] for park in parks),
        sp=none,
        pc=column(park[1] for park in parks),
        bp=none,
        waiting=column(park[3] for park in parks),
        since=column((g.wait_since_ns for g in goroutines), np.int64),
        parent=column(g.parent_id for g in goroutines),
        created_at=column(g.created_at for g in goroutines),
        started_at=column(g.started_at for g in goroutines),
    )
    waits = [(row, *wait) for row, g in enumerate(goroutines) for wait in g.waits]
    rows = np.arange(len(goroutines))
    texts = {number: text for text, number in reasons.items()}
    return Goroutines(
        table,
        rows,
        Texts({number: text for text, number in statuses.items()}, texts, np.zeros(256, np.bool_)),
        parked=column((bool(g.wait_reason) for g in goroutines), np.bool_),
        system=column((g.system for g in goroutines), np.bool_),
        complete=column((g.stack_complete for g in goroutines), np.bool_),
        depth=column((g.depth for g in goroutines), np.int32),
        stack=column((stacks[g.stack] for g in goroutines), np.int32),
        stacks=tuple(stacks),
        waits=Waits(
            column((row for row, _, _ in waits), np.int64),
            column(channel for _, channel, _ in waits),
            column((OPERATIONS.index(operation) for _, _, operation in waits), np.uint8),
        ),
        serial=rows,
        made=Made(goroutines),
    )
