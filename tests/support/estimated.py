"""The workload `rates`, looked at as the agent does it with a program counted in slices, beside its own counts."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from otelchan import clock
from otelchan.beside import Beside
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.slices import Slice, Slicer, slice_sites
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import SliceCounts
from otelchan.memory.live import LiveReader
from otelchan.model.estimates import Estimates
from otelchan.model.types import Estimate
from otelchan.plan.planner import make_plan
from otelchan.plan.types import AttachPlan, Plane
from otelchan.slicing import busiest
from otelchan.target.process import by_pid, load_bias
from tests.support.driven import Driven, driven

SECOND = 1_000_000_000
TARGET = 1
TICK_NS = SECOND // 10
STATUSES = (("send", "ok"), ("recv", "ok"), ("recv", "closed"))


class Compared(NamedTuple):
    """An estimate beside what was done. channel: the function that made it."""

    estimate: Estimate
    truth: int

    @property
    def times(self) -> float:
        """Times the truth, for a truth of 0 as if it were 1."""
        return self.estimate.value / max(self.truth, 1)

    @property
    def held(self) -> bool:
        """Whether the truth is between the bounds."""
        return self.estimate.lower <= self.truth <= self.estimate.upper


class Run(NamedTuple):
    """slices: taken. agent_cpu: what this process used, of a core, in the run: slices, looks and estimates. unseen: how
    many operations there were of each kind that no slice saw any of, so that there is no estimate."""

    compared: tuple[Compared, ...]
    slices: int
    agent_cpu: float
    unseen: tuple[int, ...] = ()


class Rates(Driven):
    """A running one."""

    def counts(self) -> dict[str, list[int]]:
        """Sends, receives and receives from it closed, by the function that made the channel."""
        found: dict[str, list[int]] = {}
        for part in filter(None, self.ask("count").split(";")):
            name, *numbers = part.split()
            sums = found.setdefault(name, [0, 0, 0])
            found[name] = [a + int(b) for a, b in zip(sums, numbers, strict=True)]
        return found


class _Looked:
    """One program, with its makes probed so that its channels have names, and slices of it."""

    def __init__(self, session: Session, image: GoImage, pid: int) -> None:
        self.session, self.image, self.pid = session, image, pid
        self.bias = load_bias(by_pid(pid), image.segments)
        self.plan: AttachPlan = make_plan(image, TARGET, f"/proc/{pid}/exe", session.costs)
        entry = target_entry(image, 0)
        entry["waits_epoch"] = entry["operations_epoch"] = 1
        session.write_target(TARGET, entry)
        makes = self.plan.planes[Plane.MAKES]
        session.attach(self.plan.path, [s.file_offset for s in makes], [s.cookie for s in makes], pid)
        self.sites = slice_sites(self.plan)

    def slice(self, gate_ns: int) -> Slice:
        offsets, cookies = [s.file_offset for s in self.sites], [s.cookie for s in self.sites]
        return Slice(TARGET, self.pid, self.plan.path, offsets, cookies, gate_ns)

    def name_of(self, key: int) -> tuple[str, str]:
        frames = self.image.functions.frames(key - self.bias)
        return (frames[0].function.rpartition(".")[2], "make") if frames else ("?", "use")

    def keys(self) -> dict[int, int]:
        keys, values = self.session.items("channels")
        mine = keys["target"] == TARGET
        return dict(zip(keys["id"][mine].tolist(), values["name_key"][mine].tolist(), strict=True))


def estimated(
    binary: Path, loads: tuple[str, ...], processors: int, duration_ns: int, random: Random, gate_ns: int = 2_000_000
) -> Run:
    """Run these loads, take a slice about every 0.7 s, and compare what is estimated with what the program counted."""
    image = analyse(binary)
    with (
        closing(Session()) as session,
        closing(Slicer(session)) as slicer,
        driven(Rates, binary, processors) as program,
    ):
        looked = _Looked(session, image, program.pid)
        for load in loads:
            program.ask(load)
        clock.sleep_ns(SECOND // 5)
        with closing(Beside(program.pid, LiveReader(program.pid), image.layout, looked.plan, looked.bias)) as beside:
            estimates, before, spent = Estimates(0), program.counts(), _spent()
            taken = _look(looked, slicer, beside, estimates, duration_ns, random, gate_ns)
            after, spent = program.counts(), _spent() - spent
    compared = tuple(
        Compared(each, done)
        for each in estimates.now()
        if each.channel in after
        for done in [_done(before, after, each)]
    )
    return Run(compared, taken, spent * SECOND / duration_ns, _unseen(before, after, compared))


def _unseen(
    before: dict[str, list[int]], after: dict[str, list[int]], compared: tuple[Compared, ...]
) -> tuple[int, ...]:
    seen = {(of.estimate.channel, of.estimate.operation, of.estimate.status) for of in compared}
    return tuple(
        number - earlier
        for channel, numbers in after.items()
        for number, earlier, status in zip(numbers, before[channel], STATUSES, strict=True)
        if number > earlier and (channel, *status) not in seen
    )


def _done(before: dict[str, list[int]], after: dict[str, list[int]], each: Estimate) -> int:
    place = STATUSES.index((each.operation, each.status))
    return after[each.channel][place] - before[each.channel][place]


def _look(
    looked: _Looked,
    slicer: Slicer,
    beside: Beside,
    estimates: Estimates,
    duration_ns: int,
    random: Random,
    gate_ns: int,
) -> int:
    """As the agent does: ten looks a second, totals once a second. How many slices were taken."""
    every: list[SliceCounts] = []
    new: list[SliceCounts] = []
    now = begin = clock.monotonic_ns()
    next_slice, next_round = begin + random.randrange(SECOND), begin + SECOND
    while now < begin + duration_ns:
        clock.sleep_ns(TICK_NS)
        now = clock.monotonic_ns()
        beside.tick()
        if now >= next_slice and slicer.start(looked.slice(gate_ns)):
            next_slice = now + random.randrange(SECOND // 5, 6 * SECOND // 5)
        over = slicer.taken()
        if over is not None:
            assert isinstance(over.result, SliceCounts), over.result
            every.append(over.result)
            new.append(over.result)
        if now >= next_round or now >= begin + duration_ns:
            next_round = now + SECOND
            estimates.add(new, beside.take(looked.keys(), busiest(every[-16:])), looked.name_of)
            new = []
    return len(every)


def _spent() -> float:
    times = os.times()
    return times.user + times.system
