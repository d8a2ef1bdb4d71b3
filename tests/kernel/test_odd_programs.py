"""Programs with goroutines in places that few programs have: each is read as it is, or what is not known is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import Loss
from otelchan.memory.selfcheck import check
from otelchan.model.names import Namer
from otelchan.model.tables import Tables
from otelchan.plan.planner import make_plan
from otelchan.view.stacks import traceback
from tests.support.agent import agent
from tests.support.blocked import Dumped, blocked
from tests.support.dump import take_census
from tests.support.gobuild import EVERY_GO, WORKLOADS, build, source_line
from tests.support.seen import Seen, as_dumped, minor, visible, without_busy

COROUTINES = tuple(go for go in EVERY_GO if int(go.split(".")[1]) >= 23)
BUBBLES = tuple(go for go in EVERY_GO if int(go.split(".")[1]) >= 24)
PLUGINS = (EVERY_GO[0], EVERY_GO[-1])
PROBED = ("1.19.13", "1.24.11", "1.27.3")  # both ways to cross from C to Go, and each of the other places
FAR = 1 << 62
DURABLE = " (durable)"
DEEP = (7, 51, 200, 5000, 200000)
ABOVE_DEEP = 6  # goDown itself, what called it, goexit, and above: chanrecv1, chanrecv, gopark
HIDDEN = 4  # of these frames, in a dump


def odd(go: str) -> Path:
    """The program. Bubbles were an experiment in Go 1.24."""
    experiment = {"GOEXPERIMENT": "synctest"} if go.startswith("1.24.") else {}
    return build("odd", go, environment={"CGO_ENABLED": "1", **experiment})


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    """`odd KIND` of that Go."""
    kind, go = request.param
    binary = odd(go)
    with blocked(binary, kind) as program:
        yield Seen(program, binary)


def builds(kind: str, releases: tuple[str, ...]) -> pytest.MarkDecorator:
    """That kind of place, in programs of these releases."""
    return pytest.mark.parametrize("seen", [(kind, go) for go in releases], ids=releases, indirect=True)


def assert_read_as_it_is(seen: Seen, undecorated: str = "") -> None:
    """Self-check, goroutines, stacks, counts and channels. undecorated: what a dump adds to states."""

    def plain(dumped: Dumped) -> Dumped:
        runtime = all(frame.function.startswith("runtime.") for frame in dumped.frames)
        frames = () if runtime else dumped.frames  # a dump shows those where there are no others
        return dumped._replace(state=dumped.state.removesuffix(undecorated), frames=frames)

    check(seen.reader, seen.image, seen.bias)
    dump, count = seen.program.dump(), seen.program.count()
    census = seen.census()
    shown = {id_: plain(as_dumped(seen.image, goroutine)) for id_, goroutine in visible(census).items()}
    assert {id_: plain(dumped) for id_, dumped in without_busy(dump).items()} == shown
    assert (0, count) == (census.unread, census.counts.count)
    assert {True} == {goroutine.stack_complete for goroutine in census.goroutines if goroutine.wait_reason}
    assert_channels_are_its_own(seen)


def assert_channels_are_its_own(seen: Seen) -> None:
    """Every channel that somebody waits on, with its waiters on both sides."""
    channels = {channel.address: channel for channel in seen.census().channels}
    for name, truth in seen.program.channels().items():
        channel = channels[truth.address]
        sides = (channel.waiting_senders, channel.waiting_receivers)
        shown = (channel.length, channel.capacity, *sides, channel.closed, channel.element_type)
        assert truth[1:] == shown, name


@builds("callbacks", EVERY_GO)
def test_the_stack_of_a_callback_goes_on_below_c(seen: Seen) -> None:
    """Go called C called Go, once and twice over, and threads that C made: stacks are those of the program's own dump,
    and end in runtime.goexit."""
    assert_read_as_it_is(seen)
    reasons = {"chan receive": 6, "chan send": 2, "select": 2, "select (no cases)": 1}
    assert reasons == seen.census().by_reason


@builds("coroutines", COROUTINES)
def test_coroutines_are_goroutines_that_wait_for_each_other(seen: Seen) -> None:
    """Of iter.Pull: those that wait to be asked, those that never were, and one of two that waits for a channel."""
    assert_read_as_it_is(seen)
    assert {"coroutine": 5 + 3 + 2, "chan receive": 2} == seen.census().by_reason


@builds("bubbles", BUBBLES)
def test_goroutines_in_a_bubble_have_wait_reasons_of_their_own(seen: Seen) -> None:
    """Of testing/synctest: their channels are channels like others, nil channels and empty selects no less."""
    assert_read_as_it_is(seen, undecorated=DURABLE)
    reasons = seen.census().by_reason
    suffix = " (synctest)" if minor(seen.image) == 24 else DURABLE
    expected = {f"chan send{suffix}": 2, f"select{suffix}": 1, "chan receive (nil chan)": 1, "select (no cases)": 1}
    assert expected == {reason: reasons[reason] for reason in expected}
    assert 3 <= reasons[f"chan receive{suffix}"] <= 4  # with the one that runs the test
    assert {"synctest.Run": 1, "synctest.Wait": 1, "sleep": 1} == {
        reason: reasons[reason] for reason in ("synctest.Run", "synctest.Wait", "sleep")
    }


@builds("deep", EVERY_GO)
def test_a_deep_stack_is_counted_to_its_end(seen: Seen) -> None:
    """Up to hundreds of thousands of frames; the innermost are kept."""
    dump = seen.program.dump()
    census = seen.census()
    found = {goroutine.id: goroutine for goroutine in visible(census).values()}

    assert sorted(depth + ABOVE_DEEP for depth in DEEP) == sorted(goroutine.depth for goroutine in found.values())
    assert [True] * len(DEEP) == [goroutine.stack_complete for goroutine in found.values()]
    for id_, goroutine in found.items():
        frames = traceback(seen.image, goroutine.stack)
        assert min(goroutine.depth, 4097) == len(goroutine.stack)
        assert dump[id_].frames[:50] == frames[:50]
        if minor(seen.image) >= 21:  # before, a dump does not say how many frames it leaves out
            assert goroutine.depth - HIDDEN == len(dump[id_].frames) + dump[id_].elided
    assert_channels_are_its_own(seen)


@pytest.mark.parametrize("go", ["1.27.3"])
def test_what_is_deep_is_not_read_again_when_nothing_changed(go: str) -> None:
    """The third census takes over what the second one saw, depths as well."""
    with blocked(odd(go), "deep") as program:
        one = Seen(program, odd(go))
        first = one.census()
        third = one.census(one.census(first))

    assert visible(first) == visible(third)
    assert third.bytes_read < first.bytes_read / 100


# --- probes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def session() -> Iterator[Session]:
    """The loaded kernel side."""
    loaded = Session()
    yield loaded
    loaded.close()


def probed() -> list[tuple[str, str]]:
    """(kind, release)"""
    has = {"callbacks": EVERY_GO, "deep": EVERY_GO, "coroutines": COROUTINES, "bubbles": BUBBLES}
    return [(kind, go) for kind, releases in has.items() for go in releases if go in PROBED]


@pytest.mark.parametrize("seen", probed(), ids=" ".join, indirect=True)
def test_what_is_sent_in_an_odd_place_is_counted(session: Session, seen: Seen) -> None:
    """101 elements through a channel without a buffer: 101 sends and receives, by its make, and nothing is lost."""
    plan = make_plan(seen.image, 3, f"/proc/{seen.program.pid}/exe")
    assert () == plan.left_out
    entry = target_entry(seen.image, seen.bias)
    entry["span_threshold_ns"] = FAR
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    session.write_target(3, entry)
    for sites in plan.planes.values():
        offsets = [site.file_offset for site in sites]
        session.attach(plan.path, offsets, [site.cookie for site in sites], seen.program.pid)
    seen.program.ask("work 101")
    lost = session.tally(3)["lost"]
    losses = {loss.name: int(lost[loss]) for loss in Loss if lost[loss]}
    state = Tables(*(session.items(name) for name in Tables._fields)).of(3, 1, losses)

    namer = Namer(seen.image)
    counted = Counter[str]()
    for key, row in state.counts.items():
        name = namer.made_at(key)
        counted[name.name if name else "?"] += row.send_ok
        assert row.send_ok == row.recv_ok or not name or name.kind != "user", name
    (worked,) = [place for place, number in counted.items() if number == 101]
    assert worked.startswith("main.work"), counted
    assert {} == losses


# --- plugins ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plugged(request: pytest.FixtureRequest) -> Iterator[Seen]:
    """`plugged` with its plugin, of that Go."""
    cgo = {"CGO_ENABLED": "1"}
    binary = build("plugged", request.param, environment=cgo)
    folder = WORKLOADS / "plugged" / "plug"
    plugin = build("plug", request.param, environment=cgo, flags=("-buildmode=plugin",), folder=folder)
    with blocked(binary, str(plugin)) as program:
        yield Seen(program, binary)


def as_unknown(dumped: Dumped) -> tuple[str, list[str]]:
    """State, and functions of the executable alone."""
    return dumped.state, [frame.function for frame in dumped.frames if frame.function.startswith("main.")]


@pytest.mark.parametrize("plugged", PLUGINS, indirect=True)
def test_functions_of_a_plugin_are_said_to_be_unknown(plugged: Seen) -> None:
    """Goroutines, wait reasons, channels and types are the program's own; a frame in the plugin has the plugin's name
    instead of a function's, and those of the executable between them have their own."""
    check(plugged.reader, plugged.image, plugged.bias)
    dump = without_busy(plugged.program.dump())
    census = plugged.census()
    shown = {id_: as_dumped(plugged.image, goroutine) for id_, goroutine in visible(census).items()}

    assert ("example.com/plug",) == census.plugins
    assert {id_: as_unknown(dumped) for id_, dumped in dump.items()} == {
        id_: as_unknown(dumped) for id_, dumped in shown.items()
    }
    for id_, dumped in dump.items():
        inside = any(frame.function.startswith("example.com/plug.") for frame in dumped.frames)
        first = shown[id_].frames[0].function
        assert ("unknown function (plugin example.com/plug)" == first) == inside, dumped
    assert {True} == {goroutine.stack_complete for goroutine in census.goroutines if goroutine.wait_reason}
    assert_channels_are_its_own(plugged)


@pytest.mark.parametrize("plugged", PLUGINS[-1:], indirect=True)
def test_no_channel_of_a_plugin_has_the_name_of_one_of_the_executable(plugged: Seen) -> None:
    """One of the plugin's has type and capacity of one that the executable makes: neither is named by that place."""
    names = {channel["address"]: channel["name"] for channel in take_census(plugged.program.pid)["channels"]}
    made_at = f"main.go:{source_line('plugged', 'own      = make(chan int, 7)')}"

    truth = plugged.program.channels()
    assert not any(made_at in names[hex(truth[name].address)] for name in ("wanted", "own"))


@pytest.mark.parametrize("plugged", PLUGINS[-1:], indirect=True)
def test_a_program_with_a_plugin_has_no_probes(plugged: Seen, tmp_path: Path) -> None:
    """The plugin's channel functions are copies in which there is none, so counts would be wrong: that is said."""
    with agent(tmp_path / "agent.log", plugged.program.pid, "--interval", 1) as running:
        running.wait_for(r"has opened plugins \(example.com/plug\), whose channel functions are copies without probes")
        running.wait_for(r"watching pid")
        assert "plane on trial" not in running.log
