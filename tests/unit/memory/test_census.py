"""One look at a whole program, and the next one."""

import pytest

from otelchan.memory.census import take_census
from otelchan.memory.types import Census, Goroutine, GoroutineCounts, Wait
from tests.support.fabricated import LAYOUT, Fabricated


def census(program: Fabricated, previous: Census | None = None) -> Census:
    """A census of it."""
    return take_census(program.memory, program.image, program.bias, previous)


def small_program(bias: int = 0, since: int = 0) -> tuple[Fabricated, int]:
    """Main runs, two workers wait on one channel, the sweeper sleeps, one goroutine is dead."""
    program = Fabricated(bias)
    program.goroutine(0, status="running", start="runtime.main")
    channel = program.channel(4, 0)
    for _ in range(2):
        program.wait(program.goroutine(since=since), (channel, "recv"))
    program.goroutine(14, ("runtime.gopark", "runtime.bgsweep"), start="runtime.bgsweep", since=since)
    program.goroutine(status="dead")
    program.scheduler(ids=16, system=1, free=(1, 0), processors=((0, 6, 17),))
    return program, channel


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_everything_is_seen(bias: int) -> None:
    """Goroutines with state, waits, stacks, origin; channels with waiters; counts. Code is named as in the file."""
    program, channel = small_program(bias)
    found = census(program)

    gopark, chanrecv, worker = (
        program.pc(f"{name}") - bias for name in ("runtime.gopark", "runtime.chanrecv", "main.worker")
    )
    assert GoroutineCounts(3, 5, 1) == found.counts
    assert (
        Goroutine(
            address=program.goroutines[1],
            id=2,
            status="waiting",
            wait_reason="chan receive",
            waits=(Wait(channel, "recv"),),
            stack=(gopark, chanrecv, worker, program.pc("runtime.goexit", 1) - bias),
            stack_complete=True,
            parent_id=1,
            created_at=program.pc("main.main") - bias,
            started_at=program.pc("main.worker", 0) - bias,
            park=(32 + 3 * 48, gopark + bias, 2, found.goroutines[1].park[3]),
            depth=4,
        )
        == found.goroutines[1]
    )
    assert [("running", "", False), ("waiting", "sync.Mutex.Lock", True)] == [
        (g.status, g.wait_reason, g.system) for g in (found.goroutines[0], found.goroutines[3])
    ]
    assert [(channel, 4, 2)] == [(c.address, c.capacity, c.waiting_receivers) for c in found.channels]
    assert ({"chan receive": 2}, 0) == (found.by_reason, found.unread)


def test_a_running_goroutine_has_no_stack_and_no_wait() -> None:
    """Its saved registers and its wait reason are of the past."""
    program = Fabricated()
    g = program.goroutine(11, status="running", since=5)
    program.wait(g, (program.channel(), "recv"))
    (found,) = census(program).goroutines

    assert ((), (), "", 0, ()) == (found.stack, found.waits, found.wait_reason, found.wait_since_ns, found.park)


def test_a_leaked_goroutine_keeps_its_wait() -> None:
    """The collector's leak detection marks it so for a while; it waits all the same."""
    program = Fabricated()
    channel = program.channel()
    program.wait(program.goroutine(12, status="leaked"), (channel, "send"))
    (found,) = census(program).goroutines

    assert ("leaked", "chan send", (Wait(channel, "send"),)) == (found.status, found.wait_reason, found.waits)


def test_reasons_are_summed_most_frequent_first() -> None:
    """Without the runtime's own goroutines, and without those that run."""
    program = Fabricated()
    for reason, number in ((14, 1), (8, 3), (7, 2)):
        for _ in range(number):
            program.goroutine(reason)
    program.goroutine(14, start="runtime.bgsweep")
    program.goroutine(14, status="runnable")

    assert [("select (no cases)", 3), ("chan send (nil chan)", 2), ("sync.Mutex.Lock", 1)] == list(
        census(program).by_reason.items()
    )


