"""Stack and waits of a goroutine belong to one park, or are not believed."""

from collections.abc import Callable

import numpy as np
import pytest

from otelchan.errors import BinaryError
from otelchan.memory.goroutines import Table, read_table
from otelchan.memory.modules import modules_of
from otelchan.memory.parks import ATTEMPTS, Parks, ranges_of, settle
from otelchan.memory.waits import OPERATIONS, reasons_of
from tests.support.fabricated import LAYOUT, Fabricated, FunctionList

WORKER = ("runtime.gopark", "runtime.chanrecv", "main.worker", "runtime.goexit")
DEEPER = ("runtime.gopark", "runtime.chanrecv", "main.deeper", "runtime.goexit")


def settled(program: Fabricated, while_reading: Callable[[int, int], None] | None = None) -> tuple[Table, Parks]:
    """The table and what was found of all that are parked in it. while_reading: what the program does meanwhile."""
    modules = modules_of(program.memory, LAYOUT, program.globals, program.bias)
    ranges = ranges_of(program.image, program.bias, modules)
    table = read_table(program.memory, LAYOUT, program.globals, program.bias)
    program.memory.before_piece = while_reading
    pending = np.flatnonzero(table.parked(LAYOUT))
    return table, settle(program.memory, LAYOUT, ranges, reasons_of(LAYOUT.wait_reasons), table, pending)


def stacks(parks: Parks) -> dict[int, tuple[int, ...]]:
    """By row, where one was found."""
    return {row: parks.stacks.stacks[number] for row, number in enumerate(parks.stack.tolist()) if number}


def complete(parks: Parks) -> set[int]:
    """Rows."""
    return set(np.flatnonzero(parks.complete).tolist())


def functions(program: Fabricated, stack: tuple[int, ...]) -> tuple[str, ...]:
    """Names along a stack."""
    found = (program.functions.at(pc - program.bias - 1) for pc in stack)
    return tuple(function.name if function else "?" for function in found)


def waits(parks: Parks) -> set[tuple[int, int, str]]:
    """(row, channel, operation)."""
    columns = (parks.waits.owner.tolist(), parks.waits.channel.tolist(), parks.waits.operation.tolist())
    return {(owner, channel, OPERATIONS[operation]) for owner, channel, operation in zip(*columns, strict=True)}


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_stacks_and_waits_are_found(bias: int) -> None:
    """A sender and a receiver on two channels."""
    program = Fabricated(bias)
    a, b = program.channel(), program.channel()
    program.wait(program.goroutine(), (a, "recv"))
    program.wait(program.goroutine(12, ("runtime.gopark", "main.deeper")), (b, "send"))
    _, parks = settled(program)

    assert {(0, a, "recv"), (1, b, "send")} == waits(parks)
    assert WORKER == functions(program, stacks(parks)[0])
    assert ("runtime.gopark", "main.deeper", "runtime.goexit") == functions(program, stacks(parks)[1])
    assert ({0, 1}, []) == (complete(parks), parks.unread.tolist())


def test_a_select_waits_on_each_of_its_channels() -> None:
    """In the direction of the queue that it is in; twice in one queue is one wait."""
    program = Fabricated()
    a, b, c = program.channel(), program.channel(), program.channel()
    program.wait(program.goroutine(9), (a, "recv"), (b, "send"), (b, "send"), (c, "recv"))
    program.wait(program.goroutine(9), (a, "recv"), (c, "recv"))
    _, parks = settled(program)

    assert {(0, a, "recv"), (0, b, "send"), (0, c, "recv"), (1, a, "recv"), (1, c, "recv")} == waits(parks)
    assert 5 == len(parks.waits.owner)


def test_a_select_may_wait_in_both_directions_of_one_channel() -> None:
    """The only way that both queues of a channel have somebody in them."""
    program = Fabricated()
    a = program.channel()
    program.wait(program.goroutine(9), (a, "send"), (a, "recv"), (a, "recv"), (a, "send"), (a, "send"))
    _, parks = settled(program)

    assert ({(0, a, "send"), (0, a, "recv")}, 2) == (waits(parks), len(parks.waits.owner))


def test_a_case_behind_another_one_is_in_the_same_queue() -> None:
    """When both queues have somebody in them, a sudog is followed to the first of its own."""
    program = Fabricated()
    a = program.channel()
    program.wait(program.goroutine(9), (a, "send"), (a, "send"), (a, "send"))
    program.wait(program.goroutine(11), (a, "recv"))
    _, parks = settled(program)

    assert {(0, a, "send"), (1, a, "recv")} == waits(parks)


def test_a_nil_channel_has_address_zero() -> None:
    """Its direction is in the reason; a select on nil channels only, and one without cases, wait on nothing."""
    program = Fabricated()
    for reason in (5, 7, 8, 9):
        program.goroutine(reason)
    _, parks = settled(program)

    assert {(0, 0, "recv"), (1, 0, "send")} == waits(parks)
    assert {0, 1, 2, 3} == set(stacks(parks))


def test_a_lock_is_no_channel() -> None:
    """Its sudog is in g.waiting too, and names none."""
    program = Fabricated()
    program.set("g", program.goroutine(14), "waiting", program.allocate(LAYOUT["sizeof sudog"]))
    _, parks = settled(program)

    assert (set(), {0}, []) == (waits(parks), complete(parks), parks.unread.tolist())


