"""Reads a BPF ring buffer through its memory map, on our own clock: nobody is woken, so the program pays no wake-up.

Layout: kernel/bpf/ringbuf.c, Linux 5.8: one page with the consumer position, one with the producer position, then the
data twice in a row, so that a record never wraps. We map the data once and put the two halves of a record together:
what is mapped counts as resident memory, all of it from the start. A record starts with u32 length (bit 31 busy, bit 30
discarded) and u32 page offset, and is rounded up to 8 bytes.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator

_PAGE = mmap.PAGESIZE
_BUSY, _DISCARDED, _HEADER = 1 << 31, 1 << 30, 8


class RingReader:
    """The one consumer of a ring buffer map of `size` bytes."""

    def __init__(self, fd: int, size: int) -> None:
        self._size = size
        self._consumer = mmap.mmap(fd, _PAGE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
        self._data = mmap.mmap(fd, _PAGE + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=_PAGE)

    def drain(self, limit: int = 10_000) -> Iterator[bytes]:
        """Records that are complete now, oldest first, at most `limit`; each is released once it has been taken."""
        (position,) = struct.unpack_from("<Q", self._consumer)
        (end,) = struct.unpack_from("<Q", self._data)
        while position < end and limit > 0:
            start = position & (self._size - 1)
            (header,) = struct.unpack_from("<I", self._data, _PAGE + start)  # 8-aligned: never in two halves
            if header & _BUSY:
                return
            length = header & ~(_BUSY | _DISCARDED)
            record = self._slice(start + _HEADER, length)
            position += (length + _HEADER + 7) & ~7
            struct.pack_into("<Q", self._consumer, 0, position)
            if not header & _DISCARDED:
                limit -= 1
                yield record

    def _slice(self, start: int, length: int) -> bytes:
        end = start + length  # may lie behind the map, where slices just end
        again = self._data[_PAGE + max(start - self._size, 0) : _PAGE + max(end - self._size, 0)]
        return self._data[_PAGE + start : _PAGE + end] + again

    def close(self) -> None:
        """Unmap."""
        self._consumer.close()
        self._data.close()
