"""Stacks and waits of parked goroutines, each believed only when the goroutine did not move while they were read.

For each goroutine its g struct, the used part of its stack, its sudogs, the channels of its select and the g struct
again are read one after the other in one system call, within a microsecond or two. When both copies of g agree, what
lies between them belongs to one and the same park.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from otelchan.errors import BinaryError
from otelchan.gobinary.types import GoImage, Layout
from otelchan.memory.bulk import Copy, Indices, Mask, Words, batches, copy_in_order
from otelchan.memory.goroutines import Table, copied_rows, row_size
from otelchan.memory.stacks import Ranges, Sleepers, Stacks, follow
from otelchan.memory.types import Reader
from otelchan.memory.waits import Cases, Reasons, Waits, find_cases, no_waits, waits_of

ATTEMPTS = 4
"""How often a goroutine that moves is looked at again before it is given up."""
LIMITS = np.array([4096, 1 << 16, 1 << 20], np.uint64)
"""Bytes copied of a stack, from its stack pointer up: at first, and then when its chain of frames goes on."""

_WORD = np.uint64(8)


class Parks(NamedTuple):
    """What was found, by row of the table. stacks: live return addresses. unread: rows that would not stand still."""

    stacks: dict[int, tuple[int, ...]]
    complete: set[int]
    waits: Waits
    unread: Indices


class Look(NamedTuple):
    """One look at some goroutines, by their order. now: as they were at the end of it. still: nothing moved meanwhile.
    sure: what they wait on is certain."""

    now: Table
    still: Mask
    sure: Mask
    stacks: Stacks
    waits: Waits


def ranges_of(reader: Reader, image: GoImage, bias: int) -> Ranges:
    """Where the text and runtime.goexit are. Raises BinaryError when the executable has no runtime.goexit."""
    module = image.globals.moduledata + bias
    text, etext = (
        int.from_bytes(reader.read(module + image.layout[name], 8), "little")
        for name in ("moduledata.text", "moduledata.etext")
    )
    goexit = image.functions.find("runtime.goexit")
    if goexit is None:
        raise BinaryError(f"{image.path} has no function runtime.goexit; build it again with go build")
    return Ranges((text, etext), (goexit.entry + bias, goexit.end + bias))


def settle(reader: Reader, layout: Layout, ranges: Ranges, reasons: Reasons, table: Table, pending: Indices) -> Parks:
    """Read stack and waits of the goroutines in these rows, all parked when the table was read.

    The table is brought up to date on the way: a row that turns out to run by now has its new status, one that parked
    again is read again. A stack whose chain ends elsewhere than in runtime.goexit is believed at the last attempt.
    """
    found = Parks({}, set(), no_waits(), pending[:0])
    level, tries = np.zeros((2, len(table)), np.int64)
    while len(pending):
        left = []
        for rows, look in looks(reader, layout, ranges, reasons, table, pending, LIMITS[level[pending]]):
            larger = look.still & look.stacks.beyond & (level[rows] < len(LIMITS) - 1)
            level[rows[larger]] += 1
            tries[rows[~larger]] += 1
            whole = look.stacks.complete | (tries[rows] == ATTEMPTS)
            settled = look.still & look.sure & whole & ~larger
            found = _keep(found, rows, look, settled)
            table.replace(rows, look.now)
            left.append(rows[~settled & look.now.parked(layout)])
        pending = np.concatenate(left)
        given_up = tries[pending] == ATTEMPTS
        found = found._replace(unread=np.concatenate((found.unread, pending[given_up])))
        pending = pending[~given_up]
    return found


def looks(
    reader: Reader, layout: Layout, ranges: Ranges, reasons: Reasons, table: Table, index: Indices, limits: Words
) -> list[tuple[Indices, Look]]:
    """One look at the goroutines in these rows, which are parked, some at a time. limits: most bytes of each stack."""
    sizes = np.minimum(table.high[index] - table.sp[index], limits)
    parts = [(index[part], sizes[part]) for part in batches(sizes + np.uint64(2 * row_size(layout)))]
    return [(rows, _look(reader, layout, ranges, reasons, table.rows(rows), size)) for rows, size in parts]


def _look(reader: Reader, layout: Layout, ranges: Ranges, reasons: Reasons, then: Table, size: Words) -> Look:
    usable = (then.sp < then.high) & (then.sp % _WORD == 0)
    size = np.where(usable, size // _WORD * _WORD, 0).astype(np.uint64)
    cases = find_cases(reader, layout, reasons, then)
    before, stacks, sudogs, channels, after = _read_apiece(reader, layout, then, size, cases)
    old, now = copied_rows(layout, then.address, before), copied_rows(layout, then.address, after)
    still = old.same_park(now) & now.parked(layout) & stacks.whole & usable
    for row in (old, now):
        still &= (row.sp == then.sp) & (row.high == then.high)
    sleepers = Sleepers(old.pc, old.bp, old.sp, old.high, stacks.start // 8, size)
    walked = follow(stacks.data.view(np.uint64), sleepers, ranges)
    waits, sure = waits_of(layout, reasons, old, cases, sudogs, channels)
    return Look(now, still, sure, walked, waits)


def _read_apiece(
    reader: Reader, layout: Layout, then: Table, size: Words, cases: Cases
) -> tuple[Copy, Copy, Copy, Copy, Copy]:
    """Copies of g, stack, sudogs, channels of selects and g again, all of one goroutine before those of the next."""
    rows, g = np.arange(len(then)), np.full(len(then), row_size(layout), np.uint64)
    select = np.flatnonzero(cases.channel)
    sudog = np.full(len(cases.owner), layout["sizeof sudog"], np.uint64)
    hchan = np.full(len(select), layout["sizeof hchan"], np.uint64)
    addresses = (then.address, then.sp, cases.sudog, cases.channel[select], then.address)
    sizes, owners = (g, size, sudog, hchan, g), (rows, rows, cases.owner, cases.owner[select], rows)
    order = np.argsort(np.concatenate(owners), kind="stable")
    copies = copy_in_order(reader, np.concatenate(addresses)[order], np.concatenate(sizes)[order])
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    first, stacks, sudogs, channels, last = (
        copies.only(part) for part in np.split(place, np.cumsum([len(kind) for kind in owners])[:-1])
    )
    of_cases = Copy(copies.data, np.zeros(len(cases.owner), np.int64), np.ones(len(cases.owner), np.bool_))
    of_cases.start[select], of_cases.whole[select] = channels.start, channels.whole
    return first, stacks, sudogs, of_cases, last


def _keep(found: Parks, rows: Indices, look: Look, settled: Mask) -> Parks:
    stacks, which = look.stacks.stack, look.stacks.which[settled].tolist()
    for row, stack, complete in zip(rows[settled].tolist(), which, look.stacks.complete[settled].tolist(), strict=True):
        found.stacks[row] = stacks[stack]
        if complete:
            found.complete.add(row)
    waits = look.waits.rows(settled[look.waits.owner])
    return found._replace(waits=found.waits.join(waits._replace(owner=rows[waits.owner])))
