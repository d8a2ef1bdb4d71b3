"""From return addresses to the frames that a Go traceback prints, so that stacks here equal those of pprof's debug=2.

Source: showfuncinfo and isExportedRuntime in src/runtime/traceback.go, Go 1.19 to 1.27. A function of a plugin is
shown, although nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.gobinary.types import UNKNOWN_FUNCTION, Frame, GoImage

_WRAPPER = 23  # gobinary.pclntab.WRAPPER, whatever the release's number is
_PANICS = ("runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap")
_INTERNAL = ("runtime.", "internal/runtime/", "reflect.", "internal/reflectlite.")  # as model.stacks
_ALWAYS_SHOWN = ("runtime.runFinalizers", "runtime.runCleanups")


def traceback(image: GoImage, stack: Sequence[int]) -> tuple[Frame, ...]:
    """The printed frames, innermost first, of link-time return addresses; inlined calls are frames of their own.

    Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    return tuple(frame for frame, _ in printed(image, stack))


def printed(image: GoImage, stack: Sequence[int]) -> list[tuple[Frame, int]]:
    """As traceback(), each frame with the return address in its function; 0 for a call that was inlined, which has no
    code of its own."""
    shown: list[tuple[Frame, int]] = []
    callee = ""
    for pc in stack:
        functions = image.functions
        calls = functions.frames(pc)
        for number, (frame, kind) in enumerate(zip(calls, functions.func_ids(pc), strict=True), 1):
            if _is_shown(frame.function, kind, callee):
                shown.append((frame, pc if number == len(calls) else 0))
            callee = frame.function
    return shown


def profiled(image: GoImage, pc: int, callee: str) -> tuple[Frame, ...]:
    """The frames that a profile has of a return address, innermost first: all but wrappers and the outermost of all.

    callee: the function called there. Source: tracebackPCs in src/runtime/traceback.go, allFrames in
    src/runtime/pprof/proto.go, Go 1.26.
    """
    shown = []
    functions = image.functions
    for frame, kind in zip(functions.frames(pc), functions.func_ids(pc), strict=True):
        if (kind != _WRAPPER or callee in _PANICS) and frame.function != "runtime.goexit":
            shown.append(frame)
        callee = frame.function
    return tuple(shown)


def starter(image: GoImage, created_at: int) -> Frame | None:
    """The line "created by" of a traceback: the function that has the `go` statement in its code, and the line of that
    statement, which may be in a function that is inlined there; None when a traceback has no such line."""
    functions = image.functions
    frames = functions.frames(created_at) if created_at else ()
    if not frames or not _is_shown(frames[-1].function, functions.func_ids(created_at)[-1], ""):
        return None
    return frames[0]._replace(function=frames[-1].function)


def user_site(frames: Sequence[Frame]) -> Frame | None:
    """The innermost frame that a person wrote: not of the runtime nor of reflection."""
    return next((frame for frame in frames if not frame.function.startswith(_INTERNAL)), None)


def creator(image: GoImage, created_at: int) -> Frame | None:
    """The `go` statement that started a goroutine, from its link-time address; None when it is not known."""
    frames = image.functions.frames(created_at) if created_at else ()
    return frames[0] if frames else None


def _is_shown(function: str, kind: int, callee: str) -> bool:
    if kind == _WRAPPER and callee not in _PANICS:
        return False
    if function in _ALWAYS_SHOWN or (function == "runtime.gopanic" and callee):
        return True
    if function.startswith(UNKNOWN_FUNCTION):
        return True
    return "." in function and (not function.startswith("runtime.") or _is_exported(function))


def _is_exported(function: str) -> bool:
    receiver, _, name = function.removeprefix("runtime.").rpartition(".")
    receiver = receiver.removeprefix("(*").removesuffix(")")
    return name[:1].isascii() and name[:1].isupper() and (not receiver or receiver[0].isupper())
