"""The census of a hundred thousand blocked goroutines: each where it is, at a cost that grows as the program does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.memory.census import take_census
from otelchan.memory.live import LiveReader
from otelchan.memory.types import Census, Goroutine
from otelchan.target.process import by_pid, load_bias
from otelchan.view.stacks import traceback
from tests.support.blocked import Blocked, blocked

LARGE = {"crowd": 60_000, "more": 20_000, "three": 15_000, "deep": 5_000}
SMALL = {kind: number // 10 for kind, number in LARGE.items()}
DEPTH = 50
ROUNDS = 5


class Seen:
    """A running `blocked` with crowds in it."""

    def __init__(self, program: Blocked, image: GoImage) -> None:
        self.program = program
        self.image = image
        self.bias = load_bias(by_pid(program.pid), image.segments)
        self.reader = LiveReader(program.pid)

    def census(self, previous: Census | None = None) -> Census:
        """A census of it."""
        return take_census(self.reader, self.image, self.bias, previous)


class Where(NamedTuple):
    """What is said of a goroutine. channels: (name, operation), "own" for a channel without a name."""

    reason: str
    channels: tuple[tuple[str, str], ...]
    functions: tuple[str, ...]


def expected(sizes: dict[str, int]) -> Counter[Where]:
    """What tests/workloads/blocked/scale.go does."""
    place = sizes["crowd"] // 5
    down = ("main.goDown",) * (DEPTH + 1)
    return Counter(
        {
            Where("chan receive", (("crowdOne", "recv"),), ("main.parkCrowd.func1",)): place,
            Where("chan receive", (("crowdOne", "recv"),), ("main.takeOne", "main.parkCrowd.func2")): place,
            Where("chan send", (("crowdTwo", "send"),), ("main.parkCrowd.func3",)): place,
            Where("chan send", (("crowdTwo", "send"),), ("main.offerTwo", "main.parkCrowd.func4")): place,
            Where("chan receive", (("crowdThree", "recv"),), ("main.parkCrowd.func5",)): place,
            Where("chan send", (("own", "send"),), ("main.parkMore.func1",)): sizes["more"],
            Where("select", (("answers", "recv"), ("own", "recv"), ("own", "send")), ("main.parkThree.func1",)): sizes[
                "three"
            ],
            Where("chan receive", (("bottom", "recv"),), (*down, "main.parkDeep.func1")): sizes["deep"],
        }
    )


def arguments(sizes: dict[str, int]) -> list[str]:
    """For the program."""
    return [text for kind, number in sizes.items() for text in (f"-{kind}", str(number))] + ["-depth", str(DEPTH)]


@pytest.fixture(scope="module")
def image(workload: Callable[..., Path]) -> GoImage:
    """Of the program."""
    return analyse(workload("blocked", go="1.27.3"))


@pytest.fixture(scope="module")
def large(workload: Callable[..., Path], image: GoImage) -> Iterator[Seen]:
    """A hundred thousand goroutines."""
    with blocked(workload("blocked", go="1.27.3"), *arguments(LARGE)) as program:
        yield Seen(program, image)


def where(seen: Seen, names: dict[int, str], goroutine: Goroutine) -> Where:
    """What the census says of it, its own functions innermost first."""
    frames = traceback(seen.image, goroutine.stack)
    channels = sorted((names.get(wait.channel, "own"), wait.operation) for wait in goroutine.waits)
    own = tuple(frame.function for frame in frames if frame.function.startswith("main."))
    return Where(goroutine.wait_reason, tuple(channels), own)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_each_of_a_hundred_thousand_is_where_it_is(large: Seen, warm: bool) -> None:
    """Wait reason, channels with direction, and the whole stack; also when most is taken from the census before."""
    names = {truth.address: name for name, truth in large.program.channels().items()}
    census = large.census()
    if warm:
        census = large.census(large.census(census))
    stacks: dict[tuple[object, ...], Where] = {}
    found: Counter[Where] = Counter()
    for goroutine in census.goroutines:
        shape = (goroutine.wait_reason, goroutine.stack, *((names.get(c), op) for c, op in goroutine.waits))
        if shape not in stacks:
            stacks[shape] = where(large, names, goroutine)
        found[stacks[shape]] += 1

    truth = expected(LARGE)
    assert truth == Counter({place: number for place, number in found.items() if place in truth})
    assert (0, large.program.count()) == (census.unread, sum(not goroutine.system for goroutine in census.goroutines))
    assert all(goroutine.stack_complete for goroutine in census.goroutines if goroutine.wait_reason)
    assert large.program.count() == len({goroutine.id for goroutine in census.goroutines if not goroutine.system})


def test_every_channel_of_a_hundred_thousand_goroutines_is_seen_with_its_waiters(large: Seen) -> None:
    """Those that many share with all of them; those that one goroutine has to itself each with that one."""
    census = large.census()
    known = large.program.channels()
    waiters = {c.address: (c.waiting_senders, c.waiting_receivers) for c in census.channels}

    shared = ("crowdOne", "crowdTwo", "crowdThree", "answers", "bottom")
    assert {name: (known[name].senders, known[name].receivers) for name in shared} == {
        name: waiters[known[name].address] for name in shared
    }
    named = {truth.address for truth in known.values()}
    own = Counter(sides for address, sides in waiters.items() if address not in named)
    assert own[1, 0] >= LARGE["more"] + LARGE["three"]
    assert own[0, 1] >= LARGE["three"]


def test_the_cost_of_a_census_grows_as_the_program_does(
    large: Seen, image: GoImage, workload: Callable[..., Path]
) -> None:
    """Ten times as many goroutines cost about ten times as much processor time, not a hundred times."""
    with blocked(workload("blocked", go="1.27.3"), *arguments(SMALL)) as program:
        small = Seen(program, image)
        costs: dict[str, list[float]] = {"large": [], "small": []}
        for _ in range(ROUNDS):
            for name, seen in (("small", small), ("large", large)):
                began = time.process_time()
                seen.census()
                costs[name].append(time.process_time() - began)

    assert min(costs["large"]) < 15 * min(costs["small"]), costs
