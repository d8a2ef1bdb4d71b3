"""`otelchan record`: write down what is read of a program, so that it can be looked at elsewhere."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from otelchan.arguments import add_json, add_processes, add_settings, byte_count, seconds, selection_of
from otelchan.commands.common import (
    FINE,
    Help,
    begin_threads_of_numpy,
    config_of,
    keep_images,
    one_process,
    print_json,
    stop_on_signals,
)
from otelchan.errors import UsageError

if TYPE_CHECKING:
    from otelchan.config import Config
    from otelchan.memory.types import Census
    from otelchan.model.types import Snapshot
    from otelchan.recording.recorder import Recorder
    from otelchan.target.types import Process

MOST_BYTES = 256_000_000
DURATION, SIGNAL, NO_ROOM, ENDED = "duration", "signal", "no room", "the program has ended"

HELP = Help(
    "write down what is read of a program, for a look elsewhere",
    "Watch one program for a while and write what is read of it to a file, which `otelchan census --recording` plays "
    "on any machine, without the program. docs/recordings.md says what is in it.",
    "otelchan record 4711 -o shop.rec --duration 30",
)

Publish = Callable[["Snapshot"], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, where to, for how long."""
    add_processes(parser, many=False)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the recording; replaced if it exists")
    parser.add_argument("--duration", type=seconds, metavar="S", default=10.0, help="seconds to record (default: 10)")
    parser.add_argument("--interval", type=seconds, metavar="S", default=1.0, help="seconds between looks (default: 1)")
    parser.add_argument("--no-probes", action="store_true", help="memory only: no counts, times and spans, no probes")
    parser.add_argument(
        "--max-bytes",
        type=byte_count,
        metavar="SIZE",
        default=MOST_BYTES,
        help="end before the file is larger, such as 64M (default: 256M)",
    )
    add_json(parser)
    add_settings(parser)


class Recorded(NamedTuple):
    """A recording was made. reason: why it ended: "duration", "signal", "no room" or "the program has ended"."""

    size: int
    rounds: int
    reason: str


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    selection = selection_of(arguments)
    begin_threads_of_numpy()
    config = keep_images(config_of(arguments, interval_s=arguments.interval))
    process = one_process(selection, config)
    stop = stop_on_signals()
    probes = not arguments.no_probes
    duration_s, most = arguments.duration, arguments.max_bytes
    done = record(process, config, arguments.output, stop, duration_s, probes, most, lean=True)
    if arguments.json:
        print_json({"file": arguments.output, **done._asdict(), "probes": probes, "pid": process.pid})
    else:
        sys.stdout.write(f"{arguments.output}: {_what(done.rounds, done.size)} of pid {process.pid}; {_end(done)}\n")
    return FINE


def record(
    process: Process,
    config: Config,
    path: str,
    stop: threading.Event,
    duration_s: float,
    probes: bool = True,
    most_bytes: int = MOST_BYTES,
    publish: Publish = lambda snapshot: None,
    lean: bool = False,
) -> Recorded:
    """Record a process until `stop`, the end of the duration or of the program, or of the room there is.

    publish: takes each snapshot as it was made live. lean: with probes, this thread gives up for good what it does not
    need for that. Raises OtelchanError; then there is no file.
    """
    from msgspec.structs import replace

    from otelchan import clock
    from otelchan.recording.recorder import Recorder
    from otelchan.recording.writer import Writer

    # So that who holds the channels that goroutines wait on for long is in a short recording too.
    findings = replace(config.findings, wait_s=min(config.findings.wait_s, duration_s / 2))
    config = replace(config, findings=findings)
    seen: list[bool] = []  # of each snapshot, whether the program had ended
    told = threading.Event()  # by us, not by a signal

    def on_round() -> None:
        progress.show(writer.rounds, writer.size)
        if recorder.full and not stop.is_set():
            told.set()
            stop.set()

    def on_snapshot(snapshot: Snapshot) -> None:
        seen.append(snapshot.ended)
        publish(snapshot)

    with Writer(path, most_bytes) as writer, _Progress(process.pid, duration_s, clock.monotonic_ns) as progress:
        recorder = Recorder(writer, config.interval_s, probes, on_round)
        if probes:
            _watch(process, config, stop, duration_s, recorder, on_snapshot, path if lean else "")
        else:
            _look(process, config, stop, duration_s, recorder, on_snapshot)
        if recorder.full and not writer.rounds:
            raise UsageError(
                f"one look at pid {process.pid} takes more than {most_bytes} bytes; allow more with --max-bytes"
            )
        reason = ENDED if seen and seen[-1] else SIGNAL if stop.is_set() and not told.is_set() else DURATION
        reason = NO_ROOM if recorder.full else reason
        size, rounds = writer.finish(reason)
    return Recorded(size, rounds, reason)


