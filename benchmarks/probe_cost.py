"""What one hit of each kind of site costs the observed program: `make bench-probes`. Needs root.

For each load the program is timed alternately without probes and with one plane attached; the difference of the
medians, divided by the hits per operation, is the cost of a hit. Figures depend on the machine: compare within one run.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import Kind
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from tests.support.gobuild import build
from tests.support.hammer import Hammer, hammer

OPERATIONS = 20_000
ROUNDS = 9
# load -> planes attached
LOADS = {
    "buffered": (Plane.OPERATIONS,),
    "handover": (Plane.WAITS,),
    "select": (Plane.OPERATIONS,),
    "make": (Plane.MAKES,),
    "close": (Plane.MAKES,),
}


def measure(session: Session, program: Hammer, binary: Path, load: str) -> tuple[float, float, dict[str, float]]:
    """Nanoseconds per operation without and with probes, and hits per operation by kind."""
    image = analyse(binary)
    plan = make_plan(image, 1, f"/proc/{program.pid}/exe")
    entry = target_entry(image, 0)
    entry["span_threshold_ns"] = 1 << 62
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    session.write_target(1, entry)
    bare, probed = [], []
    before = session.tally(1)["hits"].copy()
    for _ in range(ROUNDS):
        bare.append(int(program.ask(f"{load} {OPERATIONS}")))
        links = [
            session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], program.pid)
            for plane, sites in plan.planes.items()
            if plane in LOADS[load]
        ]
        probed.append(int(program.ask(f"{load} {OPERATIONS}")))
        for link in links:
            session.detach(link)
    hits = session.tally(1)["hits"] - before
    per_operation = {
        kind.name.lower(): int(hits[kind]) / OPERATIONS / ROUNDS for kind in Kind if hits[kind] > OPERATIONS
    }
    return statistics.median(bare) / OPERATIONS, statistics.median(probed) / OPERATIONS, per_operation


def main() -> int:
    """Print one row per load."""
    binary = build("hammer", go="1.27.3")
    print(f"{'load':10} {'bare ns':>9} {'probed ns':>10} {'per hit ns':>11}  hits per operation")
    session = Session()
    with hammer(binary) as program:
        for load in LOADS:
            bare, probed, hits = measure(session, program, binary, load)
            per_hit = (probed - bare) / sum(hits.values())
            shown = ", ".join(f"{kind} {count:.2f}" for kind, count in hits.items())
            print(f"{load:10} {bare:9.0f} {probed:10.0f} {per_hit:11.0f}  {shown}")
    session.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
