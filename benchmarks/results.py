"""From measurements to goals, and to what docs/overhead.json holds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.agents import AgentCost
from benchmarks.attaching import AttachTime
from benchmarks.loads import BUFFERED, HANDOFF
from benchmarks.machine import Machine
from benchmarks.probing import Off
from benchmarks.rounds import KindCost, LoadResult
from benchmarks.stats import Spread
from benchmarks.variants import BARE, EMPTY, EXACT, RECIPE, Variant

MB = 1_000_000
MOST_RESIDENT_MB = 64
COMPARED: tuple[tuple[Variant, Variant], ...] = ((EXACT, EMPTY), (RECIPE, EXACT))


class Goal(NamedTuple):
    """measured: a median of ratios within rounds, or a count, or MB. at_least: it must not be less than allowed.

    spread: of what the median is of.
    """

    name: str
    measured: float
    allowed: float
    at_least: bool = False
    spread: Spread | None = None

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.measured >= self.allowed if self.at_least else self.measured <= self.allowed


class Results(NamedTuple):
    """Everything of one run. loads: by name. restarts: see Bench."""

    machine: Machine
    go: str
    rounds: int
    loads: dict[str, LoadResult]
    kinds: list[KindCost]
    off: Off
    restarts: int
    attach: list[AttachTime]
    agents: list[AgentCost]


def ratio_goals(loads: dict[str, LoadResult]) -> list[Goal]:
    """What one run must show of the cost of operations: ratios of medians' partners, never of two machines."""
    goals = []
    for load, most in ((BUFFERED, 1.5), (HANDOFF, 2.0)):
        found = loads[load.name].ratio(EXACT, EMPTY)
        name = f"{load.name}: exact counting, times two empty traps at the same sites"
        goals.append(Goal(name, found.median, most, spread=found))
    for load in (BUFFERED, HANDOFF):
        found = loads[load.name].ratio(RECIPE, EXACT)
        name = f"{load.name}: entry and return probes, times exact counting"
        goals.append(Goal(name, found.median, 10.0, True, found))
    return goals


def off_goals(off: Off) -> list[Goal]:
    """The operations plane, while it is off."""
    return [
        Goal(f"operations plane off: hits at its sites, of {off.operations:,} operations", off.hits, 0),
        Goal(f"operations plane off: changed instructions at its sites, in {off.looks:,} looks", off.changed, 0),
    ]


def memory_goals(agents: Sequence[AgentCost]) -> list[Goal]:
    """Of the agent over HTTP; the larger one, of an idle and of a working program."""
    goals = []
    for setting in ("libbpf, HTTP", "BCC, HTTP"):
        resident = [cost.rss for cost in agents if cost.setting == setting]
        if resident:
            goals.append(Goal(f"agent, {setting}: MB resident for one target", max(resident) / MB, MOST_RESIDENT_MB))
    return goals


def goals_of(results: Results) -> list[Goal]:
    """All of them."""
    return [*ratio_goals(results.loads), *off_goals(results.off), *memory_goals(results.agents)]


def too_cheap(kinds: Sequence[KindCost]) -> list[KindCost]:
    """Kinds for which the catalogue says less than was measured: the budget would let them take more than allowed."""
    return [kind for kind in kinds if kind.catalogue_ns < kind.cost.median]


def as_json(results: Results) -> dict[str, Any]:
    """The content of docs/overhead.json. Times in the unit of their name; spreads as in stats.Spread."""
    return {
        "machine": {**results.machine, "go": results.go},
        "rounds": results.rounds,
        "goals": [
            {
                "name": goal.name,
                "measured": rounded(goal.measured),
                "allowed": goal.allowed,
                "direction": "at least" if goal.at_least else "at most",
                "met": goal.met,
                **({"spread": _spread(goal.spread)} if goal.spread else {}),
            }
            for goal in goals_of(results)
        ],
        "loads": {name: _load(result) for name, result in results.loads.items()},
        "hits": [
            {
                "kind": kind.kind.name.lower(),
                "cost_ns": _spread(kind.cost),
                "catalogue_ns": kind.catalogue_ns,
                "catalogue_covers": kind not in too_cheap(results.kinds),
            }
            for kind in results.kinds
        ],
        "operations_plane_off": results.off.__dict__,
        "naive_restarts": results.restarts,
        "attach": [
            {name: _spread(value) if isinstance(value, Spread) else value for name, value in row._asdict().items()}
            for row in results.attach
        ],
        "agent": [
            {name: rounded(value) if isinstance(value, float) else value for name, value in row._asdict().items()}
            for row in results.agents
        ],
    }


def _load(result: LoadResult) -> dict[str, Any]:
    measured = result.measured
    return {
        "operation": result.load.unit,
        "processors": result.load.processors,
        "variants": {
            name: {
                "what": it.variant.title,
                "operations_per_round": it.operations,
                "ns": _spread(result.spread(it.variant)),
                "ratio_to_bare": _spread(result.ratio(it.variant, BARE)),
            }
            for name, it in measured.items()
        },
        "ratios": {
            f"{one.name} / {other.name}": _spread(result.ratio(one, other))
            for one, other in COMPARED
            if one.name in measured and other.name in measured
        },
    }


def _spread(found: Spread) -> dict[str, float]:
    return {name: rounded(value) for name, value in found._asdict().items()}


def rounded(value: float) -> float:
    """To four digits: more would claim more than was measured."""
    return float(f"{value:.4g}")
