"""Time slices of programs whose operations are too many to be counted all. Composition: joins plan and kernel.

Which program is next, and what a slice said; when slices are wanted is the governor's affair (rationing).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import NamedTuple

from otelchan import clock
from otelchan.beside import Beside
from otelchan.errors import KernelError
from otelchan.kernel.session import Session
from otelchan.kernel.slices import Slice, Slicer, Taken, slice_sites
from otelchan.kernel.types import Kind, SliceCounts
from otelchan.model.observation import Sampled
from otelchan.plan.catalogue import PROBES
from otelchan.plan.slices import SAMPLE_NS, Schedule, Shot
from otelchan.plan.types import AttachPlan, Plane
from otelchan.target.process import is_same
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

AHEAD_NS = 100_000_000  # a slice that begins before the next look at the budget is started now
REST_NS = 60_000_000_000  # after one that could not be taken
FULL = 0.8  # of what can be saved: a slice of a program with very many threads may cost more than that
_RECENT = 16  # slices that say which channels are busy
_KINDS = {Kind(probe.number): probe for probe in PROBES}


class Purse(NamedTuple):
    """What a program has saved of its budget, and could at most, in nanoseconds of probe time."""

    saved_ns: float
    most_ns: float


class Slicing:
    """The slices of one program. active: they are being taken, now and then. allowed: the share of one core that they
    may take. taken, gate_ns, attached_ns: how many, how long they counted and how long their probes were in, in all.
    """

    def __init__(
        self, target: int, process: Process, plan: AttachPlan, slices: Slices, beside: Callable[[float], Beside]
    ) -> None:
        """beside: begins to look at what costs no trap, while there are slices that may take such a share of a core."""
        sites = slice_sites(plan)
        self.sites = tuple(planned.site for planned in sites)
        self.active = False
        self.allowed = 0.0
        self.taken = self.gate_ns = self.attached_ns = 0
        self.hit_ns = max((site.cost_ns for site in sites), default=0)  # what one costs, until the mix is known
        self._slices, self._target, self._process, self._plan = slices, target, process, plan
        self._offsets, self._cookies = [s.file_offset for s in sites], [s.cookie for s in sites]
        self._schedule = Schedule(Random())
        self._begin_beside = beside
        self._beside: Beside | None = None
        self._sampling_ns = 0
        self._ended: list[SliceCounts] = []
        self._recent: deque[SliceCounts] = deque(maxlen=_RECENT)
        self._shares: dict[Plane, float] = {}
        self._rest_until_ns = 0

    @property
    def possible(self) -> bool:
        """Whether this kernel, and this program, can have slices at all."""
        return self._slices.possible and bool(self.sites)

    @property
    def every_ns(self) -> int | None:
        """The mean time between slices; None when there are none."""
        return self._schedule.interval_ns(self.allowed) if self.active else None

    def rests(self, now_ns: int) -> bool:
        """Whether a slice could not be taken a moment ago."""
        return now_ns < self._rest_until_ns

    def allow(self, share: float, now_ns: int) -> bool:
        """From now on slices may take that share of one core; whether there are any then."""
        self.allowed = share
        affordable = not self.rests(now_ns) and self._schedule.affords(share, self.active)
        if not affordable:
            self.stop()
        elif not self.active:
            self._schedule.begin(now_ns)
            self._beside = self._begin_beside(share)
            self.active = True
        return affordable

    def stop(self) -> None:
        """No more of them until they are allowed again. One that is under way ends by itself."""
        self.active = False
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def look(self) -> int:
        """Look beside the slices, at every tick; what that has cost the program since the last time, in nanoseconds."""
        if self._beside is not None:
            self._beside.tick()
        cost_ns, self._sampling_ns = self._sampling_ns, 0
        return cost_ns

    def sampled(self, keys: Mapping[int, int]) -> Sampled | None:
        """What was seen beside the slices since the last call. keys: name keys of live channels by address."""
        if self._beside is None:
            return None
        found = self._beside.take(keys, busiest(self._recent))
        if found.period_ns:
            self._sampling_ns += SAMPLE_NS * found.cpu_ns // found.period_ns
        return found

    def expect(self, share: float) -> None:
        """What the program paid of a core, or would have, when everything was counted."""
        self._schedule.expect(share)

    def due(self, purse: Purse) -> Shot | None:
        """The next slice, if there is one and it can be paid from what is saved, or all that can be saved is."""
        shot = self._schedule.next(self.allowed) if self.active else None
        if shot is None or purse.saved_ns < min(self._schedule.cost_ns(shot.gate_ns), FULL * purse.most_ns):
            return None
        return shot

    def started(self, at_ns: int, gate_ns: int) -> Slice:
        """It begins then: what the kernel side is to be told."""
        self._schedule.started(at_ns)
        path = self._plan.path
        file = self._process.executable_key
        return Slice(self._target, self._process.pid, path, self._offsets, self._cookies, gate_ns, at_ns, file)

    def ended(self, taken: Taken) -> None:
        """A slice of this program is over."""
        if not isinstance(taken.result, SliceCounts):
            if is_same(self._process):  # else it has ended, or is another program now: no reason to say anything
                log.warning("pid %d: %s; the next one in a minute", self._process.pid, taken.result)
            self._rest_until_ns = clock.monotonic_ns() + REST_NS
            return
        seen = taken.result
        gate_ns = seen.end_ns - seen.begin_ns
        cost_ns = cost_by_plane(seen.hits, self._plan)
        hits, paid_ns = sum(seen.hits.values()), trap_time_ns(seen.hits, self._plan)
        if hits:
            self.hit_ns = round(paid_ns / hits)
        self._schedule.ended(paid_ns + seen.outside * self.hit_ns, paid_ns, gate_ns)
        log.debug(
            "pid %d: a slice of %.1f ms counted %d hits, and %d came before and after; its probes were in for %.1f ms",
            self._process.pid,
            gate_ns / 1e6,
            hits,
            seen.outside,
            seen.attached_ns / 1e6,
        )
        self.taken += 1
        self.gate_ns += gate_ns
        self.attached_ns += seen.attached_ns
        self._ended.append(seen)
        self._recent.append(seen)
        self._shares = {plane: cost / gate_ns for plane, cost in cost_ns.items()}

    def shares(self) -> dict[Plane, float]:
        """What the planes would have cost of a core within the slice that ended since the last call; else nothing."""
        found, self._shares = self._shares, {}
        return found

    def take(self) -> tuple[SliceCounts, ...]:
        """Those that ended since the last call."""
        found, self._ended = tuple(self._ended), []
        return found

    def close(self) -> None:
        """No trap of a slice is in the program when this returns."""
        self.stop()
        self._slices.cancel(self._target)


class Slices:
    """The slices of all programs: one at a time."""

    def __init__(self, session: Session) -> None:
        self._slicer = Slicer(session)
        self._random = Random()

    @property
    def possible(self) -> bool:
        """As Slicer.possible."""
        return self._slicer.possible

    def tick(self, programs: Mapping[int, tuple[Slicing, Purse]]) -> None:
        """Hand out the slice that is over, and start the one that has waited longest. programs: by target."""
        taken = self._slicer.taken()
        if taken is not None and taken.slice.target in programs:
            programs[taken.slice.target][0].ended(taken)
        if self._slicer.busy:
            return
        now_ns = clock.monotonic_ns()
        found = earliest(programs.values(), now_ns + AHEAD_NS)
        if found is not None:
            slicing, shot = found
            late_ns = self._random.randrange(AHEAD_NS // 2) if shot.at_ns < now_ns else 0
            wanted = slicing.started(max(shot.at_ns, now_ns + late_ns), shot.gate_ns)
            try:
                self._slicer.start(wanted)
            except KernelError as error:
                slicing.ended(Taken(wanted, error))

    def cancel(self, target: int) -> None:
        """As Slicer.cancel."""
        self._slicer.cancel(target)

    def close(self) -> None:
        """As Slicer.close."""
        self._slicer.close()


def busiest(slices: Iterable[SliceCounts]) -> list[int]:
    """Name keys of the channels on which slices counted most, the busiest first."""
    seen: dict[int, int] = {}
    for each in slices:
        for key, numbers in each.counts.items():
            seen[key] = seen.get(key, 0) + sum(numbers)
    return sorted(seen, key=lambda key: -seen[key])


def earliest(programs: Iterable[tuple[Slicing, Purse]], until_ns: int) -> tuple[Slicing, Shot] | None:
    """Whose slice comes first, of those that are to begin until then."""
    due = ((slicing, slicing.due(purse)) for slicing, purse in programs)
    found = [(slicing, shot) for slicing, shot in due if shot is not None and shot.at_ns <= until_ns]
    return min(found, key=lambda one: one[1].at_ns, default=None)


def trap_time_ns(hits: Mapping[int, int], plan: AttachPlan) -> int:
    """What so many hits of a slice cost the program, by kind of site."""
    return sum(number * plan.costs.by_kind[_KINDS[Kind(kind)].kind] for kind, number in hits.items())


def cost_by_plane(hits: Mapping[int, int], plan: AttachPlan) -> dict[Plane, int]:
    """What the planes would have cost while a slice counted so many hits. To each wake belongs a park."""
    park_ns = plan.costs.by_kind[_KINDS[Kind.PARK].kind]
    cost_ns = {Plane.WAITS: hits.get(Kind.WAKE, 0) * park_ns, Plane.OPERATIONS: 0}
    for kind, number in hits.items():
        probe = _KINDS[Kind(kind)]
        cost_ns[probe.plane] += number * plan.costs.by_kind[probe.kind]
    return cost_ns
