"""Goroutines as the text of /debug/pprof/goroutine?debug=2, for the tools that read that.

Source: goroutineheader, tracebackothers, traceback2 and printcreatedby in src/runtime/traceback.go, Go 1.19 to 1.27.
What cannot be seen from outside is left out: the values of arguments, and whether a goroutine is locked to its thread.
"""

from __future__ import annotations

from collections.abc import Iterator

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, Goroutine
from otelchan.view.goroutines import of_program
from otelchan.view.stacks import printed, starter

PRINTED = 50  # frames at either end of a long stack: tracebackInnerFrames, tracebackOuterFrames, since Go 1.21
_MINUTE_NS = 60_000_000_000
_UNAVAILABLE = "\tgoroutine running on other thread; stack unavailable\n"
_CUT = "...additional frames elided...\n"


def goroutine_texts(image: GoImage, census: Census) -> Iterator[str]:
    """One text per goroutine, an empty line before each but the first; the runtime's own are left out, as there.

    Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    stacks: dict[tuple[tuple[int, ...], bool], str] = {}
    starters: dict[tuple[int, int], str] = {}
    between = ""
    for goroutine in of_program(census):
        stack = goroutine.stack, goroutine.stack_complete and goroutine.depth <= len(goroutine.stack)
        if stack not in stacks:
            stacks[stack] = _stack(image, *stack)
        start = goroutine.created_at if goroutine.id != 1 else 0, goroutine.parent_id
        if start not in starters:
            starters[start] = _created_by(image, *start)
        yield f"{between}{_header(goroutine, census)}\n{stacks[stack]}{starters[start]}"
        between = "\n"


def _header(goroutine: Goroutine, census: Census) -> str:
    state = goroutine.wait_reason or goroutine.status
    if goroutine.status == "leaked":
        state += " (leaked)"
    minutes = 0
    if goroutine.status == "waiting" and goroutine.wait_since_ns:
        minutes = (census.monotonic_ns - goroutine.wait_since_ns) // _MINUTE_NS
    waited = f", {minutes} minutes" if minutes >= 1 else ""
    return f"goroutine {goroutine.id} [{state}{waited}]:"


def _stack(image: GoImage, stack: tuple[int, ...], complete: bool) -> str:
    frames = printed(image, stack)
    if not frames:
        return _UNAVAILABLE
    lines = [_frame(image, frame, pc) for frame, pc in frames]
    left_out = len(lines) - 2 * PRINTED
    if left_out > 0:
        lines[PRINTED : PRINTED + left_out] = [f"...{left_out} frames elided...\n"]
    return "".join(lines) + ("" if complete else _CUT)


def _frame(image: GoImage, frame: Frame, pc: int) -> str:
    function = "panic" if frame.function == "runtime.gopanic" else frame.function
    return f"{function}(...)\n\t{frame.file}:{frame.line}{_offset(image, pc)}\n"


def _offset(image: GoImage, pc: int) -> str:
    """Where in the function, " +0x1d"; not known in a recording."""
    function = image.functions.at(pc - 1) if pc else None
    return f" +{pc - function.entry:#x}" if function else ""


def _created_by(image: GoImage, created_at: int, parent: int) -> str:
    frame = starter(image, created_at)
    if frame is None:
        return ""
    who = f" in goroutine {parent}" if parent else ""
    return f"created by {frame.function}{who}\n\t{frame.file}:{frame.line}{_offset(image, created_at)}\n"
