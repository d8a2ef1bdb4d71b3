"""Channels that os/signal knows, from the memory of its map as each form of map lays it out."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from otelchan.gobinary.types import NOT_KNOWN, BuildInfo, GoImage
from otelchan.memory.registered import registered
from otelchan.testing import MemoryImage
from tests.support.images import go_image

PLACE, HEADER, SLOTS, MORE = 0x600000, 0xC000010000, 0xC000020000, 0xC000030000
BIAS = 0x1000
KNOWN, UNKNOWN = 0xC000100000, 0xC000100070


def image(version: str = "go1.27.3", signal_map: int = PLACE) -> GoImage:
    """A program whose map is there."""
    made = go_image()
    return replace(made, globals=replace(made.globals, signal_map=signal_map), build=BuildInfo(version, "a", "a"))


def memory(*header: int) -> MemoryImage:
    """The variable, and the words of the map's header."""
    written = MemoryImage()
    written.word(PLACE + BIAS, HEADER)
    written.write(HEADER, struct.pack(f"<{len(header)}Q", *header))
    return written


def look(written: MemoryImage, of: GoImage) -> frozenset[int] | None:
    """Which of two channels are known."""
    return registered(written, of, BIAS, [KNOWN, UNKNOWN])


@pytest.mark.parametrize("version", ["go1.24.0", "go1.27.3", "devel go1.28-abcdef"])
def test_a_small_map_of_the_newer_form_is_one_group(version: str) -> None:
    """Map: used, seed, the group, no directory."""
    written = memory(1, 77, SLOTS, 0)
    written.word(SLOTS + 8 + 16 * 7, KNOWN)

    assert frozenset({KNOWN}) == look(written, image(version))


def test_a_large_map_of_the_newer_form_has_tables() -> None:
    """Map: a directory of tables, one of them twice; each has its groups."""
    written = memory(20, 77, SLOTS, 2)
    written.write(SLOTS, struct.pack("<2Q", MORE, MORE))
    groups = MORE + 0x1000
    written.write(MORE, struct.pack("<4Q", 0, 0, groups, 3))
    written.word(groups + 3 * 136 + 8 + 16 * 2, KNOWN)
    written.word(groups + 4 * 136 + 8, UNKNOWN)  # behind the last one

    assert frozenset({KNOWN}) == look(written, image())


@pytest.mark.parametrize("version", ["go1.19.13", "go1.23.12", "go1.25.11 X:noswissmap"])
def test_a_map_of_the_older_form_has_buckets(version: str) -> None:
    """hmap: count, B = 1, buckets; the second overflows."""
    written = memory(9, 1 << 8, SLOTS, 0)
    written.word(SLOTS + 144 + 136, MORE)
    written.word(MORE + 8 + 8 * 3, KNOWN)
    written.word(SLOTS + 2 * 144 + 8, UNKNOWN)  # behind the last one

    assert frozenset({KNOWN}) == look(written, image(version))


def test_a_map_of_the_older_form_that_grows_has_old_buckets_too() -> None:
    """What has not moved yet is in them."""
    written = memory(9, 1 << 8, SLOTS, MORE)
    written.write(SLOTS, bytes(288))
    written.word(MORE + 8, KNOWN)

    assert frozenset({KNOWN}) == look(written, image("go1.22.12"))


def test_nobody_listens_to_signals() -> None:
    """No map was made yet, or os/signal is not linked in: that is known."""
    empty = MemoryImage()
    empty.word(PLACE + BIAS, 0)

    assert frozenset() == look(empty, image()) == look(MemoryImage(), image(signal_map=0))


def test_what_cannot_be_read_is_not_known() -> None:
    """Neither yes nor no: where the map is, what it points to, a map of a size that nobody has."""
    assert look(MemoryImage(), image(signal_map=NOT_KNOWN)) is None
    assert look(MemoryImage(), image()) is None
    assert look(memory(1, 77, 0xDEAD0000, 0), image()) is None
    assert look(memory(1, 77, SLOTS, 1 << 40), image()) is None
    assert look(memory(1, 40 << 8, SLOTS, 0), image("go1.22.12")) is None
    loop = memory(9, 0, SLOTS, 0)
    loop.word(SLOTS + 136, SLOTS)
    assert look(loop, image("go1.22.12")) is None
