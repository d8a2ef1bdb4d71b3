"""What is estimated of real programs, from time slices and without a trap beside them, against what they counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from otelchan import clock
from otelchan.beside import Beside
from otelchan.errors import KernelError
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.slices import Slicer
from otelchan.kernel.types import Kind
from otelchan.memory.live import LiveReader
from otelchan.plan.planner import make_plan
from otelchan.target.process import by_pid, load_bias
from tests.support import require_kernel
from tests.support.driven import driven
from tests.support.estimated import SECOND, Rates, Run, estimated

DURATION_NS = 5 * SECOND


@pytest.fixture
def rates(workload: Callable[..., Path]) -> Path:
    """A program that does operations in many ways and counts them."""
    try:
        with closing(Session()) as session, closing(Slicer(session)) as slicer:
            possible = slicer.possible
    except KernelError as error:
        require_kernel(str(error))
    if not possible:
        require_kernel("time slices need uprobe_multi links")
    return workload("rates", go="1.27.3")


def off(run: Run, channel: str) -> float:
    """The factor between estimates of a channel and the truth, the worst of them."""
    found = [each.times for each in run.compared if each.estimate.channel == channel]
    assert found, run
    return max(max(times, 1 / max(times, 1e-9)) for times in found)


def held(run: Run) -> bool:
    """Whether every interval holds its truth."""
    return all(each.held for each in run.compared)


@pytest.mark.parametrize(
    ("load", "processors"), [("loop 1", 1), ("pair 64", 2), ("select 8", 1), ("drained", 1)], ids=str
)
def test_totals_of_a_hot_program_are_known_within_a_factor_of_two(rates: Path, load: str, processors: int) -> None:
    """Millions of operations a second, of which a slice sees a thirtieth; better of two, as the machine is shared."""
    random = Random(7)
    run = estimated(rates, (load,), processors, DURATION_NS, random)
    if off(run, "hot") > 2 or not held(run):
        run = estimated(rates, (load,), processors, DURATION_NS, random)

    assert off(run, "hot") <= 2, run
    assert held(run), run
    assert run.slices >= 3


def test_a_slow_channel_is_not_taken_for_a_part_of_the_hot_loop_beside_it(rates: Path) -> None:
    """It is not slowed down by the traps of the other: its total is what slices saw."""
    run = estimated(rates, ("loop 16", "slow 4 1000"), 2, DURATION_NS, Random(7))

    assert held(run), run
    assert off(run, "slow") < 4, run


@contextmanager
def beside(image: GoImage, program: Rates) -> Iterator[Beside]:
    """What is looked at without a trap."""
    bias = load_bias(by_pid(program.pid), image.segments)
    plan = make_plan(image, 0, f"/proc/{program.pid}/exe")
    with closing(Beside(program.pid, LiveReader(program.pid), image.layout, plan, bias)) as looking:
        yield looking


def test_samples_tell_sends_from_receives_and_from_nothing(rates: Path) -> None:
    """Of a loop that sends and receives there are as many of each; of receives from a closed channel only those."""
    image = analyse(rates)
    seen = []
    for load in ("loop 16", "drained"):
        with driven(Rates, rates, 1) as program, beside(image, program) as looking:
            program.ask(load)
            for _ in range(20):
                clock.sleep_ns(SECOND // 10)
                looking.tick()
            seen.append(looking.take({}, ()))
    loop, drained = seen

    assert {Kind.SEND, Kind.RECV} == set(loop.samples)
    assert 0.4 < loop.samples[Kind.SEND] / loop.samples[Kind.RECV] < 2.5
    assert {Kind.RECV_CLOSED} == set(drained.samples)
    assert 0 < loop.cpu_ns <= 1.1 * (loop.end_ns - loop.begin_ns)
