"""What is attached while a load runs, and how often it must then be hit. Pure: probing.py does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.loads import Load
from benchmarks.sites import RETURN, Place
from otelchan.kernel.types import Kind
from otelchan.plan.catalogue import BY_KIND, PROBES
from otelchan.plan.types import AttachPlan, Plane


class At(StrEnum):
    """Whose places a foreign program is put at."""

    OURS = "ours"
    RECIPE = "recipe"
    NAIVE = "naive"


@dataclass(frozen=True)
class Variant:
    """planes: of ours that are attached; kinds: of their sites only these, when given. Or else: program, at places."""

    name: str
    title: str
    planes: frozenset[Plane] = frozenset()
    kinds: frozenset[Kind] = frozenset(Kind)
    program: str = ""
    at: At = At.OURS


BARE = Variant("bare", "no probes")
AGAIN = Variant("bare again", "no probes, once more: what noise looks like")
MAKES = Variant("makes", "otelchan, makes", frozenset({Plane.MAKES}))
WAITS = Variant("waits", "otelchan, makes and waits", frozenset({Plane.MAKES, Plane.WAITS}))
EXACT = Variant("exact", "otelchan, every plane: exact counting", frozenset(Plane))
EMPTY = Variant("empty", "an empty program at all of otelchan's sites", program="empty")
RECIPE = Variant("recipe", "entry and return instructions of chansend1, chanrecv1, chanrecv2: durations",
                 program="recipe", at=At.RECIPE)  # fmt: skip
RECIPE_EMPTY = Variant("recipe, empty", "the same places, an empty program", program="empty", at=At.RECIPE)
NAIVE = Variant("naive, empty", "first instruction of chansend, chanrecv, selectgo: an empty program",
                program="empty", at=At.NAIVE)  # fmt: skip
VARIANTS = (BARE, AGAIN, MAKES, WAITS, EXACT, EMPTY, RECIPE, RECIPE_EMPTY, NAIVE)


def variants_for(load: Load) -> list[Variant]:
    """Those that see the load's operation: recipes have no probe in a select, only in the sends around it."""
    return [v for v in VARIANTS if v.at is not At.RECIPE or "select" not in load.calls]


def only(*kinds: Kind) -> Variant:
    """Ours, at the sites of these kinds alone: for the cost of one hit, the counts mean nothing."""
    names = ", ".join(kind.name.lower() for kind in kinds)
    return Variant(f"only {names}", f"otelchan, only {names}", frozenset(Plane), frozenset(kinds))


def restricted(plan: AttachPlan, variant: Variant) -> AttachPlan:
    """The plan with what the variant attaches."""
    planes = {
        plane: kept
        for plane, sites in plan.planes.items()
        if plane in variant.planes and (kept := tuple(s for s in sites if BY_KIND[s.site.kind].number in variant.kinds))
    }
    return replace(plan, planes=planes)


def expected_of_ours(variant: Variant, load: Load, operations: int) -> dict[str, int]:
    """Hits by kind, of all kinds whose planes are attached; of the others nothing is said."""
    attached = [Kind(probe.number) for probe in PROBES if probe.plane in variant.planes]
    return {kind.name.lower(): operations if kind in load.kinds and kind in variant.kinds else 0 for kind in attached}


def expected_at(places: list[Place], variant: Variant, load: Load, operations: int) -> dict[str, int]:
    """Hits by label, of all labels."""
    kinds = {kind.name.lower() for kind in load.kinds}
    expected = {}
    for place in places:
        passed = kinds if variant.at is At.OURS else load.calls
        what = place.label.removesuffix(" return") if place.cookie & RETURN else place.label
        expected[place.label] = operations if what in passed else 0
    return expected
