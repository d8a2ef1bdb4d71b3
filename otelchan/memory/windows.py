"""Windows: what belongs to some goroutines, read at one go, between two copies of their g structs.

Whenever a goroutine leaves the processor one is added to its g.trackingSeq, a byte (casgstatus in src/runtime/proc.go;
Go 1.19 to 1.27), so equal copies of g mean the same park, unless it left a multiple of 256 times in between. To park,
to be woken and to be scheduled takes more than MOST_NS / 256 = 156 ns, so in a window that took no longer than MOST_NS
it cannot have. A window that was interrupted takes longer, and is not believed. What lies close together in memory, as
g structs and sudogs do, is one piece: a piece costs about 0.7 us, whatever its size, up to a few KiB.
"""

from __future__ import annotations

import numpy as np

from otelchan.gobinary.types import Layout
from otelchan.memory.bulk import GAP, Copy, copy_in_windows
from otelchan.memory.goroutines import row_size
from otelchan.memory.rows import Indices, Mask, Table, Words
from otelchan.memory.types import Reader
from otelchan.memory.waits import Cases

MOST_NS = 40_000
"""Longest time between both copies of g for which equal ones mean the same park."""

_COST = 96  # of a window, so that it takes some 20 us: of four for a piece
_LONGER = 16  # so many times where time does not matter
_STACK, _CASE = 4, 1  # sudogs and channels are often close together
_STACK_BYTES = 512  # so many bytes more cost one more
_KINDS = 5
_ADDRESS_BITS = np.uint64(48)


class _Blocks:
    """Pieces of one kind, those of one window that lie close together as one block.

    window, address, size: of each block, by window and address. block, offset: where each piece is.
    """

    def __init__(self, window: Indices, address: Words, size: int) -> None:
        order = np.argsort((window.astype(np.uint64) << _ADDRESS_BITS) | address, kind="stable")
        begin, of = address[order], window[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (of[1:] != of[:-1]) | (begin[1:] - begin[:-1] > np.uint64(size + GAP))
        heads = np.flatnonzero(first)
        last = np.append(heads[1:], len(order)) - 1
        number = np.cumsum(first) - 1
        self.window, self.address = of[heads], begin[heads]
        self.size = begin[last] - begin[heads] + np.uint64(size) if len(heads) else begin
        self.block, self.offset = np.empty((2, len(order)), np.int64)
        self.block[order] = number
        self.offset[order] = (begin - self.address[number]).astype(np.int64)

    def pieces(self, copies: Copy) -> Copy:
        """Copies of the pieces, from those of the blocks."""
        return Copy(copies.data, copies.start[self.block] + self.offset, copies.whole[self.block])


def windows_of(size: Words, cases: Cases, alone: Mask, stamped: Mask) -> Indices:
    """The window of each goroutine, ascending. size: bytes of stack. alone: gets one of its own. stamped: proved by the
    collector's stamp, however long its window takes."""
    cost = _STACK + size.astype(np.int64) // _STACK_BYTES
    for some in (cases.owner, cases.owner[cases.channel != 0]):
        cost += _CASE * np.bincount(some, minlength=len(size))
    cost[~stamped] *= _LONGER
    window = (np.cumsum(cost) - cost) // (_COST * _LONGER)
    starts = np.ones(len(size), np.bool_)
    starts[1:] = (window[1:] != window[:-1]) | alone[1:] | alone[:-1] | (stamped[1:] != stamped[:-1])
    return np.cumsum(starts) - 1


def read_windows(
    reader: Reader, layout: Layout, then: Table, size: Words, cases: Cases, window: Indices
) -> tuple[Copy, Copy, Copy, Copy, Copy, Indices]:
    """Copies of g, stack, sudogs, channels of selects and g again, and how many nanoseconds each window took."""
    select = np.flatnonzero(cases.channel)
    sudogs = _Blocks(window[cases.owner], cases.sudog, layout["sizeof sudog"])
    channels = _Blocks(window[cases.owner[select]], cases.channel[select], layout["sizeof hchan"])
    g = _Blocks(window, then.address, row_size(layout))
    windows = (g.window, window, sudogs.window, channels.window, g.window)
    kinds = [of * _KINDS + kind for kind, of in enumerate(windows)]
    order = np.argsort(np.concatenate(kinds), kind="stable")
    addresses = np.concatenate((g.address, then.sp, sudogs.address, channels.address, g.address))[order]
    sizes = np.concatenate((g.size, size, sudogs.size, channels.size, g.size))[order]
    number = np.concatenate(windows)[order]
    bounds = np.append(np.flatnonzero(np.diff(number, prepend=-1)), len(order))
    copies, took = copy_in_windows(reader, addresses, sizes, bounds)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    first, stacks, some, others, last = (
        copies.only(part) for part in np.split(place, np.cumsum([len(kind) for kind in kinds])[:-1])
    )
    of_cases = Copy(copies.data, np.zeros(len(cases.owner), np.int64), np.ones(len(cases.owner), np.bool_))
    of_selects = channels.pieces(others)
    of_cases.start[select], of_cases.whole[select] = of_selects.start, of_selects.whole
    return g.pieces(first), stacks, sudogs.pieces(some), of_cases, g.pieces(last), took
