"""What the user calls channels, and whose channels are those of a constructor."""

import pytest

from otelchan.gobinary.types import Frame, MakeSite
from otelchan.memory.types import Channel
from otelchan.model.aliases import Alias, Rules
from otelchan.model.names import Name, Namer
from tests.support.images import go_image

INT = 0x500000
PLACE = "example.com/app/q.(*Queue[...]).Open queue.go:12"
FRAMES = {
    0x401100: (Frame("q.New", "/src/q/q.go", 12), Frame("main.start", "/src/main.go", 41)),
    0x401200: (Frame("main.start", "/src/main.go", 50),),
    0x401300: (Frame("q.Open", "/src/q/q.go", 20),),
    0x401400: (Frame("main.serve", "/src/main.go", 60),),
    0x401500: (Frame("time.NewTimer", "/go/src/time/sleep.go", 150),),
}
SKIP = Rules(skip=("q.*", "time.*"))


def channel(capacity: int = 0, element_type: str = "int") -> Channel:
    """An open channel."""
    return Channel(0xC000000000, element_type, INT, 8, 0, capacity, False, False)


@pytest.mark.parametrize(
    "alias",
    [
        Alias("a", site="queue.go:12"),
        Alias("a", site="queue.go:*"),
        Alias("a", site="*q.(*Queue[...]).Open queue.go:1?"),
        Alias("a", function="example.com/app/q.*"),
        Alias("a", function="example.com/app/q.(*Queue[...]).Open"),
        Alias("a", element_type="*main.Job"),
        Alias("a", element_type="**"),
        Alias("a", site="queue.go:12", function="*Open", element_type="?main.*"),
    ],
)
def test_an_alias_fits_by_all_its_globs(alias: Alias) -> None:
    """`*` and `?` are special, brackets are not."""
    assert "a" == Rules([alias]).alias(PLACE, "*main.Job")


@pytest.mark.parametrize(
    "alias",
    [
        Alias("a", site="queue.go:1"),
        Alias("a", site="ueue.go:12"),
        Alias("a", function="q.Open"),
        Alias("a", function="example.com/app/q.(*Queue[a-z]).Open"),
        Alias("a", element_type="main.Job"),
        Alias("a", element_type="*main.Job?"),
        Alias("a", site="queue.go:12", element_type="int"),
    ],
)
def test_an_alias_fits_only_the_whole(alias: Alias) -> None:
    """No part of a text is enough, nor some of the conditions."""
    assert "" == Rules([alias]).alias(PLACE, "*main.Job")


def test_the_first_alias_that_fits_names() -> None:
    """Several may give one name."""
    rules = Rules([Alias("no", site="other.go:*"), Alias("first", site="queue.go:*"), Alias("second", function="*")])

    assert "first" == rules.alias(PLACE, "int")
    assert "second" == rules.alias("main.main main.go:1", "int")


def test_what_is_not_known_does_not_decide() -> None:
    """An earlier alias may be the one, so neither it nor a later one names; one that is out of the question does not
    stand in the way."""
    rules = Rules([Alias("typed", element_type="int", site="queue.go:*"), Alias("any", site="queue.go:*")])

    assert rules.alias(PLACE, "") is None
    assert rules.alias("", "int") is None
    assert "any" == rules.alias(PLACE, "string")
    assert "" == rules.alias("main.main main.go:1", "")


def test_a_place_is_named_by_its_alias() -> None:
    """Seen or found in the code."""
    rules = Rules([Alias("orders", function="q.New")])
    namer = Namer(go_image(FRAMES, make_sites=(MakeSite(0x401100, INT, 0),)), rules)

    assert Name("orders", "alias", "user") == namer.made(0x401100, channel()) == namer.unseen(channel(), ())
    assert namer.made(0x401200, channel()) == Name("main.start main.go:50", "make", "user")


def test_an_alias_for_all_places_that_fit_is_certain() -> None:
    """For some of them only it is not."""
    sites = (MakeSite(0x401100, INT, 0), MakeSite(0x401200, INT, 0))
    image = go_image(FRAMES, make_sites=sites)

    def named(site: str) -> Name:
        return Namer(image, Rules([Alias("orders", site=site)])).unseen(channel(), {"main.f"})

    assert named("*.go:*") == Name("orders", "alias", "user")
    assert named("q.go:12") == Name("chan int main.f", "use", "user")


def test_a_channel_of_unknown_place_has_an_alias_by_its_type() -> None:
    """As reflection makes some; unless a place that is asked for might be it."""
    frames = {**FRAMES, 0x401600: (Frame("reflect.MakeChan", "/go/src/reflect/value.go", 3066),)}
    sites = (MakeSite(0x401600, 0, -1), MakeSite(0x401100, INT, 0))
    image = go_image(frames, make_sites=sites)

    by_type = Namer(image, Rules([Alias("numbers", element_type="int")])).unseen(channel(), ())
    after = Rules([Alias("orders", site="main.go:99"), Alias("numbers", element_type="int")])

    assert by_type == Name("numbers", "alias", "user")
    assert Namer(image, after).unseen(channel(), ()).source == "use"


def test_a_function_that_is_passed_over_leaves_its_channels_to_its_caller() -> None:
    """Inlined ones by the place where they are inlined; the outermost line where all are passed over."""
    namer = Namer(go_image(FRAMES), SKIP)

    assert namer.made_at(0x401100) == Name("main.start main.go:41", "make", "user")
    assert namer.made_at(0x401300) == Name("q.Open q.go:20", "make", "user")


def test_a_timer_is_named_by_package_time_whatever_is_passed_over() -> None:
    """Else it would not be known to be one."""
    assert Namer(go_image(FRAMES), SKIP).made_at(0x401500) == Name("time.NewTimer sleep.go:150", "make", "timer")


def test_the_code_names_by_the_only_caller_of_a_function_that_is_passed_over() -> None:
    """Or by nobody, when it may have several."""
    once = go_image(FRAMES, make_sites=(MakeSite(0x401300, INT, 0, (0x401400,)),))
    often = go_image(FRAMES, make_sites=(MakeSite(0x401300, INT, 0),))

    assert Namer(once, SKIP).unseen(channel(), ()) == Name("main.serve main.go:60", "code", "user")
    assert Namer(once).unseen(channel(), ()) == Name("q.Open q.go:20", "code", "user")
    assert Namer(often, SKIP).unseen(channel(), {"main.f"}) == Name("chan int main.f", "use", "user")
