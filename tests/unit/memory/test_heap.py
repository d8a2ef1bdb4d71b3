"""Whether a slot of the heap is allocated, as the allocator says."""

import numpy as np
import pytest

from otelchan.memory.heap import allocated, slots
from tests.support.fabricated import LAYOUT, Fabricated

SPAN = 0xC004002000
SIZE = 96


def answers(program: Fabricated, *addresses: int) -> list[bool]:
    """One per address."""
    found = allocated(program.memory, LAYOUT, program.globals, program.bias, np.array(addresses, np.uint64))
    return [bool(answer) for answer in found]


def slot(number: int) -> int:
    """The address of a slot of the span."""
    return SPAN + SIZE * number


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_slots_below_the_free_index_and_with_their_bit_set_are_allocated(bias: int) -> None:
    """isFree: at or behind the free index a slot is free when its bit is 0; before it the bit means nothing."""
    program = Fabricated(bias)
    program.span(SPAN, SIZE, objects=80, free_index=3, bits=1 << 5 | 1 << 70)

    assert [True, True, False, False, True, False, True] == answers(program, *map(slot, (0, 2, 3, 4, 5, 69, 70)))


def test_slots_with_their_bit_set_have_survived_the_last_collection() -> None:
    """Behind the free index or before it; what was taken since then has no bit, and nothing that is free survived."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=3, bits=1 << 1 | 1 << 5)
    addresses = np.array([*map(slot, (0, 1, 4, 5)), slot(1) + 8], np.uint64)
    _, survived = slots(program.memory, LAYOUT, program.globals, program.bias, addresses)

    assert [False, True, False, True, False] == survived.tolist()


def test_an_address_within_an_object_is_no_object() -> None:
    """A channel starts where its slot does."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=80, bits=0)

    assert [True, False] == answers(program, slot(1), slot(1) + 8)


def test_what_is_behind_the_last_object_is_not_allocated() -> None:
    """A span may have bytes left over at its end, and bits that mean nothing."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=80, bits=1 << 80)

    assert [True, False] == answers(program, slot(79), slot(80))


@pytest.mark.parametrize("state", [0, 2])
def test_a_span_of_another_use_has_no_objects(state: int) -> None:
    """A free one, or one of stacks: the memory was given back and used again."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=80, bits=0, state=state)

    assert [False] == answers(program, slot(0))


def test_a_stale_entry_of_the_span_table_is_noticed() -> None:
    """Pages within a free span may point to any span: the address must lie in it."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=80, bits=0, pages=2)

    assert [False] == answers(program, SPAN + 8192)


def test_addresses_outside_of_the_heap_are_not_allocated() -> None:
    """No arena, no page table entry, no user address."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=80, bits=0)

    assert [False] * 4 == answers(program, 0x400000, SPAN + (1 << 26), SPAN + (1 << 20), (1 << 64) - 8)


def test_nothing_is_asked_about_nothing() -> None:
    """No addresses, no answers."""
    program = Fabricated()
    program.span(SPAN, SIZE, objects=80, free_index=80, bits=0)

    assert [] == answers(program)
