"""The census: one look at all goroutines of a program and at the channels that they wait on, without stopping it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan import clock
from otelchan.gobinary.types import GoImage
from otelchan.memory.channels import NOBODY, WaitedOn, waited_on
from otelchan.memory.columns import Goroutines
from otelchan.memory.counts import read_counts
from otelchan.memory.goroutine import Goroutine, Texts
from otelchan.memory.goroutines import no_rows, read_table, status_names
from otelchan.memory.made import Made
from otelchan.memory.modules import modules_of
from otelchan.memory.parks import Parks, StackList, ranges_of, settle
from otelchan.memory.rows import Indices, Mask, Table, Waits
from otelchan.memory.system import is_system
from otelchan.memory.typename import types_of
from otelchan.memory.types import Census, Reader
from otelchan.memory.waits import Reasons, no_waits, reasons_of


class _Memo(NamedTuple):
    """What the next census takes over from this one.

    By row of the table: shown; again: it looked the same in the census before this one; stack: its number in stacks,
    which have link-time addresses; complete; depth; serial: stays while nothing about it changes, and is given out
    once. waits: owners are rows, ordered.
    """

    table: Table
    shown: Mask
    again: Mask
    stack: NDArray[np.int32]
    complete: Mask
    depth: NDArray[np.int32]
    serial: Indices
    stacks: tuple[tuple[int, ...], ...]
    waits: Waits
    channels: WaitedOn
    made: Made[Goroutine]


def _nothing() -> _Memo:
    no_mask, no_stack, no_serial = np.zeros(0, np.bool_), np.zeros(0, np.int32), np.zeros(0, np.int64)
    return _Memo(no_rows(), no_mask, no_mask, no_stack, no_mask, no_stack, no_serial, ((),), no_waits(), NOBODY, Made())


def take_census(reader: Reader, image: GoImage, bias: int, previous: Census | None = None) -> Census:
    """Every goroutine with its wait, and every channel that somebody waits on.

    previous: the last census of the same process, read through the same reader; what has not changed since is taken
    from it. The program runs on meanwhile, so each goroutine is true for a moment within the census, but not all for
    the same one; a goroutine that never stands still long enough is left out and counted as unread.
    Raises MemoryGone when the program exits meanwhile, TargetError when its memory may not be read.
    """
    began_ns, began_bytes = clock.monotonic_ns(), reader.bytes_read
    layout = image.layout
    memo = previous.memo if previous is not None and isinstance(previous.memo, _Memo) else _nothing()
    modules = modules_of(reader, layout, image.globals, bias)
    for module in modules[1:]:
        image.functions.plugins.add(module.text[0] - bias, module.text[1] - bias, module.plugin)
    ranges = ranges_of(image, bias, modules)
    reasons = reasons_of(layout.wait_reasons)
    counts = read_counts(reader, layout, image.globals, bias)
    table = read_table(reader, layout, image.globals, bias)
    if len(table) < len(memo.table):  # allgs never shrinks: that census was of another program
        memo = _nothing()
    same, kept = _unchanged(table, memo, table.parked(layout), reasons)
    parks = settle(reader, layout, ranges, reasons, table, np.flatnonzero(table.parked(layout) & ~kept))
    shown = table.status != layout["const.Gdead"]
    shown[parks.unread] = False
    system = _system(image, bias, table, shown)
    now = _next(table, memo, kept, shown, same, parks, bias)
    now = now._replace(channels=waited_on(reader, layout, types_of(modules), bias, now.waits, memo.channels))
    texts = Texts(status_names(layout), layout.wait_reasons, reasons.select, bias)
    parked = shown & ~system & table.parked(layout)
    ended_ns = clock.monotonic_ns()
    return Census(
        time_unix_ns=clock.unix_ns(),
        monotonic_ns=ended_ns,
        duration_ns=ended_ns - began_ns,
        counts=counts,
        goroutines=_goroutines(now, texts, table.parked(layout), system),
        channels=now.channels.channels,
        unread=len(parks.unread),
        bytes_read=reader.bytes_read - began_bytes,
        by_reason=_by_reason(layout.wait_reasons, table.reason[parked]),
        plugins=tuple(module.plugin for module in modules[1:]),
        memo=now,
    )


def _unchanged(table: Table, memo: _Memo, parked: Mask, reasons: Reasons) -> tuple[Mask, Mask]:
    """Rows that look as in the last census, and those of them that are taken over from it without a look at the stack.

    Looking the same is not enough: one run in 256 ends in a park that looks the same. But the garbage collector stamps
    the waits that it meets (gcMarkRootPrepare in src/runtime/mgcmark.go) and running clears the stamp (execute in
    proc.go), so with an equal stamp the goroutine never ran. Before a collection comes, a row is taken over when it
    looks the same for the third time. Neither says anything of a wait that ends without a trace.
    """
    same, stamped = np.zeros((2, len(table)), np.bool_)
    common = slice(0, min(len(table), len(memo.table)))
    now, then = table.rows(common), memo.table.rows(common)
    same[common] = parked[common] & memo.shown[common] & now.same_park(then) & (now.since == then.since)
    same &= ~reasons.traceless[table.reason]
    stamped[common] = (now.since != 0) | memo.again[common]
    return same, same & stamped


def _system(image: GoImage, bias: int, table: Table, shown: Mask) -> Mask:
    """Rows that are the runtime's own; asked once per start function and wait reason."""
    layout = image.layout
    reason = np.where(table.parked(layout), table.reason, 0).astype(np.uint64)
    keys, which = np.unique((table.started_at << np.uint64(8)) | reason, return_inverse=True)
    texts = layout.wait_reasons
    answers = [is_system(image.functions, (key >> 8) - bias, texts.get(key & 0xFF, "")) for key in keys.tolist()]
    return shown & np.array(answers, np.bool_)[which]


