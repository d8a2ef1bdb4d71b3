"""What a hit costs, and what a budget pays, as lines of doctor."""

from __future__ import annotations

from otelchan.config import Config
from otelchan.doctor.spending import check_costs, read_costs
from otelchan.gobinary.types import SiteKind
from otelchan.kernel.features import Features
from otelchan.plan.types import Costs
from otelchan.view.types import NOTE, OK

COSTS = Costs({**dict.fromkeys(SiteKind, 1000), SiteKind.PARK: 1400, SiteKind.WAKE: 1600}, measured=True)


def test_the_cost_of_a_hit_is_said_by_what_the_program_does() -> None:
    """In microseconds, measured here."""
    hit, _ = check_costs(COSTS, 0.03, slices=True)

    assert hit.status == OK
    assert hit.found.startswith("measured here: send or receive through a buffer 1.0 us, park 1.4 us, wake 1.6 us")


def test_a_budget_is_said_in_operations() -> None:
    """3 % of a core are 30 ms a second: 30,000 sends and receives, or 10,000 parks with their wakes."""
    _, budget = check_costs(COSTS, 0.03, slices=True)

    assert budget.status == OK
    assert budget.found.startswith("3 % of a core for each program pays 30,000 sends and receives through buffers")
    assert "or 10,000 waits; what does more is estimated from time slices" in budget.found


def test_where_no_slices_can_be_taken_that_is_said() -> None:
    """Perf links take a tenth of a second each to go."""
    _, budget = check_costs(COSTS, 0.03, slices=False)

    assert budget.found.endswith("what does more is not counted: time slices need uprobe_multi links")


def test_no_budget_is_a_note() -> None:
    """It is for measurements only."""
    _, budget = check_costs(COSTS, None, slices=True)

    assert (budget.status, budget.found) == (NOTE, "none")


def test_where_nothing_can_be_attached_the_costs_are_those_of_another_machine() -> None:
    """And it is said that they are; it is no fault of its own."""
    assert read_costs(Config(), Features()) is None
    hit, _ = check_costs(None, 0.03, slices=True)

    assert hit.status == NOTE
    assert hit.found.startswith("not measured: ")
    assert "of the machine that docs/overhead.md describes" in hit.advice
