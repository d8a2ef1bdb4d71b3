"""Whether objects of the program's heap are allocated, by its span table.

As spanOf and mspan.isFree do it: mheap.arenas -> heapArena.spans -> mspan; slot n of a span is free when
n >= freeindex and its bit in allocBits is 0 (src/runtime/mheap.go, mbitmap.go; Go 1.19 to 1.27, in which freeindex has
become narrower). The inline mark bits of the Green Tea collector (mgcmark_greenteagc.go) change nothing here: the
sweeper moves them into gcmarkBits first, which then become allocBits (moveInlineMarks in mspan.sweep, mgcsweep.go).
What became garbage stays allocated until its span is swept, soon after the end of a collection.
"""

from __future__ import annotations

import numpy as np

from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import Mask, Words, structs, words
from otelchan.memory.types import Reader

_WORD = np.uint64(8)
_UNSIGNED = {2: np.uint16, 8: np.uint64}  # by width in bytes


def allocated(reader: Reader, layout: Layout, globals_: Globals, bias: int, addresses: Words) -> Mask:
    """Which of these live addresses are the start of an allocated object of the heap: the first that `slots` says."""
    return slots(reader, layout, globals_, bias, addresses)[0]


def slots(reader: Reader, layout: Layout, globals_: Globals, bias: int, addresses: Words) -> tuple[Mask, Mask]:
    """Which of these live addresses are the start of an allocated object of the heap, and which of those were there at
    the end of the last collection, which has left them.

    The bits are those of the marks when the span was last swept; an allocation does not set them (mspan.sweep,
    src/runtime/mgcsweep.go, nextFreeIndex, mbitmap.go). So a slot with its bit set has survived, and one before
    freeindex without it was taken since. What is made while marks are set is marked too, and may be garbage for all
    that, until the next collection.

    Says no for an address that is in no span, in a span of another use, inside an object, or in memory that cannot be
    read. Raises what the reader raises when the program has exited.
    """
    result, survived = np.zeros((2, len(addresses)), np.bool_)
    spans = _spans(reader, layout, globals_, bias, addresses)
    inside = np.flatnonzero(spans)
    unique, which = np.unique(spans[inside], return_inverse=True)
    fields = {
        "start": (layout["mspan.startAddr"], np.uint64),
        "limit": (layout["mspan.limit"], np.uint64),
        "size": (layout["mspan.elemsize"], np.uint64),
        "free": (layout["mspan.freeindex"], _UNSIGNED[layout["width mspan.freeindex"]]),
        "bits": (layout["mspan.allocBits"], np.uint64),
        "state": (layout["mspan.state"], np.uint8),
    }
    found, _ = structs(reader, unique, fields)
    span = {name: column[which] for name, column in found.items()}
    at = addresses[inside]
    size = np.maximum(span["size"], np.uint64(1))
    offset = at - np.minimum(span["start"], at)
    slot = offset // size
    good = (
        (span["state"] == layout["const.mSpanInUse"])
        & (at >= span["start"])
        & (at < span["limit"])
        & (offset % size == 0)
        & (span["bits"] != 0)
    )
    inside, slot = inside[good], slot[good]
    holders, _ = words(reader, span["bits"][good] + (slot // 64) * _WORD)
    bit = (holders >> (slot % 64)) & np.uint64(1)
    survived[inside] = bit == 1
    result[inside] = (slot < span["free"][good]) | survived[inside]
    return result, survived


def objects(reader: Reader, layout: Layout, globals_: Globals, bias: int, addresses: Words) -> tuple[Words, Words]:
    """Where the slot of the heap starts that each of these live addresses lies in, and its size; 0 and 0 for one that
    is in none. Whether the slot is free is not asked. Raises what the reader raises when the program has exited."""
    begin, length = np.zeros((2, len(addresses)), np.uint64)
    spans = _spans(reader, layout, globals_, bias, addresses)
    inside = np.flatnonzero(spans)
    unique, which = np.unique(spans[inside], return_inverse=True)
    fields = {
        "start": (layout["mspan.startAddr"], np.uint64),
        "limit": (layout["mspan.limit"], np.uint64),
        "size": (layout["mspan.elemsize"], np.uint64),
        "state": (layout["mspan.state"], np.uint8),
    }
    found, _ = structs(reader, unique, fields)
    span = {name: column[which] for name, column in found.items()}
    at = addresses[inside]
    good = (span["state"] == layout["const.mSpanInUse"]) & (at >= span["start"]) & (at < span["limit"])
    good &= span["size"] != 0
    inside, at = inside[good], at[good]
    start, size = span["start"][good], span["size"][good]
    begin[inside] = start + (at - start) // size * size
    length[inside] = size
    return begin, length


def _spans(reader: Reader, layout: Layout, globals_: Globals, bias: int, addresses: Words) -> Words:
    """The address of the mspan that each address lies in, as far as the page is known to the heap, else 0.

    On Linux the arena map has one level (arenaL1Bits is 0); arenaBaseOffset is negative and wraps around.
    """
    result = np.zeros(len(addresses), np.uint64)
    index = (addresses - np.uint64(layout["const.arenaBaseOffset"] % (1 << 64))) // np.uint64(
        layout["const.heapArenaBytes"]
    )
    known = np.flatnonzero(index < np.uint64(1 << layout["const.arenaL2Bits"]))
    level = int.from_bytes(reader.read(globals_.mheap + bias + layout["mheap.arenas"], 8), "little")
    arenas, which = np.unique(index[known], return_inverse=True)
    heads, _ = words(reader, np.uint64(level) + arenas * _WORD)
    head = heads[which]
    page = (addresses[known] // np.uint64(layout["const.pageSize"])) % np.uint64(layout["const.pagesPerArena"])
    mapped = head != 0
    entries, _ = words(reader, head[mapped] + np.uint64(layout["heapArena.spans"]) + page[mapped] * _WORD)
    result[known[mapped]] = entries
    return result