def _watch(
    process: Process,
    config: Config,
    stop: threading.Event,
    duration_s: float,
    recorder: Recorder,
    publish: Publish,
    path: str,
) -> None:
    """With probes, as `run` does. path: all that is written from now on, so that what it does not take can be given up;
    "": nothing is."""
    from otelchan import service
    from otelchan.privileges import restrict, written
    from otelchan.target.selection import Selection

    selection = Selection(pids=(process.pid,))
    with service.opened(config, selection, recorder) as running:
        if path:
            restrict(config, selection, running.session, [written(path)])
        running.run(stop, duration_s, lambda snapshot, _: publish(snapshot), lambda _: None)


def _look(
    process: Process,
    config: Config,
    stop: threading.Event,
    duration_s: float,
    recorder: Recorder,
    publish: Publish,
) -> None:
    """Without probes, at memory alone."""
    from otelchan import clock
    from otelchan.looks import Holding, Looks
    from otelchan.memory.live import LiveReader
    from otelchan.memory.selfcheck import check
    from otelchan.memory.types import Held
    from otelchan.model.observation import KernelState, Observation
    from otelchan.model.world import World
    from otelchan.programs import image_of
    from otelchan.target.handle import Handle
    from otelchan.target.process import load_bias

    with Handle(process) as handle:
        image = image_of(process)
        bias, live = load_bias(process, image.segments), LiveReader(process.pid)
        check(live, image, bias)
        image = recorder.image(image)
        world = recorder.world(World(process, image, bias, clock.unix_ns()))
        looks, holding = Looks(recorder.reader(live), image, bias), Holding(live, image, bias)
        holding.wait_ns = int(config.findings.wait_s * 1e9)
        ended, end_ns = False, clock.monotonic_ns() + int(duration_s * 1e9)
        while True:
            census: Census | None = looks.census()
            ended = not handle.alive()
            census = None if ended else census
            channels = {channel.address: channel for channel in census.channels} if census else {}
            times = clock.unix_ns(), clock.monotonic_ns()
            held = holding.held() if census else Held()
            labels = looks.labels if census else None
            seen = Observation(*times, KernelState(), census, channels, {}, ended, held=held, labels=labels)
            made = world.snapshot(seen)
            holding.heed(made.blocked)
            publish(made)
            left_s = (end_ns - clock.monotonic_ns()) / 1e9
            if ended or left_s <= 0 or stop.wait(min(config.interval_s, left_s)):
                return


def _what(rounds: int, size: int) -> str:
    shown = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    return f"{rounds} round{'' if rounds == 1 else 's'}, {shown}"


def _end(done: Recorded) -> str:
    if done.reason == NO_ROOM:
        return "it ends early because the next round would have been over --max-bytes"
    return {DURATION: "complete", SIGNAL: "ended by a signal"}.get(done.reason, done.reason)


class _Progress:
    """A line on the terminal that is written over and over, and taken away at the end; nothing in a pipe."""

    def __init__(self, pid: int, duration_s: float, clock_ns: Callable[[], int]) -> None:
        self._pid, self._duration_s, self._clock_ns = pid, duration_s, clock_ns
        self._start_ns = clock_ns()
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, rounds: int, size: int) -> None:
        """So much is written."""
        if self._shown:
            passed = (self._clock_ns() - self._start_ns) / 1e9
            sys.stderr.write(
                f"\r\x1b[Krecording pid {self._pid}: {_what(rounds, size)}, {passed:.0f} s of {self._duration_s:g} s"
            )
            sys.stderr.flush()
