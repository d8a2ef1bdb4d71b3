"""What the census reads from a program's memory: goroutines and channels as they are at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


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


class Wait(NamedTuple):
    """One channel a goroutine is parked on: live address of the hchan (0: nil channel), "send" or "recv"."""

    channel: int
    operation: str


class Goroutine(NamedTuple):
    """One goroutine. Stacks and creation sites are link-time addresses, so that the image can name them.

    address: live address of its g struct.
    status: "idle", "runnable", "running", "syscall", "waiting", "dead", "copystack", "preempted", "leaked".
    wait_reason: as the runtime prints it, for status "waiting" and "leaked"; else "".
    waits: what it is parked on; several for a select; empty when not parked on channels.
    stack: return addresses, innermost first, only for parked goroutines.
    stack_complete: the walk ended in runtime.goexit.
    wait_since_ns: runtime.nanotime stamped by the garbage collector, 0 when no collection has seen the wait.
    system: started by the runtime itself (what runtime.NumGoroutine leaves out).
    park: (bytes of stack in use, pc, trackingSeq, first sudog), opaque: equal in two censuses while the goroutine is in
        the same park, also when its stack was moved in between.
    """

    address: int
    id: int
    status: str
    wait_reason: str = ""
    waits: tuple[Wait, ...] = ()
    select: bool = False
    stack: tuple[int, ...] = ()
    stack_complete: bool = False
    wait_since_ns: int = 0
    parent_id: int = 0
    created_at: int = 0
    started_at: int = 0
    system: bool = False
    park: tuple[int, ...] = ()


class Channel(NamedTuple):
    """One hchan. length, capacity and waiters in elements and goroutines; read without a lock, so a gauge.

    element_type: as reflect prints it. element_type_address: link-time address of its descriptor.
    allocated: False when the heap says the slot is free (the channel is gone), None when it cannot be told.
    timer: a channel of time.After, NewTimer or NewTicker (hchan.timer is not nil).
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


@dataclass(frozen=True, slots=True)
class GoroutineCounts:
    """count: runtime.NumGoroutine. created: goroutines created since the program started, system ones included."""

    count: int
    created: int


@dataclass(frozen=True, slots=True)
class Census:
    """One look at a whole program. Times: Unix nanoseconds; monotonic nanoseconds for duration and `monotonic_ns`.

    unread: goroutines whose memory changed or vanished while it was read, and were left out.
    by_reason: parked goroutines by wait reason, most frequent first; the runtime's own are left out.
    memo: for the next take_census alone, which leaves out what has not changed.
    """

    time_unix_ns: int
    monotonic_ns: int
    duration_ns: int
    counts: GoroutineCounts
    goroutines: tuple[Goroutine, ...]
    channels: tuple[Channel, ...]
    unread: int = 0
    bytes_read: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    memo: object = field(default=None, repr=False, compare=False)
