"""How long a look at very many goroutines takes, and the round that it is part of: `make bench-census`. Needs root.

For each kind of crowd three real programs run at the same time, with 1,000, 10,000 and 100,000 goroutines; a census of
each is taken in turn, seven times: cold (no census before), and warm (after two others). Then the same of a whole round
of the agent, from the census to the encoded metrics, and, in a process of its own, what the memory peaks at.
Last, of 100,000 and 1,000,000 goroutines: a repeated census, and a round between two of them (`--only repeated`).
Figures depend on the machine, ratios of sizes less so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from otelchan.config import Config, Findings
from otelchan.findings.finders import Finders
from otelchan.findings.leak import LeakFinder
from otelchan.findings.types import Assessment
from otelchan.kernel.types import MAPS
from otelchan.looks import Looks
from otelchan.memory.census import take_census
from otelchan.memory.live import LiveReader
from otelchan.memory.types import Census, ChannelMap
from otelchan.model.observation import KernelState, Observation
from otelchan.model.tables import Tables
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.programs import image_of
from otelchan.target.process import by_pid, load_bias
from otelchan.telemetry.pipeline import Telemetry

GO = "1.27.3"
SIZES = (1_000, 10_000, 100_000)
REPEATED = (100_000, 1_000_000)
MOST_S = 2.5e-6  # of processor time that a repeated census may take for each goroutine
ROUNDS = 7
CROWDS = {
    "few sites": ("-crowd", "{}"),
    "own channel": ("-more", "{}"),
    "select of 3": ("-three", "{}"),
    "50 calls deep": ("-deep", "{}", "-depth", "50"),
}
TARGET_ID, EPOCH = 1, 1


class Program:
    """A running program, and what a look at it costs."""

    def __init__(self, pid: int) -> None:
        self.process = by_pid(pid)
        self.image = image_of(self.process)
        self.bias = load_bias(self.process, self.image.segments)
        self.reader = LiveReader(pid)

    def census(self, previous: Census | None = None) -> Census:
        """One look."""
        return take_census(self.reader, self.image, self.bias, previous)

    def measured(self, previous: Census | None = None) -> tuple[Census, dict[str, float]]:
        """One look, and what it took."""
        calls, began, cpu = self.reader.calls, time.perf_counter(), time.process_time()
        census = self.census(previous)
        took = {
            "ms": (time.perf_counter() - began) * 1000,
            "cpu ms": (time.process_time() - cpu) * 1000,
            "MB": census.bytes_read / 1e6,
            "calls": self.reader.calls - calls,
        }
        return census, took


class Rounds:
    """The agent's work on one program, once per interval, without probes: what they would say is made up.

    parked: the waits plane has seen every goroutine park.
    """

    def __init__(self, program: Program, parked: bool) -> None:
        self._program = program
        self._looks = Looks(program.reader, program.image, program.bias)
        self._world = World(program.process, program.image, program.bias, time.time_ns())
        self._finder = LeakFinder(Findings())
        self._finders = Finders(Findings())
        self._telemetry = Telemetry(Config(), sinks=[])
        self._census: Census | None = None
        self._tables = _tables(program.census() if parked else None)

    def run(self) -> dict[str, float]:
        """One round; milliseconds of processor time by part."""
        stamps = [time.process_time()]

        def part() -> None:
            stamps.append(time.process_time())

        state = self._tables.of(TARGET_ID, EPOCH, {})
        part()
        self._census = census = self._program.census(self._census)
        part()
        snapshot = self._snapshot(state, census)
        part()
        findings = self._finder.find(snapshot)
        part()
        self._telemetry.publish(snapshot, Assessment(findings))
        part()
        names = ("tables", "census", "model", "findings", "encode")
        took = {name: (b - a) * 1000 for name, a, b in zip(names, stamps, stamps[1:], strict=False)}
        return {"sum": (stamps[-1] - stamps[0]) * 1000, **took}

    def between(self) -> float:
        """A round in which memory is not looked at, all findings included; milliseconds of processor time."""
        assert self._census is not None
        began = time.process_time()
        snapshot = self._snapshot(self._tables.of(TARGET_ID, EPOCH, {}), self._census)
        self._telemetry.publish(snapshot, self._finders.assess(snapshot))
        return (time.process_time() - began) * 1000

    def _snapshot(self, state: KernelState, census: Census) -> Snapshot:
        channels = ChannelMap(census.channels)
        channels.update(self._looks.live_channels(state.made, skip=channels))
        return self._world.snapshot(Observation(time.time_ns(), time.monotonic_ns(), state, census, channels, {}))


def _tables(census: Census | None) -> Tables:
    """The kernel side's maps: empty, or a park an hour ago of every goroutine that waits on a channel."""
    empty = {name: tuple(np.zeros(0, kind) for kind in MAPS[name]) for name in Tables._fields}
    if census is not None:
        waiting = [g.address for g in census.goroutines if g.waits]
        keys, parks = (np.zeros(len(waiting), kind) for kind in MAPS["parked"])
        keys["target"], keys["g"] = TARGET_ID, waiting
        parks["time"], parks["epoch"] = time.monotonic_ns() - 3_600 * 10**9, EPOCH
        empty["parked"] = (keys, parks)
    return Tables(**empty)  # type: ignore[arg-type]


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


# --- what runs in a process of its own -------------------------------------------------------------------------------


