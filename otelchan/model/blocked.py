"""Goroutines that are blocked on channels, as columns: there may be very many, at few places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Frame
from otelchan.memory.types import Indices, Mask, Words

T = TypeVar("T")
OPERATIONS = ("send", "recv")
SIDES = (*OPERATIONS, "")
"""Operations; "" on a nil channel and in a select without cases."""


class Age(NamedTuple):
    """An age in nanoseconds; at_least: the wait began before we came, so it may be longer."""

    age_ns: int
    at_least: bool


@dataclass(frozen=True, slots=True)
class Blocked:
    """One goroutine parked on channels now. frames: innermost first, runtime frames left out."""

    goroutine_id: int
    channel: str
    channel_address: int
    kind: str
    operation: str
    wait_reason: str
    age: Age
    frames: tuple[Frame, ...]
    created_by: Frame | None = None


class ChannelName(NamedTuple):
    """What a goroutine is blocked on. kind: as in ChannelView."""

    name: str
    kind: str


class BlockedColumns(NamedTuple):
    """One entry per goroutine and channel that it waits on, in the order of the goroutines.

    channel, reason, stack, creator are indices into the tuples in Names, operation one into SIDES.
    """

    goroutine_id: Words
    channel: Indices
    address: Words
    operation: NDArray[np.uint8]
    reason: Indices
    age_ns: Indices
    at_least: Mask
    stack: Indices
    creator: Indices

    def rows(self, index: Indices | Mask | slice) -> BlockedColumns:
        """Only those entries."""
        return BlockedColumns._make(column[index] for column in self)


class Names(NamedTuple):
    """What the numbers in columns stand for. An entry may be there more than once."""

    channels: Sequence[ChannelName]
    reasons: Sequence[str]
    stacks: Sequence[tuple[Frame, ...]]
    creators: Sequence[Frame | None]


class BlockedList(Sequence[Blocked]):
    """A sequence of Blocked, each made when it is asked for, over columns."""

    def __init__(self, columns: BlockedColumns, names: Names) -> None:
        self.columns, self.names = columns, names

    @classmethod
    def of(cls, blocked: Iterable[Blocked]) -> BlockedList:
        """From objects, unless it is one already."""
        return blocked if isinstance(blocked, BlockedList) else _from_objects(tuple(blocked))

    def __len__(self) -> int:
        return len(self.columns.goroutine_id)

    @overload
    def __getitem__(self, index: int) -> Blocked: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Blocked, ...]: ...

    def __getitem__(self, index: int | slice) -> Blocked | tuple[Blocked, ...]:
        if isinstance(index, slice):
            return tuple(self._objects(index))
        place = range(len(self))[index]
        (found,) = self._objects(slice(place, place + 1))
        return found

    def __iter__(self) -> Iterator[Blocked]:
        return self._objects(slice(None))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _objects(self, part: slice) -> Iterator[Blocked]:
        names = self.names
        for id_, channel, address, operation, reason, age_ns, at_least, stack, creator in zip(
            *(column.tolist() for column in self.columns.rows(part)), strict=True
        ):
            name, kind = names.channels[channel]
            yield Blocked(
                id_,
                name,
                address,
                kind,
                SIDES[operation],
                names.reasons[reason],
                Age(age_ns, at_least),
                names.stacks[stack],
                names.creators[creator],
            )


def _numbers(values: Iterable[T]) -> tuple[Indices, list[T]]:
    """The number of each value in the list of the different ones."""
    known: dict[T, int] = {}
    numbers = [known.setdefault(value, len(known)) for value in values]
    return np.array(numbers, np.int64), list(known)


def _from_objects(blocked: tuple[Blocked, ...]) -> BlockedList:
    channel, channels = _numbers(ChannelName(each.channel, each.kind) for each in blocked)
    reason, reasons = _numbers(each.wait_reason for each in blocked)
    stack, stacks = _numbers(each.frames for each in blocked)
    creator, creators = _numbers(each.created_by for each in blocked)

    def column(values: Iterable[Any], kind: Any) -> NDArray[Any]:
        return np.fromiter(values, kind, len(blocked))

    columns = BlockedColumns(
        column((each.goroutine_id for each in blocked), np.uint64),
        channel,
        column((each.channel_address for each in blocked), np.uint64),
        column((SIDES.index(each.operation) for each in blocked), np.uint8),
        reason,
        column((each.age.age_ns for each in blocked), np.int64),
        column((each.age.at_least for each in blocked), np.bool_),
        stack,
        creator,
    )
    return BlockedList(columns, Names(channels, reasons, stacks, creators))