def _next(table: Table, memo: _Memo, kept: Mask, shown: Mask, same: Mask, parks: Parks, bias: int) -> _Memo:
    """What is known now but for channels: of kept rows what was known before, of the others what was found."""
    old, new = np.flatnonzero(kept), np.flatnonzero(~kept)
    stacks = StackList()
    before = np.zeros(len(memo.stacks), np.int32)
    for number in np.flatnonzero(np.bincount(memo.stack[old], minlength=1)).tolist():  # those still in use
        before[number] = stacks.number(memo.stacks[number])
    link_time = (tuple(pc - bias for pc in stack) for stack in parks.stacks.stacks)
    stack = np.array([stacks.number(each) for each in link_time], np.int32)[parks.stack]
    stack[old] = before[memo.stack[old]]
    parks.complete[old], parks.depth[old] = memo.complete[old], memo.depth[old]
    serial = np.empty(len(table), np.int64)
    serial[old] = memo.serial[old]
    serial[new] = memo.made.serials(len(new))
    memo.made.keep(serial)
    waits = memo.waits.rows(kept[memo.waits.owner]).join(parks.waits).ordered()
    found = tuple(stacks.stacks)
    return _Memo(table, shown, same, stack, parks.complete, parks.depth, serial, found, waits, NOBODY, memo.made)


def _goroutines(memo: _Memo, texts: Texts, parked: Mask, system: Mask) -> Goroutines:
    return Goroutines(
        memo.table,
        np.flatnonzero(memo.shown),
        texts,
        parked=parked,
        system=system,
        complete=memo.complete,
        depth=memo.depth,
        stack=memo.stack,
        stacks=memo.stacks,
        waits=memo.waits,
        serial=memo.serial,
        made=memo.made,
    )


def _by_reason(texts: Mapping[int, str], reasons: NDArray[np.uint8]) -> dict[str, int]:
    """Wait reason -> goroutines, most frequent first."""
    counted = np.bincount(reasons, minlength=256)
    order = sorted(np.flatnonzero(counted).tolist(), key=lambda number: -int(counted[number]))
    return {texts.get(number, f"reason {number}"): int(counted[number]) for number in order}
