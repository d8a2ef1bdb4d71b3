"""What applications lose: from counts and windows to goals and tables."""

from __future__ import annotations

import json

import pytest

from benchmarks import appsreport
from benchmarks.appsreport import Measured
from benchmarks.latency import Seen, to_bare
from benchmarks.machine import Machine
from benchmarks.serving import Window, Worked
from benchmarks.ways import BARE, DEFAULT, EXACT
from benchmarks.working import Minute, cost, losses

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
TITLES = {way.name: way.title for way in (BARE, DEFAULT, EXACT)}


def seen(p99_us: float, throughput: float = 0.0) -> Seen:
    """A window with that percentile."""
    return Seen(Window(1000, 500_000, 800_000, int(p99_us * 1000), 9_000_000, 200_000.0), throughput)


def found(watched_us: float, lost: float) -> appsreport.Data:
    """Three pairs of windows, of which the second was ten times as slow, and a minute."""
    pairs = {
        BARE.name: [seen(1000), seen(10_000), seen(1000)],
        DEFAULT.name: [seen(watched_us), seen(watched_us * 10), seen(watched_us)],
    }
    others = {BARE.name: [seen(1000, 8000.0)], DEFAULT.name: [seen(1100, 7000.0)]}
    programs = {"pool": {BARE.name: [40_000.0, 44_000.0], EXACT.name: [44_000.0, 44_000.0]}}
    minutes = [Minute("pool", "3%", 60.0, 0.5, 0.5), Minute("pool", "1%", 60.0, 0.03, lost)]
    minutes.append(Minute("pool", "", 60.0, -0.001, 0.002))
    return appsreport.data(Measured(MACHINE, "go1.27.3", 1000, 3000, pairs, others), programs, minutes, TITLES)


def test_an_item_costs_the_processor_time_between_two_counts() -> None:
    """What was done before does not count; no item at all is no cost."""
    assert 250.0 == cost(Worked(1000, 5_000_000), Worked(3000, 5_500_000))
    with pytest.raises(ValueError, match="no item came through"):
        cost(Worked(1000, 1), Worked(1000, 2))


def test_what_is_lost_is_told_against_a_twin() -> None:
    """A machine that is half as fast while somebody watches is no loss; a tenth more for each item is one of a tenth,
    and what the first seconds cost is in the whole only.
    """
    twin = [Worked(items, ns) for items, ns in ((0, 0), (10, 100), (20, 300), (80, 1500), (81, 1510), (91, 1610))]
    same = [Worked(items, ns) for items, ns in ((0, 0), (10, 100), (20, 300), (80, 1500), (81, 1510), (91, 1610))]
    dear = [Worked(items, ns) for items, ns in ((0, 0), (10, 100), (15, 300), (75, 1500), (76, 1510), (86, 1610))]

    assert (0.0, 0.0) == losses(same, twin)
    assert (0.071, 0.0) == tuple(round(loss, 3) for loss in losses(dear, twin))


def test_ratios_of_windows_are_taken_within_rounds() -> None:
    """A round in which everything was slow weighs no more than any other."""
    pairs = {BARE.name: [seen(1000), seen(10_000)], DEFAULT.name: [seen(1050), seen(10_500)]}

    assert (1.05, 1.05) == to_bare(pairs, DEFAULT.name, "p99_ns")[:2]


def test_goals_are_the_99th_percentile_and_what_a_budget_of_one_percent_costs() -> None:
    """Other budgets have none, and the noise has none."""
    assert [True, True] == [goal["met"] for goal in found(1100, 0.02)["goals"]]
    assert [False, False] == [goal["met"] for goal in found(1101, 0.021)["goals"]]


def test_the_document_can_be_written_and_read() -> None:
    """As plain JSON."""
    data = found(1050, 0.01)

    assert data == json.loads(json.dumps(data))
    assert 1.05 == data["server"]["pairs"]["otelchan"]["p99_ns"]["ratio_to_bare"]["median"]
    assert 0.875 == data["server"]["others"]["otelchan"]["throughput"]["ratio_to_bare"]["median"]


def test_tables_say_what_the_document_says() -> None:
    """Goals, the server, programs and minutes each have their place."""
    text = appsreport.written(found(1200, 0.01))

    assert "| HTTP server: p99 watched, times bare | 1.20 (1.20 to 1.20) | at most 1.1 | 1.03 | **no** |" in text
    assert "6 windows of 3 s in turn" in text
    assert "| pool: throughput lost over 60 s under 1 %, from 5 s on | 1.0% | at most 2% | 1.2% | yes |" in text
    assert "| otelchan, every plane, no budget | 44,000 (44,000 to 44,000) | 1.05 (1.00 to 1.10) |" in text
    assert "| pool, nobody: what noise looks like | -0.1% | 0.2% |" in text


def test_only_its_own_part_of_the_document_is_exchanged() -> None:
    """What stands around it stays; a document without both marks is refused."""
    document = f"above\n\n{appsreport.BEGIN}\n\nold\n\n{appsreport.END}\n\nbelow\n"

    assert f"above\n\n{appsreport.BEGIN}\n\nnew\n\n{appsreport.END}\n\nbelow\n" == appsreport.replaced(document, "new")
    with pytest.raises(ValueError, match="once each"):
        appsreport.replaced("", "new")
