"""Where a stack goes on at a call from C: what lies between the Go frames above a callback and those that called C.

runtime.cgocallback runs with the frame pointer of C code, so the chain of frame pointers ends in it. But it lays out
its frame on the goroutine's stack as if the code that had called C had called it (cgocallback, asmcgocall and
gosave_systemstack_switch in src/runtime/asm_amd64.s, Go 1.19 to 1.27): right above it lies the pc saved at that call.
Then comes asmcgocall's frame, which has the next frame pointer since Go 1.21; before, it is a return address into
runtime.cgocall alone, and the next frame pointer is in the frame of that. For a thread that C made the saved pc is in
runtime.goexit: nothing in Go called C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

_SAVED = 6  # words from the frame above cgocallback's: that is a pair, cgocallback's are three, its frame pointer, this
_FRAME = _SAVED + 1
CROSSING = _FRAME + 2
"""Words that are looked at, from the frame above cgocallback's on."""


class Callbacks(NamedTuple):
    """Live addresses [low, high): of runtime.cgocallback, of systemstack_switch, which the saved pc points into, and of
    runtime.cgocall.

    room: bytes between the stack pointer and the return address in the function with that live return address, at that
    place; -1 where it is not known.
    """

    entry: tuple[int, int]
    saved: tuple[int, int]
    call: tuple[int, int]
    room: Callable[[int], int]


class Crossing(NamedTuple):
    """What comes after the frame whose return address is in runtime.cgocallback.

    pcs: return addresses. frame: words from that frame to the next one, 0 when there is none. ended: the last pc is in
    runtime.goexit. beyond: what comes is not in the copy.
    """

    pcs: tuple[int, ...] = ()
    frame: int = 0
    ended: bool = False
    beyond: bool = False


_TORN = Crossing()


def cross(copy: Sequence[int], callbacks: Callbacks, goexit: tuple[int, int]) -> Crossing:
    """What comes after. copy: words of the stack from that frame on."""
    if len(copy) < CROSSING:
        return _cross_to_end(copy, goexit)
    saved, pair = copy[_SAVED], copy[_FRAME:CROSSING]
    if goexit[0] < saved <= goexit[1]:
        return Crossing((saved,), ended=True)
    if not callbacks.saved[0] <= saved < callbacks.saved[1]:  # its first instruction, or one behind its prologue
        return _TORN
    if _within(pair[1], callbacks.call):
        return Crossing((saved,), _FRAME)
    room = callbacks.room(pair[0]) if _within(pair[0], callbacks.call) else -1
    return Crossing((saved, pair[0]), _FRAME + room // 8) if room >= 8 and room % 8 == 0 else _TORN


def _cross_to_end(copy: Sequence[int], goexit: tuple[int, int]) -> Crossing:
    """Of a copy too short for more than the end of a stack."""
    if len(copy) > _SAVED and goexit[0] < copy[_SAVED] <= goexit[1]:
        return Crossing((copy[_SAVED],), ended=True)
    return Crossing(beyond=True)


def _within(pc: int, bounds: tuple[int, int]) -> bool:
    return bounds[0] < pc <= bounds[1]
