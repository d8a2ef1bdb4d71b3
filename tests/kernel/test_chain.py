"""Deadlocks of real programs: found with and without probes, with the stacks that the programs print themselves."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from otelchan.config import Config, Findings
from otelchan.findings.types import Assessment, Finding
from otelchan.model.types import Snapshot
from otelchan.service import watch
from otelchan.target.selection import Selection
from tests.support import require_kernel
from tests.support.agent import otelchan
from tests.support.faults import Fault, fault, places
from tests.support.gobuild import EVERY_GO

VARIANTS = ("F14", "F14-three", "F14-select", "F14-parent")
SIZES = {"F14": 2, "F14-three": 3, "F14-select": 2, "F14-parent": 2}
STUCK_AT = {
    "F14": {"F14 first", "F14 second"},
    "F14-three": {"F14 stage"},
    "F14-select": {"F14 select", "F14 answer"},
    "F14-parent": {"F14 child", "F14 parent"},
}
SENT_ON = {
    "F14": {"F14 there", "F14 back"},
    "F14-three": {"F14 parsed", "F14 checked", "F14 stored"},
    "F14-select": {"F14 urgent", "F14 normal", "F14 answers"},
    "F14-parent": {"F14 results", "F14 done"},
}
WAIT_S = 2.0
Stacks = dict[int, list[tuple[Any, ...]]]


@contextmanager
def stuck(binary: Path, name: str) -> Iterator[Fault]:
    """A program that is in its deadlock."""
    with fault(name, "bad", binary) as program:
        program.go()
        _until(lambda: program.state().began > 0)
        time.sleep(0.5)  # it is said just before the last step
        yield program


def own_stacks(program: Fault) -> Stacks:
    """What its own runtime says, by goroutine id."""
    return {id_: [tuple(frame) for frame in dumped.frames] for id_, dumped in program.stacks().items()}


def chain(*arguments: str | int | Path, status: int = 1) -> dict[str, Any]:
    """`otelchan chain`."""
    done = otelchan("chain", *arguments, "--json")
    assert (status, "") == (done.returncode, done.stderr)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def stacks_of(circle: dict[str, Any]) -> Stacks:
    """Of the goroutines in a circle."""
    return {
        goroutine["id"]: [(frame["function"], frame["file"], frame["line"]) for frame in goroutine["frames"]]
        for goroutine in circle["goroutines"]
    }


def lines(frames: Any) -> set[str]:
    """ "file.go:line" of each."""
    return {f"{Path(file).name}:{line}" for _, file, line in frames}


@pytest.mark.parametrize(
    ("name", "go"),
    [*((name, EVERY_GO[-1]) for name in VARIANTS), ("F14-select", EVERY_GO[0]), ("F14-parent", EVERY_GO[0])],
)
def test_a_program_that_was_stuck_before_anybody_came_is_found_from_memory(
    workload: Callable[..., Path], name: str, go: str
) -> None:
    """All members of the circle, with the stacks that the program prints itself, without a single probe."""
    with stuck(workload("faults", go=go), name) as program:
        document = chain(program.pid, "--duration", 0)
        own = own_stacks(program)
    (circle,) = document["circles"]
    assert (True, SIZES[name]) == (circle["deadlock"], circle["count"])
    found = stacks_of(circle)
    assert {id_: own[id_] for id_ in found} == found
    expected = {places()[mark] for mark in STUCK_AT[name]}
    assert expected == {
        place for frames in found.values() for place in lines(frames[:1] if name != "F14-select" else frames)
    } & (set(places().values()))


class Seen:
    """What an agent says about several programs."""

    def __init__(self) -> None:
        self.findings: dict[int, list[Finding]] = {}
        self.last: dict[int, Snapshot] = {}

    def publish(self, snapshot: Snapshot, assessment: Assessment) -> None:
        """Called by the agent."""
        if not snapshot.ended:
            self.findings[snapshot.process.pid] = list(assessment.findings)
            self.last[snapshot.process.pid] = snapshot


def test_deadlocks_that_begin_while_it_watches_are_found_and_their_twins_are_not(
    workload: Callable[..., Path],
) -> None:
    """Each is F14 and nothing else, on the right channels, at the right lines, with the program's own stacks."""
    binary = workload("faults")
    with ExitStack() as undo:
        programs = {(n, v): undo.enter_context(fault(n, v, binary)) for n in VARIANTS for v in ("bad", "good")}
        pids = tuple(program.pid for program in programs.values())
        config = Config(interval_s=0.5, max_overhead=None, max_overhead_node=None)
        config = replace(config, findings=Findings(wait_s=WAIT_S))
        seen, stop = Seen(), threading.Event()
        agent = threading.Thread(target=watch, args=(config, Selection(pids=pids), stop, 60.0, seen.publish))
        agent.start()
        try:
            _until(lambda: len(seen.last) == len(pids) and all(_settled(s) for s in seen.last.values()))
            for program in programs.values():
                program.go()
            bad = [programs[name, "bad"].pid for name in VARIANTS]
            _until(lambda: all(seen.findings[pid] for pid in bad))
            time.sleep(2 * WAIT_S)
        finally:
            stop.set()
            agent.join(60)
        for (name, variant), program in programs.items():
            found = seen.findings[program.pid]
            if variant == "good":
                assert [] == found, name
                continue
            assert [("F14", SIZES[name])] == [(finding.id, finding.count) for finding in found]
            (finding,) = found
            made = {channel.rpartition(" ")[2] for channel in finding.facts["channels"]}  # type: ignore[attr-defined]
            assert {places()[mark] for mark in SENT_ON[name]} == made
            own = own_stacks(program)
            members = {member.goroutine_id: [tuple(frame) for frame in member.frames] for member in finding.members}
            assert {id_: own[id_] for id_ in members} == members


