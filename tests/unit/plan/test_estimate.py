"""From samples of a program without probes to the hits that probes would have: arithmetic only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelchan.gobinary.types import GoImage, Site, SiteKind
from otelchan.plan.catalogue import BY_KIND, PAIRED, PROBES
from otelchan.plan.estimate import WIDEST, decide, expect, poisson_interval
from otelchan.plan.planner import make_plan
from otelchan.plan.types import CpuSamples, Expected, Outlook, Plane, PlaneExpectation
from tests.support.images import TEXT, all_sites, go_image

SECOND = 1_000_000_000
PERIOD = 500_000
BUDGET = 0.03
BIAS = 0x1000
SEND_AT, WAKE_AT, ELSEWHERE = TEXT + 0x70, TEXT + 0x40, TEXT + 0x800


def image() -> GoImage:
    """Every site, with 16 bytes that are executed only together with it, from its own address on."""
    return go_image(sites=tuple(replace(s, extent=extent(s)) for s in all_sites()))


def extent(of: Site) -> tuple[tuple[int, int], ...]:
    """Two pieces with a hole of two bytes between them."""
    return ((of.address, of.address + 6), (of.address + 8, of.address + 16))


def samples(*stacks: tuple[int, ...], count: int = 1, cpu_ns: int = SECOND, lost: int = 0) -> CpuSamples:
    """Each of these stacks that often, in two seconds."""
    live = {tuple(address + BIAS for address in stack): count for stack in stacks}
    return CpuSamples(live, PERIOD, 2 * SECOND, cpu_ns, 3, 0, lost)


def expected(plane: Plane, looked: CpuSamples | None, budget: float | None = BUDGET) -> PlaneExpectation:
    """What is expected of one plane."""
    found = expect(make_plan(image(), 0, "/srv/app"), looked, BIAS, budget)
    return next(expectation for expectation in found if expectation.plane is plane)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (4, 1.090, 10.242), (10, 4.795, 18.390), (100, 81.364, 121.627)]
)
def test_the_interval_is_that_of_the_tables(count: int, low: float, high: float) -> None:
    """Garwood's exact 95 % interval, to two percent."""
    assert (low, high) == pytest.approx(poisson_interval(count), rel=0.02)


def test_hits_are_time_spent_by_time_of_a_passage() -> None:
    """200 samples of 0.5 ms in 2 s are 50 ms a second; at 10 ns a send, five million."""
    hits = expected(Plane.OPERATIONS, samples((SEND_AT,), count=200)).hits
    bare = BY_KIND[SiteKind.SEND].bare
    low, high = poisson_interval(200)

    assert hits is not None
    assert hits.likely == pytest.approx(0.05 * SECOND / bare.likely)
    assert hits.low == pytest.approx(low * PERIOD / 2 / bare.highest)
    assert hits.likely < hits.high < 1.5 * 0.05 * SECOND / bare.lowest
    assert hits.high >= high * PERIOD / 2 / bare.lowest


def test_the_share_of_a_core_is_hits_by_their_cost() -> None:
    """Of a plane with one kind of hits, exactly."""
    found = expected(Plane.OPERATIONS, samples((SEND_AT,), count=200))

    assert found.hits is not None and found.share is not None
    assert found.share.likely == pytest.approx(found.hits.likely * BY_KIND[SiteKind.SEND].cost_ns / SECOND)
    assert found.share.low == pytest.approx(found.hits.low * BY_KIND[SiteKind.SEND].cost_ns / SECOND)


def test_a_sample_counts_anywhere_in_its_stack() -> None:
    """What the site's instructions call belongs to their time; an extent has holes, and ends before the next site."""
    inside = [(ELSEWHERE, SEND_AT + 12, ELSEWHERE), (SEND_AT + 5,)]
    outside = [(SEND_AT + 6,), (SEND_AT + 7,), (SEND_AT + 16,), (SEND_AT - 1,), (ELSEWHERE,)]

    sites = expected(Plane.OPERATIONS, samples(*inside, *outside)).sites
    assert {SiteKind.SEND: 2, SiteKind.RECV: 1}.items() <= {s.planned.site.kind: s.samples for s in sites}.items()


def test_parks_and_wakes_count_together() -> None:
    """Every park has its wake, so half of what both take is one hit; a sample in two sites of it counts once."""
    found = expected(Plane.WAITS, samples((WAKE_AT,), (TEXT + 0x10, TEXT + 0x20), count=100))

    assert found.samples == 200
    assert found.hits is not None
    assert found.hits.likely == pytest.approx(0.05 * SECOND / PAIRED[Plane.WAITS].likely)


