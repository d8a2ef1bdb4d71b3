"""One look at the memory of a process, a core file or a recording: what `census`, `goroutines` and `snapshot` show."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from otelchan.arguments import add_processes, number_from_one, selection_of
from otelchan.commands.common import config_of, keep_images, one_process
from otelchan.errors import MemoryGone, TargetError, UsageError

if TYPE_CHECKING:
    from otelchan.gobinary.types import GoImage
    from otelchan.memory.types import Census, Reader
    from otelchan.model.types import Request
    from otelchan.target.handle import Handle
    from otelchan.target.types import Process
    from otelchan.view.types import Origin

TRIES = 3


class Look(NamedTuple):
    """What was seen. origin: None for a running process. file: the executable, "" when it is not there. requests: by
    goroutine id, of those that are parked and say by their labels what they work for, if that was asked for; a
    recording does not say it."""

    process: Process
    image: GoImage
    census: Census
    origin: Origin | None
    file: str
    requests: Mapping[int, Request] = MappingProxyType({})


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Which process, core or recording."""
    add_processes(parser, many=False)
    parser.add_argument("--core", metavar="FILE", help="a core file instead of a process")
    parser.add_argument("--binary", metavar="PATH", help="its executable, when it is not where the core says")
    parser.add_argument("--recording", metavar="FILE", help="a recording by `otelchan record` instead of a process")
    parser.add_argument("--round", type=number_from_one, metavar="N", help="which of its rounds (default: the last)")


def look_at(arguments: argparse.Namespace, requests: bool = False) -> Look:
    """The look that was asked for. requests: those too.

    Raises OtelchanError, UsageError unless it was asked for in exactly one way.
    """
    require_one_source(arguments)
    config = keep_images(config_of(arguments))
    if arguments.core:
        return look_at_core(arguments.core, arguments.binary or "", requests)
    if arguments.recording:
        return look_at_recording(arguments.recording, arguments.round)
    return look_at_process(one_process(selection_of(arguments), config), requests=requests)


def require_one_source(arguments: argparse.Namespace) -> None:
    """Raises UsageError when it was said in several ways what to look at, or of something what is not asked for."""
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


def look_at_process(process: Process, image: GoImage | None = None, requests: bool = False) -> Look:
    """A running process. image: of its executable, when that is known already. requests: those too.

    Raises OtelchanError, also when it ends or execs while it is read.
    """
    from otelchan.memory.census import take_census
    from otelchan.memory.live import LiveReader
    from otelchan.memory.selfcheck import check
    from otelchan.programs import image_of
    from otelchan.target.handle import Handle
    from otelchan.target.process import load_bias

    with Handle(process) as handle:
        image = image or image_of(process)
        image.functions.open()
        bias = load_bias(process, image.segments)
        reader = LiveReader(process.pid)
        check(reader, image, bias)
        taken = patiently(lambda: take_census(reader, image, bias), handle)
        found = requests_of(reader, image, taken) if requests else {}
        if not handle.alive():
            raise TargetError(f"pid {process.pid} ended while it was read, so nothing is shown; run it again")
        return Look(process, image, taken, None, process.open_path, found)


def requests_of(reader: Reader, image: GoImage, census: Census) -> dict[int, Request]:
    """What the goroutines work for that are parked, by goroutine id. Raises MemoryGone."""
    from otelchan.memory.labels import labels_of
    from otelchan.memory.types import Goroutines
    from otelchan.model.request import request_of

    goroutines = Goroutines.of(census.goroutines)
    places = goroutines.reason.nonzero()[0]
    labels = labels_of(reader, image.layout, goroutines, places).labels
    found = zip(goroutines.id[places].tolist(), map(request_of, labels), strict=True)
    return {goroutine: request for goroutine, request in found if request is not None}


def patiently(look: Callable[[], Census], handle: Handle) -> Census:
    """A look that is repeated when it fails: the list of goroutines can move while it is read; another look finds it in
    its new place. Raises MemoryGone when the program has ended."""
    for _ in range(TRIES - 1):
        try:
            return look()
        except MemoryGone:
            if not handle.alive():
                raise
    return look()


def look_at_core(path: str, binary: str = "", requests: bool = False) -> Look:
    """A core file. binary: its executable; "": where the core says. requests: those too. Raises OtelchanError."""
    from otelchan.postmortem import opened

    with opened(path, binary) as remains:
        census = remains.census()
        found = requests_of(remains.reader, remains.image, census) if requests else {}
        return Look(remains.process(), remains.image, census, remains.origin(), remains.binary, found)


def look_at_recording(path: str, number: int | None = None) -> Look:
    """A round of a recording, from 1; None: the last with a census. Raises OtelchanError."""
    from otelchan.recording.player import play
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
    return Look(played.process, played.image, census, origin, "")