def test_an_unchanged_wait_that_the_collector_stamped_is_taken_over() -> None:
    """The stamp is proof that the goroutine never ran: neither its stack nor its sudogs are read again."""
    program, _ = small_program(since=1234)
    first = census(program)
    looked_at: set[int] = set()
    program.memory.before_piece = lambda address, size: looked_at.add(address)
    second = census(program, first)

    assert first.goroutines == second.goroutines
    assert all(one is other for one, other in zip(first.goroutines[1:], second.goroutines[1:], strict=True))
    stacks = {int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little") for g in program.goroutines}
    assert set() == stacks & looked_at


def test_an_unstamped_wait_is_looked_at_once_more() -> None:
    """It may have run and look the same by chance; the third equal look is believed."""
    program, _ = small_program()
    stacks = {
        int.from_bytes(program.memory.read(g + LAYOUT["g.sched.sp"], 8), "little") for g in program.goroutines[1:3]
    }
    found, looks = None, []
    for _ in range(4):
        looked_at: set[int] = set()
        program.memory.before_piece = lambda address, size, seen=looked_at: seen.add(address)
        found = census(program, found)
        looks.append(stacks <= looked_at)

    assert [True, True, False, False] == looks


def test_a_wait_that_can_end_without_a_trace_is_never_taken_over() -> None:
    """A coroutine is switched to and back without a new sequence number, and its stamp stays: only its stack tells."""
    program = Fabricated()
    g = program.goroutine(16, ("runtime.gopark", "main.worker"), since=1234)
    first = census(program)
    second = census(program, first)
    sequence = program.memory.read(g + LAYOUT["g.trackingSeq"], 1)
    program.put_stack(g, ("runtime.gopark", "main.deeper"))
    program.memory.write(g + LAYOUT["g.trackingSeq"], sequence)
    third = census(program, second)

    assert [program.pc("main.worker"), program.pc("main.deeper")] == [c.goroutines[0].stack[1] for c in (second, third)]


def test_objects_are_made_of_those_that_are_asked_for() -> None:
    """By place, from the end, as a part, and all; the same object each time."""
    program, _ = small_program()
    found = census(program).goroutines

    assert [1, 2, 3, 4] == [goroutine.id for goroutine in found]
    assert (found[3], found[:2], 4) == (found[-1], (found[0], found[1]), len(found))
    assert found[2] is found[2]
    with pytest.raises(IndexError):
        found[4]


def test_two_censuses_after_one_are_not_mixed_up() -> None:
    """What is new in each of them has a number of its own."""
    program, _ = small_program(since=1234)
    first = census(program)
    program.goroutine(14, id_=78)
    one = census(program, first)
    program.set("g", program.goroutines[5], "goid", 79)
    other = census(program, first)

    assert [78, 79, 78] == [looked.goroutines[4].id for looked in (one, other, one)]


def test_a_goroutine_that_ran_in_between_is_read_again() -> None:
    """Although it has the same id, and parked at the same depth of the same stack."""
    program, channel = small_program(since=1234)
    first = census(program)
    g = program.goroutines[2]
    other = program.channel()
    program.set("g", g, "waitsince", 0)
    program.put_stack(g, ("runtime.gopark", "runtime.chanrecv", "main.deeper"))
    program.wait(g, (other, "recv"))
    second = census(program, first)

    assert first.goroutines[1] is second.goroutines[1]
    assert ((Wait(other, "recv"),), program.pc("main.deeper")) == (
        second.goroutines[2].waits,
        second.goroutines[2].stack[2],
    )
    assert {channel: 1, other: 1} == {c.address: c.waiting_receivers for c in second.channels}


def test_a_new_stamp_means_a_new_wait() -> None:
    """The collector stamps a wait once: a goroutine with another stamp ran, whatever else looks the same."""
    program, _ = small_program(since=1234)
    first = census(program)
    g = program.goroutines[2]
    sequence = program.memory.read(g + LAYOUT["g.trackingSeq"], 1)
    program.put_stack(g, ("runtime.gopark", "runtime.chanrecv", "main.deeper"))
    program.memory.write(g + LAYOUT["g.trackingSeq"], sequence)
    program.set("g", g, "waitsince", 5678)
    second = census(program, first)

    assert program.pc("main.deeper") == second.goroutines[2].stack[2]
    assert 5678 == second.goroutines[2].wait_since_ns


def test_goroutines_come_and_go() -> None:
    """A g struct that is used again is another goroutine; new ones are added; dead ones vanish."""
    program, _ = small_program(since=1234)
    first = census(program)
    program.set("g", program.goroutines[1], "atomicstatus", LAYOUT["const.Gdead"], 4)
    program.set("g", program.goroutines[4], "atomicstatus", LAYOUT["const.Grunnable"], 4)
    program.set("g", program.goroutines[4], "goid", 77)
    program.goroutine(14, id_=78)
    second = census(program, first)

    assert [1, 2, 3, 4] == [g.id for g in first.goroutines]
    assert [1, 3, 4, 77, 78] == [g.id for g in second.goroutines]
    assert [1] == [c.waiting_receivers for c in second.channels]


def test_a_census_of_another_program_is_not_taken_over() -> None:
    """After an exec the list of goroutines starts anew."""
    program, _ = small_program(since=1234)
    first = census(program)
    other = Fabricated()
    other.goroutine(14)

    assert [1] == [g.id for g in census(other, first).goroutines]


def test_a_goroutine_that_never_stands_still_is_left_out_and_counted() -> None:
    """Everybody else is there."""
    program, _ = small_program()
    g, ticks = program.goroutines[1], iter(range(1000))
    program.memory.before_piece = lambda address, size: (
        program.set("g", g, "trackingSeq", next(ticks) % 256, 1) if address == g else None
    )
    found = census(program)

    assert ([1, 3, 4], 1, {"chan receive": 1}) == ([x.id for x in found.goroutines], found.unread, found.by_reason)


def test_what_was_read_is_counted() -> None:
    """Bytes of this census alone."""
    program, _ = small_program(since=1234)
    before = program.memory.bytes_read
    found = census(program)

    assert program.memory.bytes_read - before == found.bytes_read > 0
    assert found.duration_ns > 0