def looks(pids: list[int]) -> list[dict[str, dict[str, float]]]:
    """Cold and warm looks at each program, in turn."""
    programs = [Program(pid) for pid in pids]
    found: list[dict[str, list[dict[str, float]]]] = [{"cold": [], "second": [], "warm": []} for _ in pids]
    for turn in range(ROUNDS + 1):
        for program, of in zip(programs, found, strict=True):
            census: Census | None = None
            for kind in ("cold", "second", "warm"):
                census, took = program.measured(census)
                if turn:  # the first one warms the caches of this process
                    of[kind].append(took)
    return [{kind: medians(rounds) for kind, rounds in of.items()} for of in found]


def rounds(pids: list[int]) -> list[dict[str, dict[str, float]]]:
    """Rounds of each program, in turn: stuck before the agent came, or seen to park."""
    running = {
        kind: [Rounds(Program(pid), parked) for pid in pids] for kind, parked in (("before", False), ("seen", True))
    }
    found: list[dict[str, list[dict[str, float]]]] = [{"before": [], "seen": []} for _ in pids]
    for turn in range(ROUNDS + 3):
        for kind, each in running.items():
            for one, of in zip(each, found, strict=True):
                took = one.run()
                if turn >= 3:  # from the third look on, what has not changed is not read again
                    of[kind].append(took)
    return [{kind: medians(of[kind]) for kind in of} for of in found]


def repeated(pids: list[int]) -> list[dict[str, dict[str, float]]]:
    """Of each program: census after census, and rounds between two of them."""
    found = []
    for program in map(Program, pids):
        census: Census | None = None
        took = []
        for _ in range(2 + ROUNDS):
            census, figures = program.measured(census)
            took.append(figures)
        of_looks = medians(took[2:])  # from the third on, what has not changed is not read again
        one = Rounds(program, parked=False)
        one.run()
        of_rounds = [one.between() for _ in range(2 + ROUNDS)][2:]
        row = {"cpu ms": of_looks["cpu ms"], "at most": 1000 * MOST_S * len(census.goroutines) if census else 0.0}
        found.append({"repeated": {**row, "between": statistics.median(of_rounds)}})
    return found


def memory(pids: list[int], kind: str) -> dict[str, float]:
    """Megabytes: resident before, at the peak, and after a cold look and a warm one, or after three rounds."""
    (pid,) = pids
    program = Program(pid)
    before = _resident()
    if kind == "census":
        census = program.census()
        census = program.census(census)
    else:
        one = Rounds(program, parked=False)
        before = _resident()
        for _ in range(3):
            one.run()
    return {
        "before": before,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "after": _resident(),
    }


def _resident() -> float:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a pseudo file
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


PARTS: dict[str, Callable[[list[int]], Any]] = {
    "looks": looks,
    "rounds": rounds,
    "repeated": repeated,
    "memory of a census": lambda pids: memory(pids, "census"),
    "memory of rounds": lambda pids: memory(pids, "rounds"),
}


def apart(part: str, pids: list[int]) -> Any:
    """What that part says, from a fresh process."""
    command = [sys.executable, __file__, "--part", part, *map(str, pids)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# --- tables ----------------------------------------------------------------------------------------------------------


def table(first: str, rows: Iterator[tuple[str, dict[str, float]]]) -> None:
    """Figures in columns."""
    for number, (name, figures) in enumerate(rows):
        if not number:
            print(f"{first:34}" + "".join(f"{column:>10}" for column in figures))
        print(f"{name:34}" + "".join(f"{value:10,.1f}" for value in figures.values()), flush=True)
    print()


def flags(crowd: str, size: int) -> list[str]:
    """What the workload is to be started with."""
    return [flag.format(size) for flag in CROWDS[crowd]]


def show(crowd: str, part: str, sizes: Sequence[int], pids: list[int]) -> None:
    """The table of one part, of programs of these sizes."""
    found = zip(sizes, apart(part, pids), strict=True)
    table(f"{crowd}: {part}", ((f"{size:>9,} {kind}", took) for size, of in found for kind, took in of.items()))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=int, nargs="+", help="goroutines of each program")
    parser.add_argument("--crowds", nargs="+", choices=CROWDS, default=list(CROWDS), help="which kinds")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="which tables")
    parser.add_argument("pids", type=int, nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.pids)))
        return 0
    from tests.support.blocked import blocked
    from tests.support.gobuild import build

    binary = build("blocked", go=GO)
    for crowd in arguments.crowds:
        with ExitStack() as running:
            sizes = arguments.sizes or SIZES
            pids = [running.enter_context(blocked(binary, *flags(crowd, size))).pid for size in sizes]
            for part in ("looks", "rounds"):
                if part in arguments.only:
                    show(crowd, part, sizes, pids)
            for part in ("memory of a census", "memory of rounds"):
                if part in arguments.only:
                    table(
                        f"{crowd}: {part}, MB",
                        ((f"{n:>9,}", apart(part, [p])) for n, p in zip(sizes, pids, strict=True)),
                    )
    for crowd in arguments.crowds if "repeated" in arguments.only else ():
        for size in arguments.sizes or REPEATED:
            with blocked(binary, *flags(crowd, size)) as program:
                show(crowd, "repeated", [size], [program.pid])
    return 0


if __name__ == "__main__":
    sys.exit(main())
