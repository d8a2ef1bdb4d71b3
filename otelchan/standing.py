"""How a program stands with its budget: what its probes cost, and what the governor makes of that. Composition: joins
plan, kernel and model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelchan.model.overhead import Overhead
from otelchan.plan.catalogue import PLANE_ORDER

if TYPE_CHECKING:
    from otelchan.watch import Watch


def overhead_of(watch: Watch) -> Overhead:
    """Now."""
    trials = watch.governor.trials()
    return Overhead(
        share=watch.governor.share,
        allowed=watch.governor.budget,
        trials=tuple(plane.value for plane in PLANE_ORDER if plane in trials),
        stacks_off=watch.probes.stacks_off,
        slices=watch.slicing.taken,
        gate_ns=watch.slicing.gate_ns,
        slice_ns=watch.slicing.attached_ns,
    )
