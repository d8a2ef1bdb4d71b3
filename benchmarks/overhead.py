"""What watching costs, in one run: `make bench`, or `make bench QUICK=1`. Needs root.

Writes docs/overhead.json and the measured part of docs/overhead.md (QUICK: only prints). Exit status 1: a goal is
missed; an exception: probes were not hit as often as they must be, and then nothing is reported.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import foreign, machine, report, results
from benchmarks.agents import agent_costs
from benchmarks.attaching import attach_times
from benchmarks.claims import measure_claims
from benchmarks.loads import BUFFERED, HANDOFF, LOADS
from benchmarks.probing import Bench
from benchmarks.program import executable
from benchmarks.results import Results
from benchmarks.rounds import Effort, kind_costs, measure
from benchmarks.tools import tool_costs
from benchmarks.variants import variants_for
from otelchan import clock
from otelchan.gobinary.image import analyse

DOCS = Path(__file__).parents[1] / "docs"
FULL, QUICK = Effort(15, 15e6), Effort(9, 8e6)
CLAIMS_FULL, CLAIMS_QUICK = (Effort(45, 15e6), 9), (Effort(9, 8e6), 3)  # of goals' ratios; and on how many programs
AGENT_S = 30.0


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or so: two loads, and nothing is written")
    quick = parser.parse_args().quick
    found = run(quick)
    data = results.as_json(found)
    print(report.written(data))
    if not quick:
        document = DOCS / "overhead.md"
        document.write_text(report.replaced(document.read_text(), report.written(data)))
        kept(DOCS / "overhead.json", data)
    missed = [goal.name for goal in results.goals_of(found) if not goal.met]
    for kind in results.too_cheap(found.kinds):
        print(f"catalogue: a hit of {kind.kind.name.lower()} cost {kind.cost.median:.0f} ns, not {kind.catalogue_ns}")
    print(f"goals missed: {'; '.join(missed) or 'none'}")
    return 1 if missed else 0


def run(quick: bool) -> Results:
    """Everything. Raises Mismatch."""
    here = machine.describe()
    foreign.build()
    image = analyse(executable())
    effort = QUICK if quick else FULL
    bench = Bench(image)
    try:
        claims = measure_claims(bench, *(CLAIMS_QUICK if quick else CLAIMS_FULL), say)
        chosen = (BUFFERED, HANDOFF) if quick else LOADS
        loads = {load.name: measure(bench, load, variants_for(load), effort, say) for load in chosen}
        kinds = [] if quick else kind_costs(bench, effort, say)
        tools = tool_costs(bench, say, *((2,) if quick else ()))
    finally:
        bench.close()
    attach = attach_times(image, say, *((3, 1) if quick else ()))
    agents = [] if quick else agent_costs(AGENT_S, say)
    go = loads[BUFFERED.name].go
    return Results(here, go, effort.rounds, loads, kinds, bench.off, bench.restarts, attach, agents, tools, claims)


def kept(path: Path, data: dict[str, Any]) -> None:
    """Write the document; what others have put into it under keys of their own stays."""
    before = json.loads(path.read_text()) if path.exists() else {}
    others = {key: value for key, value in before.items() if key not in data}
    path.write_text(json.dumps({**data, **others}, indent=1) + "\n")


_START = clock.monotonic_ns()


def say(what: str) -> None:
    """Progress, so that minutes are not silent."""
    print(f"[{(clock.monotonic_ns() - _START) / 1e9:5.0f} s] {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
