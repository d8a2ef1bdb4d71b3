"""What each command does, in a few lines each. Composition: heavy modules are imported where they are needed."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from otelchan.arguments import selection_of
from otelchan.errors import MemoryGone, TargetError
from otelchan.target.selection import Selection

if TYPE_CHECKING:
    from otelchan.config import Config
    from otelchan.findings.types import Finding
    from otelchan.memory.types import Census
    from otelchan.model.types import Snapshot
    from otelchan.target.handle import Handle
    from otelchan.target.types import Process

TRIES = 3
LOOKS = 10  # at the programs in the time that `findings` watches, so that growth can be seen
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two looks


def run(arguments: argparse.Namespace, stop: threading.Event) -> None:
    """Attach and export until told to stop. Raises OtelchanError."""
    selection = selection_of(arguments)
    from otelchan import agent

    agent.run(_config(arguments, arguments.interval), selection, stop, arguments.duration)


def census(arguments: argparse.Namespace, out: TextIO) -> None:
    """Print one program's goroutines and channels. Raises OtelchanError."""
    document = census_of(one_process(selection_of(arguments)))
    if arguments.json:
        _print_json(document, out)
    else:
        from otelchan.view.census_text import print_census

        print_census(document, out, arguments.limit)


def census_of(process: Process) -> dict[str, Any]:
    """The census document of a process. Raises OtelchanError, also when it ends or execs while it is read."""
    from otelchan.memory.census import take_census
    from otelchan.memory.live import LiveReader
    from otelchan.memory.selfcheck import check
    from otelchan.model.names import names_for_census
    from otelchan.programs import image_of
    from otelchan.target.handle import Handle
    from otelchan.target.process import load_bias
    from otelchan.view.census import census_document

    with Handle(process) as handle:
        image = image_of(process)
        bias = load_bias(process, image.segments)
        reader = LiveReader(process.pid)
        check(reader, image, bias)
        taken = _patiently(lambda: take_census(reader, image, bias), handle)
        document = census_document(process, image, taken, names_for_census(image, taken))
        if not handle.alive():
            raise TargetError(f"pid {process.pid} ended while it was read, so nothing is shown; run it again")
    return document


def _patiently(look: Callable[[], Census], handle: Handle) -> Census:
    # The list of goroutines can move while it is read; another look finds it in its new place.
    for _ in range(TRIES - 1):
        try:
            return look()
        except MemoryGone:
            if not handle.alive():
                raise
    return look()


def findings(arguments: argparse.Namespace, stop: threading.Event, out: TextIO) -> bool:
    """Watch, then print what is wrong; True when something is. Raises OtelchanError."""
    selection = selection_of(arguments)
    from otelchan import agent
    from otelchan.view.findings import findings_document, found_anything
    from otelchan.view.findings_text import print_findings

    pause_s = max(SHORTEST_PAUSE_S, min(arguments.duration / LOOKS, LONGEST_PAUSE_S))
    config = _config(arguments, pause_s)
    last = LastLook()
    agent.watch(config, selection, stop, arguments.duration, last.publish)
    watched = last.watched()
    if not watched:
        raise TargetError(
            f"no process that matches {selection.exe} could be watched; the log says why, if there was one"
        )
    document = findings_document(watched)
    if arguments.json:
        _print_json(document, out)
    else:
        print_findings(document, out)
    return found_anything(document)


class LastLook:
    """Keeps what was last said of each program while it ran."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], tuple[Snapshot, list[Finding]]] = {}

    def publish(self, snapshot: Snapshot, found: list[Finding]) -> None:
        """Takes a look. The one after a program's end only says that it ended: what was seen before still counts."""
        key = (snapshot.process.pid, snapshot.process.start_ticks)
        if snapshot.ended and key in self._last:
            before, found = self._last[key]
            snapshot = replace(before, ended=True)
        self._last[key] = snapshot, found

    def watched(self) -> list[tuple[Process, list[Finding], Snapshot]]:
        """Programs in the order in which they were first seen."""
        return [(snapshot.process, found, snapshot) for snapshot, found in self._last.values()]


def doctor(arguments: argparse.Namespace, out: TextIO) -> bool:
    """Print what is missing; True when otelchan can work. Raises UsageError."""
    from otelchan.doctor.checks import check_machine, check_program
    from otelchan.doctor.machine import read_machine
    from otelchan.doctor.program import read_program
    from otelchan.view.doctor import doctor_document, is_ready, print_doctor
    from otelchan.view.types import FAULT, Check

    checks = check_machine(read_machine())
    if arguments.pids or arguments.exe:
        try:
            checks += check_program(read_program(one_process(selection_of(arguments))))
        except TargetError as error:
            checks.append(Check("process", FAULT, "no", str(error)))
    if arguments.json:
        _print_json(doctor_document(checks), out)
    else:
        print_doctor(checks, out)
    return is_ready(checks)


def completion(arguments: argparse.Namespace, out: TextIO) -> None:
    """Print a completion script."""
    import shtab

    from otelchan.arguments import make_parser

    out.write(shtab.complete(make_parser(), shell=arguments.shell) + "\n")


def one_process(selection: Selection) -> Process:
    """The process that was asked for. Raises TargetError when there is none or there are several."""
    from otelchan.target.process import by_executable, by_pid

    if selection.pids:
        return by_pid(selection.pids[0])
    found = list(by_executable(selection.exe))
    if not found:
        raise TargetError(f"no process runs an executable that matches {selection.exe}; look with `ps -eo pid,args`")
    if len(found) > 1:
        pids = ", ".join(str(process.pid) for process in found)
        raise TargetError(f"{len(found)} processes match {selection.exe}: {pids}; name one of them by its PID")
    return found[0]


def _config(arguments: argparse.Namespace, interval_s: float | None) -> Config:
    from otelchan.config import environment, load

    flags = {
        "interval_s": interval_s,
        "otlp.endpoint": getattr(arguments, "endpoint", None),
        "otlp_file": getattr(arguments, "otlp_file", None),
        "max_overhead": arguments.max_overhead,
    }
    return load(arguments.config, environment(), flags)


def _print_json(document: dict[str, Any], out: TextIO) -> None:
    json.dump(document, out, indent=2)
    out.write("\n")
