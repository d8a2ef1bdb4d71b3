"""`otelchan findings`: watch for a while and say what is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from otelchan.arguments import add_json, add_processes, add_settings, seconds, selection_of
from otelchan.commands.common import (
    FINE,
    FOUND,
    Help,
    begin_threads_of_numpy,
    config_of,
    keep_images,
    print_json,
    stop_on_signals,
)
from otelchan.errors import TargetError

if TYPE_CHECKING:
    from otelchan.findings.types import Assessment, Finding
    from otelchan.model.types import Snapshot
    from otelchan.target.types import Process

LOOKS = 10  # at the programs in the time that `findings` watches, so that growth can be seen
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two looks

HELP = Help(
    "watch for a while and say what is wrong",
    "Attach, watch, detach, and say what is wrong: on which channel goroutines are stuck, where it was made, at which "
    "line they are stuck, for how long, growing how fast. Exit status 1 when something was found.",
    "otelchan findings 4711 --duration 40",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes, for how long."""
    add_processes(parser)
    parser.add_argument(
        "--duration",
        type=seconds,
        metavar="S",
        default=20.0,
        help="seconds to watch (default: 20; what only growth or time can show takes 60 and more)",
    )
    add_json(parser)
    add_settings(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 1 when something is wrong. Raises OtelchanError."""
    selection = selection_of(arguments)
    begin_threads_of_numpy()
    from otelchan import service
    from otelchan.view.findings import findings_document, found_anything
    from otelchan.view.findings_text import print_findings

    pause_s = max(SHORTEST_PAUSE_S, min(arguments.duration / LOOKS, LONGEST_PAUSE_S))
    config = keep_images(config_of(arguments, interval_s=pause_s, ongoing_span_s="off"))
    last = LastLook()
    service.watch(config, selection, stop_on_signals(), arguments.duration, last.publish, lean=True)
    watched = last.watched()
    if not watched:
        raise TargetError(f"no process that {selection} means could be watched; the log says why, if there was one")
    document = findings_document(watched)
    if arguments.json:
        print_json(document)
    else:
        print_findings(document, sys.stdout)
    return FOUND if found_anything(document) else FINE


def _about(finding: Finding) -> tuple[object, ...]:
    """What stays the same while it is the same finding."""
    return finding.id, finding.channel, finding.wait_reason, finding.site, finding.created_by


class LastLook:
    """Keeps what was last said of each program while it ran."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], tuple[Snapshot, Sequence[Finding]]] = {}

    def publish(self, snapshot: Snapshot, assessment: Assessment) -> None:
        """Takes a look. The one after a program's end only says that it ended: what was seen before still counts."""
        key = (snapshot.process.pid, snapshot.process.start_ticks)
        found: Sequence[Finding] = assessment.findings
        if snapshot.ended and key in self._last:
            before, found_before = self._last[key]
            again = set(map(_about, found))  # older by now, and said in other words
            found = (*found, *(finding for finding in found_before if _about(finding) not in again))
            snapshot = replace(before, ended=True)
        self._last[key] = snapshot, found

    def watched(self) -> list[tuple[Process, Sequence[Finding], Snapshot]]:
        """Programs in the order in which they were first seen."""
        return [(snapshot.process, found, snapshot) for snapshot, found in self._last.values()]
