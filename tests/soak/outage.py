"""A Collector that is stopped for a minute under load and started again: `make soak`, as root, three minutes.

A program hands over elements all the time and every block is a span, far more than there is room for while the
Collector is down. What is printed is what was seen: the program's own count, the total in Prometheus, the spans that
the agent made (it writes them to a file too), those in the trace store, and the agent's own counter of what it lost.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support import gobuild
from tests.support.outage import Seen, Times, outage
from tests.support.stack import stack

BEFORE_S, DOWN_S, AFTER_S = 20, 60, 30
MOST_GROWTH = 1.15  # of resident memory, with a full queue


def main() -> int:
    """Returns 0 when all was as it must be."""
    with tempfile.TemporaryDirectory(prefix="otelchan-soak-") as folder, stack(Path(folder)) as running:
        times = Times(BEFORE_S, DOWN_S, AFTER_S)
        seen = outage(running, Path(folder), gobuild.build("paced", go="1.27.3"), times, 100, 2048)
    missing = len(seen.made - seen.stored)
    before_mib, after_mib = seen.resident_mib
    print(f"elements handed over: {seen.handed_over} by the program, {seen.total:.0f} in Prometheus")
    print(
        f"spans: {len(seen.made)} made, {len(seen.stored)} stored, {missing} missing, {seen.lost:.0f} said to be lost"
    )
    print(f"resident memory of the agent: {before_mib:.1f} MiB before, {after_mib:.1f} MiB after")
    print(*(line for line in seen.log.splitlines() if "WARNING" in line), sep="\n")
    wrong = _wrong(seen)
    print(f"{len(wrong)} things were not as they must be", *wrong, sep="\n")
    return 1 if wrong else 0


def _wrong(seen: Seen) -> list[str]:
    missing = len(seen.made - seen.stored)
    checks = {
        "the total in Prometheus is not the program's": seen.total != seen.handed_over,
        "spans are missing of which nothing is said": missing != seen.lost,
        "no spans were lost: the outage was too short to show anything": missing == 0,
        "the agent's memory has grown": seen.resident_mib[1] > seen.resident_mib[0] * MOST_GROWTH,
        "the log does not say it once": seen.log.count("cannot deliver telemetry") != 1,
    }
    return [sentence for sentence, wrong in checks.items() if wrong]


if __name__ == "__main__":
    sys.exit(main())
