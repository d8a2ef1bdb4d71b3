"""Samples of what a program executes, by the kind of site that it was passing."""

from __future__ import annotations

from dataclasses import replace

from otelchan.gobinary.types import SiteKind
from otelchan.plan.catalogue import BY_KIND
from otelchan.plan.costs import REFERENCE
from otelchan.plan.passages import COUNTED, LIKELY_NS, Passages, hit_ns
from otelchan.plan.planner import make_plan
from tests.support.images import TEXT, all_sites, go_image

BIAS = 0x1000
SITES = {site.kind: site.address for site in all_sites()}


def passages() -> Passages:
    """Of a plan with every site, each with 16 bytes that belong to it."""
    sites = tuple(replace(site, extent=((site.address, site.address + 16),)) for site in all_sites())
    return Passages(make_plan(go_image(sites=sites), 0, "/srv/app"), BIAS)


def number(kind: SiteKind) -> int:
    return BY_KIND[kind].number


def test_a_sample_belongs_to_the_site_that_it_or_its_callers_are_in() -> None:
    """In the site's own code, in what that calls, and not elsewhere."""
    send = SITES[SiteKind.SEND] + BIAS
    found = passages().by_kind({(send + 15, 1): 3, (2, send): 4, (TEXT + 0x800 + BIAS,): 100, (1, 2): 100})

    assert {number(SiteKind.SEND): 7} == found


def test_a_sample_in_two_sites_of_a_kind_is_one() -> None:
    """And one in sites of two kinds counts for both."""
    send, wake = SITES[SiteKind.SEND] + BIAS, SITES[SiteKind.WAKE] + BIAS

    assert {number(SiteKind.SEND): 1, number(SiteKind.WAKE): 1} == passages().by_kind({(wake, send, send + 1): 1})


def test_only_what_counts_operations_is_looked_for() -> None:
    """A park ends no operation; nor does a make."""
    stacks: dict[tuple[int, ...], int] = {(SITES[kind] + BIAS,): 1 for kind in (SiteKind.PARK, SiteKind.MAKE)}

    assert {} == passages().by_kind(stacks)


def test_each_kind_has_a_time_and_a_cost() -> None:
    """As the catalogue says, by the kernel's numbers."""
    assert {number(kind) for kind in COUNTED} == set(LIKELY_NS) == set(hit_ns(REFERENCE))
    assert LIKELY_NS[number(SiteKind.SEND)] == BY_KIND[SiteKind.SEND].bare.likely
    assert hit_ns(REFERENCE)[number(SiteKind.SEND)] == BY_KIND[SiteKind.SEND].cost_ns
