"""Counting how often instructions of a running program are reached, by the kernel's own uprobe counters.

No BPF, no code of ours: what tests of probe sites compare with.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PERF_EVENT_OPEN = 298  # x86-64
_ATTRIBUTE = struct.Struct("<IIQQQQQIIQQ")  # struct perf_event_attr up to config2, include/uapi/linux/perf_event.h
_TYPE = Path("/sys/bus/event_source/devices/uprobe/type")
_ONLINE = Path("/sys/devices/system/cpu/online")


class Hits:
    """Counters at offsets of one file, for every process that runs it, since they were opened."""

    def __init__(self, path: Path, offsets: Iterable[int]) -> None:
        self._path = ctypes.create_string_buffer(os.fsencode(path))  # the kernel reads it when a counter is opened
        self._counters: dict[int, list[int]] = {}
        for offset in offsets:
            self._counters[offset] = [self._open(offset, cpu) for cpu in _online()]

    def read(self) -> Counter[int]:
        """Hits by offset, cumulative."""
        return Counter(
            {
                offset: sum(int.from_bytes(os.read(counter, 8), "little") for counter in counters)
                for offset, counters in self._counters.items()
            }
        )

    def close(self) -> None:
        """Takes the probes out."""
        for counters in self._counters.values():
            for counter in counters:
                os.close(counter)

    def _open(self, offset: int, cpu: int) -> int:
        attribute = _attribute(int(_TYPE.read_text()), ctypes.addressof(self._path), offset)
        library = ctypes.CDLL(None, use_errno=True)
        counter = library.syscall(_PERF_EVENT_OPEN, ctypes.create_string_buffer(attribute), -1, cpu, -1, 0)
        if counter < 0:
            raise OSError(ctypes.get_errno(), f"perf_event_open of a uprobe at offset {offset:#x}")
        return int(counter)


@contextmanager
def hits(path: Path, offsets: Iterable[int]) -> Iterator[Hits]:
    """Counters for the time of the block."""
    counters = Hits(path, offsets)
    try:
        yield counters
    finally:
        counters.close()


def _attribute(kind: int, path: int, offset: int) -> bytes:
    """config 0: at the instruction, not at a return. config1, config2: the address of the path, the offset."""
    return _ATTRIBUTE.pack(kind, _ATTRIBUTE.size, 0, 0, 0, 0, 0, 0, 0, path, offset)


def _online() -> list[int]:
    cpus: list[int] = []
    for part in _ONLINE.read_text().strip().split(","):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return cpus
