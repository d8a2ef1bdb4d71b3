"""Stacks of many parked goroutines at once, by their saved frame pointers, in copies of their memory.

Every Go function that calls another one saves the caller's frame pointer, so from g.sched a chain of {frame pointer,
return address} pairs leads to runtime.goexit, where every goroutine starts with frame pointer 0 (amd64; src/runtime/
asm_amd64.s, mcall and goexit). A stack is believed only when its chain ends there: while the runtime moves it, or when
the goroutine runs on, the chain breaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from otelchan.memory.bulk import Indices, Mask, Words

MAX_FRAMES = 4096
"""Longer chains are cut off, and not complete."""

_WORD, _PAIR = np.uint64(8), np.uint64(16)
_ENOUGH = 8  # goroutines that are alike, so that it is worth while to compare them
_LARGE = 4096  # bytes of a stack that is worth it alone: step by step all wait for the deepest
_WAYS = 8  # in which goroutines that are alike can have come
_MIX, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)

_FACTORS = (np.arange(1, MAX_FRAMES + 1, dtype=np.uint64) * _MIX ^ _MIX >> _SHIFT) * _MIX | np.uint64(1)


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

    def rows(self, index: Indices) -> Sleepers:
        """Only those rows."""
        pc, bp, sp, high, start, size = self
        return Sleepers(pc[index], bp[index], sp[index], high[index], start[index], size[index])


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
    """The stacks of these goroutines. Pure.

    Only [sp, high) is looked at, so a chain that leads elsewhere is torn: neither complete nor beyond. Goroutines that
    came the same way have their frames at the same places: one is followed, and the others are compared with it.
    """
    stack: list[tuple[int, ...]] = []
    which = np.full(len(of.pc), -1, np.int64)
    for rows in _alike(of):
        for _ in range(_WAYS):
            places = _places(words, of, int(rows[0]), ranges)
            if places is None:
                break
            found = _at_places(words, of, rows, places, ranges, stack)
            which[rows] = found
            rows = rows[found < 0]
            if len(rows) < _ENOUGH:
                break
    complete, beyond = which >= 0, np.zeros(len(which), np.bool_)
    rest = np.flatnonzero(~complete)
    if len(rest):
        others = _walk(words, of.rows(rest), ranges)
        which[rest] = others.which + len(stack)
        complete[rest], beyond[rest] = others.complete, others.beyond
        stack += others.stack
    return Stacks(stack, which, complete, beyond)


def _alike(of: Sleepers) -> Iterator[Indices]:
    """Rows of goroutines that may have come the same way, where there are enough of them to make it worth while."""
    depth = of.bp - of.sp
    order = np.lexsort((of.size, depth, of.pc))
    pc, depth, size = of.pc[order], depth[order], of.size[order]
    differs = np.ones(len(order) + 1, np.bool_)
    differs[1:-1] = (pc[1:] != pc[:-1]) | (depth[1:] != depth[:-1]) | (size[1:] != size[:-1])
    for begin, end in pairwise(np.flatnonzero(differs).tolist()):
        if end - begin >= _ENOUGH or size[begin] >= _LARGE:
            yield order[begin:end]


def _places(words: Words, of: Sleepers, row: int, ranges: Ranges) -> Indices | None:
    """Where the frames of this goroutine are, in words above its stack pointer; None unless they lead to goexit."""
    sp, frame = int(of.sp[row]), int(of.bp[row])
    copy = words[of.start[row] :][: int(of.size[row]) // 8].tolist()
    found: list[int] = []
    while len(found) < MAX_FRAMES and frame >= sp and frame % 8 == 0 and (frame - sp) // 8 + 2 <= len(copy):
        found.append((frame - sp) // 8)
        following, back = copy[found[-1]], copy[found[-1] + 1]
        if ranges.goexit[0] < back <= ranges.goexit[1]:
            return np.array(found)
        if not ranges.text[0] < back <= ranges.text[1] or following <= frame:
            return None
        frame = following
    return None


def _at_places(
    words: Words, of: Sleepers, rows: Indices, places: Indices, ranges: Ranges, stack: list[tuple[int, ...]]
) -> Indices:
    """For each row whose chain has its frames there and leads to goexit the number of its stack in the list, to which
    new ones are added; else -1."""
    at = of.start[rows][:, None] + places
    leads = (words[at[:, :-1]] - of.sp[rows][:, None] == places[1:].astype(np.uint64) * _WORD).all(axis=1)
    back = words[at[leads] + 1]
    # Told apart by a 64-bit hash: multilinear, by odd numbers.
    _, example, which = np.unique(back @ _FACTORS[: len(places)], return_index=True, return_inverse=True)
    known = _in(back[example], ranges.text).all(axis=1) & _in(back[example][:, -1], ranges.goexit)
    known &= ~_in(back[example][:, :-1], ranges.goexit).any(axis=1)
    numbers = np.full(len(example), -1, np.int64)
    numbers[known] = len(stack) + np.arange(int(known.sum()))
    stack += [(int(of.pc[rows[0]]), *chain) for chain in back[example[known]].tolist()]
    result = np.full(len(rows), -1, np.int64)
    result[leads] = numbers[which]
    return result


def _walk(words: Words, of: Sleepers, ranges: Ranges) -> Stacks:
    """The stacks of these goroutines, all chains one step at a time."""
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
