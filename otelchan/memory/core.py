"""The memory of a program that has died, or of a snapshot of one: a core file, and what it leaves out of its file.

The kernel leaves mapped files that were not written to out of a core (coredump_filter 0x33; vma_dump_size in
fs/coredump.c of Linux 6.1), so code, function tables and constants come from the executable itself.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import MemoryGone, TargetError
from otelchan.gobinary.types import Segment
from otelchan.memory.elfcore import CoreFile, Load


class _Pieces(NamedTuple):
    """Memory that can be read, by ascending address, nothing twice. file: 0 the core, 1 the executable."""

    start: NDArray[np.uint64]
    size: NDArray[np.uint64]
    offset: NDArray[np.uint64]
    file: NDArray[np.int64]


class CoreReader:
    """The Reader of a core file; a context manager, because its files are mapped: only what is asked for is read.

    Raises TargetError when a file cannot be opened.
    """

    def __init__(self, core: CoreFile, binary: str = "", segments: Sequence[Segment] = (), bias: int = 0) -> None:
        """binary, segments, bias: the executable that the core is of, proved to be, and where it was loaded.

        What is missing in the core is taken from its read-only segments. Missing memory that the program may have
        written to stays unreadable.
        """
        self.path = core.path
        self.bytes_read = 0
        self.calls = 0
        self._maps = [_mapped(core.path)]
        fixed = [s for s in segments if not s.writable and s.file_size]
        if binary:
            self._maps.append(_mapped(binary))
        self._views = [memoryview(data) for data in self._maps]
        fills = [Load(s.address + bias, s.offset, s.file_size) for s in fixed] if binary else []
        self._pieces = _pieces(core.loads, fills)

    def __enter__(self) -> CoreReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmap the files. Idempotent."""
        for view in self._views:
            view.release()
        for data in self._maps:
            data.close()

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at a live address. Raises MemoryGone when neither core nor executable has all of them."""
        (data,) = self.read_many([(address, size)])
        if data is None:
            raise MemoryGone(
                f"{size} bytes at {address:#x} are not in the core {self.path}; take it with coredump_filter 0x33 "
                "(see man 5 core), the kernel's default"
            )
        return data

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """One entry per (address, size): the bytes, or None where not all of them are there."""
        found: list[bytes | None] = []
        self.calls += 1
        for span in np.array(spans, np.uint64).reshape(-1, 2):
            data = bytearray(int(span[1]))
            found.append(bytes(data) if self._copy(span.reshape(1, 2), data) else None)
        return found

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """All pieces, one (address, size) per row, one after the other; None when any of them is not there."""
        data = bytearray(int(spans[:, 1].sum()))
        self.calls += 1
        return data if self._copy(spans, data) else None

    def _copy(self, spans: NDArray[np.uint64], into: bytearray) -> bool:
        """Whether all could be copied."""
        pieces = self._pieces
        if not len(pieces.start):
            return not into
        address, size = spans[:, 0], spans[:, 1]
        piece = np.maximum(np.searchsorted(pieces.start, address, side="right") - 1, 0)
        skipped = address - pieces.start[piece]
        inside = (address >= pieces.start[piece]) & (skipped <= pieces.size[piece])
        whole = inside & (size <= pieces.size[piece] - np.where(inside, skipped, 0))
        starts = (pieces.offset[piece] + skipped).tolist()
        at, target = 0, memoryview(into)
        rows = zip(whole.tolist(), pieces.file[piece].tolist(), starts, size.tolist(), strict=True)
        for row, (good, file, begin, length) in enumerate(rows):
            if good:
                target[at : at + length] = self._views[file][begin : begin + length]
            elif not self._glue(int(address[row]), target[at : at + length]):
                return False
            at += length
        self.bytes_read += at
        return True

    def _glue(self, address: int, target: memoryview) -> bool:
        """One span that lies across the bounds of pieces."""
        pieces = self._pieces
        while len(target):
            piece = int(np.searchsorted(pieces.start, np.uint64(address), side="right")) - 1
            skipped = address - int(pieces.start[piece])
            length = min(len(target), int(pieces.size[piece]) - skipped)
            if piece < 0 or length <= 0:
                return False
            begin = int(pieces.offset[piece]) + skipped
            target[:length] = self._views[int(pieces.file[piece])][begin : begin + length]
            address, target = address + length, target[length:]
        return True


def _mapped(path: str) -> mmap.mmap:
    try:
        with Path(path).open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise TargetError(f"{path} cannot be opened: {error}; give the path of a readable file") from None


def _pieces(loads: Sequence[Load], fills: Sequence[Load]) -> _Pieces:
    """What the core has, and of the fills what it lacks."""
    rows = [(*load, 0) for load in loads]
    for fill in sorted(fills):
        address, end = fill.address, fill.address + fill.size
        for load in loads:  # ascending
            if load.address + load.size <= address or load.address >= end:
                continue
            if address < load.address:
                rows.append((address, fill.offset + address - fill.address, load.address - address, 1))
            address = load.address + load.size
        if address < end:
            rows.append((address, fill.offset + address - fill.address, end - address, 1))
    joined: list[list[int]] = []
    for address, offset, size, file in sorted(rows):
        last = joined[-1] if joined else None
        if last and last[3] == file and last[0] + last[2] == address and last[1] + last[2] == offset:
            last[2] += size
        else:
            joined.append([address, offset, size, file])
    table = np.array(joined, np.uint64).reshape(-1, 4)
    return _Pieces(table[:, 0].copy(), table[:, 2].copy(), table[:, 1].copy(), table[:, 3].astype(np.int64))
