"""From samples of what a program executes to how often it was seen to pass each kind of site: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otelchan.gobinary.types import SiteKind
from otelchan.plan.catalogue import BY_KIND
from otelchan.plan.types import AttachPlan, Costs, PlannedSite

COUNTED = (SiteKind.WAKE, SiteKind.SEND, SiteKind.RECV, SiteKind.RECV_CLOSED, SiteKind.SELECT)
"""Kinds of sites at which operations are counted that do something."""

LIKELY_NS = {BY_KIND[kind].number: BY_KIND[kind].bare.likely for kind in COUNTED}
"""What the program takes for one passage of a site of a kind, without a probe; by number of the kind."""

_MOST_KNOWN = 10_000


def hit_ns(costs: Costs) -> dict[int, float]:
    """What a hit of each of these kinds costs, by number of the kind."""
    return {BY_KIND[kind].number: float(costs.by_kind[kind]) for kind in COUNTED}


class Passages:
    """Sorts samples by the kinds of sites that the program was passing. bias: of the samples' addresses."""

    def __init__(self, plan: AttachPlan, bias: int) -> None:
        planned: Iterable[PlannedSite] = (site for sites in plan.planes.values() for site in sites)
        self._extents = [
            (start + bias, end + bias, BY_KIND[each.site.kind].number)
            for each in planned
            if each.site.kind in COUNTED
            for start, end in each.site.extent
        ]
        self._known: dict[int, frozenset[int]] = {}

    def by_kind(self, stacks: Mapping[tuple[int, ...], int]) -> dict[int, int]:
        """How many of these samples were in the extent of a site, by number of the kind of site."""
        found: dict[int, int] = {}
        for stack, count in stacks.items():
            for number in frozenset().union(*map(self._at, stack)):
                found[number] = found.get(number, 0) + count
        return found

    def _at(self, address: int) -> frozenset[int]:
        if address not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[address] = frozenset(number for start, end, number in self._extents if start <= address < end)
        return self._known[address]
