"""Who uses which channel: counted by the kernel, seen to be parked, seen to close."""

import sys
from types import FrameType

import numpy as np

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import NIL_KEY, UNNAMED
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model import topology
from otelchan.model.aliases import Alias
from otelchan.model.names import Rules
from otelchan.model.observation import Counts, KernelState, Observation, Rare
from otelchan.model.topology import Topology
from otelchan.model.types import Age, Blocked, BlockedList, Edge
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

BIAS = 0x10000
SECOND = 1_000_000_000
PROCESS = Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ())
WORKER, FEEDER, CLOSER = (Frame(f"main.{name}", "/m.go", 7) for name in ("worker", "feeder", "closer"))
RUNTIME = Frame("runtime.chansend1", "/chan.go", 1)
MAKE, SENDS, SENDS_TOO, RECEIVES, CLOSES, INSIDE = range(0x401000, 0x401600, 0x100)
FRAMES = {
    MAKE: (Frame("main.main", "/m.go", 41),),
    SENDS: (FEEDER, CLOSER),
    SENDS_TOO: (FEEDER,),  # another call in the same line
    RECEIVES: (WORKER,),
    CLOSES: (CLOSER,),
    INSIDE: (RUNTIME,),
}
NAME = "main.main m.go:41"
A, B = 0xC000000000, 0xC000000100


def world() -> World:
    """A program that is watched from 4 s on."""
    made = World(PROCESS, go_image(FRAMES), BIAS, 4 * SECOND)
    made.plane_attached("makes", 5 * SECOND, KernelState())
    return made


def edges(
    of: World, samples: dict[tuple[int, int, int], int], *goroutines: Goroutine, at: int = 100, **kernel: object
) -> list[Edge]:
    """What is known at that second. samples: by (name key, operation, link-time return address)."""
    counted = {(key, operation, pc + BIAS): number for (key, operation, pc), number in samples.items()}
    channels = tuple(Channel(address, "int", 0, 8, 0, 0, False, False) for address in (A, B))
    census = Census(0, at * SECOND, 0, GoroutineCounts(len(goroutines), 0), goroutines, channels)
    state = KernelState(keys={A: MAKE + BIAS}, edges=counted, **kernel)  # type: ignore[arg-type]
    by_address = {channel.address: channel for channel in channels}
    return list(of.snapshot(Observation(at * SECOND, at * SECOND, state, census, by_address, {})).edges)


def test_places_in_one_line_are_one_edge() -> None:
    """Samples are added up; sends, receives and closes are told apart."""
    key = MAKE + BIAS

    found = edges(world(), {(key, 0, SENDS): 5, (key, 0, SENDS_TOO): 2, (key, 1, RECEIVES): 3, (key, 2, CLOSES): 1})

    assert [
        Edge(NAME, "close", CLOSER, 1, 0, 100 * SECOND),
        Edge(NAME, "recv", WORKER, 3, 0, 100 * SECOND),
        Edge(NAME, "send", FEEDER, 7, 0, 100 * SECOND),
    ] == found


def test_who_is_parked_is_seen_without_a_probe() -> None:
    """The innermost frame that a person wrote; goroutines of all stacks that begin there, each once."""
    stacks = ((INSIDE, RECEIVES), (RECEIVES, CLOSES))
    crowd = [
        Goroutine(n, n, "waiting", "chan receive", (Wait(A, "recv"),), stack=stacks[n % 2], stack_complete=True)
        for n in (1, 2, 3)
    ]

    assert [Edge(NAME, "recv", WORKER, 0, 3, 100 * SECOND)] == edges(world(), {}, *crowd)


