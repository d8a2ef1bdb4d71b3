"""MemoryImage behaves as the memory of a process does."""

import numpy as np
import pytest

from otelchan.errors import MemoryGone
from otelchan.testing import MemoryImage


def test_what_is_written_is_read_back_over_page_borders() -> None:
    """A write and a read may cross pages; the rest of a page that exists is zero."""
    memory = MemoryImage({0x1FFE: b"abcd"})

    assert b"\0abcd\0" == memory.read(0x1FFD, 6)


def test_a_page_that_nobody_wrote_cannot_be_read() -> None:
    """Neither alone nor as part of a longer read."""
    memory = MemoryImage({0x1000: b"a"})

    assert [b"a", None, None] == memory.read_many([(0x1000, 1), (0x2000, 1), (0x1FFF, 2)])
    with pytest.raises(MemoryGone, match="2 bytes at 0x1fff are not in this image"):
        memory.read(0x1FFF, 2)


def test_pages_can_be_removed() -> None:
    """As munmap does, whole pages at a time."""
    memory = MemoryImage({0x1000: bytes(3 * 4096)})
    memory.unmap(0x2FFF, 2)

    assert [True, False, False] == [
        data is not None for data in memory.read_many([(p, 1) for p in (0x1000, 0x2000, 0x3000)])
    ]


def test_pieces_are_joined_in_their_order_or_not_at_all() -> None:
    """One unreadable piece leaves nothing."""
    memory = MemoryImage({0x1000: b"abc"})

    assert bytearray(b"cab") == memory.read_joined(np.array([(0x1002, 1), (0x1000, 2)], np.uint64))
    assert memory.read_joined(np.array([(0x1000, 1), (0x5000, 1)], np.uint64)) is None


def test_a_program_can_run_on_between_two_pieces() -> None:
    """before_piece is called before each piece is read."""
    memory = MemoryImage({0x1000: b"a"})
    memory.before_piece = lambda address, size: memory.write(0x1000, b"b") if address == 0x1001 else None

    assert [b"a", b"\0", b"b"] == memory.read_many([(0x1000, 1), (0x1001, 1), (0x1000, 1)])


def test_reads_are_counted() -> None:
    """Bytes that were found, and calls."""
    memory = MemoryImage({0x1000: b"abc"})
    memory.read_many([(0x1000, 3), (0x9000, 5)])
    memory.read(0x1000, 2)

    assert (5, 2) == (memory.bytes_read, memory.calls)
