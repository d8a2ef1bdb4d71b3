"""What a hit costs, from what was measured on this machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from otelchan.plan.catalogue import PROBES
from otelchan.plan.types import Costs

REFERENCE = Costs({probe.kind: probe.cost_ns for probe in PROBES}, measured=False)
"""The catalogue's, of the reference machine."""
COLD = 1.25
"""An observed program pays so many times what a loop does, in which everything is in the caches: on the reference
machine the catalogue's costs, which are those of programs, by what calibration measures there, 1.1 to 1.35 for all
kinds of site."""
WITHOUT_STACKS = 0.9
"""Of what a hit costs, when stacks are off: 0.84 to 0.89 for buffered, handed-over and selected elements, medians of 24
windows on the reference machine. What remains is mostly the trap."""
PLAUSIBLE_NS = (200, 100_000)
"""Of a hit: what is outside was not measured right. The fastest trap known is 300 ns, the slowest, single-stepped in a
virtual machine, 20 us."""


def from_loops(measured: Mapping[int, float]) -> Costs:
    """Costs of every kind of site, never less than the catalogue's: an idle machine, on which it is measured, is faster
    than a busy one, and a budget must not be too lax. measured: nanoseconds of a hit in a loop, by the kind's number
    (enum oc_kind); kinds that are not there cost what they do in the catalogue, times the ratio of those that are.

    Raises ValueError when nothing was measured, or something that cannot be.
    """
    if not measured:
        raise ValueError("nothing was measured")
    low, high = PLAUSIBLE_NS
    for number, cost_ns in measured.items():
        if not low <= cost_ns <= high:
            raise ValueError(f"a hit of kind {number} takes {cost_ns:.0f} ns, not {low} to {high}")
    ratio = float(np.median([measured[probe.number] / probe.cost_ns for probe in PROBES if probe.number in measured]))
    found = {probe.kind: measured.get(probe.number, ratio * probe.cost_ns) for probe in PROBES}
    least = REFERENCE.by_kind
    return Costs({kind: max(round(COLD * cost_ns), least[kind]) for kind, cost_ns in found.items()}, measured=True)


def without_stacks(costs: Costs) -> Costs:
    """What hits cost that read no stacks, nor who uses a channel."""
    return costs._replace(by_kind={kind: round(WITHOUT_STACKS * ns) for kind, ns in costs.by_kind.items()})
