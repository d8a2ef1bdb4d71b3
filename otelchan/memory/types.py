"""What the census reads from a program's memory: goroutines and channels as they are at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.chancolumns import CHANNEL_COLUMNS, Channel, ChannelMap, Channels
from otelchan.memory.columns import Goroutines
from otelchan.memory.goroutine import Goroutine, Wait
from otelchan.memory.rows import OPERATIONS, RECV, SEND, Indices, Mask, Waits, Words
from otelchan.memory.stamps import NO_CYCLES, begun_by, cycles_in

__all__ = [
    "CHANNEL_COLUMNS",
    "NO_CYCLES",
    "OPERATIONS",
    "RECV",
    "SEND",
    "Census",
    "Channel",
    "ChannelMap",
    "Channels",
    "Goroutine",
    "GoroutineCounts",
    "Goroutines",
    "Held",
    "Indices",
    "Labels",
    "LabelsOf",
    "Mask",
    "Moves",
    "Reader",
    "Wait",
    "Waits",
    "WindowReader",
    "Words",
    "begun_by",
    "cycles_in",
]


class Reader(Protocol):
    """The one seam for memory: a live process, a core file or a recording.

    bytes_read: in all, so far.
    """

    bytes_read: int

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at a live address. Raises otelchan.errors.MemoryGone when they cannot be read."""
        ...

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """One entry per (address, size); None where it cannot be read."""
        ...

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """All pieces, one (address, size) per row, in this order and joined; None when any of them cannot be read."""
        ...


Labels = tuple[tuple[str, str], ...]
"""Name and value of a goroutine's profiler labels."""


class LabelsOf(NamedTuple):
    """Labels of each goroutine that was asked for, in this order. unread: of so many they could not be read, not all of
    them."""

    labels: list[Labels]
    unread: int


@runtime_checkable
class WindowReader(Protocol):
    """A Reader that can read the pieces of several goroutines at one go and say how long that took: additional, for one
    that has not this method is asked for the pieces of one goroutine after the other (memory/windows.py)."""

    def read_windows(self, spans: NDArray[np.uint64], bounds: Indices) -> tuple[NDArray[np.uint8], Indices]:
        """All pieces, one (address, size) per row, in this order and joined; pieces bounds[i] to bounds[i + 1] are
        window i, read at one go. The second array: nanoseconds that passed while each window was read, -1 where a piece
        of it cannot be read; then the bytes of that window are undefined. The next call may put others in their place.
        """
        ...


class Moves(NamedTuple):
    """How far the two positions of a channel's buffer went while they were read many times in a row.

    name_key: as in the kernel's maps. capacity: of the buffer. reads: of so many steps, in looked_ns, in so many
    bursts. sent, received: so many places went the position to write at and the one to read from, each step taken as
    less than a whole round. squares: of `sent` in each burst.
    """

    name_key: int
    capacity: int
    bursts: int
    reads: int
    looked_ns: int
    sent: int
    received: int
    squares: int


class Held(NamedTuple):
    """For the addresses of some channels, ids of goroutines that have each of them at hand (memory/holders.py).

    holders: on their stack, or in a closure that their stack points to. reaching: in another object that their stack
    points to. A channel that is not a key was not looked for.
    """

    holders: Mapping[int, tuple[int, ...]] = {}
    reaching: Mapping[int, tuple[int, ...]] = {}


@dataclass(frozen=True, slots=True)
class GoroutineCounts:
    """count: runtime.NumGoroutine. created: goroutines created since the program started, system ones included.
    system: goroutines of the runtime's own that are alive, which `count` leaves out."""

    count: int
    created: int
    system: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """One look at a whole program. Times: Unix nanoseconds; monotonic nanoseconds for duration and `monotonic_ns`.

    goroutines: as take_census makes them, Goroutines: columns, of which an object is made when it is asked for;
        channels likewise.
    unread: goroutines whose memory changed or vanished while it was read, and were left out.
    by_reason: parked goroutines by wait reason, most frequent first; the runtime's own are left out.
    plugins: that the program has opened, by their path in Go. Each has a copy of the runtime's code, in which probes of
        the executable's code see nothing.
    memo: for the next take_census alone, which leaves out what has not changed.
    """

    time_unix_ns: int
    monotonic_ns: int
    duration_ns: int
    counts: GoroutineCounts
    goroutines: Sequence[Goroutine]
    channels: Sequence[Channel]
    unread: int = 0
    bytes_read: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    memo: object = field(default=None, repr=False, compare=False)
