"""The world: from kernel counts and memory to one view per channel name."""

from dataclasses import replace

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import BUCKETS, UNNAMED
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.observation import Counts, KernelState, Observation, Parked, RawHistogram
from otelchan.model.types import Age, Counter, Histogram
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

BIAS = 0x10000
MAKE = 0x401100
FRAMES: dict[int, tuple[Frame, ...]] = {
    MAKE: (Frame("main.main", "/src/main.go", 41),),
    0x401400: (Frame("main.worker", "/src/main.go", 57),),
}
PROCESS = Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ())
NAME = "main.main main.go:41"
A, B = 0xC000000000, 0xC000000100
SECOND = 1_000_000_000


def world() -> World:
    """A world whose waits and operations planes were attached at 5 s and 6 s."""
    made = World(PROCESS, go_image(FRAMES), BIAS, 4 * SECOND)
    made.plane_attached("waits", 5 * SECOND, KernelState())
    made.plane_attached("operations", 6 * SECOND, KernelState())
    return made


def channel(address: int, capacity: int, length: int = 0, senders: int = 0, receivers: int = 0) -> Channel:
    """An open channel of int."""
    return Channel(address, "int", 0, 8, length, capacity, False, False, senders, receivers)


def seen(
    kernel: KernelState, channels: tuple[Channel, ...] = (), goroutines: tuple[Goroutine, ...] = (), **rest: object
) -> Observation:
    """An observation at 100 s."""
    census = Census(100 * SECOND, 100 * SECOND, 0, GoroutineCounts(len(goroutines), 10), goroutines, channels)
    facts = {"census": census, **rest}
    by_address = {channel.address: channel for channel in channels}
    return Observation(100 * SECOND, 100 * SECOND, kernel, channels=by_address, planes={}, **facts)  # type: ignore[arg-type]


def test_channels_of_one_make_are_one_view_with_sums() -> None:
    """Lag is what is buffered plus who is parked sending, summed over the channels of the name."""
    kernel = KernelState(keys={A: MAKE + BIAS, B: MAKE + BIAS})
    channels = (channel(A, 4, length=4, senders=2), channel(B, 4, length=1))

    (view,) = world().snapshot(seen(kernel, channels)).channels

    assert (view.name, view.source, view.channels, view.capacity) == (NAME, "make", 2, 8)
    assert (view.length, view.lag, view.waiters) == (5, 7, {"send": 2, "recv": 0})


def test_counts_of_a_buffered_channel_are_complete_since_operations_are_on() -> None:
    """Buffered elements are seen by the operations plane only, so the series starts with it."""
    kernel = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(7, 5, 1)})

    (view,) = world().snapshot(seen(kernel, (channel(A, 4),))).channels

    assert view.processed == {
        ("send", "ok"): Counter(7, 6 * SECOND),
        ("recv", "ok"): Counter(5, 6 * SECOND),
        ("recv", "closed"): Counter(1, 6 * SECOND),
    }


def test_what_was_counted_stays_when_its_plane_goes() -> None:
    """It is not complete any more, but there were so many at least."""
    made = world()
    kernel = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(7, 5, 30_000)})
    made.plane_detached("operations")

    (view,) = made.snapshot(seen(kernel, (channel(A, 4),))).channels

    assert ("recv", "closed") not in view.processed
    assert {("send", "ok"): 7, ("recv", "ok"): 5, ("recv", "closed"): 30_000} == view.counted


def test_counts_of_an_unbuffered_channel_need_the_waits_plane_only() -> None:
    """Every element of an unbuffered channel passes through a wake: without operations its counts stay complete."""
    made = world()
    made.plane_detached("operations")
    kernel = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(7, 7)})

    (view,) = made.snapshot(seen(kernel, (channel(A, 0),))).channels

    assert view.processed == {("send", "ok"): Counter(7, 5 * SECOND), ("recv", "ok"): Counter(7, 5 * SECOND)}


def test_counts_of_a_buffered_channel_end_with_the_operations_plane() -> None:
    """A series exists only while what it says is complete."""
    made = world()
    made.plane_detached("operations")
    kernel = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(7, 7)})

    (view,) = made.snapshot(seen(kernel, (channel(A, 4),))).channels

    assert view.processed == {}


def test_after_a_new_attach_counts_start_from_zero() -> None:
    """What was counted before the gap is taken off, and the start time is the new one."""
    made = world()
    made.plane_detached("operations")
    made.plane_attached("operations", 50 * SECOND, KernelState(counts={MAKE + BIAS: Counts(100, 90)}))
    kernel = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(103, 92)})

    (view,) = made.snapshot(seen(kernel, (channel(A, 4),))).channels

    assert view.processed["send", "ok"] == Counter(3, 50 * SECOND)
    assert view.processed["recv", "ok"] == Counter(2, 50 * SECOND)


def test_counters_outlive_their_channels() -> None:
    """A name keeps its counts when its channels are gone."""
    kernel = KernelState(counts={MAKE + BIAS: Counts(3, 3)})

    (view,) = world().snapshot(seen(kernel)).channels

    assert (view.name, view.channels, view.processed["send", "ok"].value) == (NAME, 0, 3)


