"""Channel names: the best evidence wins."""

import pytest

from otelchan.gobinary.types import Frame, MakeSite
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.names import Name, Namer, names_for_census, package_of
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
