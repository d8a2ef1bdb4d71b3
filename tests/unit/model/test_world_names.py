"""A channel whose make was not seen gets its name once, from all who used it until then, and keeps it."""

import struct

from otelchan.gobinary.types import Frame, MakeSite
from otelchan.kernel.types import UNNAMED, BlockRecord
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.aliases import Alias, Rules
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


def renamed(made: World, **rules: object) -> Snapshot:
    """A look after the rules changed."""
    made.rename(Rules(**rules))  # type: ignore[arg-type]
    return snapshot(made, census((LATE, "recv")), counted=3)


def test_new_aliases_hold_for_all_channels_at_once() -> None:
    """What was counted goes with the name; without the alias it has its old one again."""
    made = world(MakeSite(0x401400, INT, 0))
    before = snapshot(made, census((LATE, "recv")), counted=3)
    after = renamed(made, aliases=[Alias("orders", function="main.main")])
    again = renamed(made)

    assert ["main.main main.go:41", "orders", "main.main main.go:41"] == [
        seen.channels[0].name for seen in (before, after, again)
    ]
    assert "alias" == after.channels[0].source
    assert [1, 1, 1] == [len(seen.channels) for seen in (before, after, again)]


def test_a_name_by_use_stays_when_no_alias_fits() -> None:
    """Though somebody else receives by now."""
    made = world()
    snapshot(made, census((LATE, "recv")))
    made.rename(Rules([Alias("orders", site="nowhere.go:*")]))

    assert "chan int main.zip" == snapshot(made, census((EARLY, "recv"))).channels[0].name


def test_a_channel_that_is_gone_keeps_the_name_it_had() -> None:
    """There is nothing left to tell another one by."""
    made = world(MakeSite(0x401400, INT, 0))
    snapshot(made, census((LATE, "recv")), counted=3)
    made.rename(Rules([Alias("orders", function="main.main")]))
    gone = Census(0, 100 * SECOND, 0, GoroutineCounts(1, 10), (), ())

    assert ["main.main main.go:41"] == [view.name for view in snapshot(made, gone, counted=3).channels]


def test_a_channel_that_was_seen_being_made_is_renamed_also_when_it_is_gone() -> None:
    """Its place and its type are remembered."""
    made = world()
    key, address = 0x401400, A + 64
    kernel = KernelState(keys={address: key}, counts={key: Counts(1, 1)})
    alive = channel()._replace(address=address)

    def look(channels: dict[int, Channel]) -> Snapshot:
        empty = Census(0, 100 * SECOND, 0, GoroutineCounts(1, 10), (), ())
        return made.snapshot(Observation(100 * SECOND, 100 * SECOND, kernel, empty, channels, {}))

    names = [look({address: alive}).channels[0].name]
    made.rename(Rules([Alias("orders", element_type="int")]))
    names.append(look({}).channels[0].name)

    assert ["main.main main.go:41", "orders"] == names


def test_a_channel_that_signals_come_through_is_one_only_while_they_do() -> None:
    """os/signal knows it, or not any more; the kind goes with the channel, not with the name."""
    made = world()
    signals = channel("os.Signal")
    seen = Census(0, 100 * SECOND, 0, GoroutineCounts(1, 10), (), (signals,))

    def kind(registered: frozenset[int] | None) -> str:
        looked = Observation(100 * SECOND, 100 * SECOND, KernelState(), seen, {A: signals}, {}, registered=registered)
        return made.snapshot(looked).channels[0].kind

    assert ["signal", "user", "signal"] == [kind(known) for known in (frozenset({A}), frozenset(), None)]


def test_who_wakes_may_say_what_an_older_channel_is_for() -> None:
    """A timer sends to it, before it has a name or after."""
    timer = (Frame("time.sendTime", "/go/src/time/sleep.go", 150),)
    for first in (True, False):
        made = World(PROCESS, go_image({**FRAMES, SENDER: timer}), 0, 4 * SECOND)
        if not first:
            assert "user" == snapshot(made, census((LATE, "recv"))).channels[0].kind
        made.add_block(wait(LATE, SENDER), 0, channel())

        assert "timer" == snapshot(made, census((LATE, "recv"))).channels[0].kind
