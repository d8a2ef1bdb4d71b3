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
    CALLED = "called"
    NAIVE = "naive"


@dataclass(frozen=True)
class Variant:
    """planes: of ours that are attached; kinds: of their sites only these, when given. Or else: program, at places. Or
    else: switch, a command of the load program, which turns on something that Go itself has.
    """

    name: str
    title: str
    planes: frozenset[Plane] = frozenset()
    kinds: frozenset[Kind] = frozenset(Kind)
    program: str = ""
    at: At = At.OURS
    switch: str = ""


BARE = Variant("bare", "no probes")
AGAIN = Variant("bare again", "no probes, once more: what noise looks like")
MAKES = Variant("makes", "otelchan, makes", frozenset({Plane.MAKES}))
WAITS = Variant("waits", "otelchan, makes and waits", frozenset({Plane.MAKES, Plane.WAITS}))
EXACT = Variant("exact", "otelchan, every plane: exact counting", frozenset(Plane))
EMPTY = Variant("empty", "an empty program at all of otelchan's sites", program="empty")
RECIPE = Variant("recipe", "entry and return instructions of chansend1, chanrecv1, chanrecv2: durations",
                 program="recipe", at=At.RECIPE)  # fmt: skip
RECIPE_EMPTY = Variant("recipe, empty", "the same places, an empty program", program="empty", at=At.RECIPE)
NAIVE = Variant("naive, stacks", "first instruction of chansend, chanrecv, selectgo, closechan, newproc: stacks to a "
                "ring", program="stacks", at=At.NAIVE)  # fmt: skip
NAIVE_EMPTY = Variant("naive, empty", "the same places, an empty program", program="empty", at=At.NAIVE)
CALLED = Variant("called, stacks", "first instruction of chansend1, chanrecv1, chanrecv2: stacks to a ring",
                 program="stacks", at=At.CALLED)  # fmt: skip
TRACER = Variant("execution tracer", "Go's execution tracer on, to /dev/null", switch="tracing")
BLOCKS = Variant("block profile", "Go's block profile on, every event", switch="blocking")
VARIANTS = (
    BARE, AGAIN, MAKES, WAITS, EXACT, EMPTY, RECIPE, RECIPE_EMPTY, NAIVE, NAIVE_EMPTY, CALLED, TRACER, BLOCKS,
)  # fmt: skip


def variants_for(load: Load) -> list[Variant]:
    """Those that see the load's operation: recipes have no probe in a select, only in the sends around it."""
    return [v for v in VARIANTS if v.at not in (At.RECIPE, At.CALLED) or load.seen_by_recipes]


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
    passed = {At.OURS: kinds, At.NAIVE: load.calls | load.entered}.get(variant.at, load.calls)
    expected = {}
    for place in places:
        what = place.label.removesuffix(" return") if place.cookie & RETURN else place.label
        expected[place.label] = operations if what in passed else 0
    return expected
