"""Goroutine counts from the scheduler's own numbers."""

import pytest

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

    assert GoroutineCounts(count=40 - 5 - 3 - 2 - 4 - 1, created=60) == counts(program)


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
