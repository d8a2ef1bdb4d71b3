"""How often probes would be hit, from samples of a program that has none: pure arithmetic.

A sample in a site's extent shows the program while it passes the site; samples times their period are the processor
time that it spends there; that time by what one passage takes (catalogue.Bare) is the number of hits. Two things are
not certain: how many samples fell there by chance, and the time of a passage, which is 5 ns in a hot loop and ten
times that with cold caches. So the result is a range: a 95 % interval for the samples, times all times of a passage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from otelchan.gobinary.types import SiteKind
from otelchan.plan.catalogue import BY_KIND, PAIRED, Bare
from otelchan.plan.governor import FIRST_PAUSE_NS, LONG_TRIAL_NS, SECOND
from otelchan.plan.types import (
    AttachPlan,
    CpuSamples,
    Expected,
    Outlook,
    Plane,
    PlaneExpectation,
    PlannedSite,
    SiteExpectation,
)

WIDEST = 100
"""A range over more than two orders of magnitude is no range: then only its upper end is said."""

SLICED = (Plane.WAITS, Plane.OPERATIONS)
"""What is estimated from time slices where it is given up."""
_NORMAL_95 = 1.959964


class _Seen(NamedTuple):
    """So many samples of something whose passage takes `bare`, at so much a hit."""

    samples: int
    bare: Bare
    cost_ns: float


def expect(
    plan: AttachPlan, samples: CpuSamples | None, bias: int, budget: float | None, slices: bool = False
) -> tuple[PlaneExpectation, ...]:
    """What each plane of the plan would be hit and cost. bias: of the samples' addresses. budget: fraction of a core.

    samples: None when nobody looked. The operations plane is on only while the waits plane is. slices: as in decide.
    """
    found = [_plane(plane, sites, samples, bias) for plane, sites in plan.planes.items()]
    return decide(found, {plane.plane: plane.share for plane in found}, budget, slices)


def decide(
    planes: Iterable[PlaneExpectation], shares: Mapping[Plane, Expected | None], budget: float | None, slices: bool
) -> tuple[PlaneExpectation, ...]:
    """What the budget makes of planes, in the order of attaching, that cost such shares of a core. None: not known.

    slices: what is given up of operations and waits can be estimated from time slices.
    """
    decided: list[PlaneExpectation] = []
    spent = 0.0
    for plane in planes:
        share = shares[plane.plane]
        outlook = _outlook(share, budget, spent)
        over = {other.plane for other in decided if other.outlook is Outlook.EXCEEDS}
        if plane.plane is Plane.OPERATIONS and Plane.WAITS in over:
            instead = "estimated from time slices" if slices else "off"
            outlook, then = Outlook.EXCEEDS, f"{instead} while the {Plane.WAITS} plane is off: it needs that one"
        else:
            then = _then(outlook, budget, slices and plane.plane in SLICED)
        if share and outlook is not Outlook.EXCEEDS:
            spent += share.high
        decided.append(plane._replace(outlook=outlook, then=then))
    return tuple(decided)


def poisson_interval(count: float) -> tuple[float, float]:
    """Bounds of the mean of a Poisson distribution of which `count` was seen, at 95 %, each side 2.5 %.

    Wilson and Hilferty's approximation of Garwood's exact interval, as in Breslow and Day, Statistical Methods in
    Cancer Research II, 1987: off by less than 3 % from three on, and below that too low by up to half at the low end.
    """
    low = count * (1 - 1 / (9 * count) - _NORMAL_95 / (3 * count**0.5)) ** 3 if count else 0.0
    above = count + 1
    return low, above * (1 - 1 / (9 * above) + _NORMAL_95 / (3 * above**0.5)) ** 3


def _plane(plane: Plane, sites: tuple[PlannedSite, ...], samples: CpuSamples | None, bias: int) -> PlaneExpectation:
    unknown = PlaneExpectation(plane, (), 0, None, None, Outlook.UNKNOWN, "")
    if samples is None:
        return unknown._replace(sites=tuple(SiteExpectation(site, 0, None) for site in sites))
    passed = _passed(sites, samples, bias)
    by_site = []
    for index, site in enumerate(sites):
        seen = sum(count for indexes, count in passed.items() if index in indexes)
        hits, _ = _expected([_Seen(seen, BY_KIND[site.site.kind].bare, site.cost_ns)], samples)
        by_site.append(SiteExpectation(site, seen, hits))
    groups = _groups(plane, sites, passed)
    hits, share = _expected(groups, samples)
    in_all = sum(group.samples for group in groups)
    return unknown._replace(sites=tuple(by_site), samples=in_all, hits=hits, share=share)


def _passed(sites: tuple[PlannedSite, ...], samples: CpuSamples, bias: int) -> dict[frozenset[int], int]:
    """How many samples were in the extents of which sites, by index."""
    known: dict[int, frozenset[int]] = {}

    def at(address: int) -> frozenset[int]:
        if address not in known:
            known[address] = frozenset(
                index
                for index, planned in enumerate(sites)
                if any(start <= address - bias < end for start, end in planned.site.extent)
            )
        return known[address]

    passed: dict[frozenset[int], int] = {}
    for stack, count in samples.stacks.items():
        if indexes := frozenset().union(*(at(address) for address in stack)):
            passed[indexes] = passed.get(indexes, 0) + count
    return passed


def _groups(plane: Plane, sites: tuple[PlannedSite, ...], passed: Mapping[frozenset[int], int]) -> list[_Seen]:
    """The samples of a plane, each group with its own time of a passage: by kind of site, or all where kinds pair."""

    def count(kinds: Iterable[SiteKind]) -> int:
        members = {index for index, site in enumerate(sites) if site.site.kind in kinds}
        return sum(number for indexes, number in passed.items() if indexes & members)

    costs = {site.site.kind: site.cost_ns for site in sites}
    kinds = sorted(costs)
    if plane in PAIRED:
        mean_cost = sum(costs[kind] for kind in kinds) / len(kinds)
        return [_Seen(count(kinds), PAIRED[plane], mean_cost)]
    return [_Seen(count([kind]), BY_KIND[kind].bare, costs[kind]) for kind in kinds]


def _expected(groups: list[_Seen], samples: CpuSamples) -> tuple[Expected, Expected]:
    """(hits a second, share of a core) of what was seen."""
    total = sum(group.samples for group in groups)
    low, high = poisson_interval(total)
    taken = sum(samples.stacks.values())
    worth = samples.period_ns * SECOND / max(samples.duration_ns, 1)  # processor time a second that a sample means
    worth *= (taken + samples.lost) / taken if taken else 1
    least = low / total if total else 0.0
    by_chance = high - total  # which kind these would have been is not known, so they are of the worst
    unseen = poisson_interval(0)[1] * SECOND / max(samples.duration_ns, 1)  # a second, of what did not happen once
    cpu = samples.cpu_ns * SECOND / max(samples.duration_ns, 1)

    def of(weights: list[float]) -> Expected:
        pairs = list(zip(groups, weights, strict=True))
        worst = max(weight / group.bare.lowest for group, weight in pairs)
        lowest = least * worth * sum(group.samples * weight / group.bare.highest for group, weight in pairs)
        likely = worth * sum(group.samples * weight / group.bare.likely for group, weight in pairs)
        highest = sum(group.samples * weight / group.bare.lowest for group, weight in pairs)
        # A program cannot do more than it has processor time for: that is what says most of an idle one.
        highest = max(min((highest + by_chance * worst) * worth, worst * cpu), unseen * max(weights))
        return Expected(lowest if highest <= WIDEST * lowest else 0.0, min(likely, highest), highest)

    hits, share = of([1.0] * len(groups)), of([group.cost_ns / SECOND for group in groups])
    return hits, share._replace(low=share.low if hits.low else 0.0)


def _outlook(share: Expected | None, budget: float | None, spent: float) -> Outlook:
    if budget is None:
        return Outlook.FITS
    if share is None:
        return Outlook.UNKNOWN
    if share.high + spent <= budget:
        return Outlook.FITS
    return Outlook.EXCEEDS if share.low > budget else Outlook.UNSURE


def _then(outlook: Outlook, budget: float | None, slices: bool) -> str:
    if budget is None:
        return "attached whatever it costs: there is no budget"
    limit, trial = f"the budget of {budget * 100:.3g} %", f"{LONG_TRIAL_NS / SECOND:.3g} s"
    again = f"off, and tried again after {FIRST_PAUSE_NS // SECOND} s"
    instead = "estimated from time slices until it fits" if slices else again
    return {
        Outlook.FITS: f"attached: it stays under {limit}",
        Outlook.EXCEEDS: f"tried for at most {trial}, then {instead}: it is over {limit}",
        Outlook.UNSURE: f"a trial of at most {trial} decides: {limit} is within what is expected",
        Outlook.UNKNOWN: f"a trial of at most {trial} decides: nothing is known of its hits",
    }[outlook]
