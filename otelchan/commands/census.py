"""`otelchan census`: goroutines and channels of a program, a core file or a recording, from memory, without probes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from otelchan.arguments import add_json, add_processes, number_from_one, row_count, selection_of
from otelchan.commands.common import FINE, Help, config_of, keep_images, one_process, print_json
from otelchan.errors import MemoryGone, TargetError, UsageError

if TYPE_CHECKING:
    from otelchan.memory.types import Census
    from otelchan.target.handle import Handle
    from otelchan.target.types import Process

TRIES = 3

HELP = Help(
    "print goroutines and channels as they are now, without probes",
    "Read one program's memory, without stopping it and without probes, and print its goroutines by wait reason, its "
    "channels, and who is blocked on them since when and where. Or the same of a core file, or of a recording.",
    "otelchan census 4711 --json | jq '.goroutines'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, core or recording, how much of it."""
    add_processes(parser, many=False)
    parser.add_argument("--core", metavar="FILE", help="a core file instead of a process")
    parser.add_argument("--binary", metavar="PATH", help="its executable, when it is not where the core says")
    parser.add_argument("--recording", metavar="FILE", help="a recording by `otelchan record` instead of a process")
    parser.add_argument("--round", type=number_from_one, metavar="N", help="which of its rounds (default: the last)")
    parser.add_argument("--limit", type=row_count, metavar="N", default=50, help="rows per table, 0: all (default: 50)")
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    document = _document(arguments)
    if arguments.json:
        print_json(document)
    else:
        from otelchan.view.census_text import print_census

        print_census(document, sys.stdout, arguments.limit)
    return FINE


def _document(arguments: argparse.Namespace) -> dict[str, Any]:
    named = {
        "PID": arguments.pids,
        "--exe": arguments.exe,
        "--all": arguments.all,
        "--core": arguments.core,
        "--recording": arguments.recording,
    }
    given = [name for name, value in named.items() if value]
    if len(given) > 1 and not {"PID", "--exe", "--all"}.issuperset(given[:2]):
        raise UsageError(f"{given[0]} and {given[1]} were given; say in one way what to look at")
    for option, owner in (("binary", "core"), ("round", "recording")):
        if getattr(arguments, option) and not getattr(arguments, owner):
            raise UsageError(f"--{option} {getattr(arguments, option)} means something only with --{owner}; add that")
    config = keep_images(config_of(arguments))
    if arguments.core:
        return census_of_core(arguments.core, arguments.binary or "")
    if arguments.recording:
        return census_of_recording(arguments.recording, arguments.round)
    return census_of(one_process(selection_of(arguments), config))


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


def census_of_core(path: str, binary: str = "") -> dict[str, Any]:
    """The census document of a core file. binary: its executable; "": where the core says. Raises OtelchanError."""
    from otelchan.model.names import names_for_census
    from otelchan.postmortem import opened
    from otelchan.view.census import census_document

    with opened(path, binary) as remains:
        taken = remains.census()
        names = names_for_census(remains.image, taken)
        return census_document(remains.process(), remains.image, taken, names, remains.origin())


def census_of_recording(path: str, number: int | None = None) -> dict[str, Any]:
    """The census document of a round of a recording, from 1; None: the last with a census. Raises OtelchanError."""
    from otelchan.model.names import names_for_census
    from otelchan.recording.player import play
    from otelchan.view.census import census_document
    from otelchan.view.types import Origin

    shown, rounds = None, 0
    for played in play(path):
        rounds = played.number
        if played.census is not None and number in (None, played.number):
            shown = (played, played.census)
    if shown is None:
        wanted = f"no round {number} with a census" if number else "no census"
        raise TargetError(f"the recording {path} has {wanted}, it has {rounds} rounds; give --round 1 to {rounds}")
    played, census = shown
    origin = Origin("recording", path, {"round": played.number, "rounds": rounds})
    return census_document(played.process, played.image, census, names_for_census(played.image, census), origin)
