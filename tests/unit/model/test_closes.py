"""Closed channels, panics, and what would block: what the world says of them, and only while it is complete."""

from dataclasses import replace

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import NIL_KEY, PANICS, UNKNOWN_KEY, PanicRecord
from otelchan.memory.types import Census, GoroutineCounts
from otelchan.model.observation import Counts, KernelState, Observation, Rare
from otelchan.model.types import ChannelView, Counter, Histogram
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

BIAS = 0x10000
MAKE, CLOSER, GOEXIT = 0x401100, 0x401200, 0x401301
FRAMES: dict[int, tuple[Frame, ...]] = {
    MAKE: (Frame("main.main", "/src/main.go", 41),),
    CLOSER: (Frame("reflect.Value.Close", "/go/src/reflect/value.go", 9), Frame("main.stop", "/src/main.go", 80)),
    GOEXIT: (Frame("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700),),
}
NAME, KEY = "main.main main.go:41", MAKE + BIAS
SECOND = 1_000_000_000
RARE = Rare(90 * SECOND, CLOSER + BIAS, (2, 1, 0), 3, 5_000, (0, 4, 0, 0, 0, 0, 1))


def world(*planes: str) -> World:
    """A world whose planes were attached one second after the other, from 5 s on."""
    made = World(Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ()), go_image(FRAMES), BIAS, 4 * SECOND)
    for number, plane in enumerate(planes):
        made.plane_attached(plane, (5 + number) * SECOND, KernelState())
    return made


def views(made: World, kernel: KernelState) -> dict[str, ChannelView]:
    """By name, at 100 s of the monotonic and 1,100 s of the other clock."""
    census = Census(1100 * SECOND, 100 * SECOND, 0, GoroutineCounts(0, 0), (), ())
    seen = Observation(1100 * SECOND, 100 * SECOND, kernel, census, {}, {})
    return {view.name: view for view in made.snapshot(seen).channels}


def test_a_closed_channel_says_when_by_whom_and_with_what_in_it() -> None:
    """The closer is the function that a person wrote; receives after it begin with the later of the planes."""
    kernel = KernelState(counts={KEY: Counts(closes=2, residue=4)}, rare={KEY: RARE})

    view = views(world("makes", "waits", "operations"), kernel)[NAME]

    assert (view.closes, view.residue) == (Counter(2, 5 * SECOND), Counter(4, 5 * SECOND))
    assert (view.closed_unix_ns, view.closed_by) == (1090 * SECOND, Frame("main.stop", "/src/main.go", 80))
    assert view.drained == Counter(3, 7 * SECOND)
    assert view.read_delay == Histogram(5, 5_000, ((1_000, 4), (1 << 63, 1)))
    assert view.read_delay_start_unix_ns == 7 * SECOND
    assert view.panics == {"send_on_closed": Counter(2, 5 * SECOND), "close_of_closed": Counter(1, 5 * SECOND)}


def test_what_came_before_a_plane_is_not_counted() -> None:
    """Closes and panics from the makes plane on, receives after a close from the operations plane on."""
    made = world("makes")
    before = KernelState(counts={KEY: Counts(closes=1)}, rare={KEY: RARE})
    made.plane_attached("makes", 50 * SECOND, before)
    made.plane_attached("operations", 60 * SECOND, before)

    view = views(made, before)[NAME]

    assert (view.closes, view.residue) == (Counter(0, 50 * SECOND), Counter(0, 50 * SECOND))
    assert (view.closed_unix_ns, view.closed_by, view.panics) == (0, None, {})
    assert (view.drained, view.read_delay) == (Counter(0, 60 * SECOND), Histogram(0, 0, ()))


def test_without_its_planes_nothing_is_said() -> None:
    """No makes: no closes, panics or what follows; no operations: none of what follows."""
    kernel = KernelState(counts={KEY: Counts(closes=2, residue=4)}, rare={KEY: RARE})

    without_makes = views(world("waits", "operations"), kernel)[NAME]
    assert (without_makes.closes, without_makes.residue, without_makes.drained) == (None, None, None)
    assert (without_makes.closed_unix_ns, without_makes.read_delay, without_makes.panics) == (0, None, {})

    without_operations = views(world("makes", "waits"), kernel)[NAME]
    assert (without_operations.drained, without_operations.read_delay) == (None, None)
    assert without_operations.closes == Counter(2, 5 * SECOND)


def test_closes_of_several_keys_add_up_and_the_last_one_counts() -> None:
    """A line inlined into two functions has two return addresses and one name."""
    other = MAKE + 0x10
    twice = {**FRAMES, other: FRAMES[MAKE]}
    made = World(Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ()), go_image(twice), BIAS, 4 * SECOND)
    made.plane_attached("makes", 5 * SECOND, KernelState())
    later = RARE._replace(closed_ns=95 * SECOND, closed_by=GOEXIT + BIAS)
    kernel = KernelState(
        counts={KEY: Counts(closes=2), other + BIAS: Counts(closes=1)}, rare={KEY: RARE, other + BIAS: later}
    )

    view = views(made, kernel)[NAME]

    assert (view.closes, view.closed_unix_ns) == (Counter(3, 5 * SECOND), 1095 * SECOND)
    assert view.panics["send_on_closed"] == Counter(4, 5 * SECOND)


