"""`otelchan chain`: for a blocked goroutine who would have to act for it to go on, and circles of such goroutines."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NamedTuple

from otelchan.arguments import add_settings, number_from_one, sampling_seconds, selection_of
from otelchan.commands.common import (
    FINE,
    FOUND,
    Help,
    begin_threads_of_numpy,
    config_of,
    keep_images,
    one_process,
    print_json,
    stop_on_signals,
)
from otelchan.commands.looking import add_sources, require_one_source
from otelchan.errors import TargetError, UsageError

if TYPE_CHECKING:
    from otelchan.config import Config
    from otelchan.model.types import Snapshot
    from otelchan.target.types import Process
    from otelchan.view.chain import Circle, Seen
    from otelchan.view.types import Origin

LOOKS = 10  # at the program while it is watched
NO_PROBES = "without probes it is not known who used which channel: who could act is told from what is on stacks"
ONE_MOMENT = "this is one moment: how long a goroutine has waited is known only where the garbage collector noted it"

HELP = Help(
    "say who would have to act for a blocked goroutine to go on",
    "Watch for a while, and print for a goroutine, else for the one that is blocked longest, what it waits on, who "
    "would have to send or receive there, what these wait on, and so on; and all circles of goroutines that wait for "
    "each other. Exit status 1 when one of them is a suspected deadlock. With --duration 0, --core or --recording "
    "nothing is attached.",
    "otelchan chain 4711 --format dot | dot -Tsvg > chain.svg",
)


class _Looked(NamedTuple):
    """The last snapshot. least_ns: goroutines that have waited for less are not taken for stuck."""

    snapshot: Snapshot
    origin: Origin | None
    watched_ns: int
    least_ns: int
    remarks: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, core or recording, which goroutine, in which format."""
    add_sources(parser)
    parser.add_argument("goroutine", metavar="GOID", nargs="?", type=number_from_one, help="goroutine id")
    parser.add_argument(
        "--duration",
        type=sampling_seconds,
        metavar="S",
        default=5.0,
        help="seconds to watch with probes; 0: memory only (default: 5)",
    )
    parser.add_argument("--format", choices=("text", "dot", "json"), default="text", help="format (default: text)")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("--topology", action="store_true", help="also print which functions use which channels")
    add_settings(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 1 when there is a suspected deadlock. Raises OtelchanError."""
    _only_goroutine(arguments)
    require_one_source(arguments)
    begin_threads_of_numpy()
    config = keep_images(config_of(arguments))
    from otelchan.view.chain import chain_document, has_deadlock

    document = chain_document(seen_of(_look(arguments, config), arguments.goroutine, arguments.topology))
    if arguments.format == "json":
        print_json(document)
    elif arguments.format == "dot":
        from otelchan.view.chain_dot import print_dot

        print_dot(document, sys.stdout)
    else:
        from otelchan.view.chain_text import print_chain

        print_chain(document, sys.stdout)
    return FOUND if has_deadlock(document) else FINE


def _only_goroutine(arguments: argparse.Namespace) -> None:
    """Where the program is named by an option, the one number that is given is the goroutine."""
    elsewhere = arguments.core or arguments.recording or arguments.exe or arguments.all
    if elsewhere and arguments.pids and arguments.goroutine is None:
        arguments.goroutine, arguments.pids = arguments.pids[0], []


def _look(arguments: argparse.Namespace, config: Config) -> _Looked:
    if arguments.core:
        return _core(arguments.core, arguments.binary or "")
    if arguments.recording:
        return _recording(arguments.recording, arguments.round, config)
    process = one_process(selection_of(arguments), config)
    if arguments.duration:
        return _watched(process, config, arguments.duration)
    return _memory(process)


def seen_of(looked: _Looked, goroutine: int | None, topology: bool) -> Seen:
    """The chain of that goroutine, else of the one that is blocked longest, and all circles. Raises UsageError when
    there is no such goroutine."""
    from otelchan.findings.chain import Graph
    from otelchan.findings.deadlock import sentence_of
    from otelchan.findings.knots import find_knots
    from otelchan.findings.types import MOST_MEMBERS
    from otelchan.view.chain import Circle, Seen

    snapshot = looked.snapshot
    graph = Graph(snapshot)
    if goroutine is not None and graph.is_absent(goroutine):
        pid = snapshot.process.pid
        raise UsageError(f"pid {pid} has no goroutine {goroutine} now; `otelchan goroutines {pid}` lists all")
    found = find_knots(snapshot, graph, looked.least_ns)
    circles: list[Circle] = []
    for knot in found.knots:
        steps = [graph.step(id_) for id_ in knot.members[:MOST_MEMBERS]]
        circles.append(Circle(knot, sentence_of(steps, knot), steps))
    asked = graph.oldest() if goroutine is None else goroutine
    remarks = [*looked.remarks, *_cuts(snapshot, found.cut)]
    steps = graph.chain(asked) if asked is not None else []
    return Seen(snapshot, looked.origin, looked.watched_ns, asked, steps, circles, topology, remarks)


def _cuts(snapshot: Snapshot, cut: bool) -> list[str]:
    remarks = ["there are too many goroutines to look for all circles: the youngest were left out"] if cut else []
    if len(snapshot.blocked) and not snapshot.holders:
        remarks.append(
            "it was not looked for who has channels on the stack: nobody waits for long, or there is too much to look "
            "through (10,000 goroutines, 64 MiB of stacks)"
        )
    return remarks


def _watched(process: Process, config: Config, duration_s: float) -> _Looked:
    """With probes."""
    import msgspec

    from otelchan import service
    from otelchan.commands.findings import LONGEST_PAUSE_S, SHORTEST_PAUSE_S, LastLook
    from otelchan.target.selection import Selection

    pause_s = max(SHORTEST_PAUSE_S, min(duration_s / LOOKS, LONGEST_PAUSE_S))
    least_s = min(config.findings.wait_s, duration_s / 2)
    findings = msgspec.structs.replace(config.findings, wait_s=least_s)
    config = msgspec.structs.replace(config, interval_s=pause_s, findings=findings)
    last = LastLook()
    service.watch(config, Selection(pids=(process.pid,)), stop_on_signals(), duration_s, last.publish, lean=True)
    watched = last.watched()
    if not watched:
        raise TargetError(f"pid {process.pid} could not be watched; try --duration 0, which reads its memory only")
    snapshot = watched[0][2]
    remarks = [
        f"the probes of the {plane} plane are {state}" for plane, state in snapshot.planes.items() if state != "on"
    ]
    if snapshot.ended:
        remarks.append("the program ended while it was watched")
    watched_ns = max(snapshot.time_unix_ns - snapshot.attached_unix_ns, 0)
    return _Looked(snapshot, None, watched_ns, int(least_s * 1e9), tuple(remarks))


def _memory(process: Process) -> _Looked:
    """Two looks at memory, so that who is blocked in both was blocked all the time in between."""
    from otelchan.commands.stills import PAUSE_NS, stills

    return _Looked(stills(process), None, 0, PAUSE_NS * 4 // 5, (NO_PROBES,))


def _core(path: str, binary: str) -> _Looked:
    from otelchan.commands.stills import still
    from otelchan.postmortem import opened

    with opened(path, binary) as remains:
        census = remains.census()
        snapshot = still(remains.process(), remains.image, remains.bias, remains.reader, census)
        return _Looked(snapshot, remains.origin(), 0, 0, (NO_PROBES, ONE_MOMENT))


def _recording(path: str, number: int | None, config: Config) -> _Looked:
    from otelchan.recording.player import play
    from otelchan.view.types import Origin

    shown, first_ns, rounds = None, 0, 0
    for played in play(path):
        rounds = played.number
        first_ns = first_ns or played.snapshot.time_unix_ns
        if played.census is not None and number in (None, played.number):
            shown = played
    if shown is None:
        wanted = f"no round {number} with a census" if number else "no census"
        raise TargetError(f"the recording {path} has {wanted}, it has {rounds} rounds; give --round 1 to {rounds}")
    origin = Origin("recording", path, {"round": shown.number, "rounds": rounds})
    watched_ns = shown.snapshot.time_unix_ns - first_ns
    least_ns = min(int(config.findings.wait_s * 1e9), watched_ns // 2)
    return _Looked(shown.snapshot, origin, 0, least_ns, () if shown.snapshot.planes else (NO_PROBES,))
