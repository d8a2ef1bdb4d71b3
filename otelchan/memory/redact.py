"""Stacks without the values of variables: what leaves the machine in a recording.

To follow a stack nothing is needed but frame pointers, which point into the same stack, and return addresses, which
point into the code. Every other word of a stack becomes zero; the walk (stacks.follow, model.stacks.walk) ends at the
same places, because a word that points neither there nor there ends it just as a zero does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import Words
from otelchan.memory.recorded import Read

_WORD = 8


class StackRedactor:
    """Finds the stacks among what was read of one program. text: live addresses [low, high) of its code."""

    def __init__(self, layout: Layout, globals_: Globals, bias: int, text: tuple[int, int]) -> None:
        self._low, self._high = layout["g.stack.lo"], layout["g.stack.hi"]
        self._list = globals_.allgptr + bias
        self._text = text

    def redact(self, reads: Sequence[Read], goroutines: Iterable[int]) -> list[Read]:
        """The same reads, of one census, with the stacks in them redacted. goroutines: addresses of g structs."""
        addresses = {*goroutines, *self._listed(reads)}
        bounds = self._stacks(reads, np.sort(np.fromiter(addresses, np.uint64)))
        if not bounds:
            return list(reads)
        low = np.sort(np.fromiter(bounds, np.uint64))
        which = np.searchsorted(low, np.array([read.address for read in reads], np.uint64), side="right") - 1
        stacks = low[np.maximum(which, 0)].tolist()
        return [
            read._replace(data=redacted(read.data, (stack, bounds[stack]), self._text))
            if read.data and stack <= read.address < bounds[stack]
            else read
            for read, stack in zip(reads, stacks, strict=True)
        ]

    def _listed(self, reads: Sequence[Read]) -> set[int]:
        """The entries of runtime.allgs, which has also those that the census gave up."""
        pointers = {int.from_bytes(r.data, "little") for r in reads if r.address == self._list and r.data}
        lists = [r.data for r in reads if r.address in pointers and r.data and not len(r.data) % _WORD]
        return set(np.frombuffer(b"".join(lists), np.uint64).tolist())

    def _stacks(self, reads: Sequence[Read], goroutines: Words) -> dict[int, int]:
        """Low and high end, from every copy of a g struct: a stack may be moved between two of them."""
        found = {}
        end = max(self._low, self._high) + _WORD
        for read in reads:
            if read.data is None or read.size < end:
                continue
            first, last = np.searchsorted(goroutines, np.array([read.address, read.address + read.size - end + 1]))
            for g in goroutines[first:last].tolist():
                at = g - read.address
                low, high = (int.from_bytes(read.data[at + o :][:_WORD], "little") for o in (self._low, self._high))
                if 0 < low < high:
                    found[low] = high
        return found


def redacted(data: bytes, stack: tuple[int, int], text: tuple[int, int]) -> bytes:
    """A copy of part of a stack with zeros for all words that point neither into that stack nor into the code.

    A rest of less than a word becomes zero as well.
    """
    words: NDArray[np.uint64] = np.frombuffer(data, np.uint64, len(data) // _WORD)
    # Bounds included: a return address may be the end of the code, a frame pointer the end of the stack.
    kept = ((words >= stack[0]) & (words <= stack[1])) | ((words >= text[0]) & (words <= text[1]))
    return np.where(kept, words, 0).astype(np.uint64).tobytes() + bytes(len(data) % _WORD)