def test_what_would_block_needs_the_polls_plane_and_no_other() -> None:
    """On a channel, and on nil, on which nothing else ever succeeds."""
    counts = {KEY: Counts(send_would_block=7, recv_would_block=8), NIL_KEY: Counts(recv_would_block=9)}

    found = views(world("polls"), KernelState(counts=counts))

    assert found[NAME].processed == {
        ("send", "would_block"): Counter(7, 5 * SECOND),
        ("recv", "would_block"): Counter(8, 5 * SECOND),
    }
    assert (found["nil channel"].kind, found["nil channel"].processed["recv", "would_block"]) == (
        "nil",
        Counter(9, 5 * SECOND),
    )
    assert not any(
        status == "would_block" for _, status in views(world("waits"), KernelState(counts=counts))[NAME].processed
    )


def test_panics_on_nil_and_on_nobody_knows_what_have_names() -> None:
    """Although no other thing was ever counted for them."""
    rare = {NIL_KEY: Rare(panics=(0, 0, 5)), UNKNOWN_KEY: Rare(panics=(6, 0, 0))}

    found = views(world("makes", "waits", "operations", "polls"), KernelState(rare=rare))

    assert found["nil channel"].panics == {"close_of_nil": Counter(5, 5 * SECOND)}
    assert found["chan ?"].panics == {"send_on_closed": Counter(6, 5 * SECOND)}
    assert ("send", "ok") not in found["nil channel"].processed


def panic(name_key: int, *frames: int) -> PanicRecord:
    """Goroutine 7 closes twice, at 99 s."""
    return PanicRecord(1, PANICS[1], 99 * SECOND, 0xC000000000, name_key, 7, frames)


def test_of_very_many_panics_the_last_one_is_kept() -> None:
    """It may be what the program died of; how many are left out is said."""
    made = world("makes")
    for goroutine in range(1000):
        made.add_panic(replace(panic(KEY, 0x401000, CLOSER + BIAS), goid=goroutine), 0)
    seen = Observation(1100 * SECOND, 100 * SECOND, KernelState(losses={"sampled": 5}), None, {}, {}, ended=True)

    snapshot = made.snapshot(seen)

    assert (len(snapshot.panics), snapshot.panics[-1].goroutine_id) == (100, 999)
    assert snapshot.losses.by_reason["sampled"] == 905


def test_a_panic_is_in_the_next_snapshot_with_its_stack() -> None:
    """Once; under the name of its channel; whole when the stack ends where every goroutine's does."""
    made = world("makes")
    made.add_panic(panic(KEY, 0x401000, CLOSER + BIAS, GOEXIT + BIAS), 1000 * SECOND)
    made.add_panic(panic(UNKNOWN_KEY, 0x401000, CLOSER + BIAS), 1000 * SECOND)
    seen = Observation(1100 * SECOND, 100 * SECOND, KernelState(), None, {}, {}, ended=True)

    known, unknown = made.snapshot(seen).panics

    assert (known.error, known.channel, known.goroutine_id) == ("close_of_closed", NAME, 7)
    assert (known.time_unix_ns, known.frames) == (1099 * SECOND, (Frame("main.stop", "/src/main.go", 80),))
    assert (known.stack_complete, unknown.stack_complete) == (True, False)
    assert unknown.channel == "chan ?"
    assert made.snapshot(seen).panics == ()
