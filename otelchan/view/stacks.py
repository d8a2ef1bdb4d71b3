"""From return addresses to the frames that a Go traceback prints, so that stacks here equal those of pprof's debug=2.

Source: showfuncinfo and isExportedRuntime in src/runtime/traceback.go, Go 1.19 to 1.27. A function of a plugin is
shown, although nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.gobinary.types import UNKNOWN_FUNCTION, Frame, GoImage

_WRAPPER = 23  # gobinary.pclntab.WRAPPER, whatever the release's number is
_PANICS = ("runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap")
_ALWAYS_SHOWN = ("runtime.runFinalizers", "runtime.runCleanups")


def traceback(image: GoImage, stack: Sequence[int]) -> tuple[Frame, ...]:
    """The printed frames, innermost first, of link-time return addresses; inlined calls are frames of their own.

    Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    shown: list[Frame] = []
    callee = ""
    for pc in stack:
        functions = image.functions
        for frame, kind in zip(functions.frames(pc), functions.func_ids(pc), strict=True):
            if _is_shown(frame.function, kind, callee):
                shown.append(frame)
            callee = frame.function
    return tuple(shown)


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
