"""What a trial of a tenth of a second says of each plane, and when it has cost enough: arithmetic only."""

from __future__ import annotations

from typing import Any

import pytest

from otelchan.plan.estimate import expect
from otelchan.plan.planner import make_plan
from otelchan.plan.trial import after_trials, bursts_of, has_cost_enough
from otelchan.plan.types import CpuSamples, Outlook, Plane, PlaneExpectation, Tried
from tests.support.images import TEXT, all_sites, go_image

SECOND = 1_000_000_000
BUDGET = 0.03
WAKE_AT = TEXT + 0x40


def tried(plane: Plane, hits: int, cost_ns: int = 1200, watched_ns: int = SECOND // 10, **more: Any) -> Tried:
    """So many hits in a tenth of a second, at so much each, which came by chance."""
    cost = hits * cost_ns
    rest = {"bursts": 1.0, "stopped": False, "traps_out": True, **more}
    return Tried(plane, hits, watched_ns, cost, cost, watched_ns + SECOND // 20, **rest)


def expected(looked: CpuSamples | None = None) -> tuple[PlaneExpectation, ...]:
    """From samples alone."""
    return expect(make_plan(go_image(sites=all_sites()), 0, "/srv/app"), looked, 0, BUDGET)


def after(*trials: Tried, budget: float | None = BUDGET, slices: bool = False) -> dict[Plane, PlaneExpectation]:
    """What is said after these trials."""
    return {plane.plane: plane for plane in after_trials(expected(), trials, budget, slices)}


def test_a_trial_is_stopped_when_it_has_cost_what_a_second_may() -> None:
    """As the governor does it: at 3 % of a core that is 30 ms. Without a budget nothing stops it."""
    assert not has_cost_enough(29_000_000, BUDGET)
    assert has_cost_enough(31_000_000, BUDGET)
    assert not has_cost_enough(10 * SECOND, None)


def test_hits_and_share_are_what_was_counted() -> None:
    """1,000 hits in 0.1 s are 10,000 a second, at 1.2 us each 1.2 % of a core; chance makes that 6 % more or less."""
    found = after(tried(Plane.MAKES, 1000))[Plane.MAKES].counted

    assert found is not None
    assert found.hits.likely == pytest.approx(10_000)
    assert (found.hits.low, found.hits.high) == pytest.approx((10_000 * 0.94, 10_000 * 1.064), rel=0.01)
    assert found.share.likely == pytest.approx(0.012)


def test_hits_that_come_in_bursts_say_less() -> None:
    """1,000 hits in one of twenty steps are one burst: there may have been none, or five."""
    assert bursts_of([50] * 20) == 1.0
    assert bursts_of([]) == bursts_of([7]) == bursts_of([0, 0]) == 1.0
    one = bursts_of([1000] + [0] * 19)
    assert one == pytest.approx(1000)

    found = after(tried(Plane.MAKES, 1000, bursts=one))[Plane.MAKES]
    assert found.counted is not None
    assert found.counted.hits.likely == pytest.approx(10_000)
    assert found.counted.hits.low < 1_000
    assert found.counted.hits.high > 50_000
    assert found.outlook is Outlook.UNSURE


def test_no_hit_is_fewer_than_chance_would_have_hidden() -> None:
    """Of a plane that was not hit once in 0.1 s: fewer than 37 a second, each as dear as the dearest."""
    plane = after(tried(Plane.MAKES, 0))[Plane.MAKES]

    assert plane.counted is not None
    assert (plane.counted.hits.low, plane.counted.hits.likely) == (0, 0)
    assert plane.counted.hits.high == pytest.approx(36.9, rel=0.02)
    assert plane.counted.share.high == pytest.approx(36.9 * 3000 / SECOND, rel=0.02)  # a panic
    assert plane.outlook is Outlook.FITS


def test_what_was_counted_decides_where_samples_could_not() -> None:
    """Nobody looked, so nothing was known; after the trial every verdict is certain."""
    found = after(
        tried(Plane.MAKES, 0),
        tried(Plane.WAITS, 100),
        tried(Plane.OPERATIONS, 100_000, stopped=True),
        tried(Plane.POLLS, 0),
    )

    assert {plane.outlook for plane in expected()} == {Outlook.UNKNOWN}
    assert [found[plane].outlook for plane in found] == [Outlook.FITS, Outlook.FITS, Outlook.EXCEEDS, Outlook.FITS]
    assert "tried for at most 1 s, then off, and tried again after 15 s" in found[Plane.OPERATIONS].then


def test_a_plane_that_was_not_tried_is_judged_by_samples() -> None:
    """When nobody looked either, nothing is known of it."""
    found = after(tried(Plane.MAKES, 0))

    assert (found[Plane.WAITS].outlook, found[Plane.WAITS].counted) == (Outlook.UNKNOWN, None)


def test_a_rate_at_the_budget_is_not_decided() -> None:
    """Within the error of the count: a longer trial knows more."""
    found = after(tried(Plane.MAKES, 2500))  # 25,000 a second, 3 % of a core

    assert found[Plane.MAKES].outlook is Outlook.UNSURE


def test_where_slices_can_be_taken_what_is_given_up_is_estimated() -> None:
    """Operations, and waits; not closes, and not attempts that would block."""
    found = after(*(tried(plane, 100_000) for plane in Plane), slices=True)

    assert {plane.outlook for plane in found.values()} == {Outlook.EXCEEDS}
    assert "then estimated from time slices until it fits" in found[Plane.WAITS].then
    assert found[Plane.OPERATIONS].then.startswith("estimated from time slices while the waits plane is off")
    assert "then off, and tried again" in found[Plane.POLLS].then
    assert "then off, and tried again" in found[Plane.MAKES].then


def test_without_a_budget_everything_fits() -> None:
    """Whatever it costs."""
    found = after(tried(Plane.OPERATIONS, 1_000_000), budget=None)

    assert found[Plane.OPERATIONS].outlook is Outlook.FITS
