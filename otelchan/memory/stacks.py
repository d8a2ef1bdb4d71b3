"""Stacks of many parked goroutines at once, by their saved frame pointers, in copies of their memory.

Every Go function that calls another one saves the caller's frame pointer, so from g.sched a chain of {frame pointer,
return address} pairs leads to runtime.goexit, where every goroutine starts with frame pointer 0 (amd64; src/runtime/
asm_amd64.s, mcall and goexit). A stack is believed only when its chain ends there: while the runtime moves it, or when
the goroutine runs on, the chain breaks. Where C code called back into Go it goes on as memory/callbacks.py says.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from otelchan.memory.bulk import Indices, Mask, Words
from otelchan.memory.callbacks import CROSSING, Callbacks, Crossing, cross

MAX_FRAMES = 4096
"""So many return addresses are kept of a chain, the innermost; the others are counted."""

_WORD, _PAIR = np.uint64(8), np.uint64(16)
_ENOUGH = 8  # goroutines that are alike, so that it is worth while to compare them
_LARGE = 4096  # bytes of a stack that is worth it alone: step by step all wait for the deepest
_WAYS = 8  # in which goroutines that are alike can have come
_ENDED, _BEYOND, _TORN = "in runtime.goexit", "behind the copy", "elsewhere"
_MIX, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


def _factors(count: int) -> Words:
    return (np.arange(1, count + 1, dtype=np.uint64) * _MIX ^ _MIX >> _SHIFT) * _MIX | np.uint64(1)


_FACTORS = _factors(MAX_FRAMES)


class Ranges(NamedTuple):
    """Live addresses [low, high): of the whole text, of runtime.goexit, and of the text of each plugin, which has
    copies of runtime.goexit and of whatever else it calls, that nobody looks for.

    callbacks: None in a program without cgo.
    """

    text: tuple[int, int]
    goexit: tuple[int, int]
    plugins: tuple[tuple[int, int], ...] = ()
    callbacks: Callbacks | None = None

    def has(self, pc: int) -> bool:
        """It is a return address into Go code: it points behind a call."""
        return self.text[0] < pc <= self.text[1] or any(low < pc <= high for low, high in self.plugins)

    def have(self, pcs: Words) -> Mask:
        """has() of many."""
        found = _in(pcs, self.text)
        return found | self.plugins_have(pcs) if self.plugins else found

    def plugins_have(self, pcs: Words) -> Mask:
        """They are return addresses into the code of plugins."""
        found = np.zeros(pcs.shape, np.bool_)
        for bounds in self.plugins:
            found |= _in(pcs, bounds)
        return found


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
    """stack[which[i]]: live return addresses of row i, innermost first, runtime.goexit included; not more than
    MAX_FRAMES and one.

    complete: the chain ended there. beyond: it goes on in the stack, but not in the copy. depth: return addresses in
    the chain, as far as it was followed. Equal stacks are one tuple, since of thousands of goroutines only few differ
    in where they are.
    """

    stack: list[tuple[int, ...]]
    which: Indices
    complete: Mask
    beyond: Mask
    depth: Indices


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

    def depth(self) -> Indices:
        """How many each row has."""
        return np.bincount(np.concatenate(self._rows), minlength=len(self._hash))

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
    which, depth = np.full(len(of.pc), -1, np.int64), np.zeros(len(of.pc), np.int64)
    complete, beyond = np.zeros((2, len(of.pc)), np.bool_)
    for rows in _alike(of):
        for _ in range(_WAYS):
            first = int(rows[0])
            places, found = _places(words, of, first, int(of.bp[first]), ranges)
            if found is _TORN:
                break
            if found is _BEYOND:  # nobody is compared with it: it is not known how it goes on
                which[first], depth[first], beyond[first] = len(stack), 1 + len(places), True
                stack.append((int(of.pc[first]), *words[of.start[first] + places[:MAX_FRAMES] + 1].tolist()))
                rows = rows[1:]
            else:
                numbers = _at_places(words, of, rows, places, ranges, stack)
                which[rows] = numbers
                complete[rows], depth[rows] = numbers >= 0, 1 + len(places)
                rows = rows[numbers < 0]
            if not len(rows) or (len(rows) < _ENOUGH and of.size[rows[0]] < _LARGE):
                break
    rest = np.flatnonzero(which < 0)
    if len(rest):
        others = _walk(words, of.rows(rest), ranges)
        which[rest] = others.which + len(stack)
        complete[rest], beyond[rest], depth[rest] = others.complete, others.beyond, others.depth
        stack += others.stack
    return Stacks(stack, which, complete, beyond, depth)


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


def _places(words: Words, of: Sleepers, row: int, frame: int, ranges: Ranges) -> tuple[Indices, str]:
    """Where the frames of this goroutine are, from that one on, in words above its stack pointer, and how they end."""
    sp, high, (low, last), (first, end) = int(of.sp[row]), int(of.high[row]), ranges.goexit, ranges.text
    copy = words[of.start[row] :][: int(of.size[row]) // 8].tolist()
    found: list[int] = []
    while sp <= frame <= high - 16 and frame % 8 == 0:
        place = (frame - sp) // 8
        if place + 2 > len(copy):
            return np.array(found, np.int64), _BEYOND
        following, back = copy[place], copy[place + 1]
        if not (first < back <= end or ranges.has(back)):
            break
        found.append(place)
        if low < back <= last:
            return np.array(found), _ENDED
        if following <= frame:
            break
        frame = following
    return np.array(found, np.int64), _TORN


def _at_places(
    words: Words, of: Sleepers, rows: Indices, places: Indices, ranges: Ranges, stack: list[tuple[int, ...]]
) -> Indices:
    """For each row whose chain has its frames there and leads to goexit the number of its stack in the list, to which
    new ones are added; else -1."""
    at = of.start[rows][:, None] + places
    leads = (words[at[:, :-1]] - of.sp[rows][:, None] == places[1:].astype(np.uint64) * _WORD).all(axis=1)
    back = words[at[leads] + 1]
    # Told apart by a 64-bit hash: multilinear, by odd numbers.
    factors = _FACTORS[: len(places)] if len(places) <= MAX_FRAMES else _factors(len(places))
    _, example, which = np.unique(back @ factors, return_index=True, return_inverse=True)
    known = ranges.have(back[example]).all(axis=1) & _in(back[example][:, -1], ranges.goexit)
    known &= ~_in(back[example][:, :-1], ranges.goexit).any(axis=1)
    numbers = np.full(len(example), -1, np.int64)
    numbers[known] = len(stack) + np.arange(int(known.sum()))
    stack += [(int(of.pc[rows[0]]), *chain) for chain in back[example[known], :MAX_FRAMES].tolist()]
    result = np.full(len(rows), -1, np.int64)
    result[leads] = numbers[which]
    return result


def _walk(words: Words, of: Sleepers, ranges: Ranges) -> Stacks:
    """The stacks of these goroutines, all chains one step at a time."""
    chains = _Chains(of.pc)
    complete, beyond = np.zeros((2, len(of.pc)), np.bool_)
    # One that never ran has no frame yet, only the return address into goexit (gostartcall).
    new = np.flatnonzero((of.bp == 0) & (of.size >= _WORD))
    ways_out = words[of.start[new]]
    new = new[_in(ways_out, ranges.goexit) | ranges.plugins_have(ways_out)]
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
        known = ranges.have(back)
        chains.add(at[known], back[known])
        ended = _in(back, ranges.goexit)
        if ranges.plugins:
            ended |= (following == 0) & ranges.plugins_have(back)
        complete[at[ended]] = True
        going = known & ~ended & (following > frame)  # a chain only ever goes up
        for i in _called_back(back, ranges):
            row, size = at[i], int(of.size[at[i]] - (frame[i] - of.sp[at[i]]))
            crossing = _cross(words[place[i] :][: size // 8], chains, row, ranges)
            complete[row], beyond[row] = crossing.ended, crossing.beyond
            following[i], going[i] = frame[i] + np.uint64(8 * crossing.frame), crossing.frame > 0
        at, frame = at[going], following[going]
        if not len(at):
            break
    depth = chains.depth()
    for row, start in zip(at.tolist(), frame.tolist(), strict=True):
        places, found = _places(words, of, row, start, ranges)
        complete[row], beyond[row] = found is _ENDED, found is _BEYOND
        depth[row] += len(places)
    return Stacks(*chains.distinct(), complete, beyond, depth)


def _called_back(back: Words, ranges: Ranges) -> list[int]:
    """Where the chain comes to code that C called."""
    if ranges.callbacks is None:
        return []
    found: list[int] = np.flatnonzero(_in(back, ranges.callbacks.entry)).tolist()
    return found


def _cross(copy: Words, chains: _Chains, row: int, ranges: Ranges) -> Crossing:
    """How the chain of that row goes on below C; what comes at once is added to it."""
    assert ranges.callbacks
    crossing = cross(copy[:CROSSING].tolist(), ranges.callbacks, ranges.goexit)
    for pc in crossing.pcs:
        chains.add(np.array([row]), np.array([pc], np.uint64))
    return crossing


def _in(pcs: Words, bounds: tuple[int, int]) -> Mask:
    """Return addresses of calls within the bounds: they point behind the call."""
    result: Mask = (pcs > np.uint64(bounds[0])) & (pcs <= np.uint64(bounds[1]))
    return result
