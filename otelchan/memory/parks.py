"""Stacks and waits of parked goroutines, each believed only when the goroutine did not move while they were read.

Goroutines are read in windows: for a few tens of them their g structs, the used parts of their stacks, their sudogs,
the channels of their selects and the g structs again, in this order, in one system call. When both copies of a g agree
and the window was short, or the collector's stamp proves it, what lies between them belongs to one and the same park.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import BinaryError
from otelchan.gobinary.types import GoImage, Layout
from otelchan.memory.bulk import batches
from otelchan.memory.callbacks import Callbacks
from otelchan.memory.goroutines import copied_rows, row_size
from otelchan.memory.modules import Module
from otelchan.memory.rows import Indices, Mask, Table, Words
from otelchan.memory.stacks import Ranges, Sleepers, Stacks, follow
from otelchan.memory.types import Reader, WindowReader
from otelchan.memory.waits import Reasons, Waits, find_cases, no_waits, waits_of
from otelchan.memory.windows import MOST_NS, read_windows, windows_of

ATTEMPTS = 4
"""How often a goroutine that moves is looked at again before it is given up."""
LIMITS = np.array([4096, 1 << 16, 1 << 20, 1 << 23], np.uint64)
"""Bytes copied of a stack, from its stack pointer up: at first, and then when its chain of frames goes on. One that
goes on behind 8 MiB, which are tens of thousands of frames, is not complete, and its depth is a lower bound."""

BATCH = 1 << 21
"""About so many bytes are held of the other program's memory at a time."""

_CALLBACKS = ("runtime.cgocallback", "runtime.systemstack_switch", "runtime.cgocall")
_WORD = np.uint64(8)


class StackList:
    """Distinct stacks, by number; number 0 is the empty one."""

    def __init__(self) -> None:
        self.stacks: list[tuple[int, ...]] = [()]
        self._numbers: dict[tuple[int, ...], int] = {(): 0}

    def number(self, stack: tuple[int, ...]) -> int:
        """Of that stack, which is added when it is new."""
        number = self._numbers.setdefault(stack, len(self.stacks))
        if number == len(self.stacks):
            self.stacks.append(stack)
        return number


class Parks(NamedTuple):
    """What was found. By row of the table: stack, a number in `stacks` (of live return addresses), 0 where none was
    found; complete: it leads to runtime.goexit; depth: return addresses in it. waits: owners are rows. unread: rows
    that would not stand still."""

    stacks: StackList
    stack: NDArray[np.int32]
    complete: Mask
    depth: NDArray[np.int32]
    waits: Waits
    unread: Indices


class Look(NamedTuple):
    """One look at some goroutines, by their order. now: as they were at the end of it. still: nothing moved meanwhile.
    proved: and that is certain. sure: what they wait on is certain."""

    now: Table
    still: Mask
    proved: Mask
    sure: Mask
    stacks: Stacks
    waits: Waits


def ranges_of(image: GoImage, bias: int, modules: tuple[Module, ...]) -> Ranges:
    """Where code is. modules: of the process, the executable first.

    Raises BinaryError when the executable has no runtime.goexit.
    """
    goexit, *callbacks = (image.functions.find(name) for name in ("runtime.goexit", *_CALLBACKS))
    if goexit is None:
        raise BinaryError(f"{image.path} has no function runtime.goexit; build it again with go build")
    bounds = [(function.entry + bias, function.end + bias) for function in callbacks if function is not None]
    plugins = tuple(module.text for module in modules[1:])
    crossing = None
    if len(bounds) == len(_CALLBACKS):
        entry, saved, call = bounds
        crossing = Callbacks(entry, saved, call, lambda back: image.functions.room(back - bias))
    return Ranges(modules[0].text, (goexit.entry + bias, goexit.end + bias), plugins, crossing)


