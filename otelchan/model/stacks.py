"""Stacks: from a copy of a sleeper's stack to return addresses, and from frames to the ones a person wrote."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from otelchan.gobinary.types import Frame, GoImage

MAX_FRAMES = 128
_WRAPPER = 23  # gobinary.pclntab.WRAPPER, whatever the release's number is
_INTERNAL = ("runtime.", "internal/runtime/", "reflect.", "internal/reflectlite.")


def walk(stack: bytes, sp: int, pc: int, bp: int) -> tuple[tuple[int, ...], bool]:
    """Return addresses, innermost first, from a copy of the memory at [sp, sp + len(stack)).

    pc and bp are the registers that gopark saved in g.sched. The second result says that the chain ended (saved frame
    pointer 0, as runtime.goexit leaves it) inside the copy; otherwise the outer frames are missing.
    """
    found = [pc]
    while bp and len(found) < MAX_FRAMES:
        offset = bp - sp
        if offset < 0 or offset + 16 > len(stack):
            return tuple(found), False
        following, return_address = struct.unpack_from("<QQ", stack, offset)
        found.append(return_address)
        if following and following <= bp:  # a chain only ever goes up: this copy is torn
            return tuple(found), False
        bp = following
    return tuple(found), bp == 0


def is_internal(function: str) -> bool:
    """Whether a frame belongs to the runtime or to reflection, and so says nothing about who uses a channel."""
    return function.startswith(_INTERNAL)


def frames_at(image: GoImage, pcs: Iterable[int]) -> Iterator[Frame]:
    """The frames at link-time return addresses, without those of wrappers that the compiler made (`main.f.deferwrap1`,
    `main.f.gowrap2`): nobody wrote them, and Go leaves them out of its tracebacks."""
    functions = image.functions
    for pc in pcs:
        for frame, kind in zip(functions.frames(pc), functions.func_ids(pc), strict=True):
            if kind != _WRAPPER:
                yield frame


def user_frames(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Without the frames of the runtime and of reflection."""
    return tuple(frame for frame in frames if not is_internal(frame.function))


def user_site(frames: Sequence[Frame]) -> Frame | None:
    """The innermost frame a person wrote."""
    return next((frame for frame in frames if not is_internal(frame.function)), None)
