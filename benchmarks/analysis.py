"""How long it takes from a process to first data about it, for large executables: `make bench-analysis`. Needs root.

Each time in a process of its own, whose imports do not count: from the pid to a census in hand, with all sites found
and checked, and on to the makes plane in the program; the first time, and with the executable's image on disk. Also
what the analysing child's memory peaks at. The servers are those of `make stack`; or give PIDs of others.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TIMES = 5
GOALS = {"first": 2000, "cached": 300}  # ms
GOAL_MB = 200


def measured(pid: int, folder: Path) -> dict[str, float]:
    """Milliseconds since the process was found, and megabytes."""
    from otelchan.agent import Agent
    from otelchan.config import Config
    from otelchan.gobinary.analysis import keep_in
    from otelchan.target.selection import Selection

    keep_in(folder)
    began, used = time.perf_counter(), processor_ms()
    agent = Agent(Config(), Selection(pids=(pid,)))
    agent.open()
    seen = time.perf_counter()
    agent.tick()  # attaches the first plane
    attached = time.perf_counter()
    agent.close()
    return {
        "first data, ms": (seen - began) * 1000,
        "attached, ms": (attached - began) * 1000,
        "processor, ms": processor_ms() - used,
        "child's peak, MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "peak, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def processor_ms() -> float:
    """What this process and its children have used so far: when others are busy too, time alone says little."""
    times = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(1000 * (each.ru_utime + each.ru_stime) for each in times)


def apart(pid: int, folder: Path) -> dict[str, float]:
    """The same, from a fresh process."""
    command = [sys.executable, __file__, "--part", str(folder), str(pid)]
    figures: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return figures


def row(name: str, kind: str, found: list[dict[str, float]]) -> None:
    """Medians, and the worst of the time that has a goal."""
    medians = {key: statistics.median(each[key] for each in found) for key in found[0]}
    worst = max(each["first data, ms"] for each in found)
    cells = "".join(f"{value:18,.0f}" for value in medians.values())
    print(f"{name:34}{kind:8}{cells}{worst:18,.0f}{GOALS[kind]:18,}", flush=True)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[list[int]]:
    """Prometheus and the Collector, running."""
    from tests.support.stack import collector, prometheus

    with prometheus(folder) as metrics, collector(folder, metrics.otlp, "127.0.0.1:9") as entry:
        yield [metrics.pid, entry.pid]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("pids", type=int, nargs="*", help="running Go programs")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(measured(arguments.pids[0], arguments.part)))
        return 0
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as undo:
        folder = Path(name)
        pids = arguments.pids or undo.enter_context(servers(folder))
        heads = ("first data, ms", "attached, ms", "processor, ms", "child's peak, MB", "peak, MB")
        print(f"{'medians of ' + str(TIMES):42}" + "".join(f"{head:>18}" for head in (*heads, "worst", "goal")))
        for pid in pids:
            path = Path(f"/proc/{pid}/exe").readlink()
            said = f"{path.name}, {path.stat().st_size / 1e6:.0f} MB"
            first = [apart(pid, folder / f"{pid}-{turn}") for turn in range(TIMES)]
            row(said, "first", first)
            row(said, "cached", [apart(pid, folder / f"{pid}-0") for _ in range(TIMES)])
            assert all(each["child's peak, MB"] <= GOAL_MB for each in first), first
    return 0


if __name__ == "__main__":
    sys.exit(main())
