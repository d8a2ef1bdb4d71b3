"""The agent beside one process that has a million goroutines and a hundred thousand channels: `make bench-growth`.

Needs root and 5 GB of free memory. The real agent watches the workload tests/workloads/growth without a budget: what it
takes of memory and of the processor, how long a round lasts, and what is counted, against what the program says.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.support.agent import Agent, agent
from tests.support.gobuild import build
from tests.support.growth import counted, growth, maps_of, newest, resident_mb, values
from tests.support.usage import processor_seconds

GO = "1.27.3"
INTERVAL_S = 10
QUIET_S = 60
BUSY_S = 30
BYTES_PER_GOROUTINE = 3000  # of the program: a stack of 2 KiB, its g and its sudog
USES = 3
MINUTES = 600.0  # a shared machine can be slow


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--goroutines", type=int, default=1_000_000)
    parser.add_argument("--channels", type=int, default=100_000)
    arguments = parser.parse_args()
    need, free = int(1.5 * BYTES_PER_GOROUTINE * arguments.goroutines), available()
    if free < need:
        print(f"{free >> 20} MiB of memory are available, and {need >> 20} are needed", file=sys.stderr)
        return 2
    binary = build("growth", go=GO)
    with tempfile.TemporaryDirectory() as folder, growth(binary) as program:
        print(f"{program.tell('block', arguments.goroutines):,} goroutines on 4 channels", flush=True)
        lines = Path(folder) / "otlp.jsonl"
        options = ("--interval", INTERVAL_S, "--max-overhead", "off", "--otlp-file", lines)
        with agent(Path(folder) / "log", program.pid, *options) as running:
            running.wait_for("all planes are attached", timeout=MINUTES)
            while_(running, lines, QUIET_S, "nothing happens")
            passed = program.tell("wake", arguments.goroutines)
            while_(running, lines, BUSY_S, f"{passed:,} were woken and parked again")
            made = program.tell("channels", arguments.channels)
            while_(running, lines, BUSY_S, f"{made:,} channels were made")
            used = program.tell("use", USES)
            while_(running, lines, BUSY_S, f"{used:,} elements went through them")
        print(f"the program passed {passed + used:,} elements; counted: {counted(lines)}")
    return 0


def available() -> int:
    """Bytes of memory that programs may take."""
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(rows["MemAvailable"].split()[0]) * 1024


def while_(running: Agent, lines: Path, seconds: float, what: str) -> None:
    """Wait, then say what the agent took meanwhile, and how long its rounds lasted."""
    cpu, began, rounds = processor_seconds(running.pid), time.perf_counter(), round_seconds(lines)
    time.sleep(seconds)
    share = (processor_seconds(running.pid) - cpu) / (time.perf_counter() - began)
    now, peak = resident_mb(running.pid)
    lasted = round_seconds(lines) - rounds
    print(f"--- {what}: {now:,} MB resident, peak {peak:,}; {100 * share:.1f} % of a core; rounds {lasted:.1f} s")
    print(f"    maps {sum(each['memlock'] for each in maps_of(running.pid)) / 1e6:,.0f} MB", end="")
    for name in ("otelchan.map.entry.count", "otelchan.event.lost", "otelchan.series.overflow"):
        said = {key: value for key, value in newest(lines, name).items() if value}
        print(f"; {name} {said}", end="")
    print(flush=True)


def round_seconds(lines: Path) -> float:
    """Time that all rounds have taken."""
    return max((value for name, _, value in values(lines) if name == "otelchan.collect.duration"), default=0.0)


if __name__ == "__main__":
    sys.exit(main())