def test_each_site_has_an_expectation_of_its_own() -> None:
    """By the samples in its extent."""
    found = expected(Plane.OPERATIONS, samples((SEND_AT,), count=50))
    by_kind = {site.planned.site.kind: site for site in found.sites}

    send, recv = by_kind[SiteKind.SEND], by_kind[SiteKind.RECV]
    assert (send.samples, recv.samples) == (50, 0)
    assert send.hits is not None and send.hits.low > 0
    assert recv.hits is not None and recv.hits.low == 0


def test_without_a_sample_only_an_upper_bound_is_said() -> None:
    """Up to 3.7 samples may have been missed, and each of them would be the shortest passage."""
    hits = expected(Plane.OPERATIONS, samples((ELSEWHERE,), count=2000)).hits
    shortest = min(probe.bare.lowest for probe in PROBES if probe.plane is Plane.OPERATIONS)

    assert hits is not None
    assert (hits.low, hits.likely) == (0, 0)
    assert hits.high == pytest.approx(poisson_interval(0)[1] * PERIOD / 2 / shortest)


def test_a_range_is_never_wider_than_it_may_be() -> None:
    """With few samples it would span more than two orders of magnitude: then its low end is not said."""
    found = [expected(Plane.OPERATIONS, samples((SEND_AT,), count=count)).hits for count in range(1, 200)]

    assert all(hits is not None and (hits.low == 0 or hits.high <= WIDEST * hits.low) for hits in found)
    assert [hits is not None and hits.low > 0 for hits in (found[0], found[-1])] == [False, True]


def test_an_idle_program_is_bounded_by_its_processor_time() -> None:
    """Ten microseconds a second are not more than ten microseconds' worth of passages."""
    hits = expected(Plane.WAITS, samples(cpu_ns=20_000)).hits

    assert hits is not None
    assert hits.high == pytest.approx(10_000 / PAIRED[Plane.WAITS].lowest)


def test_a_program_that_did_not_run_may_do_so_later() -> None:
    """Nothing happened in two seconds: so it happens fewer than two times a second."""
    found = expected(Plane.WAITS, samples(cpu_ns=0))

    assert found.hits is not None
    assert 1 < found.hits.high < 2
    assert found.outlook is Outlook.FITS


def test_lost_samples_are_made_up_for() -> None:
    """As many lost as read: twice the time."""
    one = expected(Plane.OPERATIONS, samples((SEND_AT,), count=200)).hits
    two = expected(Plane.OPERATIONS, samples((SEND_AT,), count=200, lost=200)).hits

    assert one is not None and two is not None
    assert two.likely == pytest.approx(2 * one.likely)


def test_the_budget_says_what_happens() -> None:
    """Under it, over it, around it, unknown; and with no budget everything is attached."""
    sends = samples((SEND_AT,), count=200)  # 5 million a second
    few = samples((SEND_AT,), count=2)
    none = samples(cpu_ns=20_000)

    assert expected(Plane.OPERATIONS, sends).outlook is Outlook.EXCEEDS
    assert expected(Plane.OPERATIONS, few).outlook is Outlook.UNSURE
    assert expected(Plane.OPERATIONS, none).outlook is Outlook.FITS
    assert expected(Plane.OPERATIONS, None).outlook is Outlook.UNKNOWN
    assert expected(Plane.OPERATIONS, sends, budget=None).outlook is Outlook.FITS
    assert "3 %" in expected(Plane.OPERATIONS, sends).then


def test_operations_are_off_while_waits_are() -> None:
    """However few they are."""
    found = expected(Plane.OPERATIONS, samples((WAKE_AT,), count=2000))

    assert found.outlook is Outlook.EXCEEDS
    assert found.then == "off while the waits plane is off: it needs that one"


def test_operations_go_on_without_makes() -> None:
    """A program that makes very many channels is given up by that plane alone."""
    shares = {plane: Expected(0.0, 0.0, 0.0001) for plane in Plane} | {Plane.MAKES: Expected(0.1, 0.2, 0.3)}
    found = decide(expect(make_plan(image(), 0, "/srv/app"), None, BIAS, BUDGET), shares, BUDGET, slices=True)

    assert {Plane.MAKES} == {each.plane for each in found if each.outlook is Outlook.EXCEEDS}


def test_planes_share_one_budget() -> None:
    """What fits alone may not fit beside what was attached before it."""
    looked = samples(cpu_ns=40_000)  # at most 1.6 % for waits, more for operations
    alone = expected(Plane.OPERATIONS, looked)
    assert alone.share is not None

    assert expected(Plane.OPERATIONS, looked, budget=alone.share.high * 1.01).outlook is Outlook.UNSURE
    assert expected(Plane.OPERATIONS, looked, budget=alone.share.high * 4).outlook is Outlook.FITS


def test_when_nobody_looked_nothing_is_made_up() -> None:
    """Every site is there, with its cost, and no hits."""
    found = expected(Plane.WAITS, None)

    assert found.hits is found.share is None
    assert [site.hits for site in found.sites] == [None] * 6
