"""A channel whose make was not seen gets its name once, from all who used it until then, and keeps it."""

import struct

from otelchan.gobinary.types import Frame, MakeSite
from otelchan.kernel.types import UNNAMED, BlockRecord
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.observation import Counts, KernelState, Observation
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

A = 0xC000000000
INT = 0x500000
SP = 0xC000100000
SECOND = 1_000_000_000
PROCESS = Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ())
EARLY, LATE, SENDER, PARK = 0x401100, 0x401200, 0x401300, 0x401010
FRAMES: dict[int, tuple[Frame, ...]] = {
    PARK: (Frame("runtime.gopark", "/go/src/runtime/proc.go", 460),),
    EARLY: (Frame("main.drain", "/src/main.go", 12),),
    LATE: (Frame("main.zip", "/src/main.go", 57),),
    SENDER: (Frame("main.apply", "/src/main.go", 80),),
    0x401400: (Frame("main.main", "/src/main.go", 41),),
    0x401500: (Frame("main.main", "/src/main.go", 42),),
}


def world(*make_sites: MakeSite) -> World:
    """A world of a program whose addresses are as linked."""
    return World(PROCESS, go_image(FRAMES, make_sites=make_sites), 0, 4 * SECOND)


def channel(element_type: str = "int") -> Channel:
    """An open, unbuffered channel."""
    return Channel(A, element_type, INT, 8, 0, 0, False, False)


def census(*waiting: tuple[int, str]) -> Census:
    """Goroutines parked on the channel, each with (where, operation)."""
    goroutines = tuple(
        Goroutine(number, number, "waiting", f"chan {operation}", (Wait(A, operation),), stack=(PARK, place))
        for number, (place, operation) in enumerate(waiting, 1)
    )
    return Census(0, 100 * SECOND, 0, GoroutineCounts(len(goroutines), 10), goroutines, (channel(),))


def snapshot(made: World, seen: Census, counted: int = 0) -> Snapshot:
    """What the world makes of a census, and of so many sends that were counted for the channel."""
    kernel = KernelState(keys={A: A | UNNAMED}, counts={A | UNNAMED: Counts(counted, counted)} if counted else {})
    channels = {found.address: found for found in seen.channels}
    return made.snapshot(Observation(100 * SECOND, 100 * SECOND, kernel, seen, channels, {}))


def wait(place: int, waker: int) -> BlockRecord:
    """A receive there, that a send in `waker` ended."""
    stack = struct.pack("<QQ", 0, place)
    return BlockRecord(
        target=1, operation=1, select=False, by_close=False, start=0, end=SECOND, channel=A, name_key=A | UNNAMED,
        g=1, goid=7, waker_g=2, waker_goid=8, sp=SP, pc=PARK, bp=SP, hi=SP + 16, wait_reason=19,
        waker=(PARK, waker), stack=stack,
    )  # fmt: skip


def test_a_name_does_not_change_when_another_function_receives_later() -> None:
    """The one that comes later would sort first: names are the same for as long as the channel lives."""
    made = world()

    names = [snapshot(made, census((place, "recv"))).channels[0].name for place in (LATE, EARLY)]

    assert names == ["chan int main.zip"] * 2


def test_a_name_does_not_change_when_nobody_waits_any_more() -> None:
    """Nor when a look sees it without any user."""
    made = world()
    snapshot(made, census((LATE, "recv")))

    assert snapshot(made, census(), counted=3).channels[0].name == "chan int main.zip"


def test_everybody_who_receives_until_it_is_named_counts() -> None:
    """Those parked when the agent came, those that a span was made of, and those parked now: the first in order."""
    made = world()
    made.look(census((EARLY, "recv")))
    assert snapshot(made, census((LATE, "recv"))).channels[0].name == "chan int main.drain"

    made = world()
    made.add_block(wait(EARLY, SENDER), 0, channel())
    assert snapshot(made, census((LATE, "recv"))).channels[0].name == "chan int main.drain"


def test_who_sends_names_a_channel_only_where_nobody_receives() -> None:
    """main.apply comes before both receivers in the alphabet, and sends."""
    made = world()
    made.add_block(wait(LATE, SENDER), 0, channel())

    assert snapshot(made, census((SENDER, "send"))).channels[0].name == "chan int main.zip"
    assert snapshot(world(), census((SENDER, "send"))).channels[0].name == "chan int main.apply"


def test_a_span_has_the_name_that_the_metrics_have() -> None:
    """Also one that ended before the channel was named: it is handed over with the metrics, under their name."""
    made = world()
    made.add_block(wait(LATE, SENDER), 0, channel())

    first = snapshot(made, census((EARLY, "recv")))
    made.add_block(wait(LATE, SENDER), 0, None)
    second = snapshot(made, census())

    names = [(view.name, view.source, view.element_type) for view in (first.channels[0], second.channels[0])]
    spans = [(s.channel, s.channel_source, s.element_type) for s in (*first.spans, *second.spans)]
    assert names == spans == [("chan int main.drain", "use", "int")] * 2


def test_a_channel_that_is_gone_when_it_is_named_has_its_name_from_its_span() -> None:
    """What was read of it when the span came is all there is."""
    made = world()
    made.add_block(wait(LATE, SENDER), 0, channel())
    gone = Census(0, 100 * SECOND, 0, GoroutineCounts(1, 10), (), ())

    (span,) = snapshot(made, gone).spans

    assert (span.channel, span.channel_source) == ("chan int main.zip", "use")


def test_the_code_tells_the_name_before_any_use_does() -> None:
    """The only place that fits, on spans and metrics alike."""
    made = world(MakeSite(0x401400, INT, 0), MakeSite(0x401500, INT, 4))
    made.add_block(wait(LATE, SENDER), 0, channel())

    seen = snapshot(made, census((EARLY, "recv")))

    assert (seen.channels[0].name, seen.channels[0].source) == ("main.main main.go:41", "code")
    assert seen.spans[0].channel == "main.main main.go:41"
