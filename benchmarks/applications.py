"""What watching costs whole applications, in one run: `make bench-apps`, or `make bench-apps QUICK=1`. Needs root.

Writes the entry "applications" of docs/overhead.json, and its part of docs/overhead.md (QUICK: only prints).
Exit status 1: a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks import appsreport, foreign, latency, machine, ways, working
from benchmarks.overhead import say
from benchmarks.serving import ahead_of_others, executable, serving
from benchmarks.working import APPLICATIONS
from otelchan.gobinary.image import analyse

DOCS = Path(__file__).parents[1] / "docs"
BUDGETS = ("3%", "1%")
PROGRAM_WAYS = (ways.BARE, ways.EXACT, ways.EMPTY, ways.RECIPE, ways.NAIVE, ways.TRACER, ways.BLOCK)
SERVER_WAYS = (*PROGRAM_WAYS[:1], ways.DEFAULT, *PROGRAM_WAYS[3:])


class Effort(NamedTuple):
    """pairs: of windows watched with the default budget and bare. rounds: of every other way."""

    pairs: int
    rounds: int
    window_ms: int
    program_s: float
    minute_s: float
    alone_s: float
    rate: int = 1000


FULL = Effort(pairs=20, rounds=5, window_ms=3000, program_s=1.0, minute_s=60.0, alone_s=15.0)
QUICK = Effort(pairs=3, rounds=2, window_ms=1000, program_s=0.5, minute_s=10.0, alone_s=3.0)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two minutes; nothing is written")
    quick = parser.parse_args().quick
    data = run(QUICK if quick else FULL)
    print(appsreport.written(data))
    if not quick:
        document, figures = DOCS / "overhead.md", DOCS / "overhead.json"
        document.write_text(appsreport.replaced(document.read_text(), appsreport.written(data)))
        kept = json.loads(figures.read_text())
        figures.write_text(json.dumps({**kept, "applications": data}, indent=1) + "\n")
    missed = [goal["name"] for goal in data["goals"] if not goal["met"]]
    print(f"goals missed: {'; '.join(missed) or 'none'}")
    return 1 if missed else 0


def run(effort: Effort) -> appsreport.Data:
    """Everything."""
    here = machine.describe()
    foreign.build()
    images = {name: analyse(executable(name)) for name in ("server", "work")}
    executable("client")
    with ahead_of_others():
        with serving(2) as pair:
            open_loop = latency.Effort(effort.rate, effort.window_ms)
            pairs = latency.compared(pair, images["server"], (ways.BARE, ways.DEFAULT), effort.pairs, open_loop, say)
            both = latency.Effort(effort.rate, effort.window_ms // 2, 1000)
            others = latency.compared(pair, images["server"], SERVER_WAYS, effort.rounds, both, say)
        programs = {
            name: working.rounds(name, images["work"], PROGRAM_WAYS, effort.rounds, effort.program_s, say)
            for name in APPLICATIONS
        }
        minutes = [
            found
            for name in APPLICATIONS
            for found in working.minute(name, BUDGETS, effort.minute_s, effort.alone_s, say)
        ]
    titles = {way.name: way.title for way in SERVER_WAYS + PROGRAM_WAYS}
    measured = appsreport.Measured(here, images["work"].build.go_version, effort.rate, effort.window_ms, pairs, others)
    return appsreport.data(measured, programs, minutes, titles)


if __name__ == "__main__":
    sys.exit(main())
