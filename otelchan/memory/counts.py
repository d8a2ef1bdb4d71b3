"""Goroutine counts from a handful of words, without looking at a single goroutine."""

from __future__ import annotations

import numpy as np

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import structs
from otelchan.memory.types import GoroutineCounts, Reader

_MOST_PROCESSORS = 1 << 20  # a larger allp is no allp
_ID_BATCH = 16  # _GoidCacheBatch in src/runtime/proc.go: goroutine ids that a P takes at once


def read_counts(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> GoroutineCounts:
    """runtime.NumGoroutine, and how many goroutines were ever created.

    The same sums as the runtime's: count is gcount in src/runtime/proc.go (Go 1.26, 1.27), at least 1; created is
    sched.goidgen less the ids that the Ps hold and have not given out, as newproc1 gives them. The words change one
    after the other while goroutines come and go, so either may be a little off for a moment, and created may step back.
    Raises MemoryGone when the words cannot be read.
    """
    spans = [
        (globals_.allglen + bias, 8),
        (globals_.sched + bias, layout["schedt.gFree.noStack.count"] + 4),
        (globals_.allp + bias, 24),
    ]
    goroutines, sched, processors = (_whole(data) for data in reader.read_many(spans))

    def signed(field: str) -> int:
        return int.from_bytes(sched[layout[field] :][:4], "little", signed=True)

    free, held = _of_processors(reader, layout, processors)
    idle = free + signed("schedt.gFree.stack.count") + signed("schedt.gFree.noStack.count")
    count = int.from_bytes(goroutines, "little") - idle - signed("schedt.ngsys")
    ids = int.from_bytes(sched[layout["schedt.goidgen"] :][:8], "little")
    return GoroutineCounts(max(count, 1), max(ids - held, 0))


def _of_processors(reader: Reader, layout: Layout, allp: bytes) -> tuple[int, int]:
    """Dead goroutines that the Ps keep for reuse, and goroutine ids that they have not given out yet.

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
    held = (found["end"] - found["next"])[found["end"] > found["next"]]
    return int(found["free"][present < length].sum()), int(held[held <= _ID_BATCH].sum())


def _whole(data: bytes | None) -> bytes:
    if data is None:
        raise MemoryGone("the scheduler's counters cannot be read; the program may just be exiting, look again")
    return data
