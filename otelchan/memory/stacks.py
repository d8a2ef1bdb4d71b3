"""Stacks of many parked goroutines at once, by their saved frame pointers, in copies of their memory.

Every Go function that calls another one saves the caller's frame pointer, so from g.sched a chain of {frame pointer,
return address} pairs leads to runtime.goexit, where every goroutine starts with frame pointer 0 (amd64; src/runtime/
asm_amd64.s, mcall and goexit). A stack is believed only when its chain ends there: while the runtime moves it, or when
the goroutine runs on, the chain breaks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from otelchan.memory.bulk import Indices, Mask, Words

MAX_FRAMES = 4096
"""Longer chains are cut off, and not complete."""

_WORD, _PAIR = np.uint64(8), np.uint64(16)
_MIX, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


class Ranges(NamedTuple):
    """Live addresses [low, high): of the whole text, and of runtime.goexit."""

    text: tuple[int, int]
    goexit: tuple[int, int]


class Sleepers(NamedTuple):
    """Goroutines that do not run, one per row. pc, bp, sp: saved registers. high: end of the stack.

    memory, start, size: the bytes [sp, sp + size) are at words[start:] of the copies.
    """

    pc: Words
    bp: Words
    sp: Words
    high: Words
    start: Indices
    size: Words


class Stacks(NamedTuple):
    """stack[which[i]]: live return addresses of row i, innermost first, runtime.goexit included.

    complete: the chain ended there. beyond: it goes on in the stack, but not in the copy. Equal stacks are one tuple,
    since of thousands of goroutines only few differ in where they are.
    """

    stack: list[tuple[int, ...]]
    which: Indices
    complete: Mask
    beyond: Mask


class _Chains:
    """The return addresses found so far, by row."""

    def __init__(self, pcs: Words) -> None:
        self._rows: list[Indices] = [np.arange(len(pcs))]
        self._pcs: list[Words] = [pcs]
        self._hash = pcs * _MIX

    def add(self, rows: Indices, pcs: Words) -> None:
        """One more return address for each of these rows."""
        self._rows.append(rows)
        self._pcs.append(pcs)
        mixed = (self._hash[rows] ^ pcs) * _MIX
        self._hash[rows] = mixed ^ (mixed >> _SHIFT)

    def distinct(self) -> tuple[list[tuple[int, ...]], Indices]:
        """The different chains, told apart by a 64-bit hash, and which one each row has."""
        _, example, which = np.unique(self._hash, return_index=True, return_inverse=True)
        position = np.full(len(self._hash), -1, np.int64)
        position[example] = np.arange(len(example))
        stacks: list[list[int]] = [[] for _ in example]
        for rows, pcs in zip(self._rows, self._pcs, strict=True):
            of = position[rows]
            shown = of >= 0
            for stack, pc in zip(of[shown].tolist(), pcs[shown].tolist(), strict=True):
                stacks[stack].append(pc)
        return [tuple(stack) for stack in stacks], which


def follow(words: Words, of: Sleepers, ranges: Ranges) -> Stacks:
    """The stacks of these goroutines, all chains one step at a time. Pure.

    Only [sp, high) is looked at, so a chain that leads elsewhere is torn: neither complete nor beyond.
    """
    chains = _Chains(of.pc)
    complete, beyond = np.zeros((2, len(of.pc)), np.bool_)
    # One that never ran has no frame yet, only the return address into goexit (gostartcall).
    new = np.flatnonzero((of.bp == 0) & (of.size >= _WORD))
    new = new[_in(words[of.start[new]], ranges.goexit)]
    chains.add(new, words[of.start[new]])
    complete[new] = True
    at = np.flatnonzero(of.bp != 0)
    frame = of.bp[at]
    for _ in range(MAX_FRAMES):
        inside = (frame >= of.sp[at]) & (frame <= of.high[at] - _PAIR) & (frame % _WORD == 0)
        reached = inside & (frame - of.sp[at] + _PAIR <= of.size[at])
        beyond[at[inside & ~reached]] = True
        at, frame = at[reached], frame[reached]
        place = of.start[at] + ((frame - of.sp[at]) // _WORD).astype(np.int64)
        following, back = words[place], words[place + 1]
        known = _in(back, ranges.text)
        chains.add(at[known], back[known])
        ended = known & _in(back, ranges.goexit)
        complete[at[ended]] = True
        going = known & ~ended & (following > frame)  # a chain only ever goes up
        at, frame = at[going], following[going]
        if not len(at):
            break
    return Stacks(*chains.distinct(), complete, beyond)


def _in(pcs: Words, bounds: tuple[int, int]) -> Mask:
    """Return addresses of calls within the bounds: they point behind the call."""
    result: Mask = (pcs > np.uint64(bounds[0])) & (pcs <= np.uint64(bounds[1]))
    return result
