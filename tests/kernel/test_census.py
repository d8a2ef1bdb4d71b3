"""The census of a real program equals what the program says about itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otelchan.errors import BinaryError, MemoryGone
from otelchan.memory.channels import read_channels
from otelchan.memory.live import LiveReader
from otelchan.memory.selfcheck import check
from otelchan.memory.types import Goroutine
from tests.support.blocked import blocked
from tests.support.gobuild import EVERY_GO, SUPPORTED_GO
from tests.support.seen import Seen, as_dumped, image_of, minor, visible, without_busy

TIMERS_SINCE = 23  # the Go 1.N since which a timer's channel is one of its own kind
OLDEST, NEWEST = EVERY_GO[0], EVERY_GO[-1]
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "pie": (("-buildmode=pie",), {}),
    "race": (("-race",), {}),
    "not optimized": (("-gcflags=all=-N -l",), {}),
    "linked by C": (("-ldflags=-linkmode=external",), {"CGO_ENABLED": "1"}),
}
BUILDS = [(go, stripped) for go in EVERY_GO for stripped in (False, True)]
FEWER = [(go, stripped) for go, stripped in BUILDS if go in SUPPORTED_GO or not stripped]


def name(build: tuple[str, bool]) -> str:
    """Of a build, for people."""
    go, stripped = build
    return f"{go}-stripped" if stripped else go


long = pytest.mark.parametrize("seen", FEWER, ids=name, indirect=True)
"""A test that takes seconds: whether symbols are there makes no difference to what moves."""


@pytest.fixture(params=BUILDS, ids=name)
def seen(request: pytest.FixtureRequest, workload: Callable[..., Path]) -> Iterator[Seen]:
    """`blocked`, plain and stripped, of every supported Go."""
    go, stripped = request.param
    binary = workload("blocked", go=go, stripped=stripped)
    with blocked(binary) as program:
        yield Seen(program, binary)


def test_goroutines_equal_the_programs_own_dump(seen: Seen) -> None:
    """Same ids, same wait reasons, same frames with file and line, same creation sites; nothing more, nothing less."""
    dump = seen.program.dump()
    census = seen.census()

    shown = {id_: as_dumped(seen.image, goroutine) for id_, goroutine in visible(census).items()}
    assert without_busy(dump) == shown
    assert census.unread == 0


@pytest.mark.parametrize(("kind", "go"), [*((kind, NEWEST) for kind in KINDS), ("pie", "1.26.8"), ("pie", OLDEST)])
def test_other_kinds_of_build_are_no_different(workload: Callable[..., Path], kind: str, go: str) -> None:
    """Loaded elsewhere than linked, with the race detector, not optimized, or linked by a C compiler: dump, channels
    and self-check agree all the same."""
    flags, environment = KINDS[kind]
    binary = workload("blocked", go=go, flags=flags, environment=environment)
    with blocked(binary) as program:
        one = Seen(program, binary)
        assert bool(one.bias) == (kind == "pie")
        check(one.reader, one.image, one.bias)
        test_goroutines_equal_the_programs_own_dump(one)
        test_channels_equal_what_the_program_says(one)
        test_channels_known_to_others_are_read_by_address(one)


def test_every_parked_stack_is_complete(seen: Seen) -> None:
    """Every goroutine that waits has a stack that starts where it gave up the processor and ends in runtime.goexit."""
    parked = [goroutine for goroutine in seen.census().goroutines if goroutine.status == "waiting"]

    goexit = seen.image.functions.find("runtime.goexit")
    assert goexit
    assert {(True, goexit.entry + 1)} == {(goroutine.stack_complete, goroutine.stack[-1]) for goroutine in parked}


def test_the_count_equals_num_goroutine(seen: Seen) -> None:
    """The count from a few words, the goroutines that are listed, and the program's own number are the same."""
    census = seen.census()

    listed = sum(not goroutine.system for goroutine in census.goroutines)
    assert [seen.program.count()] * 2 == [census.counts.count, listed]


def test_created_counts_every_goroutine_once(seen: Seen) -> None:
    """400 more goroutines make the created counter grow by 400."""
    before = seen.census().counts.created
    seen.program.ask("forget")
    seen.program.ask("forget")
    seen.program.ask("forget")
    seen.program.ask("forget")
    assert 400 == seen.census().counts.created - before


def test_channels_equal_what_the_program_says(seen: Seen) -> None:
    """Length, capacity, element type, closed, and waiting goroutines by direction, of every channel waited on."""
    known = seen.program.channels()
    by_address = {channel.address: channel for channel in seen.census().channels}

    for name, truth in known.items():
        if not truth.senders and not truth.receivers:
            assert truth.address not in by_address, name
            continue
        channel = by_address[truth.address]
        shown = (channel.length, channel.capacity, channel.waiting_senders, channel.waiting_receivers, channel.closed)
        assert truth[1:6] == shown, name
        element = "struct" if name == "made" else truth.element_type  # its type was made at run time
        assert element == channel.element_type, name
        timer = name == "ticker" and minor(seen.image) >= TIMERS_SINCE
        assert (timer, True) == (channel.timer, channel.allocated), name


