"""One program looked at, made by hand: a census, and a snapshot with a finding. docs/*-json.md show what they print."""

from __future__ import annotations

from dataclasses import replace

from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.types import Age, Blocked, ChannelView, GoroutineView, Snapshot
from otelchan.target.types import Process
from tests.support.images import go_image

SECOND = 1_000_000_000
NOW_UNIX_NS = 1_795_252_000 * SECOND
NOW_MONOTONIC_NS = 5_000 * SECOND
ANSWERS, JOBS = 0xC000012060, 0xC0000120C0
STUCK = Frame("main.askPrice.func1", "/src/leaky/main.go", 89)
WORKING = Frame("main.startPool.func1", "/src/leaky/main.go", 112)
REQUEST = Frame("main.askPrice", "/src/leaky/main.go", 88)
NAME = "main.askPrice main.go:87"

PROCESS = Process(
    pid=4711,
    start_ticks=123_456,
    created_unix_ns=NOW_UNIX_NS - 600 * SECOND,
    executable="/srv/leaky",
    executable_key=(1, 2),
    open_path="/proc/4711/exe",
    command=("leaky",),
    service_name="prices",
)


def image() -> GoImage:
    """An executable with the frames that the census below needs."""
    runtime = Frame("runtime.gopark", "/go/src/runtime/proc.go", 461)
    frames: dict[int, tuple[Frame, ...]] = {0x10: (runtime,), 0x20: (STUCK,), 0x30: (WORKING,), 0x40: (REQUEST,)}
    frames[0x50] = (Frame("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1693),)
    made = go_image(frames)
    return replace(made, build=replace(made.build, main_package="example.com/leaky", main_module="example.com/leaky"))


def census() -> Census:
    """Two goroutines blocked on channels, one of them in a select and never seen by a collection; one runs."""
    stuck = Goroutine(
        address=0xC000001000,
        id=42,
        status="waiting",
        wait_reason="chan send",
        waits=(Wait(ANSWERS, "send"),),
        stack=(0x10, 0x20, 0x50),
        stack_complete=True,
        depth=3,
        wait_since_ns=NOW_MONOTONIC_NS - 72 * SECOND,
        parent_id=7,
        created_at=0x40,
    )
    working = Goroutine(
        address=0xC000001200,
        id=9,
        status="waiting",
        wait_reason="select",
        waits=(Wait(JOBS, "recv"), Wait(0, "recv")),
        select=True,
        stack=(0x10, 0x30, 0x50),
        stack_complete=True,
        depth=3,
    )
    collector = Goroutine(
        address=0xC000001400,
        id=3,
        status="waiting",
        wait_reason="GC worker (idle)",
        wait_since_ns=NOW_MONOTONIC_NS - 50 * SECOND,
        system=True,
    )
    running = Goroutine(address=0xC000001600, id=1, status="running")
    return Census(
        time_unix_ns=NOW_UNIX_NS,
        monotonic_ns=NOW_MONOTONIC_NS,
        duration_ns=3_100_000,
        counts=GoroutineCounts(3, 58),
        goroutines=(running, collector, working, stuck),
        channels=(
            Channel(ANSWERS, "main.Price", 0x4A0000, 8, 0, 0, False, False, 1, 0, True),
            Channel(JOBS, "main.Job", 0x4A0040, 8, 0, 4, False, False, 0, 1, True),
        ),
        bytes_read=262_144,
    )


NAMES = {ANSWERS: (NAME, "code"), JOBS: ("main.startPool main.go:109", "code")}

FINDING = Finding(
    id="F1",
    severity="warning",
    sentence="2 goroutines are blocked for ever",
    channel=NAME,
    wait_reason="chan send",
    site=STUCK,
    created_by=REQUEST,
    count=2,
    oldest_ns=72 * SECOND,
    oldest_at_least=True,
    growth_per_minute=240.0,
    evidence="grows",
    facts={"watched_s": 40, "site": STUCK},
)


def blocked(goroutine_id: int, seconds: int, at_least: bool = False) -> Blocked:
    """A goroutine of the finding above."""
    age = Age(seconds * SECOND, at_least)
    return Blocked(goroutine_id, NAME, ANSWERS, "user", "send", "chan send", age, (STUCK,), REQUEST)


def snapshot(**changes: object) -> Snapshot:
    """A program watched for 40 s."""
    made = Snapshot(
        process=PROCESS,
        go_version="go1.27.3",
        main_module="example.com/leaky",
        time_unix_ns=NOW_UNIX_NS,
        attached_unix_ns=NOW_UNIX_NS - 40 * SECOND,
        channels=(ChannelView(NAME, "make", "user", "main.Price", 2, 0, 0, 0, 2, {"send": 2}),),
        goroutines=GoroutineView(12, {"chan send": 2}),
        blocked=(blocked(43, 3), blocked(42, 72, at_least=True)),
        planes={"makes": "on", "waits": "on", "operations": "over budget"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]
