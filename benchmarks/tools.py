"""Real tools on the load program: bpftrace with a one-liner as it is published, and `dlv trace`.

Their cost is not only processor time of the program (a debugger stops it and works beside it), so everything here is
elapsed time, of the program bare and with otelchan counting exactly too. A tool must have seen every call, or there is
no figure.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import NamedTuple

from benchmarks.delve import NoDelve, delve
from benchmarks.loads import BUFFERED, HANDOFF, RECIPE_FUNCTIONS, Load
from benchmarks.probing import Bench, Mismatch, live_bytes
from benchmarks.program import Program, executable, program
from benchmarks.rounds import Progress
from benchmarks.stats import Spread, ratios, spread
from benchmarks.variants import BARE, EXACT
from otelchan import clock

FUNCTIONS = tuple(RECIPE_FUNCTIONS)
LOADS = (BUFFERED, HANDOFF)
ROUNDS = 7
OPERATIONS = 20_480  # of a batch without a tool that takes long
READY_NS = 30_000_000_000
LAST_NS = 5_000_000_000
STOP_S = 30
ASLEEP = 5  # looks in a row


class Tool(NamedTuple):
    """command: for a process id; it is ready when FUNCTIONS have traps. operations: of a batch.

    seen: how many calls it says it saw, from its output. at_once: it says so of each, not at its end of all.
    why_not: it is not to be had here, in a sentence.
    """

    name: str
    what: str
    command: Callable[[int], list[str]]
    operations: int
    seen: Callable[[str], int]
    at_once: bool
    why_not: str = ""


class ToolCost(NamedTuple):
    """Nanoseconds of elapsed time for each operation; the ratios are of rounds."""

    tool: str
    what: str
    load: str
    operations: int
    ns: Spread
    ratio_to_bare: Spread
    ratio_to_exact: Spread


class Tools(NamedTuple):
    """missing: sentences, for each tool that is not to be had here."""

    costs: list[ToolCost]
    missing: list[str]


def counted_by_bpftrace(output: str) -> int:
    """The sum of what it prints of its map: "]: 512" ends each stack."""
    return sum(int(count) for count in re.findall(r"^\]: (\d+)$", output, re.MULTILINE))


def counted_by_delve(output: str) -> int:
    """Calls; returns are printed with ">>"."""
    return len(re.findall(r"^> goroutine\(", output, re.MULTILINE))


def bpftrace() -> Tool:
    """With stacks of callers, counted in the kernel, as one-liners on channels are published."""
    path = shutil.which("bpftrace") or ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout if path else ""
    name = said.strip() or "bpftrace"
    what = "uprobe:PROGRAM:runtime.chansend1 (chanrecv1, chanrecv2) { @[ustack] = count(); }"
    missing = "" if path else "bpftrace is not installed: `make setup-test` installs it"

    def command(pid: int) -> list[str]:
        file = Path(f"/proc/{pid}/exe").readlink()
        script = " ".join(f"uprobe:{file}:{function} {{ @[ustack] = count(); }}" for function in FUNCTIONS)
        return [path, "-p", str(pid), "-e", script]

    return Tool(name, what, command, 2_048, counted_by_bpftrace, False, missing)


def dlv() -> Tool:
    """It stops the program at every entry and return, by ptrace, and prints both."""
    pattern = rf"^runtime\.({'|'.join(name.removeprefix('runtime.') for name in FUNCTIONS)})$"
    what = f"dlv trace --pid PROGRAM '{pattern}'"
    path, missing = Path(), ""
    try:
        path = delve()
    except NoDelve as error:
        missing = str(error)
    words = [str(path), "trace", pattern, "--pid"]
    return Tool("dlv trace", what, lambda pid: [*words, str(pid)], 32, counted_by_delve, True, missing)


def tool_costs(bench: Bench, say: Progress, rounds: int = ROUNDS) -> Tools:
    """Of every tool that is to be had. Raises Mismatch when one did not see what was done."""
    tools = [bpftrace(), dlv()]
    present = [tool for tool in tools if not tool.why_not]
    costs = [cost for load in LOADS for cost in _measure(bench, load, present, rounds, say)]
    return Tools(costs, [tool.why_not for tool in tools if tool.why_not])


def _measure(bench: Bench, load: Load, tools: list[Tool], rounds: int, say: Progress) -> list[ToolCost]:
    """On a copy of the executable: bpftrace 0.17 traps, and counts, every process that runs the file, -p or not."""
    with TemporaryDirectory() as folder, program(load.processors, _copy(folder)) as running:
        try:
            bare, exact = [], []
            found: dict[str, list[float]] = {tool.name: [] for tool in tools}
            for number in range(rounds):
                say(f"tools, {load.name}: round {number + 1} of {rounds}")
                bench.batch(running, BARE, load, OPERATIONS)
                bare.append(running.elapsed_ns)
                bench.batch(running, EXACT, load, OPERATIONS // 4)
                exact.append(running.elapsed_ns)
                for tool in tools:
                    found[tool.name].append(_batch(bench, running, tool, load))
        finally:
            bench.forget()
    return [
        ToolCost(tool.name, tool.what, load.name, tool.operations, spread(ns), ratios(ns, bare), ratios(ns, exact))
        for tool in tools
        for ns in [found[tool.name]]
    ]


def _copy(folder: str) -> Path:
    copy = Path(folder) / "load"
    shutil.copy2(executable(), copy)
    return copy


def _batch(bench: Bench, running: Program, tool: Tool, load: Load) -> float:
    with TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        done = tool.operations * len(load.calls)
        with _attached(bench, running, tool, output):
            running.run(load.command, tool.operations)
            if tool.at_once:
                _await_last(tool, output, done)
        seen = tool.seen(output.read_text())
    if seen != done:
        raise Mismatch(f"calls that {tool.name} saw, {load.name}: {seen} instead of {done}")
    return running.elapsed_ns


def _await_last(tool: Tool, output: Path, done: int) -> None:
    """Some time for the last calls: the program has said that it is done before the debugger has."""
    deadline = clock.monotonic_ns() + LAST_NS
    while tool.seen(output.read_text()) < done and clock.monotonic_ns() < deadline:
        Event().wait(0.02)


@contextmanager
def _attached(bench: Bench, running: Program, tool: Tool, output: Path) -> Iterator[None]:
    """The tool, from when its traps are in until it has ended and said what it saw."""
    with output.open("w") as out:
        process = subprocess.Popen(tool.command(running.pid), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        _await_traps(bench, running, tool, process, output)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # both then detach, and the program goes on
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_traps(bench: Bench, running: Program, tool: Tool, process: subprocess.Popen[bytes], output: Path) -> None:
    """A trap is in before the kernel knows what to do there: then the tool still works, and waits for nothing yet."""
    codes = [_code(bench, function) for function in FUNCTIONS]
    deadline = clock.monotonic_ns() + READY_NS
    asleep = 0
    while asleep < ASLEEP:
        if process.poll() is not None or clock.monotonic_ns() > deadline:
            raise Mismatch(f"{tool.name} put no probes into the program: {output.read_text()[-400:]}")
        Event().wait(0.02)
        ready = all(live_bytes(running.pid, bench.image, entry, len(code)) != code for entry, code in codes)
        asleep = asleep + 1 if ready and _sleeps(process.pid) else 0


def _sleeps(pid: int) -> bool:
    """Whether its main thread waits for something, interruptibly (proc_pid_stat(5): the state, after the name)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def _code(bench: Bench, name: str) -> tuple[int, bytes]:
    """Link-time address of a function, and its code in the file. bpftrace puts its trap on the first instruction, a
    debugger behind the prologue.
    """
    function = bench.image.functions.find(name)
    assert function, f"{name} is not in {bench.image.path}"
    start = bench.image.file_offset(function.entry)
    return function.entry, Path(bench.image.path).read_bytes()[start : start + function.end - function.entry]
