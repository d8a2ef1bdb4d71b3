"""Memory that was read once and can be read again: a Reader that keeps what it is asked for, and one that plays it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import MemoryGone
from otelchan.memory.rows import Indices
from otelchan.memory.types import Reader, WindowReader

_PAGE = 4096
_NONE: list[bytes | None] = []


class Read(NamedTuple):
    """One piece that was asked for. data: None when it could not be read.

    took: nanoseconds that the window which begins with this piece took; -1: the window could not be read as one, and
    this says nothing of the piece.
    """

    address: int
    size: int
    data: bytes | None
    took: int = 0


class RecordingReader:
    """The Reader behind it, with a memory of what it said. Changes nothing that its user sees."""

    def __init__(self, inner: Reader) -> None:
        self.bytes_read = inner.bytes_read
        self._inner = inner
        self._reads: list[Read] = []

    def take(self) -> list[Read]:
        """What was read since the last call, in this order."""
        reads, self._reads = self._reads, []
        return reads

    def read(self, address: int, size: int) -> bytes:
        """As the reader behind it."""
        data = self._inner.read(address, size)
        self.bytes_read = self._inner.bytes_read
        self._reads.append(Read(address, size, data))
        return data

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """As the reader behind it."""
        found = self._inner.read_many(spans)
        self.bytes_read = self._inner.bytes_read
        pairs = zip(spans, found, strict=True)
        self._reads += [Read(int(address), int(size), data) for (address, size), data in pairs]
        return found

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """As the reader behind it. When a piece is missing, nothing was said of the others either."""
        joined = self._inner.read_joined(spans)
        self.bytes_read = self._inner.bytes_read
        if joined is not None:
            self._keep(memoryview(joined), spans)
        return joined

    def read_windows(self, spans: NDArray[np.uint64], bounds: Indices) -> tuple[NDArray[np.uint8], Indices]:
        """As the reader behind it, which memory.types.WindowReader describes; else as if memory stood still."""
        if isinstance(self._inner, WindowReader):
            data, took = self._inner.read_windows(spans, bounds)
        else:
            joined = self._inner.read_joined(spans)
            size = int(spans[:, 1].sum())
            data = np.zeros(size, np.uint8) if joined is None else np.frombuffer(joined, np.uint8)
            took = np.full(len(bounds) - 1, -1 if joined is None else 0, np.int64)
        self.bytes_read = self._inner.bytes_read
        at = 0
        for (first, last), nanoseconds in zip(pairwise(bounds.tolist()), took.tolist(), strict=True):
            size = int(spans[first:last, 1].sum())
            self._keep(data[at : at + size].data, spans[first:last], nanoseconds)
            at += size
        return data, took

    def _keep(self, data: memoryview, spans: NDArray[np.uint64], took: int = 0) -> None:
        at = 0
        for address, size in spans.tolist():
            self._reads.append(Read(address, size, bytes(data[at : at + size]) if took >= 0 else None, took))
            if took < 0:
                return
            at, took = at + size, 0


class RecordedReader:
    """The Reader of a recording. Answers as the program did, in the order in which it did.

    A piece that was read several times has the value of each time, the last one from then on, also in later parts in
    which it was not read again. A piece that was never read as such is put together from those that were.
    """

    def __init__(self) -> None:
        self.bytes_read = 0
        self._known: dict[tuple[int, int], list[bytes | None]] = {}
        self._took: dict[tuple[int, int], list[int]] = {}
        self._pages: dict[int, tuple[bytearray, bytearray]] | None = None

    def load(self, reads: Iterable[Read]) -> None:
        """The next part of the recording: what was read next, in this order."""
        fresh: dict[tuple[int, int], list[bytes | None]] = {}
        self._took = {}
        for address, size, data, took in reads:
            if took >= 0:
                fresh.setdefault((address, size), []).append(data)
            if took:
                self._took.setdefault((address, size), []).append(took)
        for key, values in fresh.items():
            self._known.pop(key, None)  # so that the newest come last
            self._known[key] = values
        self._pages = None

    def read(self, address: int, size: int) -> bytes:
        """Raises MemoryGone when these bytes were not recorded."""
        (data,) = self.read_many([(address, size)])
        if data is None:
            raise MemoryGone(
                f"{size} bytes at {address:#x} are not in it; if another version of otelchan made it, play it with that"
            )
        return data

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """None where it was not recorded, or could not be read then."""
        found = [self._one(address, size) for address, size in spans]
        self.bytes_read += sum(len(data) for data in found if data is not None)
        return found

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """None when any piece was not recorded, or could not be read then."""
        # Asked first, so that the pieces before a missing one are still there for read_many.
        if any(self._one(address, size, keep=True) is None for address, size in spans.tolist()):
            return None
        return bytearray().join(data for data in self.read_many(spans.tolist()) if data is not None)

    def read_windows(self, spans: NDArray[np.uint64], bounds: Indices) -> tuple[NDArray[np.uint8], Indices]:
        """As memory.types.WindowReader, with the times that it took then."""
        parts, took = [], []
        for first, last in pairwise(bounds.tolist()):
            window = spans[first:last]
            times = self._took.get((int(window[0, 0]), int(window[0, 1])))
            nanoseconds = times.pop(0) if times else 0
            joined = None if nanoseconds < 0 else self.read_joined(window)
            parts.append(bytes(int(window[:, 1].sum())) if joined is None else joined)
            took.append(-1 if joined is None else nanoseconds)
        return np.frombuffer(bytearray().join(parts), np.uint8), np.array(took, np.int64)

    def _one(self, address: int, size: int, keep: bool = False) -> bytes | None:
        values = self._known.get((address, size), _NONE)
        if not values:
            return self._put_together(address, size)
        return values.pop(0) if len(values) > 1 and not keep else values[0]

    def _put_together(self, address: int, size: int) -> bytes | None:
        """From whatever pieces have these bytes, the newest first."""
        if self._pages is None:
            self._pages = _pages(self._known)
        parts = []
        while size > 0:
            page, offset = divmod(address, _PAGE)
            data, there = self._pages.get(page, (b"", b""))
            length = min(size, _PAGE - offset)
            if not data or there.find(0, offset, offset + length) >= 0:
                return None
            parts.append(bytes(data[offset : offset + length]))
            address, size = address + length, size - length
        return b"".join(parts)


def _pages(known: dict[tuple[int, int], list[bytes | None]]) -> dict[int, tuple[bytearray, bytearray]]:
    """Contents of each page, and a 1 for each byte that is known."""
    pages: dict[int, tuple[bytearray, bytearray]] = {}
    for (address, _), values in known.items():
        data = values[-1] or b""
        while data:
            page, offset = divmod(address, _PAGE)
            part = data[: _PAGE - offset]
            contents, there = pages.setdefault(page, (bytearray(_PAGE), bytearray(_PAGE)))
            contents[offset : offset + len(part)] = part
            there[offset : offset + len(part)] = b"\1" * len(part)
            address, data = address + len(part), data[len(part) :]
    return pages