def test_a_stack_that_is_longer_than_the_first_copy_is_read_on() -> None:
    """First 4 KiB, then more as the chain goes on."""
    program = Fabricated()
    frames = ("runtime.gopark", *("main.deeper",) * 300, "main.worker")
    program.goroutine(14, frames)
    _, parks = settled(program)

    assert (*frames, "runtime.goexit") == functions(program, stacks(parks)[0])
    assert {0} == complete(parks)


def test_a_goroutine_that_parks_elsewhere_meanwhile_is_read_again() -> None:
    """What is found belongs to its second park, all of it."""
    program = Fabricated()
    a, b = program.channel(), program.channel()
    g = program.goroutine()
    program.wait(g, (a, "recv"))
    stack = int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little")

    def runs_on(address: int, size: int) -> None:
        if address == stack:
            program.memory.before_piece = None
            program.put_stack(g, DEEPER[:3])
            program.set("g", g, "waitreason", 12, 1)
            program.wait(g, (b, "send"))

    _, parks = settled(program, runs_on)

    assert ({(0, b, "send")}, DEEPER) == (waits(parks), functions(program, stacks(parks)[0]))


def test_a_stack_that_is_moved_meanwhile_is_read_at_its_new_place() -> None:
    """The collector shrinks stacks of parked goroutines; where the old one was, another goroutine's may be."""
    program = Fabricated()
    g = program.goroutine(14, WORKER[:3])
    sequence = program.memory.read(g + LAYOUT["g.trackingSeq"], 1)
    old = int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little")

    def is_moved(address: int, size: int) -> None:
        if address == g:
            program.memory.before_piece = None
            program.memory.word(old + 32, 0)
            program.memory.word(old + 40, program.pc("runtime.goexit", 1))
            program.put_stack(g, WORKER[:3])
            program.memory.write(g + LAYOUT["g.trackingSeq"], sequence)

    _, parks = settled(program, is_moved)

    assert (WORKER, {0}) == (functions(program, stacks(parks)[0]), complete(parks))


def test_a_goroutine_that_runs_meanwhile_is_not_parked_any_more() -> None:
    """Nothing is found of it, it is not given up either, and the table knows."""
    program = Fabricated()
    g = program.goroutine()
    program.wait(g, (program.channel(), "recv"))
    program.memory.before_piece = None
    wakes = iter([True])

    def wakes_up(address: int, size: int) -> None:
        if next(wakes, False):
            program.set("g", g, "atomicstatus", LAYOUT["const.Grunning"], 4)

    table, parks = settled(program, wakes_up)

    assert ({}, set(), []) == (stacks(parks), waits(parks), parks.unread.tolist())
    assert [LAYOUT["const.Grunning"]] == table.status.tolist()


def test_a_goroutine_that_never_stands_still_is_given_up() -> None:
    """After ATTEMPTS looks, and its neighbour is not harmed."""
    program = Fabricated()
    g, still = program.goroutine(14), program.goroutine(14)
    seen = []

    def runs(address: int, size: int) -> None:
        if address == g:
            seen.append(address)
            program.set("g", g, "trackingSeq", len(seen), 1)

    _, parks = settled(program, runs)

    assert ([0], {1}, 2 * ATTEMPTS) == (parks.unread.tolist(), set(stacks(parks)), len(seen))
    assert still


def test_a_sudog_of_somebody_else_is_not_believed() -> None:
    """The goroutine was woken, and its sudog is another one's by now."""
    program = Fabricated()
    g, other = program.goroutine(), program.goroutine(14)
    (sudog,) = program.wait(g, (program.channel(), "recv"))
    program.set("sudog", sudog, "g", other)
    _, parks = settled(program)

    assert ([0], set()) == (parks.unread.tolist(), waits(parks))


def test_a_select_whose_list_was_cut_is_not_believed() -> None:
    """A sudog of it went back to the pool between the search for its cases and the look."""
    program = Fabricated()
    g = program.goroutine(9)
    a, b = program.channel(), program.channel()
    first, second = program.wait(g, (a, "recv"), (b, "recv"))
    stack = int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little")

    def is_cut(address: int, size: int) -> None:
        if address == stack:
            program.set("sudog", first, "waitlink", 0)

    _, parks = settled(program, is_cut)

    assert {(0, a, "recv")} == waits(parks)  # at the second look there is one case, and nothing contradicts it
    assert second


def test_a_stack_that_never_leads_to_goexit_is_shown_as_incomplete() -> None:
    """A goroutine that stands still but has a broken chain, as below C code that calls back."""
    program = Fabricated()
    g = program.goroutine(14)
    program.set("g", g, "sched.bp", 0)
    _, parks = settled(program)

    assert (("runtime.gopark",), set()) == (functions(program, stacks(parks)[0]), complete(parks))


def test_an_executable_without_goexit_is_refused() -> None:
    """No stack of it could ever be complete."""
    program = Fabricated()
    program.functions = FunctionList(("main.main",))
    object.__setattr__(program.image, "functions", program.functions)

    with pytest.raises(BinaryError, match=r"/srv/app has no function runtime\.goexit"):
        ranges_of(program.image, 0, modules_of(program.memory, LAYOUT, program.globals, 0))
