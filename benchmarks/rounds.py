"""Many rounds of every variant of a load, each in an order that is drawn anew; and the cost of a hit of each kind."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.loads import KIND_LOADS, Load
from benchmarks.probing import CHECKED, Bench
from benchmarks.program import Program, program
from benchmarks.stats import Spread, differences, ratios, spread
from benchmarks.variants import BARE, Variant, only
from otelchan.kernel.types import Kind
from otelchan.plan.catalogue import PROBES

MOST_OPERATIONS = 16_000_000
Progress = Callable[[str], None]


class Effort(NamedTuple):
    """rounds: how many. batch_ns: about how long one batch takes."""

    rounds: int
    batch_ns: float


class Measured(NamedTuple):
    """One variant of a load. ns: for each operation, by round."""

    variant: Variant
    operations: int
    ns: tuple[float, ...]


class LoadResult(NamedTuple):
    """All variants of a load, by name; what belongs to one round has the same index everywhere."""

    load: Load
    measured: dict[str, Measured]
    go: str

    def spread(self, variant: Variant) -> Spread:
        """Nanoseconds for each operation."""
        return spread(self.measured[variant.name].ns)

    def ratio(self, variant: Variant, to: Variant) -> Spread:
        """Of two variants, round by round."""
        return ratios(self.measured[variant.name].ns, self.measured[to.name].ns)


class KindCost(NamedTuple):
    """What a hit adds, in nanoseconds, and what the catalogue says."""

    kind: Kind
    cost: Spread
    catalogue_ns: int


def measure(bench: Bench, load: Load, variants: Sequence[Variant], effort: Effort, say: Progress) -> LoadResult:
    """Raises Mismatch when hits are not what was done."""
    with program(load.processors) as running:
        try:
            return _measure(bench, running, load, variants, effort, say)
        finally:
            bench.forget()


def _measure(
    bench: Bench, running: Program, load: Load, variants: Sequence[Variant], effort: Effort, say: Progress
) -> LoadResult:
    sizes = {variant.name: _size(bench, running, load, variant, effort) for variant in variants}
    found: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for number in range(effort.rounds):
        say(f"{load.name}: round {number + 1} of {effort.rounds}")
        for variant in random.sample(variants, len(variants)):
            found[variant.name].append(bench.batch(running, variant, load, sizes[variant.name]))
    measured = {v.name: Measured(v, sizes[v.name], tuple(found[v.name])) for v in variants}
    return LoadResult(load, measured, running.version)


def _size(bench: Bench, running: Program, load: Load, variant: Variant, effort: Effort) -> int:
    """Operations of a batch: two that are not counted say how dear they are, a small one for a first idea."""
    operations = CHECKED
    for _ in range(2):
        bench.batch(running, variant, load, operations)
        operations = batch_size(running.whole_ns, effort.batch_ns)
    return operations


_BEFORE = {
    Kind.WAKE: Kind.PARK,
    Kind.CLOSE: Kind.MAKE,
    Kind.PANIC: Kind.CLOSE,
    Kind.SELECT_DEFAULT: Kind.SELECT,
}


def batch_size(ns: float, batch_ns: float) -> int:
    """A multiple of CHECKED: even, and whole chunks of the load program."""
    wanted = min(int(batch_ns / max(ns, 0.1)), MOST_OPERATIONS)
    return max(1, wanted // CHECKED) * CHECKED


def kind_costs(bench: Bench, effort: Effort, say: Progress) -> list[KindCost]:
    """Of every kind of site, from differences within rounds."""
    costs = {}
    for load in dict.fromkeys(load.name for load in KIND_LOADS.values()):
        kinds = [kind for kind, its in KIND_LOADS.items() if its.name == load]
        variants = {variant.name: variant for kind in kinds for variant in compared(kind)}
        result = measure(bench, KIND_LOADS[kinds[0]], list(variants.values()), effort, say)
        for kind in kinds:
            probed, without = (result.measured[variant.name].ns for variant in compared(kind))
            costs[kind] = differences(probed, without)
    return [KindCost(Kind(probe.number), costs[Kind(probe.number)], probe.cost_ns) for probe in PROBES]


def compared(kind: Kind) -> tuple[Variant, Variant]:
    """The variants whose difference is a hit of that kind. Without its park a wake would take another way, and without
    its make a close would be of a channel never seen before; a panic comes after its close, a select that takes its
    default branch comes to both of its sites.
    """
    if before := _BEFORE.get(kind):
        return only(before, kind), only(before)
    return only(kind), BARE