def test_channels_known_to_others_are_read_by_address(seen: Seen) -> None:
    """Also those that nobody waits on, with their waiters counted from their own queues."""
    known = seen.program.channels()
    addresses = [truth.address for truth in known.values()]
    channels = read_channels(seen.reader, seen.image.layout, seen.image.globals, seen.bias, addresses)

    for name, truth in known.items():
        channel = channels[truth.address]
        shown = (channel.length, channel.capacity, channel.waiting_senders, channel.waiting_receivers, channel.closed)
        assert (*truth[1:6], True) == (*shown, channel.allocated), name


def test_a_channel_that_was_collected_is_not_allocated(seen: Seen) -> None:
    """Of a hundred channels that the program forgot and collected none is shown as one."""
    addresses = [int(line, 16) for line in seen.program.ask("forget")]
    channels = read_channels(seen.reader, seen.image.layout, seen.image.globals, seen.bias, addresses)

    assert [False] * len(channels) == [channel.allocated for channel in channels.values()]
    assert set(addresses) == set(channels)


def test_waits_name_channel_and_direction(seen: Seen) -> None:
    """A select names each case, a channel in both directions twice, a nil channel as address 0."""
    known = seen.program.channels()
    names = {truth.address: name for name, truth in known.items()}
    waits = Counter(
        (goroutine.wait_reason, *sorted((names.get(wait.channel, "?"), wait.operation) for wait in goroutine.waits))
        for goroutine in visible(seen.census()).values()
        if goroutine.wait_reason.startswith(("chan", "select"))
    )

    assert 13 == waits["select", ("mixed", "send"), ("sharedA", "recv"), ("sharedB", "send")]
    assert 1 == waits["select", ("both", "recv"), ("both", "send")]
    assert 2 == waits["select", ("?", "recv"), ("done", "recv"), ("ticker", "recv")]
    assert 1 == waits["select", ("reflected", "recv"), ("reflectedS", "send")]
    assert 1 == waits["select",] == waits["select (no cases)",]
    assert 2 == waits["chan receive (nil chan)", ("?", "recv")]
    assert 3 == waits["chan send (nil chan)", ("?", "send")]
    assert 11 == waits["chan receive", ("empty", "recv")]
    assert 5 == waits["chan send", ("full", "send")]


@long
def test_nothing_is_wrong_while_the_collector_runs_in_a_loop(seen: Seen) -> None:
    """Stacks are shrunk and moved, statuses carry the scan bit: the blocked goroutines stay what they are."""
    truth = {id_: steady(goroutine) for id_, goroutine in visible(seen.census()).items()}
    seen.program.start("gcloop 300")
    previous, different = None, []
    for turn in range(60):
        census = previous = seen.census(previous if turn % 2 else None)
        now = {id_: steady(goroutine) for id_, goroutine in visible(census).items()}
        different += [(turn, id_) for id_ in truth.keys() | now.keys() if truth.get(id_) != now.get(id_)]
    seen.program.wait()

    assert [] == different


def steady(goroutine: Goroutine) -> Goroutine:
    """Without what a collection may change: the stamp of the wait, and nothing else."""
    return goroutine._replace(wait_since_ns=0)


@long
def test_a_busy_program_is_read_without_contradictions(seen: Seen) -> None:
    """The line that a stack says and the channel that the sudog says are of the same park, at every look."""
    seen.program.ask("churn 60")
    places: dict[int, set[tuple[int, str, str]]] = defaultdict(set)
    previous, complete = None, set()
    for _ in range(40):
        previous = census = seen.census(previous)
        for goroutine in census.goroutines:
            complete.add(goroutine.stack_complete or not goroutine.wait_reason)
            line = seen.line(goroutine, "main.passOn")
            for wait in goroutine.waits if line else ():
                places[wait.channel].add((line, wait.operation, goroutine.wait_reason))

    assert {True} == complete
    receives = [{place for place in of if place[1] == "recv"} for of in places.values()]
    sends = [{place for place in of if place[1] == "send"} for of in places.values()]
    assert len(receives) > 20
    assert all(len(of) <= 1 for of in (*receives, *sends))
    assert len(set().union(*receives)) <= 2  # one line per kind of channel


def test_what_did_not_change_is_not_read_again(seen: Seen) -> None:
    """The second census after a collection reads little more than the g structs, and is equal."""
    seen.program.ask("gc")
    first = seen.census()
    second = seen.census(first)

    assert visible(first) == visible(second)
    assert first.channels == second.channels
    assert second.bytes_read < first.bytes_read / 5


