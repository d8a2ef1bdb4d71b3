"""Channel names: the best evidence wins."""

import pytest

from otelchan.gobinary.types import Frame, MakeSite
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.names import Name, Namer, Uses, names_for_census, package_of
from tests.support.images import go_image

INT = 0x500000
FRAMES = {
    0x401100: (Frame("main.newQueue", "/src/app/queue.go", 12), Frame("main.main", "/src/app/main.go", 41)),
    0x401200: (Frame("main.main", "/src/app/main.go", 50),),
    0x401300: (Frame("time.NewTimer", "/go/src/time/sleep.go", 150),),
    0x401400: (Frame("main.worker", "/src/app/main.go", 57),),
}


def channel(capacity: int = 0, element_type: int = INT, address: int = 0xC000000000) -> Channel:
    """An open channel of int."""
    return Channel(address, "int", element_type, 8, 0, capacity, False, False)


@pytest.mark.parametrize(
    ("function", "package"),
    [
        ("main.main", "main"),
        ("os/signal.Notify", "os/signal"),
        ("example.com/app/queue.(*Q).Push", "example.com/app/queue"),
        ("time.NewTimer", "time"),
    ],
)
def test_the_package_is_what_stands_before_the_first_dot_of_the_last_element(function: str, package: str) -> None:
    """Import paths may contain dots, only the last element ends at one."""
    assert package_of(function) == package


def test_a_channel_seen_being_made_is_named_by_the_innermost_line() -> None:
    """An inlined constructor names the channel by its own `make`, not by its caller."""
    assert Namer(go_image(FRAMES)).made_at(0x401100) == Name("main.newQueue queue.go:12", "make", "user")


def test_a_channel_made_by_package_time_is_a_timer() -> None:
    """Timer channels are never closed by design, so findings leave them out."""
    name = Namer(go_image(FRAMES)).made_at(0x401300)

    assert name == Name("time.NewTimer sleep.go:150", "make", "timer")


def test_the_only_make_that_fits_names_an_older_channel() -> None:
    """Type and capacity fit one place in the code: that is where it was made."""
    namer = Namer(go_image(FRAMES, make_sites=(MakeSite(0x401100, INT, 0), MakeSite(0x401200, INT, 8))))

    assert namer.unseen(channel(capacity=8), ()) == Name("main.main main.go:50", "code", "user")


def test_two_makes_that_fit_name_nothing() -> None:
    """With two candidates the name says only type and user."""
    namer = Namer(go_image(FRAMES, make_sites=(MakeSite(0x401100, INT, 8), MakeSite(0x401200, INT, 8))))

    assert namer.unseen(channel(capacity=8), {"main.worker", "main.other"}) == Name(
        "chan int main.other", "use", "user"
    )


def test_a_make_with_an_unknown_capacity_fits_every_capacity() -> None:
    """So it makes a constant capacity ambiguous."""
    namer = Namer(go_image(FRAMES, make_sites=(MakeSite(0x401100, INT, -1), MakeSite(0x401200, INT, 8))))

    assert namer.unseen(channel(capacity=8), ()).source == "use"
    assert namer.unseen(channel(capacity=3), ()) == Name("main.newQueue queue.go:12", "code", "user")


def test_a_make_of_unknown_type_fits_every_type() -> None:
    """A generic function may make channels of what others make too, so it takes certainty away from them."""
    sites = (MakeSite(0x401100, INT, 8), MakeSite(0x401200, 0, 8))

    assert Namer(go_image(FRAMES, make_sites=sites)).unseen(channel(capacity=8), ()).source == "use"
    assert Namer(go_image(FRAMES, make_sites=sites)).unseen(channel(capacity=8, element_type=INT + 64), ()) == Name(
        "main.main main.go:50", "code", "user"
    )


def test_what_reflection_makes_is_named_by_its_use() -> None:
    """reflect.MakeChan is no place: whoever called it would be one."""
    frames = {**FRAMES, 0x401500: (Frame("reflect.MakeChan", "/go/src/reflect/value.go", 3066),)}
    namer = Namer(go_image(frames, make_sites=(MakeSite(0x401500, 0, -1), MakeSite(0x401100, INT, 0))))

    assert namer.unseen(channel(capacity=8), {"main.worker"}) == Name("chan int main.worker", "use", "user")
    assert namer.unseen(channel(capacity=0), {"main.worker"}).source == "use"


def test_a_channel_of_a_type_made_at_run_time_is_named_by_its_use() -> None:
    """No site in the code names such a type, so one of unknown type proves nothing."""
    namer = Namer(go_image(FRAMES, make_sites=(MakeSite(0x401100, 0, 0),)))

    assert namer.unseen(channel(element_type=0), {"main.worker"}).source == "use"


def test_who_waits_on_a_channel_is_no_proof_of_who_made_it() -> None:
    """A function may wait on a channel that it was given, as everybody does on that of a context, while its own package
    makes another one of that type."""
    frames = {**FRAMES, 0x401500: (Frame("context.(*cancelCtx).Done", "/go/src/context/context.go", 457),)}
    namer = Namer(go_image(frames, make_sites=(MakeSite(0x401100, INT, 0), MakeSite(0x401500, INT, 0))))

    assert namer.unseen(channel(), {"main.worker"}) == Name("chan int main.worker", "use", "user")


