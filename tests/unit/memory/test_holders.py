"""Who has a channel at hand, in programs made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from otelchan.errors import MemoryGone
from otelchan.memory import holders
from otelchan.memory.holders import find_holders
from otelchan.memory.types import Held
from tests.support.fabricated import FUNCTIONS, LAYOUT, TEXT, Fabricated

OBJECTS = 0xC004002000
SIZE = 64


def look(program: Fabricated, *channels: int) -> Held:
    """Who has these channels."""
    text = TEXT + program.bias, TEXT + program.bias + 256 * len(FUNCTIONS)
    wanted = np.array(channels, np.uint64)
    found = find_holders(program.memory, LAYOUT, program.globals, program.bias, text, wanted)
    assert found is not None
    return found


def sp(program: Fabricated, g: int) -> int:
    """Its stack pointer."""
    return int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little")


def put(program: Fabricated, g: int, value: int, offset: int = 0) -> None:
    """A word into the used part of a goroutine's stack."""
    program.memory.word(sp(program, g) + offset, value)


def heap(program: Fabricated, number: int, *words: int) -> int:
    """An object of the heap with these words, and its address."""
    address = OBJECTS + SIZE * number
    program.memory.write(address, bytes(SIZE))
    for place, word in enumerate(words):
        program.memory.word(address + 8 * place, word)
    return address


@pytest.fixture(params=[0, 0x555555554000])
def program(request: pytest.FixtureRequest) -> Fabricated:
    """With a span of objects, none of them free."""
    made = Fabricated(request.param)
    made.span(OBJECTS, SIZE, objects=100, free_index=100, bits=0)
    return made


def test_a_channel_on_the_stack_is_held(program: Fabricated) -> None:
    """Of one of three goroutines, and of two others another one."""
    first, second, third = (program.goroutine() for _ in range(3))
    mine, ours, nobodys = (program.channel() for _ in range(3))
    put(program, first, mine)
    put(program, second, ours)
    put(program, third, ours, offset=16)

    assert {mine: (1,), ours: (2, 3), nobodys: ()} == look(program, mine, ours, nobodys).holders


def test_below_the_stack_pointer_and_behind_the_end_nobody_looks(program: Fabricated) -> None:
    """What is there belongs to calls that have returned, or to somebody else."""
    goroutine, channel = program.goroutine(), program.channel()
    put(program, goroutine, channel, offset=-8)
    high = int.from_bytes(program.memory.read(goroutine + LAYOUT["g.stack.hi"], 8), "little")
    program.memory.word(high, channel)

    assert {channel: ()} == look(program, channel).holders


@pytest.mark.parametrize("status", ["waiting", "runnable", "syscall", "running", "preempted"])
def test_every_goroutine_that_lives_is_looked_at(program: Fabricated, status: str) -> None:
    """Also one that runs, as far as its stack was when it last left the processor."""
    goroutine, channel = program.goroutine(status=status), program.channel()
    put(program, goroutine, channel)

    assert {channel: (1,)} == look(program, channel).holders


@pytest.mark.parametrize("status", ["dead", "idle"])
def test_one_that_does_not_live_holds_nothing(program: Fabricated, status: str) -> None:
    """Its stack may be anybody's."""
    goroutine, channel = program.goroutine(status=status), program.channel()
    put(program, goroutine, channel)

    assert {channel: ()} == look(program, channel).holders


def test_a_closure_on_the_stack_holds_what_it_captured(program: Fabricated) -> None:
    """An object that begins with the address of code."""
    goroutine, channel = program.goroutine(), program.channel()
    put(program, goroutine, heap(program, 3, program.pc("main.worker"), 5, channel))

    found = look(program, channel)
    assert ({channel: (1,)}, {channel: ()}) == (found.holders, found.reaching)


def test_another_object_on_the_stack_reaches_what_is_in_it(program: Fabricated) -> None:
    """Also by a pointer into its middle; a struct with a channel may be in many hands."""
    goroutine, channel = program.goroutine(), program.channel()
    put(program, goroutine, heap(program, 3, 7, channel) + 16)

    found = look(program, channel)
    assert ({channel: ()}, {channel: (1,)}) == (found.holders, found.reaching)


def test_two_objects_away_is_not_seen(program: Fabricated) -> None:
    """One step is what is looked at."""
    goroutine, channel = program.goroutine(), program.channel()
    put(program, goroutine, heap(program, 1, 7, heap(program, 2, 7, channel)))

    assert ({channel: ()}, {channel: ()}) == look(program, channel)


def test_one_object_is_in_the_hands_of_all_that_point_to_it(program: Fabricated) -> None:
    """Each goroutine once, whatever is on its stack twice."""
    first, second, channel = program.goroutine(), program.goroutine(), program.channel()
    closure = heap(program, 0, program.pc("main.worker"), channel, channel)
    for goroutine in (first, second):
        put(program, goroutine, closure)
        put(program, goroutine, closure, offset=8)

    assert {channel: (1, 2)} == look(program, channel).holders


def test_with_too_many_goroutines_nothing_is_looked_for(program: Fabricated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor with too large stacks: that it was not looked for is something else than that nobody was found."""
    for number in range(3):
        put(program, program.goroutine(), heap(program, number))
    channel, text = np.array([program.channel()], np.uint64), (TEXT, TEXT + 1)
    for name, value in (("MOST_GOROUTINES", 2), ("MOST_BYTES", 100), ("MOST_POINTERS", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(holders, name, value)
            assert find_holders(program.memory, LAYOUT, program.globals, program.bias, text, channel) is None


def test_a_stack_that_cannot_be_read_holds_nothing(program: Fabricated) -> None:
    """It was just moved; those beside it are looked at all the same."""
    first, second, channel = program.goroutine(), program.goroutine(), program.channel()
    put(program, first, channel)
    put(program, second, channel)
    program.memory.unmap(sp(program, first), 8)

    assert {channel: (2,)} == look(program, channel).holders


def test_a_program_that_is_gone_is_no_program_without_holders(program: Fabricated) -> None:
    """The caller is told."""
    program.memory.unmap(program.globals.allglen + program.bias)
    with pytest.raises(MemoryGone):
        look(program, 1)


def test_an_entry_of_the_channels_queue_is_in_nobodys_hands(program: Fabricated) -> None:
    """The runtime hands them from one goroutine to another; who had it has nothing to do with the channel."""
    waiting, other, channel = program.goroutine(), program.goroutine(), program.channel()
    sudog = OBJECTS + 10 * SIZE
    program.span(OBJECTS, 2 * SIZE, objects=50, free_index=50, bits=0)
    program.set("sudog", sudog, "g", waiting)
    program.set("sudog", sudog, "c", channel)
    put(program, other, sudog)
    assert {channel: ()} == look(program, channel).reaching

    program.set("sudog", sudog, "g", 4711)
    assert {channel: (2,)} == look(program, channel).reaching


def test_stacks_that_cannot_be_so_large_are_not_looked_through(program: Fabricated) -> None:
    """A program may say anything: the sum of these sizes is nearly nothing, because it has more than 64 bits."""
    for _ in range(2):
        g = program.goroutine()
        program.set("g", g, "stack.hi", sp(program, g) + (1 << 63))
    text, wanted = (TEXT + program.bias, TEXT + program.bias + 256), np.array([1], np.uint64)
    assert find_holders(program.memory, LAYOUT, program.globals, program.bias, text, wanted) is None
