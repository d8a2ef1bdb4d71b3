"""The table of all goroutines."""

import numpy as np
import pytest

from otelchan.errors import MemoryGone
from otelchan.memory.goroutines import Table, read_table
from tests.support.fabricated import LAYOUT, Fabricated


def table(program: Fabricated) -> Table:
    """All rows."""
    return read_table(program.memory, LAYOUT, program.globals, program.bias)


def test_rows_are_in_the_order_of_the_list() -> None:
    """Every field at its place, whatever order the structs have in memory."""
    program = Fabricated()
    first, second = program.goroutine(id_=17), program.goroutine(id_=4, since=99)
    program.memory.word(program.allgs, second)
    program.memory.word(program.allgs + 8, first)
    found = table(program)

    assert ([second, first], [4, 17], [99, 0]) == (found.address.tolist(), found.id.tolist(), found.since.tolist())
    assert [program.pc("main.worker", 0)] * 2 == found.started_at.tolist()


def test_the_scan_bit_is_no_status() -> None:
    """The collector sets it on a waiting goroutine whose stack it looks at: it waits all the same."""
    program = Fabricated()
    g = program.goroutine()
    program.set("g", g, "atomicstatus", LAYOUT["const.Gwaiting"] | LAYOUT["const.Gscan"], 4)

    assert [True] == table(program).parked(LAYOUT).tolist()


def test_only_waiting_and_leaked_goroutines_are_parked() -> None:
    """The saved registers of the others do not hold."""
    program = Fabricated()
    for status in ("runnable", "running", "syscall", "waiting", "dead", "copystack", "preempted", "leaked"):
        program.goroutine(status=status)

    assert [False, False, False, True, False, False, False, True] == table(program).parked(LAYOUT).tolist()


def test_what_is_no_goroutine_is_dead() -> None:
    """One that waits for a C thread to call back (deadextra), and one whose memory cannot be read."""
    program = Fabricated()
    program.goroutine(status="deadextra")
    program.goroutine()
    program.memory.word(program.allgs + 8, 0x7000000)

    assert [LAYOUT["const.Gdead"]] * 2 == table(program).status.tolist()


def test_a_list_that_was_moved_while_it_was_read_is_an_error() -> None:
    """Its old memory is reused; an entry of it may be anything."""
    program = Fabricated()
    program.goroutine()
    program.memory.word(program.allgs, 0x1234567)

    with pytest.raises(MemoryGone, match="was moved while it was read"):
        table(program)


def test_a_list_of_impossible_length_is_an_error() -> None:
    """It is not read."""
    program = Fabricated()
    program.goroutine()
    program.memory.word(program.globals.allglen, 1 << 50)

    with pytest.raises(MemoryGone, match="says 1125899906842624 entries"):
        table(program)


@pytest.mark.parametrize(
    ("field", "value", "size"),
    [("goid", 99, 8), ("trackingSeq", 77, 1), ("waitreason", 12, 1), ("sched.pc", 0x401010, 8), ("waiting", 8, 8)],
)
def test_a_goroutine_that_ran_is_not_in_the_same_park(field: str, value: int, size: int) -> None:
    """Each of these fields tells."""
    program = Fabricated()
    program.goroutine()
    g = program.goroutine()
    before = table(program)
    program.set("g", g, field, value, size)

    assert [True, False] == table(program).same_park(before).tolist()


def test_a_moved_stack_is_the_same_park() -> None:
    """The collector shrinks stacks: what is used of one, and so what the goroutine does, stays."""
    program = Fabricated()
    g = program.goroutine()
    before = table(program)
    sequence = program.memory.read(g + LAYOUT["g.trackingSeq"], 1)
    program.put_stack(g, ("runtime.gopark", "runtime.chanrecv", "main.worker"))
    program.memory.write(g + LAYOUT["g.trackingSeq"], sequence)
    after = table(program)

    assert (True, True) == (bool((before.sp != after.sp).all()), bool(after.same_park(before).all()))


def test_rows_can_be_taken_and_put_back() -> None:
    """As one goroutine is read again while the others are not."""
    program = Fabricated()
    for _ in range(3):
        program.goroutine()
    found = table(program)
    part = found.rows(np.array([2]))
    part.id[:] = 42
    found.replace(np.array([2]), part)

    assert [1, 2, 42] == found.id.tolist()
