"""Stacks that cross from Go code that C called to Go code that called C."""

from __future__ import annotations

import numpy as np
import pytest

from otelchan.memory.callbacks import Callbacks, Crossing, cross
from otelchan.memory.stacks import Ranges, Sleepers, Stacks, follow

TEXT = (0x1000, 0x9000)
GOEXIT = (0x8000, 0x8010)
END, CALLED_BACK, SWITCH, CALLED = 0x8001, 0x5010, 0x6008, 0x7010
OF_C = 0x7FFF_0000_0000  # the frame pointer of C code
STACK = 0x20000


def callbacks(room: int = 48) -> Callbacks:
    """Where the three functions are. room: of runtime.cgocall's frame, at the call."""
    return Callbacks((0x5000, 0x5100), (0x6000, 0x6020), (0x7000, 0x7100), lambda pc: room if pc == CALLED else -1)


def walked(words: list[int], room: int = 48, size: int = 0) -> Stacks:
    """The stack of a goroutine whose first frame is at its stack pointer. size: words that are copied of it."""
    copied = np.array(words[: size or len(words)], np.uint64)
    high = STACK + 8 * len(words)
    return follow(copied, sleeper(len(copied), high), Ranges(TEXT, GOEXIT, callbacks=callbacks(room)))


def sleeper(copied: int, high: int) -> Sleepers:
    """One whose first frame is at its stack pointer, and so many words of whose stack are there."""
    pc, sp, top = (np.array([value], np.uint64) for value in (0x1111, STACK, high))
    return Sleepers(pc, sp, sp, top, np.array([0]), np.array([8 * copied], np.uint64))


def above(*below: int) -> list[int]:
    """The frame of what C called, that of cgocallback, the pc saved at the call of C, and what is below."""
    return [OF_C, CALLED_BACK, 1, 2, 3, STACK + 99, *below]


def test_since_go_1_21_asmcgocall_has_a_frame_pointer() -> None:
    """It points to the frame of runtime.cgocall, from which the chain goes on."""
    words = above(SWITCH, STACK + 80, CALLED, 0, STACK + 104, 0x2222, 0, 0, 0, END)
    words[7:9] = [STACK + 8 * 10, CALLED]
    words[10:12] = [STACK + 8 * 14, 0x2222]
    stacks = walked([*words[:14], 0, END])

    assert [(0x1111, CALLED_BACK, SWITCH, CALLED, 0x2222, END)] == stacks.stack
    assert ([True], [6]) == (stacks.complete.tolist(), stacks.depth.tolist())


def test_before_it_is_found_by_the_room_of_cgocalls_frame() -> None:
    """The return address into it lies below its frame, whose last word is the frame pointer."""
    words = above(SWITCH - 8, CALLED, 4, 5, 6, 7, 8, STACK + 8 * 16, 0x2222, 9, STACK, END)
    words = [*words[:16], 0, END]
    stacks = walked(words)

    assert [(0x1111, CALLED_BACK, SWITCH - 8, CALLED, 0x2222, END)] == stacks.stack
    assert ([True], [6]) == (stacks.complete.tolist(), stacks.depth.tolist())


def test_on_a_thread_of_c_nothing_comes_after() -> None:
    """Its goroutine begins with the callback."""
    stacks = walked(above(END))

    assert ([(0x1111, CALLED_BACK, END)], [True]) == (stacks.stack, stacks.complete.tolist())


@pytest.mark.parametrize(
    ("words", "room"),
    [
        (above(0x2222, CALLED, 0, 0), 48),
        (above(SWITCH, 0x2222, 0x3333, 0), 48),
        (above(SWITCH, CALLED, 0, 0), -1),
        (above(SWITCH, CALLED, 0, 0), 13),
    ],
    ids=["other saved pc", "no call of C", "unknown room", "odd room"],
)
def test_anything_else_is_torn(words: list[int], room: int) -> None:
    """No frame is guessed: the stack ends with what is certain, and is not complete."""
    stacks = walked(words, room)

    assert ([(0x1111, CALLED_BACK)], [False], [False]) == (
        stacks.stack,
        stacks.complete.tolist(),
        stacks.beyond.tolist(),
    )


@pytest.mark.parametrize("size", [2, 6, 8])
def test_a_copy_that_ends_within_the_crossing_says_so(size: int) -> None:
    """More must be copied."""
    stacks = walked(above(SWITCH, STACK + 8 * 10, CALLED, 0, 0, END), size=size)

    assert ([False], [True]) == (stacks.complete.tolist(), stacks.beyond.tolist())


def test_without_the_functions_of_cgo_nothing_is_crossed() -> None:
    """The chain leads out of the stack."""
    words = np.array(above(END), np.uint64)
    of = sleeper(len(words), STACK + 8 * len(words))

    assert [False] == follow(words, of, Ranges(TEXT, GOEXIT)).complete.tolist()


def test_a_thread_of_c_needs_no_more_than_its_own_words() -> None:
    """The copy ends where its stack ends."""
    assert Crossing((END,), ended=True) == cross(above(END), callbacks(), GOEXIT)
    assert Crossing(beyond=True) == cross(above(SWITCH), callbacks(), GOEXIT)
