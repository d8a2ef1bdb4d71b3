"""Goroutine counts from a handful of words, without looking at a single goroutine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import Mask, structs
from otelchan.memory.types import GoroutineCounts, Reader

_MOST_PROCESSORS = 1 << 20  # a larger allp is no allp
_ATTEMPTS = 4
_ID_BATCH = 16  # _GoidCacheBatch in src/runtime/proc.go: goroutine ids that a P takes at once
_FREE = ("schedt.gFree.count", "schedt.gFree.stack.count", "schedt.gFree.noStack.count")  # the first until Go 1.24


def read_counts(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> GoroutineCounts:
    """runtime.NumGoroutine, and how many goroutines were ever created.

    The same sums as the runtime's: count is gcount in src/runtime/proc.go (Go 1.19 to 1.27), at least 1; created is
    sched.goidgen less the ids that the Ps hold and have not given out, as newproc1 gives them; system is sched.ngsys.
    The words change one after the other while goroutines come and go, so each may be a little off for a moment. They
    are read in an order in which created comes out too small, and what is alive too large: an id that a P takes in the
    meantime is not counted yet, and a dead goroutine that moves between the lists of the scheduler and of a P is never
    found in both. So a total made of them, of those that never step back, is right once the program rests.
    Words that changed meanwhile are read again, a few times: for microseconds the collector holds all dead goroutines
    in no list at all (markrootFreeGStacks in src/runtime/mgcmark.go), and NumGoroutine itself counts them then.
    Raises MemoryGone when the words cannot be read.
    """
    for _ in range(_ATTEMPTS):
        counts, steady = _look(reader, layout, globals_, bias)
        if steady:
            break
    return counts


def _look(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> tuple[GoroutineCounts, bool]:
    """The counts, and whether nothing changed while they were read."""
    scheduler = (globals_.sched + bias, max(_free_counts(layout)) + 4)
    before, processors = _whole(reader, [scheduler, (globals_.allp + bias, 24)])
    free, held = _of_processors(reader, layout, processors)
    after, goroutines = _whole(reader, [scheduler, (globals_.allglen + bias, 8)])
    idle = free + min(_idle(layout, before), _idle(layout, after))
    system = _signed(after, layout["schedt.ngsys"])
    ids = _ids(layout, before)
    count = int.from_bytes(goroutines, "little") - idle - system
    steady = (_idle(layout, before), ids) == (_idle(layout, after), _ids(layout, after))
    return GoroutineCounts(max(count, 1), max(ids - held, 0), system), steady


def _ids(layout: Layout, scheduler: bytes) -> int:
    """Goroutine ids that were given to Ps."""
    return int.from_bytes(scheduler[layout["schedt.goidgen"] :][:8], "little")


def _idle(layout: Layout, scheduler: bytes) -> int:
    """Dead goroutines that the scheduler keeps for reuse."""
    return sum(_signed(scheduler, offset) for offset in _free_counts(layout))


def _free_counts(layout: Layout) -> list[int]:
    """Where the scheduler counts its dead goroutines: all of them, or those with a stack and those without."""
    return [offset for name in _FREE if (offset := layout.get(name)) is not None]


def _signed(scheduler: bytes, offset: int) -> int:
    return int.from_bytes(scheduler[offset:][:4], "little", signed=True)


def last_batch(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> int:
    """The largest goroutine id that a P has taken to give out; sched.goidgen is the same, and more only by the
    goroutines of threads that C made, which take theirs one by one (newproc1 and oneNewExtraM in src/runtime/proc.go).

    Raises MemoryGone when it cannot be read.
    """
    (processors,) = _whole(reader, [(globals_.allp + bias, 24)])
    _, found = _processors(reader, layout, processors)
    return int(found["end"].max(initial=1)) - 1


def _of_processors(reader: Reader, layout: Layout, allp: bytes) -> tuple[int, int]:
    """Dead goroutines that the Ps keep for reuse, and goroutine ids that they have not given out yet."""
    used, found = _processors(reader, layout, allp)
    held = (found["end"] - found["next"])[found["end"] > found["next"]]
    return int(found["free"][used].sum()), int(held[held <= _ID_BATCH].sum())


def _processors(reader: Reader, layout: Layout, allp: bytes) -> tuple[Mask, Mapping[str, NDArray[Any]]]:
    """Every P, and whether it is in use.

    Ps beyond len(allp) are those that a smaller GOMAXPROCS left behind: they keep their ids, and lie below cap(allp).
    """
    pointer, length, capacity = np.frombuffer(allp, np.uint64).tolist()
    if not length <= capacity <= _MOST_PROCESSORS:
        raise MemoryGone(f"the list of processors (allp) says {length} of {capacity}; it was just changing, look again")
    pointers = np.frombuffer(reader.read(pointer, 8 * capacity), np.uint64)
    present = np.flatnonzero(pointers)
    fields = {
        "free": (layout["p.gFree.count"], np.int32),
        "next": (layout["p.goidcache"], np.uint64),
        "end": (layout["p.goidcacheend"], np.uint64),
    }
    found, _ = structs(reader, pointers[present], fields)
    return present < length, found


def _whole(reader: Reader, spans: list[tuple[int, int]]) -> list[bytes]:
    found = [data for data in reader.read_many(spans) if data is not None]
    if len(found) < len(spans):
        raise MemoryGone("the scheduler's counters cannot be read; the program may just be exiting, look again")
    return found