def test_block_durations_keep_their_bounds() -> None:
    """Kernel buckets come out with their upper bounds, empty ones left out."""
    buckets = tuple(3 if index == 4 else 2 if index == BUCKETS - 1 else 0 for index in range(BUCKETS))
    raw = RawHistogram(5, 12345, buckets)
    kernel = KernelState(keys={A: MAKE + BIAS}, blocks={(MAKE + BIAS, 1): raw})

    (view,) = world().snapshot(seen(kernel, (channel(A, 0),))).channels

    assert view.blocks == {"recv": Histogram(5, 12345, ((2048, 3), (1 << 63, 2)))}


def test_a_park_seen_by_a_probe_has_an_exact_age() -> None:
    """The kernel noted the time of the park."""
    waiting = Goroutine(0xA0, 7, "waiting", "chan send", (Wait(A, "send"),))
    kernel = KernelState(keys={A: MAKE + BIAS}, parked={0xA0: Parked(70 * SECOND, A)})

    (view,) = world().snapshot(seen(kernel, (channel(A, 0, senders=1),), (waiting,))).channels

    assert view.oldest == {"send": Age(30 * SECOND, at_least=False)}


def test_a_park_older_than_the_agent_has_a_lower_bound() -> None:
    """A collection stamped the wait, and another one ended at 30 s: it is at least 70 s old."""
    waiting = Goroutine(0xA0, 7, "waiting", "chan send", (Wait(A, "send"),), wait_since_ns=20 * SECOND)
    later = Goroutine(0xB0, 8, "waiting", "sync.Mutex.Lock", wait_since_ns=30 * SECOND)

    snapshot = world().snapshot(seen(KernelState(), (channel(A, 0, senders=1),), (waiting, later)))

    assert snapshot.channels[0].oldest == {"send": Age(70 * SECOND, at_least=True)}
    assert snapshot.goroutines.oldest == {
        "chan send": Age(70 * SECOND, at_least=True),
        "sync.Mutex.Lock": Age(0, at_least=True),
    }


def test_a_channel_nobody_saw_being_made_is_counted_under_its_name_all_the_same() -> None:
    """Its kernel counts are kept by address, and found again under the name that its memory gives."""
    kernel = KernelState(keys={A: A | UNNAMED}, counts={A | UNNAMED: Counts(2, 2)})

    (view,) = world().snapshot(seen(kernel, (channel(A, 0),))).channels

    assert (view.name, view.source, view.processed["send", "ok"].value) == ("chan int", "use", 2)


def test_a_program_that_ended_keeps_its_last_look_with_its_final_counts() -> None:
    """Memory is gone, so gauges stand as last seen; counters come from the kernel and are final."""
    made = world()
    kernel = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(3, 3)})
    made.snapshot(seen(kernel, (channel(A, 4, length=2),)))
    last = KernelState(keys={A: MAKE + BIAS}, counts={MAKE + BIAS: Counts(9, 7)})

    snapshot = made.snapshot(seen(last, census=None, ended=True))

    assert snapshot.ended
    assert (snapshot.channels[0].lag, snapshot.channels[0].processed["send", "ok"].value) == (2, 9)


def test_blocked_goroutines_are_listed_by_channel_with_the_frames_people_wrote() -> None:
    """One entry per goroutine and channel it waits on."""
    waiting = Goroutine(0xA0, 7, "waiting", "chan send", (Wait(A, "send"),), stack=(0x401400,), created_at=MAKE)
    kernel = KernelState(keys={A: MAKE + BIAS})

    (blocked,) = world().snapshot(seen(kernel, (channel(A, 0, senders=1),), (waiting,))).blocked

    assert (blocked.goroutine_id, blocked.channel, blocked.operation) == (7, NAME, "send")
    assert blocked.frames == (Frame("main.worker", "/src/main.go", 57),)
    assert blocked.created_by == Frame("main.main", "/src/main.go", 41)


def test_created_and_exited_never_step_back() -> None:
    """Both numbers are read while the program writes them; a torn read must not make a counter fall."""
    made = world()

    def with_counts(count: int, created: int) -> tuple[int, int]:
        census = Census(0, 100 * SECOND, 0, GoroutineCounts(count, created), (), ())
        view = made.snapshot(seen(KernelState(), census=census)).goroutines
        assert view.created
        assert view.exited
        return view.created.value, view.exited.value

    assert [with_counts(5, 10), with_counts(8, 20), with_counts(9, 18), with_counts(5, 20)] == [
        (0, 0),
        (10, 7),
        (10, 7),
        (10, 10),
    ]


def test_a_look_that_is_shown_again_keeps_its_time() -> None:
    """Clocks differ a little each time they are compared, and those who find something tell looks by their time."""
    made, first = world(), seen(KernelState())
    later = replace(first, time_unix_ns=101 * SECOND + 700, monotonic_ns=101 * SECOND)
    ended = replace(later, census=None, ended=True)
    assert [100 * SECOND] * 3 == [made.snapshot(each).looked_unix_ns for each in (first, later, ended)]