def timer(sites: tuple[MakeSite, ...], frames: dict[int, tuple[Frame, ...]] = FRAMES) -> Name:
    """The name of a timer's channel, whose capacity the runtime says is 0."""
    ticking = channel()._replace(timer=True)
    return Namer(go_image(frames, make_sites=sites)).unseen(ticking, {"main.worker"})


def test_a_timers_channel_is_made_by_package_time_with_room_for_one() -> None:
    """cap() says 0, and no other place makes one with a timer."""
    made = (MakeSite(0x401100, INT, 0), MakeSite(0x401300, INT, 1))

    assert timer(made) == Name("time.NewTimer sleep.go:150", "code", "timer")


def test_a_timer_that_may_be_a_ticker_is_named_by_its_use_and_is_a_timer() -> None:
    """Of two places in package time none is told."""
    frames = {**FRAMES, 0x401500: (Frame("time.NewTicker", "/go/src/time/tick.go", 43),)}
    made = (MakeSite(0x401300, INT, 1), MakeSite(0x401500, INT, 1))

    assert timer(made, frames) == Name("chan int main.worker", "use", "timer")


def test_a_ticker_that_was_seen_being_made_is_no_timer() -> None:
    """And one of which only the place is known neither."""
    frames: dict[int, tuple[Frame, ...]] = {0x401500: (Frame("time.NewTicker", "/go/src/time/tick.go", 43),)}
    made = (MakeSite(0x401500, INT, 1),)

    assert Namer(go_image(frames)).made(0x401500, channel()._replace(timer=True)) == Name(
        "time.NewTicker tick.go:43", "make", "ticker"
    )
    assert timer(made, frames) == Name("time.NewTicker tick.go:43", "code", "ticker")


def test_an_older_timer_without_a_mark_is_one_where_only_package_time_makes_such_channels() -> None:
    """Before Go 1.23; beside a make of the user's own it may be that, so it is the user's."""
    frames = {**FRAMES, 0x401500: (Frame("time.NewTicker", "/go/src/time/tick.go", 43),)}
    theirs = (MakeSite(0x401300, INT, 1), MakeSite(0x401500, INT, 1))

    def kind(*sites: MakeSite) -> str:
        return Namer(go_image(frames, make_sites=sites)).unseen(channel(capacity=1), ()).kind

    assert kind(*theirs) == "timer"
    assert kind(*theirs, MakeSite(0x401100, INT, 1)) == "user"
    assert kind(*theirs, MakeSite(0x401100, INT, -1)) == "user"
    assert kind(*theirs, MakeSite(0x401100, INT, 2)) == "timer"


def test_a_channel_that_only_the_runtime_can_have_made_is_its_own() -> None:
    """Two places fit, so neither is told; but both are the runtime's."""
    first, second = (Frame("runtime.ensureSigM", "/go/src/runtime/signal_unix.go", line) for line in (1072, 1073))
    namer = Namer(go_image({1: (first,), 2: (second,)}, make_sites=(MakeSite(1, INT, 0), MakeSite(2, INT, 0))))

    assert namer.unseen(channel(), ()) == Name("chan int", "use", "runtime")


def test_receivers_that_are_seen_name_a_channel_and_senders_where_nobody_receives() -> None:
    """Of several the one that sorts first; what the compiler made is none."""
    uses = Uses(go_image(FRAMES))
    uses.add(1, "send", "main.a")
    assert uses.of(1) == {"main.a"}
    uses.add(1, "recv", "main.c")
    uses.add(1, "recv", "main.b")

    assert uses.of(1) == {"main.b", "main.c"}
    uses.clear()
    assert uses.of(1) == set()


def test_two_inlined_copies_of_one_make_are_one_place() -> None:
    """Inlining repeats the call in the text, not the line in the source."""
    frames = {**FRAMES, 0x401500: FRAMES[0x401100]}
    namer = Namer(go_image(frames, make_sites=(MakeSite(0x401100, INT, 0), MakeSite(0x401500, INT, 0))))

    assert namer.unseen(channel(), ()).name == "main.newQueue queue.go:12"


def test_a_census_names_channels_by_their_receivers_before_their_senders() -> None:
    """Who receives says more about a channel than who is stuck sending."""
    frames = {0x401400: FRAMES[0x401400], 0x401600: (Frame("main.handler", "/src/app/main.go", 80),)}
    waiting = channel()
    goroutines = (
        Goroutine(1, 1, "waiting", "chan send", (Wait(waiting.address, "send"),), stack=(0x401600,)),
        Goroutine(2, 2, "waiting", "chan receive", (Wait(waiting.address, "recv"),), stack=(0x401400,)),
    )
    census = Census(0, 0, 0, GoroutineCounts(2, 2), goroutines, (waiting,))

    assert names_for_census(go_image(frames), census) == {waiting.address: ("chan int main.worker", "use")}
