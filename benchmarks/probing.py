"""One batch: attach, run, compare the hits with what was done, detach. What does not add up is an error, no figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import sites
from benchmarks.foreign import Foreign
from benchmarks.loads import Load
from benchmarks.program import Program
from benchmarks.sites import Place
from benchmarks.variants import EXACT, At, Variant, expected_at, expected_of_ours, restricted
from otelchan import clock
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.types import Kind
from otelchan.memory.live import LiveReader
from otelchan.plan.catalogue import PROBES
from otelchan.plan.planner import make_plan
from otelchan.plan.types import AttachPlan, Plane
from otelchan.probes import Probes
from otelchan.target.process import by_pid, load_bias

TARGET_ID = 1
NO_SPANS = 1 << 62  # nanoseconds
CHECKED = 512  # operations of the batch that an empty program's places are checked with
SETTLED_NS = 2_000_000_000
COUNTING = ("recipe", "stacks")  # programs that count their hits themselves
Hits = dict[str, int]


class Mismatch(Exception):
    """Probes were hit more or less often than they should have been: then no figure of this run is worth anything."""


@dataclass
class Off:
    """operations: done that would have hit a site of the plane; hits: counted for its kinds all the same.

    looks: at the live code of a site; changed: it was not the file's.
    """

    operations: int = 0
    hits: int = 0
    looks: int = 0
    changed: int = 0


class Bench:
    """Everything loaded once, for one running load program at a time.

    restarts: hits of naive probes beyond the operations. A function that begins with a stack check is entered again
    after its goroutine was preempted there or its stack grew. off: what was seen of the operations plane while it was
    off.
    """

    def __init__(self, image: GoImage) -> None:
        self.image = image
        self.restarts = 0
        self.off = Off()
        self.session = Session()
        self._foreign = {name: Foreign(name) for name in ("empty", "count", *COUNTING)}
        self._places = {At.RECIPE: sites.recipe(image), At.CALLED: sites.called(image), At.NAIVE: sites.naive(image)}

    def close(self) -> None:
        """Unload."""
        self.session.close()
        for foreign in self._foreign.values():
            foreign.close()

    def batch(self, program: Program, variant: Variant, load: Load, operations: int) -> float:
        """Nanoseconds for each operation. Raises Mismatch."""
        if variant.program:
            return self._foreign_batch(program, variant, load, operations)
        if variant.switch:
            with program.switched(variant.switch):
                return program.run(load.command, operations)
        if not variant.planes:
            return program.run(load.command, operations)
        return self._own_batch(program, variant, load, operations)

    def _own_batch(self, program: Program, variant: Variant, load: Load, operations: int) -> float:
        with self.attached(program, variant):
            hits, counts = self._hits(), self._counts()
            while self.session.drain():  # so that there is room for records
                pass
            took = program.run(load.command, operations)
            where = f"{load.name} with {variant.name}"
            wanted = expected_of_ours(variant, load, operations)
            found = expect(f"hits, {where}", lambda: less(self._hits(), hits), wanted)
            if variant == EXACT:
                wanted = {name: operations * load.counts.get(name, 0) for name in counts}
                expect(f"counts, {where}", lambda: less(self._counts(), counts), wanted)
            if Plane.OPERATIONS not in variant.planes:
                self._look_at_operations(program, load, operations, found)
        return took

    def _look_at_operations(self, program: Program, load: Load, operations: int, hits: Hits) -> None:
        """The plane is off: nothing may be counted for its kinds, and the code at its sites must be the file's."""
        kinds = {probe.number for probe in PROBES if probe.plane is Plane.OPERATIONS}
        self.off.operations += operations * len(load.kinds & kinds)
        self.off.hits += sum(hits[kind.name.lower()] for kind in Kind if kind in kinds)
        for planned in self.plan(program).planes[Plane.OPERATIONS]:
            live = live_bytes(program.pid, self.image, planned.site.address, len(planned.site.code))
            self.off.looks += 1
            self.off.changed += live != planned.site.code

    def _foreign_batch(self, program: Program, variant: Variant, load: Load, operations: int) -> float:
        places = self.places(program, variant)
        with self._foreign[variant.program].attached(program.pid, places):
            if variant.program in COUNTING:
                return self._counted(program, variant, load, operations, self._foreign[variant.program])
            took = program.run(load.command, operations)
            # The empty program counts nothing: one that does joins it at the same places for another, short batch.
            with self._foreign["count"].attached(program.pid, places):
                self._counted(program, variant, load, CHECKED, self._foreign["count"])
        return took

    def _counted(self, program: Program, variant: Variant, load: Load, operations: int, counting: Foreign) -> float:
        places = self.places(program, variant)
        before = labelled(counting, places)
        counting.drain()
        took = program.run(load.command, operations)
        wanted = expected_at(places, variant, load, operations)
        where = f"hits, {load.name} with {variant.name}"
        found = expect(where, lambda: less(labelled(counting, places), before), wanted, variant.at is At.NAIVE)
        if variant.program == "stacks" and (records := counting.drain()) < sum(found.values()):
            raise Mismatch(f"{where}: {records} records in the ring of {sum(found.values())} hits")
        self.restarts += sum(found.values()) - sum(wanted.values())
        return took

    def places(self, program: Program, variant: Variant) -> list[Place]:
        """Where a foreign variant puts its program."""
        return sites.ours(self.plan(program)) if variant.at is At.OURS else self._places[variant.at]

    def plan(self, program: Program) -> AttachPlan:
        """What otelchan would attach."""
        plan = make_plan(self.image, TARGET_ID, f"/proc/{program.pid}/exe")
        assert plan.left_out == (), plan.left_out
        return plan

    @contextmanager
    def attached(self, program: Program, variant: Variant) -> Iterator[Probes]:
        """Ours, as the agent attaches them, for the time of the block."""
        process = by_pid(program.pid)
        bias = load_bias(process, self.image.segments)
        plan = restricted(self.plan(program), variant)
        probes = Probes(self.session, process, self.image, bias, LiveReader(program.pid), plan)
        probes.threshold_ns(NO_SPANS)
        try:
            for plane in plan.planes:
                if not probes.attach(plane):
                    raise Mismatch(f"the {plane} plane is not in the program")
            yield probes
        finally:
            probes.detach_all()

    def forget(self) -> None:
        """The program ended; the next one starts afresh."""
        self.session.clear_target(TARGET_ID)

    def _hits(self) -> Hits:
        hits = self.session.tally(TARGET_ID)["hits"]
        return {kind.name.lower(): int(hits[kind]) for kind in Kind}

    def _counts(self) -> Hits:
        keys, values = self.session.items("counts")
        mine = values[keys["target"] == TARGET_ID]
        names = ("send_ok", "recv_ok", "recv_closed", "closes", "made", "send_would_block", "recv_would_block")
        return {name: int(mine[name].sum()) for name in names}


