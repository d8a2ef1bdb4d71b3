"""From what hits cost in a loop to what they cost in a program."""

from __future__ import annotations

import pytest

from otelchan.gobinary.types import SiteKind
from otelchan.plan.catalogue import PROBES
from otelchan.plan.costs import COLD, PLAUSIBLE_NS, REFERENCE, from_loops


def test_what_was_measured_is_taken_with_the_share_of_cold_caches() -> None:
    """Each kind of site has its own."""
    measured = {probe.number: 3000.0 * probe.number for probe in PROBES}
    costs = from_loops(measured)
    assert {probe.kind: round(COLD * 3000 * probe.number) for probe in PROBES} == costs.by_kind
    assert (True, False) == (costs.measured, REFERENCE.measured)


def test_what_was_not_measured_follows_what_was() -> None:
    """On a machine where a send costs twice as much as on the reference machine, so does everything else."""
    send = next(probe for probe in PROBES if probe.kind is SiteKind.SEND)
    costs = from_loops({send.number: 2 * send.cost_ns / COLD})
    assert {probe.kind: 2 * probe.cost_ns for probe in PROBES} == costs.by_kind


def test_no_cost_is_less_than_on_the_reference_machine() -> None:
    """An idle machine measures less than a busy one pays."""
    assert REFERENCE.by_kind == from_loops({probe.number: probe.cost_ns / 4 for probe in PROBES}).by_kind


@pytest.mark.parametrize("measured", [{}, {3: PLAUSIBLE_NS[0] - 1}, {3: 900.0, 4: PLAUSIBLE_NS[1] + 1.0}, {3: -5.0}])
def test_what_cannot_be_is_no_measurement(measured: dict[int, float]) -> None:
    """Nothing, less than a trap can take, or more: then the reference machine's costs are the better guess."""
    with pytest.raises(ValueError, match=r"nothing|takes"):
        from_loops(measured)
