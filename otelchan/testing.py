"""Stands in for a live program in tests, also in those of other people: memory and functions from values.

>>> memory = MemoryImage()
>>> memory.write(0xC000000000, b"\\x01\\x00\\x00\\x00")
>>> memory.read(0xC000000000, 4)
b'\\x01\\x00\\x00\\x00'
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import MemoryGone

PAGE = 4096


class MemoryImage:
    """A Reader over bytes by address. Pages exist once something is written to them; the rest of such a page is zero.

    bytes_read, calls: as in memory.live.LiveReader; a call is one read, one read_many or one read_joined.
    before_piece: called with address and size before each piece is read, so that a test can have a program that runs
    on while it is looked at.
    """

    def __init__(self, contents: Mapping[int, bytes] | None = None) -> None:
        self._pages: dict[int, bytearray] = {}
        self.bytes_read = 0
        self.calls = 0
        self.before_piece: Callable[[int, int], None] | None = None
        for address, data in (contents or {}).items():
            self.write(address, data)

    def write(self, address: int, data: bytes) -> None:
        """Set the bytes at an address; what was there before is gone."""
        while data:
            page, offset = divmod(address, PAGE)
            part = data[: PAGE - offset]
            self._pages.setdefault(page, bytearray(PAGE))[offset : offset + len(part)] = part
            address, data = address + len(part), data[len(part) :]

    def word(self, address: int, value: int) -> None:
        """Set the 64-bit little-endian word at an address."""
        self.write(address, struct.pack("<Q", value % (1 << 64)))

    def unmap(self, address: int, size: int = 1) -> None:
        """Remove every page that has a byte of [address, address + size)."""
        for page in range(address // PAGE, (address + size - 1) // PAGE + 1):
            self._pages.pop(page, None)

    def read(self, address: int, size: int) -> bytes:
        """Raises MemoryGone when a page is missing."""
        (data,) = self.read_many([(address, size)])
        if data is None:
            raise MemoryGone(f"{size} bytes at {address:#x} are not in this image; write them first")
        return data

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """None where a page is missing."""
        self.calls += 1
        found = [self._find(address, size) for address, size in spans]
        self.bytes_read += sum(len(data) for data in found if data is not None)
        return found

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """None when a page of any piece is missing."""
        found = self.read_many([(address, size) for address, size in spans.tolist()])
        return None if None in found else bytearray().join(data for data in found if data is not None)

    def _find(self, address: int, size: int) -> bytes | None:
        if self.before_piece:
            self.before_piece(address, size)
        parts = []
        while size > 0:
            page = self._pages.get(address // PAGE)
            if page is None:
                return None
            part = page[address % PAGE : address % PAGE + size]
            parts.append(bytes(part))
            address, size = address + len(part), size - len(part)
        return b"".join(parts)