def test_before_any_collection_the_third_equal_look_is_the_last(seen: Seen) -> None:
    """Without the collector's stamp a park is read again once, to be sure, and then taken over."""
    first = seen.census()
    second = seen.census(first)
    third = seen.census(second)

    assert visible(first) == visible(second) == visible(third)
    assert third.bytes_read < second.bytes_read / 5


def test_a_finalizer_that_blocks_is_shown(seen: Seen) -> None:
    """The runtime's finalizer goroutine is the program's own while it runs the program's code, as in the dump."""
    seen.program.ask("finalizer")
    dump = seen.program.dump()
    census = seen.census()

    shown = {id_: as_dumped(seen.image, goroutine).frames for id_, goroutine in visible(census).items()}
    starts = {goroutine.id: seen.image.functions.at(goroutine.started_at) for goroutine in census.goroutines}
    names = ("runtime.runfinq", "runtime.runFinalizers")
    (finalizer,) = (id_ for id_, start in starts.items() if start and start.name in names)
    assert dump[finalizer].frames == shown[finalizer]
    assert set(dump) - {1} == set(shown)


def test_wait_since_is_the_collectors_stamp(seen: Seen) -> None:
    """No stamp before the first collection of the wait, the same one after each later collection."""
    seen.program.ask("gc")
    first = {id_: goroutine.wait_since_ns for id_, goroutine in visible(seen.census()).items() if goroutine.wait_reason}
    seen.program.ask("gc")
    later = {id_: goroutine.wait_since_ns for id_, goroutine in visible(seen.census()).items() if goroutine.wait_reason}

    assert all(stamp > 0 for stamp in first.values())
    assert first == later


@long
def test_the_self_check_accepts_the_program(seen: Seen) -> None:
    """At rest and under load."""
    check(seen.reader, seen.image, seen.bias)
    seen.program.ask("churn 60")
    check(seen.reader, seen.image, seen.bias)


@pytest.mark.parametrize(
    ("field", "by"),
    [
        ("g.goid", 8),
        ("g.atomicstatus", 4),
        ("g.waitreason", 1),
        ("g.sched.pc", -8),
        ("g.sched.bp", 8),
        ("g.stack.hi", -8),
        ("g.startpc", 8),
        ("g.waiting", -8),
        ("sudog.g", 8),
        ("sudog.c", 8),
        ("hchan.elemtype", 8),
        ("hchan.buf", 8),
        ("type.size", 8),
        ("schedt.goidgen", 8),
        ("schedt.ngsys", 4),
        ("moduledata.text", 8),
    ],
)
@pytest.mark.parametrize("go", [OLDEST, NEWEST])
def test_the_self_check_notices_a_wrong_layout(workload: Callable[..., Path], go: str, field: str, by: int) -> None:
    """One field a few bytes off is refused before anything is believed, with a sentence that names the program."""
    binary = workload("blocked", go=go)
    with blocked(binary) as program:
        image = image_of(binary)
        offsets = {**image.layout.offsets, field: image.layout[field] + by}
        wrong = replace(image, layout=replace(image.layout, offsets=offsets))
        with pytest.raises(BinaryError, match=f"{binary} is not laid out as go{go} does it: "):
            check(LiveReader(program.pid), wrong, 0)


def test_a_program_that_exits_is_gone(workload: Callable[..., Path]) -> None:
    """Its census ends with MemoryGone, not with half a picture."""
    binary = workload("blocked")
    with blocked(binary) as program:
        one = Seen(program, binary)
        one.census()
    with pytest.raises(MemoryGone, match=f"process {program.pid} has exited"):
        one.census()


def test_twenty_thousand_goroutines_are_read_in_few_large_reads(workload: Callable[..., Path]) -> None:
    """A system call reads a thousand pieces; when nothing has changed, a call reads 64 KiB or more."""
    binary = workload("blocked")
    with blocked(binary, "-more", "15013", "-shared", "5003") as program:
        one = Seen(program, binary)
        program.ask("gc")
        calls = [one.reader.calls]
        first = one.census()
        calls.append(one.reader.calls)
        second = one.census(first)
        calls.append(one.reader.calls)
        count = program.count()

    listed = [goroutine for goroutine in second.goroutines if not goroutine.system]
    assert count == len(listed) == first.counts.count > 20_000
    assert all(goroutine.stack_complete for goroutine in listed if goroutine.wait_reason)
    assert calls[1] - calls[0] < 20_000 / 20
    assert second.bytes_read / (calls[2] - calls[1]) > 1 << 16
    shared = {(c.waiting_senders, c.waiting_receivers) for c in second.channels if max(c[8:10]) > 5000}
    assert {(5003, 0), (0, 5003)} == shared
