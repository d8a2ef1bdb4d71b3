"""Every bad program, every corrected twin and every healthy shape at the same time, watched by one agent."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.agent import agent
from tests.support.faults import FOLDER, Fault, Told, fault
from tests.support.gobuild import build

WATCHED_S = 110  # after all have been told to go
FIRST_LOOK_S = 5  # who uses a channel is known of those that are made after all planes are on, and a look
SETTLE_S = 25  # a leak's youngest goroutines are not suspects for five seconds
SHAPES = ("pool", "ticker", "signal", "context", "http", "cond", "errgroup", "semaphore", "pubsub", "longpoll")
_REGISTERED = re.compile(r'register\("([^"]+)"')

CONFIG = """
objectives:
  - channel: "main.f11 f11_objective.go:*"
    operation: recv
    short_window_s: 10
    long_window_s: 30
    cool_down_s: 600
"""


class Said(NamedTuple):
    """One span of a finding. state: "started" or "ended". attributes: by name."""

    time_unix_ns: int
    state: str
    attributes: Mapping[str, Any]

    @property
    def id(self) -> str:
        """ "F1" and so on."""
        return str(self.attributes["finding.id"])


@dataclass(slots=True)
class Outcome:
    """One program. told_ns: when it was told to go. earlier, last: what it said of itself SETTLE_S before the end, and
    at the end; None: it had ended before."""

    name: str
    variant: str
    pid: int
    told_ns: int = 0
    earlier: Told | None = None
    last: Told | None = None
    said: list[Said] = field(default_factory=list)

    @property
    def found(self) -> set[str]:
        """Ids of everything that was found in it at any time."""
        return {each.id for each in self.said}

    @property
    def words(self) -> list[str]:
        """Id and sentence of everything that started."""
        return [f"{each.id}: {each.attributes['finding.sentence']}" for each in self.said if each.state == "started"]

    @property
    def expected(self) -> str:
        """The finding that the program is bad for: "F1" of "F1-select"."""
        return self.name.partition("-")[0]

    def seconds_to(self, id_: str) -> float:
        """From the beginning of what is wrong to the first time that it was found."""
        began = (self.earlier or self.last or Told(self.told_ns, {})).began
        first = min(each.time_unix_ns for each in self.said if each.id == id_ and each.state == "started")
        return (first - began) / 1e9


class Everything(NamedTuple):
    """What came of it. healthy: by shape. done: how much each of those had done. agent_log: what the agent said."""

    programs: Sequence[Outcome]
    healthy: Mapping[str, Outcome]
    done: Mapping[str, int]
    agent_log: str
    exported: list[dict[str, Any]]


def names() -> list[str]:
    """Of all programs that there are, as their source registers them."""
    return sorted(name for path in FOLDER.glob("*.go") for name in _REGISTERED.findall(path.read_text()))


@contextmanager
def shape(name: str) -> Iterator[subprocess.Popen[str]]:
    """A running program of the workload `idle`; it ends with the block."""
    with subprocess.Popen(
        [str(build("idle")), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            assert "ready\n" == process.stdout.readline()
            yield process
        finally:
            process.kill()


def _asked(program: Fault) -> Told | None:
    """None when it has ended."""
    try:
        return program.state()
    except (BrokenPipeError, json.JSONDecodeError):
        return None


def _done(process: subprocess.Popen[str]) -> int:
    assert process.stdin
    assert process.stdout
    print(file=process.stdin, flush=True)
    return int(process.stdout.readline())


def watch_all(folder: Path, only: Sequence[str] = (), watched_s: float = WATCHED_S) -> Everything:
    """Takes about three minutes. only: these programs instead of all, without the healthy shapes."""
    exported, config = folder / "otlp.jsonl", folder / "config.yaml"
    exported.unlink(missing_ok=True)
    config.write_text(CONFIG)
    outcomes: list[Outcome] = []
    with ExitStack() as running:
        programs = [
            running.enter_context(fault(name, variant)) for name in only or names() for variant in ("bad", "good")
        ]
        shapes = {} if only else {name: running.enter_context(shape(name)) for name in SHAPES}
        pids = [program.pid for program in programs] + [process.pid for process in shapes.values()]
        options = ("--interval", 1, "--otlp-file", exported, "--config", config)
        env = {"OTELCHAN_DUMPS_FOLDER": str(folder / "dumps")}
        watching = running.enter_context(agent(folder / "agent.log", *pids, *options, env=env))
        watching.wait_for("all planes are attached", len(pids), timeout=180)
        time.sleep(FIRST_LOOK_S)
        told_ns = time.time_ns()
        for program in programs:
            program.go()
        time.sleep(watched_s - SETTLE_S)
        outcomes += [Outcome(each.name, each.variant, each.pid, told_ns, _asked(each)) for each in programs]
        time.sleep(SETTLE_S)
        done = {name: _done(process) for name, process in shapes.items()}
        for outcome, program in zip(outcomes, programs, strict=True):
            outcome.last = _asked(program)
            program.end()
        for process in shapes.values():
            process.kill()
        watching.wait_for(r"pid \d+ has ended", len(pids))
        healthy = {name: Outcome(name, "good", process.pid) for name, process in shapes.items()}
        status = watching.process.wait(60)
        assert status == 0
    documents = [json.loads(line) for line in exported.read_text().splitlines()]
    by_pid = {outcome.pid: outcome for outcome in (*outcomes, *healthy.values())}
    for pid, said in _findings(documents):
        by_pid[pid].said.append(said)
    return Everything(outcomes, healthy, done, watching.log, documents)


def _findings(documents: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Said]]:
    """Process id and span of each finding that started or ended."""
    for document in documents:
        for resource in document.get("resourceSpans", []):
            of_process = _values(resource["resource"]["attributes"])
            for span in (each for scope in resource["scopeSpans"] for each in scope["spans"]):
                if span["name"].startswith("finding "):
                    said = _values(span["attributes"])
                    yield (
                        int(of_process["process.pid"]),
                        Said(int(span["endTimeUnixNano"]), said["finding.state"], said),
                    )


def _values(attributes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), "") for each in attributes}
