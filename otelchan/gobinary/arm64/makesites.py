"""Every call of runtime.makechan in arm64 code, and what its arguments say: see gobinary/makesites.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from otelchan.errors import BinaryError
from otelchan.gobinary import makesites
from otelchan.gobinary.code import CodeView, Routine
from otelchan.gobinary.functions import Function
from otelchan.gobinary.makeargs import CallsOf
from otelchan.gobinary.types import Layout, MakeSite
from otelchan.gobinary.values import State, straight

_CALL_SIZE = 4
_BL, _BL_MASK = 0x94000000, 0xFC000000  # and a distance in instructions, 26 bits with sign
_LOOK_BACK = 48  # steps


def find_make_sites(code: CodeView, layout: Layout) -> tuple[MakeSite, ...]:
    """All calls that make channels, by address."""
    return makesites.find_make_sites(code, layout, ARM64)


def calls(code: CodeView) -> CallsOf:
    """What tells the addresses of the direct calls of a function, ascending."""
    targets, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for segment in code.text_segments:
        start = -segment.address % _CALL_SIZE
        size = (segment.file_size - start) & ~(_CALL_SIZE - 1)
        if size <= 0:
            continue
        words = np.frombuffer(code.read(segment.address + start, size), dtype="<u4")
        at = np.flatnonzero((words & _BL_MASK) == _BL)
        distances = ((words[at] << np.uint32(6)).view(np.int32) >> 6).astype(np.int64)
        found = segment.address + start + at.astype(np.int64) * _CALL_SIZE
        places.append(found)
        targets.append(found + distances * _CALL_SIZE)
    every, where = np.concatenate(targets), np.concatenate(places)
    order = np.argsort(every, kind="stable")
    every, where = every[order], where[order]

    def of(target: int) -> list[int]:
        first, last = np.searchsorted(every, [target, target + 1])
        result: list[int] = where[first:last].tolist()
        return result

    return of


def starts(code: bytes, address: int) -> frozenset[int]:
    """Every instruction has four bytes."""
    return frozenset(range(address, address + len(code), _CALL_SIZE))


def _states(code: CodeView, function: Function | None, found: list[int]) -> Iterator[tuple[int, State]]:
    """What registers hold at each call, as far as the straight run of instructions before it says."""
    try:
        routine = code.routine_at(function.entry) if function else None
    except BinaryError:
        routine = None
    if routine is None:
        yield from ((call, {}) for call in found)  # data among the code: nothing is known
        return
    for call in found:
        first = index = routine.index_of(call)
        if routine.has_indirect_jumps:
            yield call, {}
            continue
        while first > 0 and index - first < _LOOK_BACK and not _begins_block(routine, first):
            first -= 1
        yield call, straight(routine.instructions[first:index])


def _begins_block(routine: Routine, index: int) -> bool:
    """Whether execution can come there other than from the instruction before, or not from that at all."""
    return index in routine.jump_targets or routine.successors[index - 1] != (index,)


ARM64 = makesites.Calling(_CALL_SIZE, calls, _states, starts)