def live_bytes(pid: int, image: GoImage, address: int, size: int) -> bytes:
    """Of the running program, at a link-time address."""
    bias = load_bias(by_pid(pid), image.segments)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address + bias)
        return memory.read(size)


def labelled(foreign: Foreign, places: list[Place]) -> Hits:
    """Hits by label."""
    by_cookie = foreign.hits()
    return {place.label: by_cookie[place.cookie] for place in places}


def less(now: Hits, before: Hits) -> Hits:
    """What was added."""
    return {name: count - before.get(name, 0) for name, count in now.items()}


def expect(
    what: str,
    measured: Callable[[], Hits],
    wanted: Hits,
    restarted: bool = False,
    settled_ns: int = SETTLED_NS,
) -> Hits:
    """Raises Mismatch unless they become equal: a goroutine may still be about to park when the load says that it is
    done. restarted: operations may be hit more than once.
    """
    deadline = clock.monotonic_ns() + settled_ns
    while True:
        found = measured()
        wrong = {n: (found[n], c) for n, c in wanted.items() if found[n] != c and not (restarted and found[n] > c > 0)}
        if not wrong:
            return found
        if clock.monotonic_ns() > deadline:
            raise Mismatch(f"{what}: {', '.join(f'{n} {a} instead of {b}' for n, (a, b) in wrong.items())}")