def test_an_edge_is_remembered_with_the_time_when_it_was_last_used() -> None:
    """Samples only grow, also when the kernel has begun to count anew."""
    of, key = world(), (MAKE + BIAS, 0, SENDS)

    found = [edges(of, samples, at=at)[0][3:] for at, samples in ((10, {key: 5}), (20, {key: 5}), (30, {key: 8}))]
    anew = [edges(of, samples, at=at)[0][3:] for at, samples in ((40, {key: 2}), (50, {}), (60, {key: 2}))]

    assert [(5, 0, 10 * SECOND), (5, 0, 10 * SECOND), (8, 0, 30 * SECOND)] == found
    assert [(10, 0, 40 * SECOND), (10, 0, 40 * SECOND), (12, 0, 60 * SECOND)] == anew


def test_who_closed_is_an_edge() -> None:
    """At the time of the close."""
    key = MAKE + BIAS
    rare = Rare(closed_ns=60 * SECOND, closed_by=CLOSES + BIAS)

    found = edges(world(), {}, counts={key: Counts(closes=1)}, rare={key: rare})

    assert [Edge(NAME, "close", CLOSER, 0, 0, 60 * SECOND)] == found


def test_what_has_no_name_or_no_place_is_left_out_until_it_has() -> None:
    """A channel that nobody could read yet; a call from nowhere."""
    of, unnamed = world(), (B + 0x100) | UNNAMED

    assert [] == edges(of, {(unnamed, 0, SENDS): 5, (MAKE + BIAS, 0, INSIDE): 5})
    assert ["chan int"] == [edge.channel for edge in edges(of, {(B | UNNAMED, 0, SENDS): 5})]
    assert 6 == edges(of, {(B | UNNAMED, 0, SENDS): 6})[0].samples


def test_a_nil_channel_has_users_too() -> None:
    """They will wait for ever."""
    assert ["nil channel"] == [edge.channel for edge in edges(world(), {(NIL_KEY, 0, SENDS): 5})]


def test_new_names_are_those_of_all_edges() -> None:
    """What was counted moves to them."""
    of, key = world(), (MAKE + BIAS, 0, SENDS)
    edges(of, {key: 5})
    of.rename(Rules([Alias("jobs", site="m.go:41")]))

    assert [("jobs", 6)] == [(edge.channel, edge.samples) for edge in edges(of, {key: 6})]


def test_the_edges_that_were_used_last_are_kept() -> None:
    """There is room for so many."""
    of = Topology(lambda pc: Frame(f"main.f{pc}", "/m.go", pc))

    def look(at: int, counted: dict[tuple[int, int, int], int]) -> list[Edge]:
        return of.look(at, counted, lambda key: "jobs", BlockedList.of(()), ())

    first = {(1, 0, pc): 1 for pc in range(topology.MOST_EDGES)}
    look(1, first)
    found = look(2, {**first, **{(1, 1, pc): 1 for pc in range(3)}})

    assert (topology.MOST_EDGES, 3) == (len(found), sum(edge.operation == "recv" for edge in found))
    assert np.all([edge.last_unix_ns == 2 for edge in found if edge.operation == "recv"])


def test_very_many_goroutines_cost_no_more_than_few() -> None:
    """Of those that are parked at the same places: so many instructions of Python as for a hundredth of them."""

    two = BlockedList.of(
        Blocked(1, "jobs", A, "user", "send", "chan send", Age(1, False), (frame,)) for frame in (FEEDER, CLOSER)
    )

    def instructions(goroutines: int) -> int:
        many = BlockedList(two.columns.rows(np.arange(goroutines) % 2), two.names)
        of, done = Topology(lambda pc: None), 0

        def count(frame: FrameType, event: str, argument: object) -> object:
            nonlocal done
            frame.f_trace_opcodes = True
            done += event == "opcode"
            return count

        before = sys.gettrace()
        sys.settrace(count)  # type: ignore[arg-type]
        try:
            found = of.look(1, {}, lambda key: None, many, ())
        finally:
            sys.settrace(before)
        assert [goroutines // 2] * 2 == [edge.parked for edge in found]
        return done

    assert instructions(1_000) == instructions(100_000)
