"""Goroutine counts from the scheduler's own numbers."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from otelchan.errors import MemoryGone
from otelchan.memory.counts import read_counts
from otelchan.memory.types import GoroutineCounts
from tests.support.fabricated import LAYOUT, Fabricated


def counts(program: Fabricated) -> GoroutineCounts:
    """What is read of it."""
    return read_counts(program.memory, LAYOUT, program.globals, program.bias)


def with_goroutines(number: int, bias: int = 0) -> Fabricated:
    """A program with so many entries in allgs."""
    program = Fabricated(bias)
    for _ in range(number):
        program.goroutine()
    return program


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_dead_and_system_goroutines_are_not_counted(bias: int) -> None:
    """allglen less the free lists of the scheduler and of each P, less the runtime's own: gcount."""
    program = with_goroutines(40, bias)
    program.scheduler(ids=64, system=5, free=(3, 2), processors=((4, 60, 64), (1, 33, 33)))

    assert GoroutineCounts(count=40 - 5 - 3 - 2 - 4 - 1, created=60, system=5) == counts(program)


def test_the_count_is_never_below_one() -> None:
    """As in the runtime: who reads it while goroutines come and go must not see nonsense."""
    program = with_goroutines(3)
    program.scheduler(ids=3, system=2, free=(4, 0))

    assert 1 == counts(program).count


def test_processors_left_behind_still_hold_their_ids() -> None:
    """A smaller GOMAXPROCS shortens allp; the Ps beyond keep ids, but no dead goroutines that count."""
    program = with_goroutines(10)
    program.scheduler(ids=32, processors=((1, 10, 16), (2, 20, 32)))
    array = int.from_bytes(program.memory.read(program.globals.allp, 8), "little")
    pointers = [int.from_bytes(program.memory.read(array + 8 * i, 8), "little") for i in range(2)]
    program.allp(pointers, 1)

    assert GoroutineCounts(count=10 - 1, created=32 - 6 - 12) == counts(program)


def test_ids_of_a_torn_processor_are_left_out() -> None:
    """A P hands out at most 16 ids at a time: what says otherwise was read while it changed."""
    program = with_goroutines(1)
    program.scheduler(ids=100, processors=((0, 50, 40), (0, 0, 17), (0, 90, 96)))

    assert 94 == counts(program).created


def test_empty_places_in_the_list_of_processors_are_skipped() -> None:
    """Its capacity may be larger than what was ever used."""
    program = with_goroutines(2)
    program.allp([0, 0, 0], 0)

    assert 2 == counts(program).count


class Moving:
    """Memory that changes while it is read: after the list of processors, before the scheduler is read again."""

    def __init__(self, program: Fabricated, change: Callable[[], None]) -> None:
        self._memory = program.memory
        self._change = change
        self.bytes_read = 0

    def read(self, address: int, size: int) -> bytes:
        """As the program's memory."""
        return self._memory.read(address, size)

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes | None]:
        """As the program's memory, which changes afterwards."""
        found = self._memory.read_many(spans)
        self._change()
        return found

    def read_joined(self, spans: NDArray[np.uint64]) -> bytearray | None:
        """As the program's memory."""
        return self._memory.read_joined(spans)


def only_processor(program: Fabricated) -> int:
    """The P of a program that has one."""
    array = int.from_bytes(program.memory.read(program.globals.allp, 8), "little")
    return int.from_bytes(program.memory.read(array, 8), "little")


def seen_while(program: Fabricated, change: Callable[[], None]) -> GoroutineCounts:
    """What is read when everything changes right after the first look at the scheduler."""
    return read_counts(Moving(program, change), LAYOUT, program.globals, program.bias)


def test_a_dead_goroutine_on_its_way_between_two_lists_is_not_found_in_both() -> None:
    """A P takes 32 from the scheduler between two reads: they are dead once, so nobody alive goes missing."""
    program = with_goroutines(100)
    program.scheduler(ids=100, free=(40, 0), processors=((0, 0, 0),))

    def take() -> None:
        program.set("schedt", program.globals.sched, "gFree.stack.count", 8, 4)
        program.set("p", only_processor(program), "gFree.count", 32, 4)

    assert 100 - 40 == seen_while(program, take).count


def test_what_changes_between_two_reads_is_read_again() -> None:
    """A P takes 16 ids and gives out 5, once: the total is the one after that."""
    program = with_goroutines(100)
    program.scheduler(ids=64, processors=((0, 64, 64),))

    assert 64 + 5 == seen_while(program, lambda: give_out(program, 80)).created


def test_while_the_collector_holds_dead_goroutines_they_are_not_taken_for_alive() -> None:
    """markrootFreeGStacks takes all of them from one list, and puts them into another one a little later."""
    program = with_goroutines(100)
    program.scheduler(ids=100, free=(0, 0), processors=((0, 0, 0),))

    def put_back() -> None:
        program.set("schedt", program.globals.sched, "gFree.noStack.count", 40, 4)

    assert 100 - 40 == seen_while(program, put_back).count


def test_ids_taken_all_the_time_are_not_counted_yet() -> None:
    """At each read a P has taken 16 ids more and given out 5: the total comes out too small, never too large."""
    program = with_goroutines(100)
    program.scheduler(ids=64, processors=((0, 64, 64),))
    taken = [64]

    def take() -> None:
        taken.append(taken[-1] + 16)
        give_out(program, taken[-1])

    assert 64 < seen_while(program, take).created < taken[-1] - 11 == counts(program).created


def give_out(program: Fabricated, ids: int) -> None:
    """The only P holds 11 of all ids that were ever taken."""
    program.set("schedt", program.globals.sched, "goidgen", ids)
    program.set("p", only_processor(program), "goidcache", ids - 11)
    program.set("p", only_processor(program), "goidcacheend", ids)


def test_unreadable_counters_are_an_error() -> None:
    """The program is exiting, or is not what we think."""
    program = with_goroutines(1)
    program.memory.unmap(program.globals.sched)

    with pytest.raises(MemoryGone, match="the scheduler's counters cannot be read"):
        counts(program)


def test_a_list_of_processors_that_is_none_is_an_error() -> None:
    """Its length is checked before it is read."""
    program = with_goroutines(1)
    program.memory.word(program.globals.allp + 8, 1 << 40)

    with pytest.raises(MemoryGone, match=r"allp\) says 1099511627776 of 0"):
        counts(program)