def settle(reader: Reader, layout: Layout, ranges: Ranges, reasons: Reasons, table: Table, pending: Indices) -> Parks:
    """Read stack and waits of the goroutines in these rows, all parked when the table was read.

    The table is brought up to date on the way: a row that turns out to run by now has its new status, one that parked
    again is read again. A stack whose chain ends elsewhere than in runtime.goexit is believed at the last attempt.
    """
    stacks, (stack, depth) = StackList(), np.zeros((2, len(table)), np.int32)
    complete = np.zeros(len(table), np.bool_)
    waits, unread = [no_waits()], [pending[:0]]
    level, tries = np.zeros((2, len(table)), np.int64)
    alone = reasons.traceless[table.reason] | (not isinstance(reader, WindowReader))
    while len(pending):
        left = []
        for rows, look in looks(reader, layout, ranges, reasons, table, pending, LIMITS[level[pending]], alone):
            last = level[rows] == len(LIMITS) - 1
            larger = look.still & look.stacks.beyond & ~last
            level[rows[larger]] += 1
            again = look.still & ~look.proved & ~larger  # nothing is wrong with it: only the window was too long
            alone[rows[again]] = True
            tries[rows[~larger & ~again]] += 1
            whole = look.stacks.complete | (tries[rows] == ATTEMPTS) | (look.stacks.beyond & last)
            settled = look.still & look.proved & look.sure & whole & ~larger
            numbers = np.array([stacks.number(each) for each in look.stacks.stack], np.int32)
            stack[rows[settled]] = numbers[look.stacks.which[settled]]
            complete[rows[settled]] = look.stacks.complete[settled]
            depth[rows[settled]] = look.stacks.depth[settled]
            certain = look.waits.rows(settled[look.waits.owner])
            waits.append(certain._replace(owner=rows[certain.owner]))
            table.replace(rows, look.now)
            left.append(rows[~settled & look.now.parked(layout)])
        pending = np.concatenate(left)
        given_up = tries[pending] == ATTEMPTS
        unread.append(pending[given_up])
        pending = pending[~given_up]
    joined = Waits(*(np.concatenate(column) for column in zip(*waits, strict=True)))
    return Parks(stacks, stack, complete, depth, joined, np.concatenate(unread))


def looks(
    reader: Reader,
    layout: Layout,
    ranges: Ranges,
    reasons: Reasons,
    table: Table,
    index: Indices,
    limits: Words,
    alone: Mask,
) -> Iterator[tuple[Indices, Look]]:
    """One look at the goroutines in these rows, which are parked, some at a time. limits: most bytes of each stack.
    alone: by row of the table, those that get a window of their own."""
    order = np.lexsort((table.address[index], table.since[index] == 0))
    index, limits = index[order], limits[order]
    sizes = np.minimum(table.high[index] - table.sp[index], limits)
    for part in batches(sizes + np.uint64(2 * row_size(layout)), BATCH):
        rows = index[part]
        yield rows, _look(reader, layout, ranges, reasons, table.rows(rows), sizes[part], alone[rows])


def _look(
    reader: Reader, layout: Layout, ranges: Ranges, reasons: Reasons, then: Table, size: Words, alone: Mask
) -> Look:
    usable = (then.sp < then.high) & (then.sp % _WORD == 0)
    size = np.where(usable, size // _WORD * _WORD, 0).astype(np.uint64)
    cases = find_cases(reader, layout, reasons, then)
    window = windows_of(size, cases, alone, then.since != 0)
    before, stacks, sudogs, channels, after, took = read_windows(reader, layout, then, size, cases, window)
    old, now = copied_rows(layout, then.address, before), copied_rows(layout, then.address, after)
    still = old.same_park(now) & now.parked(layout) & stacks.whole & usable
    for row in (old, now):
        still &= (row.sp == then.sp) & (row.high == then.high)
    # With an equal stamp of the collector it cannot have run (gcMarkRootPrepare and execute, see memory/census.py).
    stamped = (old.since != 0) & (old.since == now.since)
    short = (took[window] >= 0) & (took[window] <= MOST_NS)
    proved = alone | ((stamped | short) & ~reasons.traceless[old.reason])
    sleepers = Sleepers(old.pc, old.bp, old.sp, old.high, stacks.start // 8, size)
    walked = follow(stacks.data.view(np.uint64), sleepers, ranges)
    waits, sure = waits_of(layout, reasons, old, cases, sudogs, channels)
    return Look(now, still, proved, sure, walked, waits)
