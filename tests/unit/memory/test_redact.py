"""What of a stack goes into a recording."""

from __future__ import annotations

import struct

from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.recorded import Read
from otelchan.memory.redact import StackRedactor, redacted

TEXT = (0x401000, 0x480000)
STACK = (0xC000010000, 0xC000014000)
G, LIST, LIST_AT = 0xC000002000, 0xC000008000, 0x600008
LAYOUT = Layout("go1.99.9", "table", {"g.stack.lo": 0, "g.stack.hi": 8}, {})
GLOBALS = Globals(0x600000, LIST_AT, 3, 4, 5, 6, "symbols")


def words(*values: int) -> bytes:
    """As they are in memory."""
    return struct.pack(f"<{len(values)}Q", *values)


def redactor() -> StackRedactor:
    """Of a program that was loaded where it was linked."""
    return StackRedactor(LAYOUT, GLOBALS, 0, TEXT)


def test_only_return_addresses_and_frame_pointers_stay() -> None:
    """Numbers, text and pointers into the heap become zero; both ends of stack and code count to them."""
    secret = int.from_bytes(b"password", "little")
    data = words(secret, STACK[0], TEXT[0], 7, STACK[1], TEXT[1], 0xC000099000, TEXT[0] - 1, STACK[1] + 1)

    assert words(0, STACK[0], TEXT[0], 0, STACK[1], TEXT[1], 0, 0, 0) == redacted(data, STACK, TEXT)
    assert words(0) + bytes(3) == redacted(words(5) + b"abc", STACK, TEXT)


def test_what_is_read_of_a_stack_is_redacted_and_nothing_else() -> None:
    """A stack is what a g struct says it is, in whichever piece that lies."""
    g = Read(G - 64, 128, bytes(64) + words(*STACK) + bytes(48))
    heap = Read(STACK[1], 8, words(42))
    missing = Read(STACK[0] + 64, 8, None)
    stack = Read(STACK[1] - 16, 16, words(42, TEXT[0] + 5))

    assert [g, heap, missing, Read(stack.address, 16, words(0, TEXT[0] + 5))] == redactor().redact(
        [g, heap, missing, stack], [G]
    )


def test_a_stack_that_was_moved_meanwhile_is_redacted_in_both_places() -> None:
    """Each copy of the g struct says where it was then."""
    other = (0xC000020000, 0xC000028000)
    reads = [Read(G, 16, words(*STACK)), Read(STACK[0], 8, words(1)), Read(G, 16, words(*other))]
    reads.append(Read(other[0], 8, words(2)))

    assert [words(0)] * 2 == [read.data for read in redactor().redact(reads, [G])[1::2]]


def test_goroutines_that_the_census_gave_up_are_found_in_the_runtimes_list() -> None:
    """Their stacks were read as well."""
    reads = [
        Read(LIST_AT, 8, words(LIST)),
        Read(LIST, 8, words(G)),
        Read(G, 16, words(*STACK)),
        Read(STACK[0] + 8, 8, words(99)),
    ]

    assert words(0) == redactor().redact(reads, [])[-1].data


def test_a_goroutine_that_has_no_stack_changes_nothing() -> None:
    """One that is dead, or half made."""
    reads = [Read(G, 32, words(0, 0, 0, STACK[1])), Read(8, 8, words(3))]
    assert reads == redactor().redact(reads, [G, G + 16])


def test_without_goroutines_everything_stays() -> None:
    """As when only a channel was looked at."""
    reads = [Read(G, 16, words(1, 2))]
    assert reads == redactor().redact(reads, [])
    assert [] == redactor().redact([], [])
