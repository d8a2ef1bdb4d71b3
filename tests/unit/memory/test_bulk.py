"""Many small pieces by few reads."""

import numpy as np

from otelchan.memory.bulk import BATCH_BYTES, BLOCK, GAP, batches, copy, copy_in_order, structs, words
from otelchan.testing import MemoryImage


def u64(*values: int) -> np.ndarray:
    """An array of addresses."""
    return np.array(values, np.uint64)


def test_neighbours_are_read_together() -> None:
    """A gap of up to GAP bytes is read, a larger one is not; the order of the pieces stays."""
    memory = MemoryImage({0x10000: bytes(range(256)) * 64})
    far = 0x10000 + 8 + GAP
    found = copy(memory, u64(far + 2 * GAP, 0x10000, far), u64(8, 8, 8))

    assert [memory.read(a, 8) for a in (far + 2 * GAP, 0x10000, far)] == [
        found.data[start : start + 8].tobytes() for start in found.start
    ]
    assert 16 + GAP + 8 == len(found.data)


def test_pieces_in_different_blocks_are_read_apart() -> None:
    """So that one unreadable page spoils little of what was joined."""
    memory = MemoryImage({BLOCK: bytes(BLOCK + 64)})
    found = copy(memory, u64(2 * BLOCK - 16, 2 * BLOCK), u64(8, 8))

    assert 16 == len(found.data)


def test_an_unreadable_page_costs_only_what_lies_on_it() -> None:
    """The neighbours that it was read with are read again, each on its own."""
    memory = MemoryImage({0x1FF0: b"a" * 16, 0x3000: b"c" * 16})
    memory.unmap(0x2000)
    memory.write(0x3008, b"d")
    found, whole = words(memory, u64(0x1FF8, 0x2010, 0x3000))

    assert [True, False, True] == whole.tolist()
    assert [int.from_bytes(b"a" * 8, "little"), 0, int.from_bytes(b"c" * 8, "little")] == found.tolist()


def test_pieces_may_overlap() -> None:
    """The same struct twice, and one within another."""
    memory = MemoryImage({0x1000: bytes(range(64))})
    found = copy(memory, u64(0x1000, 0x1008, 0x1000), u64(32, 8, 32))

    assert [0, 8, 0] == [int(found.data[start]) for start in found.start]
    assert 32 == len(found.data)


def test_impossible_addresses_are_not_read() -> None:
    """Unaligned ones and the kernel's half, as they come from memory that was just freed."""
    memory = MemoryImage({0x1000: b"\1" * 4096})
    found, whole = structs(memory, u64(0x1001, (1 << 64) - 8, 0, 0x1008), {"a": (0, np.uint64), "b": (8, np.uint16)})

    assert [False, False, False, True] == whole.tolist()
    assert [0, 0, 0, 0x0101] == found["b"].tolist()


def test_fields_are_found_at_their_offset_and_width() -> None:
    """Little-endian, signed where asked for."""
    memory = MemoryImage({0x1000: b"\xff\xff\xff\xff\x05\x00\x07"})
    found, _ = structs(memory, u64(0x1000), {"s": (0, np.int32), "h": (4, np.uint16), "b": (6, np.uint8)})

    assert (-1, 5, 7) == (found["s"][0], found["h"][0], found["b"][0])


def test_order_is_kept_where_it_matters() -> None:
    """Pieces are read one after the other, and one that is missing is zero."""
    order: list[int] = []
    memory = MemoryImage({0x1000: b"\1" * 16})
    memory.before_piece = lambda address, size: order.append(address)
    found = copy_in_order(memory, u64(0x1008, 0x9000, 0x1000), u64(8, 8, 8))

    assert [0x1008, 0x9000, 0x1000] == order[:3]
    assert ([True, False, True], [1, 0, 1]) == (found.whole.tolist(), found.data[found.start].tolist())


def test_batches_are_bounded_and_cover_everything() -> None:
    """Without its last piece none has more than BATCH_BYTES; no piece, no batch."""
    sizes = u64(*[BATCH_BYTES // 4] * 9, 3 * BATCH_BYTES, 8)
    parts = list(batches(sizes))

    assert list(range(len(sizes))) == [i for part in parts for i in range(part.start, part.stop)]
    assert all(sizes[part][:-1].sum() <= BATCH_BYTES for part in parts)
    assert [] == list(batches(u64()))