def _settled(snapshot: Snapshot) -> bool:
    return all(state in ("on", "not found", "not effective") for state in snapshot.planes.values())


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 45
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_recording_has_the_deadlock_too(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Who holds which channel is in it, the values on the stacks are not."""
    path = tmp_path / "stuck.rec"
    with stuck(workload("faults"), "F14-parent") as program:
        done = otelchan("record", program.pid, "-o", path, "--no-probes", "--duration", 3, "--interval", "0.5")
        assert (0, "") == (done.returncode, done.stderr)
        own = own_stacks(program)
    (circle,) = chain("--recording", path)["circles"]
    assert (True, 2) == (circle["deadlock"], circle["count"])
    found = stacks_of(circle)
    assert {id_: own[id_] for id_ in found} == found


def test_a_core_has_the_deadlock_too(workload: Callable[..., Path], tmp_path: Path) -> None:
    """And a goroutine in it can be asked for by its id."""
    if shutil.which("gcore") is None:
        require_kernel("there is no gcore: `make setup-test` installs gdb")
    with stuck(workload("faults"), "F14") as program:
        pid = program.pid
        command = ["gcore", "-o", str(tmp_path / "core"), str(pid)]
        assert 0 == subprocess.run(command, capture_output=True, check=False, cwd=tmp_path).returncode
    core = tmp_path / f"core.{pid}"
    try:
        (circle,) = chain("--core", core)["circles"]
        first, second = (goroutine["id"] for goroutine in circle["goroutines"])
        steps = chain("--core", core, second)["chain"]
    finally:
        core.unlink()
    assert [(second, 0), (first, 1)] == [(step["id"], step["distance"]) for step in steps]


def test_a_goroutine_that_is_not_there_is_named(workload: Callable[..., Path]) -> None:
    """With what to do next."""
    with stuck(workload("faults"), "F14") as program:
        pid = program.pid
        done = otelchan("chain", pid, 4242, "--duration", 0)
        graph = otelchan("chain", pid, "--duration", 0, "--format", "dot")
    assert (2, "") == (done.returncode, done.stdout)
    assert f"otelchan: pid {pid} has no goroutine 4242 now; `otelchan goroutines {pid}` lists all\n" == done.stderr
    assert graph.stdout.startswith("digraph otelchan {")
