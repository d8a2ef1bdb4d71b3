"""A short attachment before anything is attached for good: when it has cost enough, and what it says. Pure.

Where samples give a range over an order of magnitude or two, a trial counts. It is a short look all the same: a program
that does nothing in it may do a million operations a second later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, variance

from otelchan.plan.estimate import decide, poisson_interval
from otelchan.plan.governor import SECOND
from otelchan.plan.types import Counted, Expected, PlaneExpectation, Tried

STEP_NS = 5_000_000
"""So often it is looked whether a trial has cost enough."""


def has_cost_enough(cost_ns: int, budget: float | None) -> bool:
    """Whether a trial ends before its time: it has cost what a second may, as when the governor tries a plane."""
    return budget is not None and cost_ns > budget * SECOND


def bursts_of(steps: Sequence[int]) -> float:
    """How much more the hits of equal steps vary than by chance: variance by mean, 1 at least (the index of dispersion;
    so many hits say as much as that many fewer that come by chance)."""
    if len(steps) < 2 or not sum(steps):
        return 1.0
    return max(variance(steps) / mean(steps), 1.0)


def after_trials(
    expected: Iterable[PlaneExpectation], tried: Iterable[Tried], budget: float | None, slices: bool
) -> tuple[PlaneExpectation, ...]:
    """What the budget makes of each plane by what was counted, or by samples where there was no trial. budget: fraction
    of a core. slices: as in decide."""
    by_plane = {one.plane: one for one in tried}
    planes = [
        plane._replace(counted=_counted(by_plane[plane.plane], plane)) if plane.plane in by_plane else plane
        for plane in expected
    ]
    return decide(planes, {p.plane: p.counted.share if p.counted else p.share for p in planes}, budget, slices)


def _counted(tried: Tried, plane: PlaneExpectation) -> Counted:
    dearest_ns = max((site.planned.cost_ns for site in plane.sites), default=0)  # for the hits of which none was seen
    mean_ns = tried.cost_ns / tried.hits if tried.hits else dearest_ns
    low, high = (tried.bursts * bound for bound in poisson_interval(tried.hits / tried.bursts))
    hits = Expected(*(number * SECOND / max(tried.watched_ns, 1) for number in (low, tried.hits, high)))
    return Counted(tried, hits, Expected(*(number * mean_ns / SECOND for number in hits)))
