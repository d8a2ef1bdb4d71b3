"""Channels as columns: a program may have one for each of very many goroutines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, overload

import numpy as np

from otelchan.memory.made import Made
from otelchan.memory.rows import Indices, Mask, Words

CHANNEL_COLUMNS = (
    *("address", "length", "capacity", "element_size", "closed", "timer"),
    *("senders", "receivers", "kind", "survived"),
)
"""Of the numbers that Channels are made of: the fields of Channel; kind: live address of the element type."""
_ADDRESS, _LENGTH, _CAPACITY, _SIZE, _CLOSED, _TIMER, _SENDERS, _RECEIVERS, _KIND, _SURVIVED = range(10)


class Channel(NamedTuple):
    """One hchan. length, capacity and waiters in elements and goroutines; read without a lock, so a gauge.

    element_type: as reflect prints it. element_type_address: link-time address of its descriptor.
    allocated: False when the heap says the slot is free (the channel is gone), None when it cannot be told.
    timer: a channel of time.After, NewTimer or NewTicker (hchan.timer is not nil).
    survived: it was there at the end of the last collection of garbage; False also when that was not asked.
    """

    address: int
    element_type: str
    element_type_address: int
    element_size: int
    length: int
    capacity: int
    closed: bool
    timer: bool
    waiting_senders: int = 0
    waiting_receivers: int = 0
    allocated: bool | None = None
    survived: bool = False


class Element(NamedTuple):
    """An element type. address: of its descriptor, link-time."""

    name: str
    address: int


class Channels(Sequence[Channel]):
    """Channels that are allocated, by ascending address: a sequence of Channel, each made when it is asked for.

    numbers: one row per channel, of CHANNEL_COLUMNS. elements: element types by live address. serial: stays while
    nothing about the channel changes. They belong to the census: nobody changes them.
    """

    def __init__(self, numbers: Words, elements: Mapping[int, Element], serial: Indices, made: Made[Channel]) -> None:
        """made: for objects, by these serials."""
        self.numbers = numbers
        self.elements, self.serial, self._made = elements, serial, made

    @property
    def address(self) -> Words:
        """Live addresses, ascending."""
        return self.numbers[:, _ADDRESS]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Channel: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Channel, ...]: ...

    def __getitem__(self, index: int | slice) -> Channel | tuple[Channel, ...]:
        if isinstance(index, slice):
            return tuple(self._objects(np.arange(len(self))[index]))
        (found,) = self._objects(np.array([range(len(self))[index]]))
        return found

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._objects(np.arange(len(self))))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def joined(self, others: Channels) -> Channels:
        """These and others, none of which is here."""
        if not len(others):
            return self
        numbers = np.concatenate((self.numbers, others.numbers))
        order = np.argsort(numbers[:, _ADDRESS])
        serial = np.concatenate((self.serial, self._made.serials(len(others))))
        return Channels(numbers[order], {**self.elements, **others.elements}, serial[order], self._made)

    def _objects(self, places: Indices) -> list[Channel]:
        return self._made.of(self.serial[places], lambda missing: self.new(places[missing]))

    def new(self, places: Indices) -> Iterable[Channel]:
        """The channels at these places, as objects that nobody keeps."""
        rows = self.numbers[places]
        elements = [self.elements[kind] for kind in rows[:, _KIND].tolist()]
        columns = (
            rows[:, _ADDRESS].tolist(),
            [element.name for element in elements],
            [element.address for element in elements],
            rows[:, _SIZE].tolist(),
            rows[:, _LENGTH].tolist(),
            rows[:, _CAPACITY].tolist(),
            (rows[:, _CLOSED] != 0).tolist(),
            (rows[:, _TIMER] != 0).tolist(),
            rows[:, _SENDERS].tolist(),
            rows[:, _RECEIVERS].tolist(),
            [True] * len(rows),
            (rows[:, _SURVIVED] != 0).tolist(),
        )
        return map(Channel._make, zip(*columns, strict=True))


class ChannelMap(Mapping[int, Channel]):
    """Channels by address: those of a census, and others."""

    def __init__(self, channels: Iterable[Channel], others: Mapping[int, Channel] | None = None) -> None:
        """channels: as in Census.channels. others: not among these."""
        self.columns = channels if isinstance(channels, Channels) else None
        self.others: dict[int, Channel] = {} if self.columns is not None else {c.address: c for c in channels}
        self.others.update(others or {})
        self._numbers: Words | None = None

    @classmethod
    def of(cls, channels: Mapping[int, Channel]) -> ChannelMap:
        """From any mapping, unless it is one of these already."""
        return channels if isinstance(channels, ChannelMap) else cls((), channels)

    def numbers(self) -> Words:
        """One row per channel, in the order of iteration, of CHANNEL_COLUMNS. Nobody changes them."""
        if self._numbers is None:
            self._numbers = self._all_numbers()
        return self._numbers

    def _all_numbers(self) -> Words:
        if self.columns is not None and not self.others:
            return self.columns.numbers
        others = [
            (
                *(c.address, c.length, c.capacity, c.element_size, c.closed, c.timer),
                *(c.waiting_senders, c.waiting_receivers, c.element_type_address, c.survived),
            )
            for c in self.others.values()
        ]
        rows = np.array(others, np.uint64).reshape(-1, len(CHANNEL_COLUMNS))
        return rows if self.columns is None else np.concatenate((self.columns.numbers, rows))

    def update(self, others: Channels) -> None:
        """Add channels that are not here."""
        self._numbers = None
        self.columns = others if self.columns is None else self.columns.joined(others)

    def find(self, addresses: Words) -> tuple[Mask, Indices]:
        """Which of these are among the columns, and at which place."""
        if self.columns is None or not len(self.columns):
            return np.zeros(len(addresses), np.bool_), np.zeros(len(addresses), np.int64)
        known = self.columns.address
        place = np.minimum(np.searchsorted(known, addresses), len(known) - 1)
        return known[place] == addresses, place

    def of_type(self, element_type: str) -> list[int]:
        """Addresses of the channels of that element type."""
        found = [address for address, channel in self.others.items() if channel.element_type == element_type]
        if self.columns is not None:
            kinds = [kind for kind, element in self.columns.elements.items() if element.name == element_type]
            found += self.columns.address[np.isin(self.columns.numbers[:, _KIND], kinds)].tolist() if kinds else []
        return found

    def many(self, addresses: Sequence[int]) -> list[Channel]:
        """The channels at these addresses, made at one go."""
        inside, place = self.find(np.array(addresses, np.uint64))
        new = iter(self.columns.new(place[inside]) if self.columns is not None else ())
        return [
            next(new) if there else self.others[address]
            for address, there in zip(addresses, inside.tolist(), strict=True)
        ]

    def __getitem__(self, address: int) -> Channel:
        (channel,) = self.many([address])
        return channel

    def __contains__(self, address: object) -> bool:
        return address in self.others or (
            isinstance(address, int) and bool(self.find(np.array([address], np.uint64))[0])
        )

    def __iter__(self) -> Iterator[int]:
        if self.columns is not None:
            yield from self.columns.address.tolist()
        yield from self.others

    def __len__(self) -> int:
        return (0 if self.columns is None else len(self.columns)) + len(self.others)
