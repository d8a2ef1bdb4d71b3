"""From measurements to goals, and to what docs/overhead.json holds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.agents import AgentCost
from benchmarks.attaching import AttachTime
from benchmarks.claims import CLAIMS
from benchmarks.machine import Machine
from benchmarks.probing import Off
from benchmarks.rounds import KindCost, LoadResult
from benchmarks.stats import Spread
from benchmarks.tools import ToolCost, Tools
from benchmarks.variants import BARE, BLOCKS, CALLED, EMPTY, EXACT, NAIVE, RECIPE, TRACER, Variant

MB = 1_000_000
MOST_RESIDENT_MB, RESIDENT_AIM_MB = 64, 48
COMPARED: tuple[tuple[Variant, Variant], ...] = (
    (EXACT, EMPTY),
    *((other, EXACT) for other in (RECIPE, NAIVE, CALLED, TRACER, BLOCKS)),
)


class Goal(NamedTuple):
    """measured: a median of ratios within rounds, or a count, or MB. at_least: it must not be less than allowed.

    spread: of what the median is of. aim: what would be better still.
    """

    name: str
    measured: float
    allowed: float
    at_least: bool = False
    spread: Spread | None = None
    aim: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.measured >= self.allowed if self.at_least else self.measured <= self.allowed


class Results(NamedTuple):
    """Everything of one run. loads: by name. rounds: of each of them. restarts: see Bench. claims: by key."""

    machine: Machine
    go: str
    rounds: int
    loads: dict[str, LoadResult]
    kinds: list[KindCost]
    off: Off
    restarts: int
    attach: list[AttachTime]
    agents: list[AgentCost]
    tools: Tools
    claims: dict[str, Spread]


def ratio_goals(found: dict[str, Spread]) -> list[Goal]:
    """What one run must show of the cost of operations, from the ratios of CLAIMS by key."""
    return [
        Goal(claim.name, found[claim.key].median, claim.allowed, claim.at_least, found[claim.key], claim.aim)
        for claim in CLAIMS
        if claim.allowed is not None
    ]


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
            name = f"agent, {setting}: MB resident for one target"
            goals.append(Goal(name, max(resident) / MB, MOST_RESIDENT_MB, aim=RESIDENT_AIM_MB))
    return goals


def goals_of(results: Results) -> list[Goal]:
    """All of them."""
    return [*ratio_goals(results.claims), *off_goals(results.off), *memory_goals(results.agents)]


def too_cheap(kinds: Sequence[KindCost]) -> list[KindCost]:
    """Kinds for which the catalogue says less than was measured: the budget would let them take more than allowed."""
    return [kind for kind in kinds if kind.catalogue_ns < kind.cost.median]


def as_json(results: Results) -> dict[str, Any]:
    """The content of docs/overhead.json. Times in the unit of their name; spreads as in stats.Spread."""
    medians = {key: rounded(found.median) for key, found in results.claims.items()}
    return {
        **medians,
        "ratios": medians,
        "ratios_explained": {
            claim.key: {"what": claim.name, "load": claim.load.name, "spread": _spread(results.claims[claim.key])}
            for claim in CLAIMS
        },
        "machine": {**results.machine, "go": results.go},
        "rounds": results.rounds,
        "goals": [
            {
                "name": goal.name,
                "measured": rounded(goal.measured),
                "allowed": goal.allowed,
                "aim": goal.aim,
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
        "attach": [_row(row) for row in results.attach],
        "agent": [_row(row) for row in results.agents],
        "tools": [_row(row) for row in results.tools.costs],
        "tools_missing": results.tools.missing,
    }


def _row(row: AttachTime | AgentCost | ToolCost) -> dict[str, Any]:
    return {name: _value(value) for name, value in row._asdict().items()}


def _value(value: Any) -> Any:
    if isinstance(value, Spread):
        return _spread(value)
    return rounded(value) if isinstance(value, float) else value


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
