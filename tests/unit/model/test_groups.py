"""All goroutines of a program in groups, by what they do, where, and where they were started."""

import time
from collections.abc import Iterable

import numpy as np

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, Goroutine, GoroutineCounts, Goroutines, Wait
from otelchan.model import grouping
from otelchan.model.ages import AgeColumns, Ages
from otelchan.model.goroutines import Stacks
from otelchan.model.types import Age, GoroutineGroup
from tests.support.images import go_image

SECOND = 1_000_000_000
WORKER, CALLER, GO = (Frame("main.worker", "/m.go", 57), Frame("main.run", "/m.go", 31), Frame("main.main", "/m.go", 9))
PARK = Frame("runtime.gopark", "/proc.go", 1)
FRAMES: dict[int, tuple[Frame, ...]] = {
    1: (PARK,),
    2: (WORKER,),
    3: (CALLER,),
    4: (GO,),
    5: (Frame("runtime.chansend1", "/chan.go", 2),),
}


def waiting(id_: int, stack: tuple[int, ...] = (1, 2, 3), since_s: int = 90, **changes: object) -> Goroutine:
    """A goroutine that waits to send. since_s: when the collector stamped the wait."""
    facts = {"created_at": 4, "wait_since_ns": since_s * SECOND, "depth": len(stack), **changes}
    return Goroutine(id_, id_, "waiting", "chan send", (Wait(0xA, "send"),), stack=stack, **facts)  # type: ignore[arg-type]


def groups(goroutines: Iterable[Goroutine], image: GoImage | None = None) -> list[GoroutineGroup]:
    """Their groups at 100 s."""
    all_ = tuple(goroutines)
    census = Census(0, 100 * SECOND, 0, GoroutineCounts(len(all_), 0), all_, ())
    return grouping.grouped(Goroutines.of(all_), Ages().of(census, {}), Stacks(image or go_image(FRAMES)))


def test_a_group_is_alike_in_all_that_is_said_of_it() -> None:
    """The stack is without the runtime, so two ways into the same park are one place; depth is of the deepest."""
    found = groups([waiting(7), waiting(8, stack=(1, 5, 2, 3), since_s=80), waiting(9, since_s=95)])

    expected = GoroutineGroup(
        "waiting", "chan send", (WORKER, CALLER), 4, GO, 3, Age(10 * SECOND, at_least=True), (8, 7, 9), 9
    )
    assert [expected] == found


def test_what_differs_in_one_thing_is_another_group() -> None:
    """Status, wait reason, stack, origin. The largest comes first."""
    ordinary = waiting(1)
    others = [
        waiting(3)._replace(wait_reason="select"),
        waiting(4, stack=(1, 3)),
        waiting(5, created_at=3),
        waiting(6)._replace(status="leaked"),
    ]

    found = groups([*others, ordinary, waiting(2)])

    assert [(1, 2)] + [(n,) for n in (3, 4, 5, 6)] == [found[0].ids, *sorted(group.ids for group in found[1:])]


def test_those_that_run_have_an_origin_and_no_age() -> None:
    """Nobody knows where they are; lower ids come first."""
    found = groups([Goroutine(id_, id_, "running", created_at=4) for id_ in (9, 3)])

    assert [GoroutineGroup("running", "", (), 0, GO, 2, None, (3, 9), 9)] == found


def test_the_runtimes_own_are_left_out() -> None:
    """As runtime.NumGoroutine does."""
    assert [] == groups([waiting(2, system=True)])
    assert [] == groups([])


def test_the_ids_are_those_of_the_oldest() -> None:
    """Of equally old ones those with the lowest ids; the newest is told too."""
    old = [waiting(id_, since_s=10) for id_ in (500, 90)]
    young = [waiting(id_, since_s=50) for id_ in range(100, 130)]

    (group,) = groups([*young[::-1], *old])

    assert (90, 500, *range(100, 108)) == group.ids
    assert (500, 32) == (group.newest_id, group.count)


def test_very_many_different_stacks_are_told_apart_by_their_innermost_frames() -> None:
    """Naming each of them would take seconds. How deep they are is not lost."""
    outermost = range(10_000, 10_000 + grouping.MOST_STACKS + 1)
    image = go_image({**FRAMES, **{pc: (Frame(f"main.f{pc}", "/m.go", 1),) for pc in outermost}})
    deep = [waiting(pc, stack=(1, 2, *(3,) * 20, pc)) for pc in outermost]

    (group,) = groups(deep, image)

    assert (len(deep), 23) == (group.count, group.depth)
    assert (WORKER, *(CALLER,) * (grouping.INNERMOST - 2)) == group.frames
    assert len(deep) - 1 == len(groups(deep[1:], image))


def test_ten_times_as_many_goroutines_take_about_ten_times_as_long() -> None:
    """What differs is looked at once, however many share it."""
    stacks = Stacks(go_image(FRAMES))

    def took(number: int) -> float:
        one = Goroutines.of([waiting(id_, stack=(1, 2 + id_ % 2)) for id_ in range(1, 1001)])
        many = Goroutines(
            one._table,
            np.resize(np.arange(1000), number),
            one._texts,
            parked=one._parked,
            system=one._system,
            complete=one._complete,
            depth=one._depth,
            stack=one._stack,
            stacks=one.stacks,
            waits=one._waits,
            serial=one._serial,
            made=one._made,
        )
        ages = AgeColumns(np.ones(number, np.bool_), np.arange(number), np.ones(number, np.bool_))
        times = []
        for _ in range(3):
            began = time.perf_counter()
            assert sum(group.count for group in grouping.grouped(many, ages, stacks)) == number
            times.append(time.perf_counter() - began)
        return min(times)

    assert took(300_000) < 30 * took(30_000)
