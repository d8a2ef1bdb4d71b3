"""Many small pieces of another program's memory by few system calls, into numpy arrays of live addresses.

One small read costs 350 to 1,000 ns, a large one runs at gigabytes per second, so where the order does not matter
neighbours are read together with what lies between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from otelchan.memory.rows import Indices, Mask, Words
from otelchan.memory.types import Reader, WindowReader

__all__ = [
    "Copy",
    "Indices",
    "Mask",
    "Words",
    "batches",
    "copy",
    "copy_in_order",
    "copy_in_windows",
    "structs",
    "words",
]

GAP = 1024
"""Bytes between two pieces that are read rather than skipped: that costs less than one more piece."""
BLOCK = 1 << 16
"""Pieces in different blocks of this size are not joined, so that one unreadable page spoils little."""
BATCH_BYTES = 1 << 20
"""About what is held of the other program's memory at a time."""

_WORD = np.uint64(8)
_USER_SPACE = np.uint64(1 << 47)


class Copy(NamedTuple):
    """Copies of many pieces, in one array.

    data: all of them, multiples of 8 bytes. start: where each piece starts in `data`. whole: it could be read; where
    not, `data` is zero. A piece whose address is a multiple of 8 starts at one.
    """

    data: NDArray[np.uint8]
    start: Indices
    whole: Mask

    def only(self, index: Indices) -> Copy:
        """Only those pieces."""
        return Copy(self.data, self.start[index], self.whole[index])

    def values(self, offset: int, dtype: DTypeLike) -> NDArray[Any]:
        """The value at that offset in each piece; offsets and addresses must be multiples of its size."""
        kind = np.dtype(dtype)
        result: NDArray[Any] = self.data.view(kind)[(self.start + offset) // kind.itemsize]
        return result


def copy_in_order(reader: Reader, addresses: Words, sizes: Words) -> Copy:
    """Copies of the pieces [address, address + size), read one after the other, all held at once.

    Addresses and sizes are multiples of 8. Raises what the reader raises when nothing at all can be read any more.
    """
    spans = np.stack((addresses, sizes), axis=1)
    start = np.cumsum(sizes.astype(np.int64)) - sizes.astype(np.int64)
    whole = np.ones(len(spans), np.bool_)
    joined = reader.read_joined(spans)
    if joined is not None:
        return Copy(np.frombuffer(joined, np.uint8), start, whole)
    parts = reader.read_many(list(zip(addresses.tolist(), sizes.tolist(), strict=True)))
    whole[:] = [part is not None for part in parts]
    data = bytearray().join(part or bytes(size) for part, size in zip(parts, sizes.tolist(), strict=True))
    return Copy(np.frombuffer(data, np.uint8), start, whole)


def copy_in_windows(reader: Reader, addresses: Words, sizes: Words, bounds: Indices) -> tuple[Copy, Indices]:
    """As copy_in_order, and how many nanoseconds passed while pieces bounds[i] to bounds[i + 1] were read; -1 where
    that is not known, because the reader cannot say it or a piece cannot be read."""
    if not isinstance(reader, WindowReader):
        return copy_in_order(reader, addresses, sizes), np.full(len(bounds) - 1, -1)
    data, took = reader.read_windows(np.stack((addresses, sizes), axis=1), bounds)
    ends = np.cumsum(sizes.astype(np.int64))
    result = Copy(data, ends - sizes.astype(np.int64), np.ones(len(sizes), np.bool_))
    for window in np.flatnonzero(took < 0).tolist():
        _read_apart(reader, addresses, sizes, np.arange(bounds[window], bounds[window + 1]), result)
    return result, took


def copy(reader: Reader, addresses: Words, sizes: Words) -> Copy:
    """Copies of the pieces [address, address + size), in any order, all held at once."""
    if not len(addresses):
        return Copy(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.bool_))
    order = np.argsort(addresses, kind="stable")
    begin = addresses[order] // _WORD * _WORD
    end = (addresses[order] + sizes[order] + np.uint64(7)) // _WORD * _WORD
    reach = np.maximum.accumulate(end)
    first = np.ones(len(begin), np.bool_)
    first[1:] = (begin[1:] > reach[:-1] + np.uint64(GAP)) | (begin[1:] // BLOCK != begin[:-1] // BLOCK)
    heads = np.flatnonzero(first)
    blocks = copy_in_order(reader, begin[heads], np.maximum.reduceat(end, heads) - begin[heads])
    block_of = np.cumsum(first) - 1
    start, whole = np.empty(len(order), np.int64), np.empty(len(order), np.bool_)
    start[order] = blocks.start[block_of] + (addresses[order] - begin[heads][block_of]).astype(np.int64)
    whole[order] = blocks.whole[block_of]
    result = Copy(blocks.data, start, whole)
    if not whole.all():
        _read_apart(reader, addresses, sizes, np.flatnonzero(~whole), result)
    return result


def _read_apart(reader: Reader, addresses: Words, sizes: Words, lost: Indices, into: Copy) -> None:
    """The pieces of blocks that could not be read as one, each on its own."""
    pieces = reader.read_many(list(zip(addresses[lost].tolist(), sizes[lost].tolist(), strict=True)))
    for index, piece in zip(lost.tolist(), pieces, strict=True):
        into.whole[index] = piece is not None
        start, size = into.start[index], int(sizes[index])
        into.data[start : start + size] = np.frombuffer(piece, np.uint8) if piece else 0


def batches(sizes: Words, most: int = BATCH_BYTES) -> Iterator[slice]:
    """Ranges of pieces that all begin within `most` bytes of each other when put one after the other."""
    whole = sizes.astype(np.int64)
    group = (np.cumsum(whole) - whole) // most
    bounds = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(sizes)]
    yield from (slice(begin, end) for begin, end in pairwise(bounds) if begin < end)


def structs(
    reader: Reader, addresses: Words, fields: Mapping[str, tuple[int, DTypeLike]]
) -> tuple[dict[str, NDArray[Any]], Mask]:
    """Fields of many structs of one kind, by name: (offset, type) -> one array each, in the order of the addresses.

    The mask says which could be read; the fields of the others are zero. An address that no struct can have, because it
    is not a multiple of 8 or lies in the kernel's half, cannot be read.
    """
    size = max(offset + np.dtype(dtype).itemsize for offset, dtype in fields.values())
    found = {name: np.zeros(len(addresses), dtype) for name, (_, dtype) in fields.items()}
    whole = np.zeros(len(addresses), np.bool_)
    possible = np.flatnonzero((addresses < _USER_SPACE) & (addresses % _WORD == 0))
    possible = possible[np.argsort(addresses[possible], kind="stable")]
    sizes = np.full(len(possible), size, np.uint64)
    for batch in batches(sizes):
        part = possible[batch]
        piece = copy(reader, addresses[part], sizes[batch])
        whole[part] = piece.whole
        for name, (offset, dtype) in fields.items():
            found[name][part] = piece.values(offset, dtype)
    return found, whole


def words(reader: Reader, addresses: Words) -> tuple[Words, Mask]:
    """The 64-bit word at each address, and which could be read."""
    found, whole = structs(reader, addresses, {"word": (0, np.uint64)})
    return found["word"], whole


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Each value once, ascending. As numpy.unique, which imports numpy.ma for this: 2.5 MB that nothing else needs."""
    ordered = np.sort(values, axis=None)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    result: NDArray[Any] = ordered[first]
    return result
