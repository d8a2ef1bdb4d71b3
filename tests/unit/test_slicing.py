"""What slices say about planes, channels and costs, and whose turn it is."""

from __future__ import annotations

from otelchan.kernel.types import Kind, SliceCounts
from otelchan.plan.costs import REFERENCE
from otelchan.plan.types import AttachPlan, Plane
from otelchan.slicing import busiest, cost_by_plane, trap_time_ns

PLAN = AttachPlan(0, "", {}, (), REFERENCE)


def a_slice(**counts: tuple[int, int, int]) -> SliceCounts:
    """Counts by name key."""
    return SliceCounts(0, 1, {int(key[1:]): numbers for key, numbers in counts.items()}, {}, 0, 0, 0)


def test_a_slice_costs_its_traps() -> None:
    """Of each kind as many as were hit, at what one costs."""
    assert trap_time_ns({Kind.SEND: 3, Kind.WAKE: 2}, PLAN) == 3 * 1200 + 2 * 1750


def test_waits_would_have_cost_a_park_for_each_wake() -> None:
    """Slices have no probe where goroutines park, but each that was woken had parked."""
    hits: dict[int, int] = {Kind.SEND: 3, Kind.RECV: 1, Kind.SELECT: 1, Kind.WAKE: 2, Kind.RECV_CLOSED: 0}

    found = cost_by_plane(hits, PLAN)

    assert found == {Plane.WAITS: 2 * (1750 + 1300), Plane.OPERATIONS: 3 * 1200 + 1250 + 1650}


def test_the_busiest_channels_come_first() -> None:
    """Over all slices, sends and receives together."""
    assert busiest([a_slice(k1=(5, 5, 0), k2=(1, 0, 0)), a_slice(k2=(3, 3, 8)), a_slice(k3=(9, 3, 0))]) == [2, 3, 1]
    assert busiest([]) == []
