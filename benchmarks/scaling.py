"""How the agent grows: beside 1, 10 and 50 programs, a busy one, and one with up to a million goroutines.

`python -m benchmarks.scaling [--write]`; needs root, and 4 GB of free memory for the largest. The real agent with its
default settings exports to a server on this machine. --write: the table goes into docs/overhead.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import marked
from benchmarks.agents import kilobytes
from benchmarks.machine import describe
from benchmarks.program import program
from tests.support.agent import Agent, agent
from tests.support.gobuild import build
from tests.support.growth import growth
from tests.support.otlp_server import otlp_server
from tests.support.usage import processor_seconds

GO = "1.27.3"
TARGETS = (1, 10, 50)
GOROUTINES = (1_000, 10_000, 100_000, 1_000_000)
PACE = 100  # elements a second through a buffer, and as many handed over, in each of the programs
BUSY = 25_000  # the same, of a program with 100,000 operations a second: a send and a receive each
BUDGETS = (3, 100)  # percent of a core that its probes may take
ATTACHED_S = 240.0  # a shared machine can be slow
DOCUMENT = Path(__file__).parents[1] / "docs" / "overhead.md"
BEGIN, END = "<!-- agent: begin -->", "<!-- agent: end -->"


class Row(NamedTuple):
    """Megabytes (1,000,000 bytes) resident: mean and most; core: of one processor, in percent."""

    what: str
    resident: float
    most: float
    core: float


class Running(NamedTuple):
    """An agent beside something."""

    what: str
    agent: Agent


@contextmanager
def beside_programs(number: int, folder: Path, url: str) -> Iterator[Running]:
    """One agent that watches so many paced programs."""
    with ExitStack() as undo:
        programs = [undo.enter_context(program()) for _ in range(number)]
        for each in programs:
            each.run("pace", PACE)
        others = [str(each.pid) for each in programs[1:]]
        options = (*others, "--endpoint", url)
        running = undo.enter_context(agent(folder / f"targets {number}", programs[0].pid, *options))
        yield Running(f"{number} programs" if number > 1 else "1 program", running)


@contextmanager
def beside_busy(budget: int, folder: Path, url: str) -> Iterator[Running]:
    """One agent beside a program with 100,000 operations a second, which it counts one by one if it may."""
    with ExitStack() as undo:
        busy = undo.enter_context(program())
        busy.run("pace", BUSY)
        options = ("--endpoint", url, "--max-overhead", f"{budget}%")
        running = undo.enter_context(agent(folder / f"busy {budget}", busy.pid, *options))
        yield Running(f"{4 * BUSY:,} operations a second, budget {budget} %", running)


@contextmanager
def beside_goroutines(number: int, folder: Path, url: str) -> Iterator[Running]:
    """One agent beside a program in which so many goroutines wait, each to send on a channel of its own."""
    with ExitStack() as undo:
        watched = undo.enter_context(growth(build("growth", go=GO)))
        watched.tell("leak", number)
        options = ("--endpoint", url)
        yield Running(f"{number:,} goroutines", undo.enter_context(agent(folder / str(number), watched.pid, *options)))


def measured(running: list[Running], settle_s: float, seconds: float) -> list[Row]:
    """What each takes, all at the same time, once all are attached and the first rounds are over."""
    for each in running:
        each.agent.wait_for("watching pid", timeout=ATTACHED_S)
    time.sleep(settle_s)
    began, used = time.monotonic(), [processor_seconds(each.agent.pid) for each in running]
    samples: list[list[int]] = [[] for _ in running]
    while time.monotonic() < began + seconds:
        time.sleep(0.25)
        for each, of in zip(running, samples, strict=True):
            of.append(kilobytes(Path(f"/proc/{each.agent.pid}/status").read_text())["VmRSS"])
    elapsed = time.monotonic() - began
    return [
        Row(
            each.what,
            sum(of) / len(of) / 1e6,
            max(of) / 1e6,
            100 * (processor_seconds(each.agent.pid) - before) / elapsed,
        )
        for each, of, before in zip(running, samples, used, strict=True)
    ]


def text(rows: list[Row], seconds: float, settle_s: float) -> str:
    """The section of the document."""
    here = describe()
    lines = [
        f"Measured by `python -m benchmarks.scaling` on {here['date']}, with a load average of {here['load_average']}: "
        f"the mean of {seconds:.0f} s, from {settle_s:.0f} s after attaching on; a MB is 1,000,000 bytes. The agents "
        "of programs ran at the same time, then those of operations, then those of goroutines.",
        "",
        "| the agent watches | resident, MB | at most | of one core |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {row.what} | {row.resident:.1f} | {row.most:.1f} | {row.core:.2f}% |" for row in rows),
    ]
    return "\n".join(lines)


def write(section: str) -> None:
    """Between the markers, which are made where there are none."""
    document = DOCUMENT.read_text()
    if BEGIN not in document:
        document = document.replace(
            "\n## The census\n", f"\n## How the agent grows\n\n{BEGIN}\n{END}\n\n## The census\n"
        )
    DOCUMENT.write_text(marked.replaced(document, BEGIN, END, section))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settle", type=float, default=30)
    parser.add_argument("--targets", type=int, nargs="*", default=TARGETS)
    parser.add_argument("--goroutines", type=int, nargs="*", default=GOROUTINES)
    parser.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with TemporaryDirectory() as folder, otlp_server() as server:
        groups = (
            (beside_programs, arguments.targets),
            (beside_busy, arguments.budgets),
            (beside_goroutines, arguments.goroutines),
        )
        for beside, sizes in groups:
            with ExitStack() as undo:
                running = [undo.enter_context(beside(size, Path(folder), server.url)) for size in sizes]
                rows += measured(running, arguments.settle, arguments.seconds)
    section = text(rows, arguments.seconds, arguments.settle)
    print(section)
    if arguments.write:
        write(section)
    return 0


if __name__ == "__main__":
    sys.exit(main())
