"""A program beside the census of it: what is seen, in the words in which the program says it itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.memory.census import take_census
from otelchan.memory.live import LiveReader
from otelchan.memory.types import Census, Goroutine
from otelchan.target.process import by_pid, load_bias
from otelchan.view.stacks import creator, traceback
from tests.support.blocked import Blocked, Dumped

PRINTED = 50  # frames at either end of a stack in a dump: tracebackInnerFrames, tracebackOuterFrames
PRINTED_BEFORE_1_21 = 100  # innermost frames, those included that are not shown: _TracebackMaxFrames


@cache
def image_of(binary: Path) -> GoImage:
    """Analysed once."""
    return analyse(binary)


def minor(image: GoImage) -> int:
    """26 of Go 1.26.8."""
    return int(image.build.go_version.split()[0].split(".")[1])


class Seen:
    """A running program, its image and the way to its memory."""

    def __init__(self, program: Blocked, binary: Path) -> None:
        self.program = program
        self.image: GoImage = image_of(binary)
        self.bias = load_bias(by_pid(program.pid), self.image.segments)
        self.reader = LiveReader(program.pid)

    def census(self, previous: Census | None = None) -> Census:
        """A census of it."""
        return take_census(self.reader, self.image, self.bias, previous)

    def line(self, goroutine: Goroutine, function: str) -> int:
        """The line in the innermost frame of that function, 0 when it has none."""
        frames = traceback(self.image, goroutine.stack)
        return next((frame.line for frame in frames if frame.function == function), 0)


def visible(census: Census) -> dict[int, Goroutine]:
    """What a dump shows, by id, without the main goroutine, which is busy with answering."""
    return {g.id: g for g in census.goroutines if not g.system and g.id != 1}


def as_dumped(image: GoImage, goroutine: Goroutine) -> Dumped:
    """A goroutine of the census as a dump would print it."""
    created = creator(image, goroutine.created_at)  # nobody, of one that belongs to a thread that C made
    state, place = goroutine.wait_reason or goroutine.status, (created.file, created.line) if created else ("", 0)
    if minor(image) < 21:  # says neither that it leaves frames out nor which goroutine created this one
        return Dumped(state, traceback(image, goroutine.stack[:PRINTED_BEFORE_1_21]), 0, place, goroutine.parent_id)
    frames = traceback(image, goroutine.stack)
    elided = max(len(frames) - 2 * PRINTED, 0)
    if elided:
        frames = (*frames[:PRINTED], *frames[-PRINTED:])
    return Dumped(state, frames, elided, place, goroutine.parent_id)


def without_busy(dump: dict[int, Dumped]) -> dict[int, Dumped]:
    """A dump as the census can have it: without the main goroutine, and without frames in a system call, where
    registers are not saved."""
    return {
        id_: dumped._replace(frames=()) if dumped.state == "syscall" else dumped
        for id_, dumped in dump.items()
        if id_ != 1
    }
