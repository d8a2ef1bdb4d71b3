"""What one program pays for being watched: hits and slices are charged to its budget. Composition: joins plan and
kernel for watch, which does what is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from otelchan import clock
from otelchan.config import Config
from otelchan.plan.governor import Governor, Verdict
from otelchan.plan.slices import PART
from otelchan.plan.spanrate import Rate, SpanRate
from otelchan.plan.types import Extra, Part, Plane
from otelchan.probes import OVER_BUDGET, SLICED, Probes, cost_of
from otelchan.slicing import Purse, Slicing

log = logging.getLogger("otelchan")

_NOTHING = 1e-6  # of a core: a program that does nothing is not judged, which with hundreds of them takes time
_SLICED = (Plane.WAITS, Plane.OPERATIONS)


class Rationing:
    """The budget of one program. hits: of exact planes, by kind. cost_ns: of each part that is on, since the charge
    before. spans: how many it may make."""

    def __init__(self, probes: Probes, slicing: Slicing, pid: int, config: Config, spans: Rate) -> None:
        """spans: what all programs may send together."""
        self.governor = Governor(config.program_budget)
        self.governor.on_attach(Extra.STACKS, clock.monotonic_ns())  # as probes begin
        self.spans = SpanRate(config.spans_per_second, spans, clock.monotonic_ns())
        self.hits = np.zeros(16, dtype=np.uint64)
        self.cost_ns: dict[Part, int] = {}
        self._probes, self._slicing, self._pid = probes, slicing, pid
        self._sliced = self._slices_ns = 0
        self._settled = False

    def reconfigure(self, config: Config) -> None:
        """These settings from now on."""
        self.spans.own.per_second = config.spans_per_second
        if self.governor.budget != config.program_budget:
            self.governor.change_budget(config.program_budget)

    def forgive(self, tally: np.ndarray) -> None:
        """What a program has paid until now is charged to nobody."""
        self.hits, self._sliced = tally["hits"].copy(), int(tally["sliced"])

    def unsettle(self) -> None:
        """A plane came or went."""
        self._settled = False

    @property
    def slices(self) -> tuple[int, int]:
        """Hits in time slices so far, and what they took in nanoseconds."""
        return self._sliced, self._slices_ns

    @property
    def purse(self) -> Purse:
        """For slices: nothing while a plane is on trial, which is to pay for itself alone."""
        return Purse(-1.0, 0.0) if self.governor.on_trial() else Purse(self.governor.savings_ns, self.governor.most_ns)

    def charge(self, tally: np.ndarray, slices_room: float) -> Verdict | None:
        """Every few tens of milliseconds: charge the hits, give spans their rate, see to stacks and slices; what is to
        be given up now. slices_room: the share of a core that all programs together leave to slices of this one.

        Raises BinaryError when slices would be taken of code that is not the file's, MemoryGone.
        """
        now = clock.monotonic_ns()
        new, self.hits = tally["hits"] - self.hits, tally["hits"].copy()
        sliced, self._sliced = int(tally["sliced"]) - self._sliced, int(tally["sliced"])
        self._probes.allow_spans(self.spans.allowed(int(tally["spans"]), now))
        idle = self.governor.share < _NOTHING and not new.any() and not sliced
        if idle and self._settled and not self._slicing.active and not self._probes.stacks_off:
            self.cost_ns = dict.fromkeys(self._on(), 0)
            return None
        cost_ns: dict[Part, int] = {p: cost for p, (_, cost) in cost_of(new, self._probes.costs()).items()}
        cost_ns[Extra.SLICES] = sliced * self._slicing.hit_ns + self._slicing.look()
        self._slices_ns += cost_ns[Extra.SLICES]
        self.cost_ns = {part: cost_ns.get(part, 0) for part in self._on()}
        verdict = self.governor.judge(cost_ns, now)
        if verdict is None:
            self._say_when_settled()
            self._see_to_stacks(now)
        self._see_to_slices(now, slices_room)
        return verdict

    def _on(self) -> list[Part]:
        """What is on, and would save something by being given up."""
        parts: list[Part] = list(self._probes.links)
        if not self._probes.stacks_off and any(plane in self._probes.links for plane in _SLICED):
            parts.append(Extra.STACKS)
        return [*parts, Extra.SLICES] if self._slicing.active else parts

    def _say_when_settled(self) -> None:
        """One line when every plane of the plan is in for good."""
        links = self._probes.links
        settled = set(links) == set(self._probes.plan.planes) and not self.governor.on_trial()
        if settled and not self._settled:
            log.info("pid %d: all planes are attached: %s", self._pid, ", ".join(links))
        self._settled = settled

    def _see_to_stacks(self, now: int) -> None:
        if self.governor.wanted(Extra.STACKS, now):
            self._probes.stacks(True)
            self.governor.on_attach(Extra.STACKS, now)
            log.info("pid %d: stacks are tried again", self._pid)

    def give_up_extra(self, part: Extra, reason: str) -> None:
        """Stacks or slices, and say so."""
        now = clock.monotonic_ns()
        if part is Extra.STACKS:
            self._probes.stacks(False)
        else:
            self._slicing.stop()
            self.call_planes()
        self.governor.on_detach(part, now)
        log.warning("pid %d: no %s any more: %s; they will be tried again", self._pid, part, reason)

    # --- slices ---------------------------------------------------------------------------------------------------

    def _see_to_slices(self, now: int, room: float) -> None:
        """Slices while operations are given up, if the budget pays some; what they say of planes that are out."""
        self._hear(self._slicing.shares(), now)
        if self.governor.on_trial():
            return  # one thing at a time: those that are on go on afterwards
        before = self._slicing.active
        wanted = self._wants_slices(now)
        if not wanted:
            self._slicing.stop()
        elif self._slicing.allow(PART * min(self.governor.room(), room), now) and not before:
            self._probes.compare_code()
        self.call_planes()
        if before == self._slicing.active:
            return
        if self._slicing.active:
            self.governor.on_attach(Extra.SLICES, now)
            log.info("pid %d: %s counted in time slices from now on", self._pid, self._names())
            return
        self.governor.on_loss(Extra.SLICES)
        if wanted and not self._slicing.rests(now):
            log.warning(
                "pid %d: no slices for now: the budget does not pay one in two minutes; give more with max_overhead",
                self._pid,
            )

    def _wants_slices(self, now: int) -> bool:
        if self.governor.budget is None or not self._slicing.possible or Plane.OPERATIONS not in self._given_up():
            return False
        return Extra.SLICES in self.governor.attached or self.governor.wanted(Extra.SLICES, now)

    def _hear(self, shares: Mapping[Plane, float], now: int) -> None:
        if shares:
            self.governor.hear(shares, now)

    def _given_up(self) -> list[Plane]:
        """Planes that the budget does not pay, and slices would tell about."""
        return [plane for plane in _SLICED if self._probes.states[plane] in (OVER_BUDGET, SLICED)]

    def call_planes(self) -> None:
        """What was given up by what its state is, so that estimates go on where a trial of it has just failed."""
        for plane in self._given_up():
            self._probes.states[plane] = SLICED if self._slicing.active else OVER_BUDGET

    def _names(self) -> str:
        names = self._given_up()
        return f"the {names[0]} plane is" if len(names) == 1 else f"the {' and '.join(names)} planes are"
