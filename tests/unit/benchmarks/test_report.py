"""Goals, the JSON document and the tables that people read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report, results
from benchmarks.agents import AgentCost
from benchmarks.attaching import AttachTime
from benchmarks.claims import CLAIMS
from benchmarks.loads import BUFFERED, HANDOFF, Load
from benchmarks.machine import Machine
from benchmarks.overhead import kept
from benchmarks.probing import Off
from benchmarks.results import Goal, Results
from benchmarks.rounds import KindCost, LoadResult, Measured
from benchmarks.stats import Spread, spread
from benchmarks.tools import ToolCost, Tools
from benchmarks.variants import BARE, CALLED, EMPTY, EXACT, NAIVE, RECIPE, WAITS
from otelchan.kernel.types import Kind

MACHINE = Machine(
    date="2026-11-21",
    processor="AMD EPYC",
    processors=2,
    virtual=True,
    kernel="6.18.44",
    clocksource="tsc",
    python="3.11.7",
    load_average=0.25,
)


def load_result(load: Load, exact: float = 1500.0, recipe: float = 20_000.0) -> LoadResult:
    """Three rounds, of which the second was ten times as slow."""
    each = {BARE: 30.0, WAITS: 33.0, EXACT: exact, EMPTY: 1000.0, RECIPE: recipe, NAIVE: 18_000.0, CALLED: 4_500.0}
    measured = {v.name: Measured(v, 512, (ns, ns * 10, ns)) for v, ns in each.items()}
    return LoadResult(load, measured, "go1.27.3")


def all_results(exact: float = 1500.0, off_hits: int = 0, resident: int = 60_000_000) -> Results:
    """A whole run."""
    loads = {load.name: load_result(load, exact) for load in (BUFFERED, HANDOFF)}
    kinds = [KindCost(Kind.SEND, spread([900.0, 950.0]), 1000), KindCost(Kind.PARK, spread([1200.0]), 1100)]
    attach = [AttachTime("multi", 13, 3, spread([10.0]), spread([100.0]), spread([90.0]))]
    agents = [AgentCost("libbpf, HTTP", load, resident, resident, 40_000_000, 0.01, 30.0) for load in ("idle", "paced")]
    tool = ToolCost("dlv trace", "dlv trace 'a|b'", "buffered", 32, spread([7e6]), spread([2e5]), spread([3500.0]))
    tools = Tools([tool], ["bpftrace is not installed"])
    claims = {claim.key: loads[claim.load.name].ratio(claim.one, claim.other) for claim in CLAIMS}
    return Results(MACHINE, "go1.27.3", 3, loads, kinds, Off(1000, off_hits, 20, 0), 4, attach, agents, tools, claims)


def test_ratios_of_goals_are_those_within_rounds() -> None:
    """A slow round weighs no more than any other."""
    exact, handoff, recipe, _, naive = results.ratio_goals(all_results().claims)

    assert (1.5, 1.4, 1.25, False) == (exact.measured, exact.allowed, exact.aim, exact.met)
    assert (1.5, 1.8, 1.25, True) == (handoff.measured, handoff.allowed, handoff.aim, handoff.met)
    assert (13.33, 10.0, 15.0, True) == (round(recipe.measured, 2), recipe.allowed, recipe.aim, recipe.met)
    assert (12.0, 10.0, True) == (naive.measured, naive.allowed, naive.met)


def test_ratios_that_others_read_have_keys_at_the_top_of_the_document() -> None:
    """As plain numbers; beside them what each is, and how it spread."""
    data = results.as_json(all_results())
    wanted = {
        "buffered_counted_vs_two_traps": 1.5,
        "handoff_vs_two_traps": 1.5,
        "buffered_uncounted_vs_bare": 1.1,
        "naive_entry_probes_vs_ours": 12.0,
        "entry_return_probes_vs_ours": 13.33,
        "handoff_entry_return_probes_vs_ours": 13.33,
        "called_entry_probes_vs_ours": 3.0,
    }

    assert wanted == data["ratios"] == {key: data[key] for key in wanted}
    assert data["ratios_explained"].keys() == wanted.keys()
    assert "buffered" == data["ratios_explained"]["naive_entry_probes_vs_ours"]["load"]


def test_what_others_wrote_into_the_document_stays(tmp_path: Path) -> None:
    """Keys of this run are exchanged, whole."""
    document = tmp_path / "overhead.json"
    document.write_text('{"loads": {"old": 1}, "applications": {"http": 2}}')

    kept(document, {"loads": {"new": 3}})
    kept(tmp_path / "fresh.json", {"loads": {}})

    assert {"loads": {"new": 3}, "applications": {"http": 2}} == json.loads(document.read_text())
    assert {"loads": {}} == json.loads((tmp_path / "fresh.json").read_text())


def test_a_goal_that_is_missed_is_said_so() -> None:
    """In the document as well as in its tables."""
    data = results.as_json(all_results(exact=2500.0, off_hits=1, resident=64_000_001))

    assert [False] * 6 + [True, False] == [goal["met"] for goal in data["goals"]]
    assert 7 == report.written(data).split("### An operation")[0].count("**no**")


def test_a_limit_itself_is_allowed() -> None:
    """At most and at least include the number."""
    assert Goal("x", 2.0, 2.0).met
    assert Goal("x", 10.0, 10.0, at_least=True).met
    assert not Goal("x", 2.001, 2.0).met
    assert not Goal("x", 9.999, 10.0, at_least=True).met


def test_the_larger_agent_counts() -> None:
    """Beside an idle and a working program; a setting that was not measured has no goal."""
    costs = [
        AgentCost("BCC, HTTP", load, rss, rss, rss, 0.0, 30.0) for load, rss in (("idle", 10), ("paced", 70_000_000))
    ]
    (goal,) = results.memory_goals(costs)

    assert (70.0, 64, False) == (goal.measured, goal.allowed, goal.met)


def test_a_catalogue_that_says_less_than_was_measured_is_named() -> None:
    """The budget would let such a probe take more than it allows."""
    assert [Kind.PARK] == [kind.kind for kind in results.too_cheap(all_results().kinds)]


def test_the_document_can_be_written_and_read() -> None:
    """As plain JSON, with no more digits than were measured."""
    data = results.as_json(all_results())

    assert data == json.loads(json.dumps(data))
    assert 1.235 == results.rounded(1.23456)
    assert {"median": 1500.0, "q1": 1500.0, "q3": 8250.0, "low": 1500.0, "high": 15000.0, "rounds": 3} == (
        data["loads"]["buffered"]["variants"]["exact"]["ns"]
    )


def test_tables_say_what_the_document_says() -> None:
    """Machine, goals, operations, other tools, hits, attaching and the agent each have their place."""
    text = report.written(results.as_json(all_results()))

    assert "a virtual machine with 2 processors: AMD EPYC; Linux 6.18.44" in text
    assert "| buffered | exact / empty | 1.50 (1.50 to 1.50) | 1.50 to 1.50 |" in text
    assert "| otelchan, every plane: exact counting | 1,500 (1,500 to 8,250) | 50.0 (50.0 to 50.0) |" in text
    assert "| at least 10 | 15 | yes |" in text
    assert (
        "| `naive_entry_probes_vs_ours` | buffered: naive entry probes with stacks, times exact counting | 12.0" in text
    )
    assert "| buffered: dlv trace, `dlv trace 'a\\|b'` | 7,000,000 | 200,000 " in text
    assert "Not measured: bpftrace is not installed." in text
    assert "| park | 1,200 (1,200 to 1,200) | 1,100 | **no** |" in text
    assert "| multi: 3 links, 13 sites | 10.0 (10.0 to 10.0) | 100 (100 to 100) | 90.0 (90.0 to 90.0) |" in text
    assert "| libbpf, HTTP, idle program | 60.0 | 60.0 | 40.0 | 1.00% |" in text


def test_only_the_measured_part_of_the_document_is_exchanged() -> None:
    """What people wrote above and below it stays, and a second run changes nothing more."""
    document = f"# Title\n\nabove\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\n## The census\n"
    once = report.replaced(document, "new")

    assert f"# Title\n\nabove\n\n{report.BEGIN}\n\nnew\n\n{report.END}\n\n## The census\n" == once
    assert once == report.replaced(once, "new")


@pytest.mark.parametrize("document", ["", report.BEGIN, f"{report.END}{report.BEGIN}", report.BEGIN * 2 + report.END])
def test_a_document_without_both_marks_is_refused(document: str) -> None:
    """Nothing is overwritten by guessing."""
    with pytest.raises(ValueError, match="once each"):
        report.replaced(document, "new")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.123, "0.12"), (9.99, "9.99"), (42.26, "42.3"), (1234.5, "1,234")]
)
def test_numbers_have_the_digits_that_their_size_deserves(value: float, text: str) -> None:
    """No more would be true."""
    assert text == report.number(value)


def test_a_spread_is_printed_with_what_half_of_the_rounds_lie_between() -> None:
    """Or all of them."""
    found = Spread(2.0, 1.5, 2.5, 1.0, 9.0, 9)._asdict()

    assert "2.00 (1.50 to 2.50)" == report.middle(found)
    assert "2.00 (1.00 to 9.00)" == report.whole(found)
