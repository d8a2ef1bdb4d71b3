"""Reading memory from core files made by hand, and from the executable what they leave out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Segment
from otelchan.memory.core import CoreReader
from otelchan.memory.elfcore import read_core
from tests.support.cores import Part, write_core

HEAP, TEXT, BIAS = 0xC000000000, 0x400000, 0x10000
ALL = bytes(range(256))


def reader_of(tmp_path: Path, *parts: Part, segments: tuple[Segment, ...] = (), file: bytes = b"") -> CoreReader:
    """A reader of a core with these parts, of an executable with that content."""
    binary = tmp_path / "binary"
    binary.write_bytes(file)
    core = read_core(str(write_core(tmp_path / "core", parts)))
    return CoreReader(core, str(binary) if file else "", segments, BIAS)


def test_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    """One by one, many and joined, and counted."""
    with reader_of(tmp_path, Part(HEAP, ALL), Part(0x1000, b"low")) as reader:
        assert ALL[5:9] == reader.read(HEAP + 5, 4)
        assert [ALL[:2], None, b"low", b""] == reader.read_many([(HEAP, 2), (HEAP + 250, 8), (0x1000, 3), (HEAP, 0)])
        assert bytearray(ALL[8:16] + b"ow") == reader.read_joined(np.array([(HEAP + 8, 8), (0x1001, 2)], np.uint64))
        assert reader.read_joined(np.array([(HEAP, 8), (8, 8)], np.uint64)) is None
        assert (19, 4) == (reader.bytes_read, reader.calls)


def test_it_says_the_same_as_the_memory_it_was_made_of(tmp_path: Path) -> None:
    """Whatever is asked, also at and over the ends of parts, in between, and at the top of the address space."""
    parts = [Part(0x1000, ALL), Part(0x1100, ALL[::-1]), Part(0x1300, ALL), Part((1 << 64) - 0x1000, ALL * 15)]
    with reader_of(tmp_path, *parts) as reader:
        spans = [
            (base + offset, size)
            for base in (0, 0x1000, 0x1100, 0x1200, 0x1300, (1 << 64) - 0x1000)
            for offset in (0, 1, 0xFF)
            for size in (0, 1, 8, 0x100, 0x1FF, 0x401)
            if base + offset + size < 1 << 64
        ]
        memory = {part.address + i: byte for part in parts for i, byte in enumerate(part.data)}
        expected = [
            None if any(address + i not in memory for i in range(size)) else
            bytes(memory[address + i] for i in range(size))
            for address, size in spans
        ]  # fmt: skip
        # An empty piece is there whatever its address, as for a process.
        assert [b"" if size == 0 else data for (_, size), data in zip(spans, expected, strict=True)] == [
            b"" if size == 0 else data for (_, size), data in zip(spans, reader.read_many(spans), strict=True)
        ]


def test_what_the_core_leaves_out_comes_from_the_executable(tmp_path: Path) -> None:
    """At its live address, and only what is missing: what the core has was perhaps changed, as by a probe."""
    file = b"HEAD" + bytes(range(100))
    segments = (Segment(TEXT, 4, 100, 100, True, False),)
    left_out = Part(TEXT + BIAS, b"", 4096)
    changed = Part(TEXT + BIAS + 50, b"\xcc\xcc")
    with reader_of(tmp_path, left_out, changed, segments=segments, file=file) as reader:
        expected = bytes(range(50)) + b"\xcc\xcc" + bytes(range(52, 100))
        assert expected == reader.read(TEXT + BIAS, 100)
        assert [None] == reader.read_many([(TEXT + BIAS + 96, 8)])


def test_memory_that_the_program_may_have_written_is_never_taken_from_the_executable(tmp_path: Path) -> None:
    """Its first values say nothing about its last ones."""
    segments = (Segment(TEXT, 0, 4, 64, False, True),)
    missing = pytest.raises(MemoryGone, match=rf"4 bytes at {TEXT + BIAS:#x} are not in the core .*coredump_filter")
    with reader_of(tmp_path, Part(HEAP, ALL), segments=segments, file=b"data") as reader, missing:
        reader.read(TEXT + BIAS, 4)


def test_a_core_without_memory_has_none(tmp_path: Path) -> None:
    """Everything is missing, nothing fails."""
    with reader_of(tmp_path) as reader:
        assert [None, b""] == reader.read_many([(HEAP, 8), (HEAP, 0)])


def test_a_huge_core_is_not_loaded(tmp_path: Path) -> None:
    """64 GiB of heap, of which the file has a hole: opening and reading a few bytes takes a few pages."""
    path = write_core(tmp_path / "core", [Part(HEAP, b"begin")])
    size = 64 << 30
    data = bytearray(path.read_bytes())
    data[64 + 56 + 32 : 64 + 56 + 40] = size.to_bytes(8, "little")  # p_filesz
    path.write_bytes(data)
    with path.open("r+b") as file:
        file.truncate(len(data) - 5 + size)
    with CoreReader(read_core(str(path))) as reader:
        assert b"begin" == reader.read(HEAP, 5)
        assert bytes(8) == reader.read(HEAP + size - 8, 8)
