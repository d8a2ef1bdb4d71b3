"""The budget of all watched programs together. Pure, as the governor of one program: it decides, the agent acts.

Each program keeps to its own budget; this one is for when there are many. It is a bucket too, which fills at the
budget's rate and holds a few seconds of it. When it is empty, the program whose probes cost most gives up a plane, in
the same order as for its own budget. A plane that was given up here is tried again when its pause is over and what it
cost then, or would cost now as slices say, fits in. Time slices get their part of what the planes leave, in equal
shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.plan.catalogue import GIVE_UP_ORDER
from otelchan.plan.governor import SAVINGS_SECONDS, SECOND, is_more
from otelchan.plan.types import Extra, Part

Costs = Mapping[int, Mapping[Part, int]]
"""By program: what each part that is on there has cost. Stacks cost nothing of their own: they are among the parts
while giving them up would save something."""


class NodeVerdict(NamedTuple):
    """Give up `part` of a program now, with the reason as a sentence part."""

    target: int
    part: Part
    reason: str


@dataclass(slots=True)
class NodeGovernor:
    """budget: fraction of one core; None: no budget. Programs by the ids of their targets."""

    budget: float | None
    savings_ns: float = 0.0
    shares: dict[tuple[int, Part], float] = field(default_factory=dict)
    _given_up: dict[tuple[int, Part], float] = field(default_factory=dict)
    _last_ns: int = 0

    def change_budget(self, budget: float | None) -> bool:
        """Another budget from now on, with full savings; whether it is larger, so that all may try again at once."""
        before, self.budget = self.budget, budget
        if budget != before:
            self.savings_ns = (budget or 0.0) * SAVINGS_SECONDS * SECOND
        return is_more(budget, before)

    def has_room(self, target: int, part: Part, heard: float | None = None) -> bool:
        """Whether a plane may be tried. heard: what slices say that it would cost of a core now; None: what it cost
        when it was given up here, if it was."""
        expected = self._given_up.get((target, part), 0.0) if heard is None else heard
        return self.budget is None or sum(self.shares.values()) + expected <= self.budget

    def slices_room(self) -> float:
        """The share of one core that is left to the slices of each program that has any."""
        if self.budget is None:
            return float("inf")
        exact = sum(share for (_, part), share in self.shares.items() if part is not Extra.SLICES)
        sliced = sum(part is Extra.SLICES for _, part in self.shares)
        return max(0.0, self.budget - exact) / max(sliced, 1)

    def judge(self, costs_ns: Costs, now_ns: int) -> NodeVerdict | None:
        """What to detach, given the probe time that the attached planes of each program cost since the last call."""
        if not self._last_ns:
            self._last_ns = now_ns
            self.savings_ns = (self.budget or 0.0) * SAVINGS_SECONDS * SECOND
        elapsed = max(now_ns - self._last_ns, 1)
        self._last_ns = now_ns
        self._follow(costs_ns, elapsed)
        if self.budget is None:
            return None
        limit = self.budget * SAVINGS_SECONDS * SECOND
        spent = sum(cost for costs in costs_ns.values() for cost in costs.values())
        self.savings_ns = min(self.savings_ns + self.budget * elapsed, limit) - spent
        if self.savings_ns >= 0 or not self.shares:
            return None
        self.savings_ns = limit / 2  # what remains gets a fresh start, but no full one
        return self._dearest()

    def _follow(self, costs_ns: Costs, elapsed_ns: int) -> None:
        """The share of one core that each part costs, over about a second."""
        weight = min(elapsed_ns / SECOND, 1.0)
        self._given_up = {key: share for key, share in self._given_up.items() if key[0] in costs_ns}
        self.shares = {
            (target, part): before + (cost / elapsed_ns - before) * weight
            for target, costs in costs_ns.items()
            for part, cost in costs.items()
            for before in [self.shares.get((target, part), 0.0)]
        }

    def _dearest(self) -> NodeVerdict:
        totals: dict[int, float] = {}
        for (target, _), share in self.shares.items():
            totals[target] = totals.get(target, 0.0) + share
        target = max(totals, key=lambda target: totals[target])
        part = next(part for part in GIVE_UP_ORDER if (target, part) in self.shares)
        self._given_up[target, part] = self.shares[target, part]
        together = f"probes in all programs cost {sum(totals.values()):.1%} of a core"
        return NodeVerdict(target, part, f"{together}, in this one most, the budget of the node is {self.budget:.1%}")
