"""Several goroutines read at one go are believed only when the window was short, or the collector's stamp proves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.census import take_census
from otelchan.memory.rows import Indices
from otelchan.memory.types import Census, Wait
from otelchan.memory.waits import Cases
from otelchan.memory.windows import MOST_NS, windows_of
from otelchan.testing import MemoryImage
from tests.support.fabricated import LAYOUT, Fabricated


class Timed(MemoryImage):
    """Memory that says how long each window takes. windows: the pieces of each so far."""

    def __init__(self, image: MemoryImage, takes: Callable[[int], int]) -> None:
        super().__init__()
        self._pages = image._pages
        self._takes = takes
        self.windows: list[list[tuple[int, int]]] = []

    def read_windows(self, spans: NDArray[np.uint64], bounds: Indices) -> tuple[NDArray[np.uint8], Indices]:
        """As types.WindowReader."""
        took, parts = [], []
        for first, last in pairwise(bounds.tolist()):
            pieces = [(address, size) for address, size in spans[first:last].tolist()]
            self.windows.append(pieces)
            found = self.read_many(pieces)
            took.append(-1 if None in found else self._takes(len(self.windows)))
            parts += [data or b"\xff" * size for data, (_, size) in zip(found, pieces, strict=True)]
        return np.frombuffer(bytearray().join(parts), np.uint8), np.array(took)


def crowd(number: int, since: int = 0) -> Fabricated:
    """So many goroutines that wait on one channel."""
    program = Fabricated()
    channel = program.channel()
    for _ in range(number):
        program.wait(program.goroutine(since=since), (channel, "recv"))
    return program


def census(program: Fabricated, memory: MemoryImage) -> Census:
    """A census of it."""
    return take_census(memory, program.image, 0)


def short(window: int) -> int:
    """Every window is."""
    return MOST_NS


def long(window: int) -> int:
    """Every window is."""
    return MOST_NS + 1


def test_what_is_read_at_one_go_is_what_is_read_one_by_one() -> None:
    """The same census, by fewer reads."""
    program = crowd(60)
    g = program.goroutine(9)
    a, b = program.channel(), program.channel(3, 1)
    program.wait(g, (a, "send"), (b, "recv"))
    timed = Timed(program.memory, short)

    assert census(program, program.memory).goroutines == census(program, timed).goroutines
    assert len(timed.windows) < 61 / 10
    assert {(Wait(a, "send"), Wait(b, "recv"))} == {census(program, timed).goroutines[60].waits}


def test_neighbours_are_one_piece() -> None:
    """The g structs of a window, and its sudogs, are each read in one; all between two copies of the g structs."""
    program = crowd(2)
    timed = Timed(program.memory, short)
    census(program, timed)

    ((first, *_, last),) = timed.windows
    assert first == last
    assert program.goroutines[1] - program.goroutines[0] < first[1]


def test_a_window_that_took_too_long_is_read_again_one_by_one() -> None:
    """Whatever the time that then takes: nothing else was read between the two copies of its g."""
    program = crowd(40)
    timed = Timed(program.memory, long)
    found = census(program, timed)

    assert (40, 0) == (len(found.goroutines), found.unread)
    assert {True} == {goroutine.stack_complete for goroutine in found.goroutines}
    owners = [{g for g in program.goroutines for a, size in window if a <= g < a + size} for window in timed.windows]
    assert [1] * 40 == [len(of) for of in owners][-40:]


def test_a_stamp_proves_a_window_that_took_too_long() -> None:
    """With equal stamps before and after nobody ran in between."""
    program = crowd(40, since=77)
    timed = Timed(program.memory, long)
    found = census(program, timed)

    assert (40, 0, 1) == (len(found.goroutines), found.unread, len(timed.windows))


def test_a_goroutine_that_parks_256_times_in_a_long_window_is_not_mixed_up() -> None:
    """Its copies of g are equal, but what was read between them is of another park."""
    program = Fabricated()
    a, b = program.channel(), program.channel()
    g = program.goroutine()
    (sudog,) = program.wait(g, (a, "recv"))
    timed = Timed(program.memory, long)
    program.wait(program.goroutine(), (a, "recv"))
    sp = int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little")
    worker, deeper = program.pc("main.worker"), program.pc("main.deeper")

    def runs(address: int, size: int) -> None:
        if address == sp and len(timed.windows) == 1:  # while the window is read: elsewhere, and back again
            program.memory.word(sp + 32 + 48 + 8, deeper)
            program.set("sudog", sudog, "c", b)
        elif len(timed.windows) == 2:
            timed.before_piece = None
            program.memory.word(sp + 32 + 48 + 8, worker)
            program.set("sudog", sudog, "c", a)

    timed.before_piece = runs
    found = census(program, timed)

    assert (worker, (Wait(a, "recv"),)) == (found.goroutines[0].stack[2], found.goroutines[0].waits)


def test_an_unreadable_piece_spoils_no_other_goroutine() -> None:
    """A sudog that is somewhere else by now: its owner is given up, the others of its window are seen."""
    program = crowd(10)
    program.set("g", program.goroutines[4], "waiting", 0xF00000000000)
    found = census(program, Timed(program.memory, short))

    assert ([1, 2, 3, 4, 6, 7, 8, 9, 10], 1) == ([goroutine.id for goroutine in found.goroutines], found.unread)


def test_windows_end_where_they_would_take_too_long() -> None:
    """By the number of pieces, by bytes of stack; one that must be alone is; stamped ones may be many."""

    def numbers(sizes: list[int], alone: Iterator[bool], stamped: bool = False, cases: int = 0) -> list[int]:
        none = np.zeros(0, np.uint64)
        owner = np.repeat(np.arange(len(sizes)), cases)
        found = Cases(owner, np.zeros(len(owner), np.uint64), np.ones(len(owner), np.uint64)) if cases else None
        mask = np.array([next(alone) for _ in sizes], np.bool_)
        window = windows_of(
            np.array(sizes, np.uint64),
            found or Cases(np.zeros(0, np.int64), none, none),
            mask,
            np.full(len(sizes), stamped),
        )
        counted: list[int] = np.bincount(window).tolist()
        return counted

    def together() -> Iterator[bool]:
        return (False for _ in count())

    assert [24, 24, 2] == numbers([100] * 50, together())
    assert [50] == numbers([100] * 50, together(), stamped=True)
    assert [2, 1, 2] == numbers([100] * 5, iter([False, False, True, False, False]))
    assert max(numbers([1 << 16] * 4, together())) == 1
    assert [4, 4, 2] == numbers([100] * 10, together(), cases=10)
