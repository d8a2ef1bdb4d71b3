"""How true estimates from time slices are: `make bench-estimates`, which writes docs/estimates.md.

Real programs that know what they did (tests/workloads/rates) are looked at as the agent looks at a program whose
operations it cannot count all, each for some seconds, and each total is compared with the truth.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from benchmarks import marked
from benchmarks.machine import describe
from tests.support.estimated import SECOND, Run, estimated
from tests.support.gobuild import build

PAGE = Path(__file__).resolve().parents[1] / "docs" / "estimates.md"
BEGIN, END = "<!-- measured by `make bench-estimates`: begin -->", "<!-- measured by `make bench-estimates`: end -->"
RELEASES = ("1.26.8", "1.27.3")
MOST, SHARE = 2.0, 0.95
HOT_PER_S = 1e6


class Case(NamedTuple):
    """What runs: as tests/workloads/rates/main.go says it. hot: channels of which millions of operations are done."""

    what: str
    loads: tuple[str, ...]
    processors: int


CASES = (
    Case("loop, buffer of 1", ("loop 1",), 1),
    Case("loop, buffer of 16", ("loop 16",), 1),
    Case("loop, buffer of 1024", ("loop 1024",), 1),
    Case("loop with work, 1 us", ("worked 16 1000",), 1),
    Case("loop with work, 20 us", ("worked 16 20000",), 1),
    Case("two threads, buffer of 1", ("pair 1",), 2),
    Case("two threads, buffer of 16", ("pair 16",), 2),
    Case("two threads, buffer of 1024", ("pair 1024",), 2),
    Case("hand-over, one thread", ("handover",), 1),
    Case("hand-over, two threads", ("handover",), 2),
    Case("worker pool", ("pool 64 4",), 2),
    Case("fan-in", ("fanin 64 4",), 2),
    Case("select over two", ("select 8",), 1),
    Case("receives from a closed one", ("drained",), 1),
    Case("fill and empty", ("batches 64",), 1),
    Case("bursts, 100 ms of 400", ("bursts 16 100 300",), 1),
    Case("paced, up to 10,000 a second", ("slow 4 10000",), 1),
    Case("a hot one beside a slow one", ("loop 16", "slow 4 1000"), 2),
    Case("a hot one beside a slow one, unbuffered kin", ("pair 64", "slow 1 500"), 2),
    Case("two hot ones", ("loop 16", "pair 16"), 2),
)


class Figures(NamedTuple):
    """Of one run. worst: total that is furthest off, of channels with millions of operations a second, in times of the
    truth; None where there are none. held: whether every interval holds its truth, and each such channel has one. rate:
    of all operations, also of those that there is no estimate of."""

    case: Case
    run: Run
    worst: float | None
    held: bool
    rate: float


def figures(case: Case, run: Run, seconds: float) -> Figures:
    """What a run says."""
    hot = [each for each in run.compared if each.truth / seconds >= HOT_PER_S]
    worst = max((each.times for each in hot), key=lambda times: max(times, 1 / max(times, 1e-9)), default=None)
    rate = (sum(each.truth for each in run.compared) + sum(run.unseen)) / seconds
    missed = not run.compared or any(truth / seconds >= HOT_PER_S for truth in run.unseen)
    return Figures(case, run, worst, not missed and all(each.held for each in run.compared), rate)


def main() -> int:
    """Run all; 1 when a bar is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="every fourth run, and write nothing")
    given = parser.parse_args()
    random = Random(9)
    found = []
    for release in RELEASES:
        binary = build("rates", go=release)
        for case in CASES[:: 4 if given.quick else 1]:
            run = estimated(binary, case.loads, case.processors, int(given.seconds * SECOND), random)
            found.append(figures(case, run, given.seconds))
            print(_line(found[-1]), flush=True)
            for each in run.compared:
                e = each.estimate
                print(f"    {e.channel} {e.operation} {e.status}: {each.truth:,} [{e.lower:,} {e.value:,} {e.upper:,}]")
    text, good = report(found, given.seconds)
    print(text)
    if not given.quick:
        page = PAGE.read_text()
        PAGE.write_text(marked.replaced(page, BEGIN, END, text))
    return 0 if good else 1


def _line(of: Figures) -> str:
    off = "-" if of.worst is None else f"{of.worst:.2f}"
    return f"| {of.case.what} | {of.rate:,.0f} | {of.run.slices} | {off} | {'yes' if of.held else '**no**'} |"


def report(found: list[Figures], seconds: float) -> tuple[str, bool]:
    """The table, and whether the bars are held."""
    hot = [of.worst for of in found if of.worst is not None]
    off = [max(worst, 1 / max(worst, 1e-9)) for worst in hot]
    held = sum(of.held for of in found)
    totals = [each for of in found for each in of.run.compared]
    widths = [each.estimate.upper / max(each.estimate.lower, 1) for each in totals if each.truth / seconds >= HOT_PER_S]
    of = describe()
    here = (
        f"{of['date']}, {of['processors']} processors, {of['processor']}, load average {of['load_average']} at the end"
    )
    unseen = sum(len(of.run.unseen) for of in found)
    near, true = max(off) <= MOST, held >= SHARE * len(found)
    lines = [
        f"{len(found)} runs of {seconds:.0f} s; {here}",
        "",
        f"- Programs with millions of operations a second: the worst total of a run is off by a factor of "
        f"{median(off):.2f} in the median, {max(off):.2f} in the worst run, of {len(off)} "
        f"(bar: {MOST:g}, {_met(near)}).",
        f"- Intervals: in {held} of {len(found)} runs every interval holds the truth (bar: {SHARE:.0%}, {_met(true)}), "
        f"and {sum(each.held for each in totals)} of {len(totals)} intervals do; {unseen} totals have none, as no "
        f"slice saw such an operation. Of hot channels the upper bound is {median(widths):.1f} times the lower one in "
        "the median.",
        f"- What takes slices, looks and estimates used {median(of.run.agent_cpu for of in found):.2%} of a core in "
        "the median.",
        "",
        "| program | operations a second | slices | worst total, times the truth | intervals hold |",
        "| --- | ---: | ---: | ---: | --- |",
        *map(_line, found),
        "",
    ]
    return "\n".join(lines), near and true


def _met(bar: bool) -> str:
    return "met" if bar else "**not met**"


if __name__ == "__main__":
    sys.exit(main())
