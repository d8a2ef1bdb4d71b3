"""`python -m tests.support.findings_page`: runs every program of the workload `faults` and writes docs/findings.json,
the table in docs/findings.md: time to detection of each bad program, false alarms on its corrected twin.

Exit status 1 when a bad program was not found or something else was found in it; then nothing is written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.allfaults import Everything, watch_all

TABLE = Path(__file__).parents[2] / "docs" / "findings.json"


def main() -> int:
    """See above."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", action="append", default=[], metavar="NAME", help="only this program and its twin")
    arguments.add_argument("--seconds", type=float, default=110, help="to watch (default: 110)")
    arguments.add_argument("--keep", metavar="FOLDER", help="where to leave the agent's log and what it exported")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = watch_all(Path(given.keep or folder), given.only, given.seconds)
    document = table(seen)
    for row in document["programs"]:
        print(json.dumps(row))
    print(json.dumps(document["healthy"]))
    wrong = [row for row in document["programs"] if row["other_findings"] or row["seconds"] is None]
    if wrong or given.only:
        print(f"{len(wrong)} programs went wrong; {TABLE.name} is left as it is", file=sys.stderr)
        return 1 if wrong else 0
    TABLE.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def table(seen: Everything) -> dict[str, Any]:
    """One row per bad program, with what was found in its twin; and what was found in healthy shapes."""
    twins = {outcome.name: outcome for outcome in seen.programs if outcome.variant == "good"}
    return {
        "programs": [
            {
                "finding": outcome.expected,
                "program": outcome.name,
                "seconds": round(outcome.seconds_to(outcome.expected), 1)
                if outcome.expected in outcome.found
                else None,
                "other_findings": sorted(outcome.found - {outcome.expected}),
                "false_alarms_on_twin": sorted(said.id for said in twins[outcome.name].said),
            }
            for outcome in sorted(seen.programs, key=lambda each: (int(each.expected[1:]), each.name))
            if outcome.variant == "bad"
        ],
        "healthy": {name: sorted(said.id for said in outcome.said) for name, outcome in seen.healthy.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
