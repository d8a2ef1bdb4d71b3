"""The census: one look at all goroutines of a program and at the channels that they wait on, without stopping it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otelchan import clock
from otelchan.gobinary.types import GoImage
from otelchan.memory.bulk import Indices, Mask, Words
from otelchan.memory.channels import NOBODY, WaitedOn, waited_on
from otelchan.memory.counts import read_counts
from otelchan.memory.goroutines import Table, no_rows, read_table, status_names
from otelchan.memory.parks import Parks, ranges_of, settle
from otelchan.memory.system import is_system
from otelchan.memory.typename import type_range
from otelchan.memory.types import Census, Goroutine, Reader, Wait
from otelchan.memory.waits import OPERATIONS, Reasons, Waits, no_waits, reasons_of


@dataclass(frozen=True, slots=True)
class _Memo:
    """What the next census takes over from this one. By row of the table: goroutines, None where there is none; again:
    the row looked the same in the census before this one."""

    table: Table
    goroutines: list[Goroutine | None]
    shown: Mask
    again: Mask
    waits: Waits
    channels: WaitedOn


def _nothing() -> _Memo:
    none = np.zeros(0, np.bool_)
    return _Memo(no_rows(), [], none, none, no_waits(), NOBODY)


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
    ranges = ranges_of(reader, image, bias)
    reasons = reasons_of(layout.wait_reasons)
    counts = read_counts(reader, layout, image.globals, bias)
    table = read_table(reader, layout, image.globals, bias)
    if len(table) < len(memo.table):  # allgs never shrinks: that census was of another program
        memo = _nothing()
    same, kept = _unchanged(table, memo, table.parked(layout))
    parks = settle(reader, layout, ranges, reasons, table, np.flatnonzero(table.parked(layout) & ~kept))
    shown = table.status != layout["const.Gdead"]
    shown[parks.unread] = False
    system = _system(image, bias, table, shown)
    waits = memo.waits.rows(kept[memo.waits.owner]).join(parks.waits)
    rows = _goroutines(image, bias, table, reasons, memo, kept, shown, system, parks)
    types = type_range(reader, layout, image.globals, bias)
    channels = waited_on(reader, layout, types, bias, waits, memo.channels)
    parked = shown & ~system & table.parked(layout)
    ended_ns = clock.monotonic_ns()
    return Census(
        time_unix_ns=clock.unix_ns(),
        monotonic_ns=ended_ns,
        duration_ns=ended_ns - began_ns,
        counts=counts,
        goroutines=tuple(row for row in rows if row is not None),
        channels=channels.channels,
        unread=len(parks.unread),
        bytes_read=reader.bytes_read - began_bytes,
        by_reason=_by_reason(layout.wait_reasons, table.reason[parked]),
        memo=_Memo(table, rows, shown, same, waits, channels),
    )


def _unchanged(table: Table, memo: _Memo, parked: Mask) -> tuple[Mask, Mask]:
    """Rows that look as in the last census, and those of them that are taken over from it without a look at the stack.

    Looking the same is not enough: one run in 256 ends in a park that looks the same. But the garbage collector stamps
    the waits that it meets (gcMarkRootPrepare in src/runtime/mgcmark.go) and running clears the stamp (execute in
    proc.go), so with an equal stamp the goroutine never ran. Before a collection comes, a row is taken over when it
    looks the same for the third time.
    """
    same, stamped = np.zeros((2, len(table)), np.bool_)
    common = slice(0, min(len(table), len(memo.table)))
    now, then = table.rows(common), memo.table.rows(common)
    same[common] = parked[common] & memo.shown[common] & now.same_park(then) & (now.since == then.since)
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


def _goroutines(
    image: GoImage,
    bias: int,
    table: Table,
    reasons: Reasons,
    memo: _Memo,
    kept: Mask,
    shown: Mask,
    system: Mask,
    parks: Parks,
) -> list[Goroutine | None]:
    """One per row that is shown; the objects of the last census where nothing changed."""
    rows = memo.goroutines[: len(table)]
    rows += [None] * (len(table) - len(rows))
    for row in np.flatnonzero(~kept).tolist():
        rows[row] = None
    fresh = np.flatnonzero(shown & ~kept)
    new = _new(image, bias, table.rows(fresh), reasons, parks, fresh, system[fresh])
    for row, goroutine in zip(fresh.tolist(), new, strict=True):
        rows[row] = goroutine
    return rows


def _new(
    image: GoImage, bias: int, of: Table, reasons: Reasons, parks: Parks, fresh: Indices, system: Mask
) -> Iterable[Goroutine]:
    """Goroutines from columns, which is several times faster than one by one."""
    parked = of.parked(image.layout)
    waits = _wait_tuples(parks.waits)
    link_time = {stack: tuple(pc - bias for pc in stack) for stack in set(parks.stacks.values())}
    rows = fresh.tolist()
    columns = (
        of.address.tolist(),
        of.id.tolist(),
        _texts(status_names(image.layout), of.status),
        _texts(image.layout.wait_reasons, np.where(parked, of.reason, 0)),
        [waits.get(row, ()) for row in rows],
        (reasons.select[of.reason] & parked).tolist(),
        [link_time.get(parks.stacks.get(row, ()), ()) for row in rows],
        [row in parks.complete for row in rows],
        np.where(parked, of.since, 0).tolist(),
        of.parent.tolist(),
        _link_time(of.created_at, bias),
        _link_time(of.started_at, bias),
        system.tolist(),
        [park if is_parked else () for park, is_parked in zip(of.parks(), parked.tolist(), strict=True)],
    )
    return map(Goroutine._make, zip(*columns, strict=True))


def _texts(texts: Mapping[int, str], numbers: NDArray[Any]) -> list[str]:
    known, which = np.unique(numbers, return_inverse=True)
    names = [texts.get(number, f"number {number}") for number in known.tolist()]
    return [names[index] for index in which.tolist()]


def _link_time(addresses: Words, bias: int) -> list[int]:
    """0, which means nothing, stays 0. Equal ones become one object: there are few in a program."""
    known, which = np.unique(addresses, return_inverse=True)
    places = [address - bias if address else 0 for address in known.tolist()]
    return [places[index] for index in which.tolist()]


def _wait_tuples(waits: Waits) -> dict[int, tuple[Wait, ...]]:
    """Owner's row -> what it waits on, in the order of the addresses."""
    order = np.lexsort((waits.operation, waits.channel, waits.owner))
    of = waits.rows(order)
    every = list(map(Wait, of.channel.tolist(), [OPERATIONS[operation] for operation in of.operation.tolist()]))
    heads = np.flatnonzero(np.diff(of.owner, prepend=-1))
    bounds = [*heads.tolist(), len(every)]
    owners = of.owner[heads].tolist()
    return {owner: tuple(every[a:b]) for owner, a, b in zip(owners, bounds, bounds[1:], strict=False)}


def _by_reason(texts: Mapping[int, str], reasons: NDArray[np.uint8]) -> dict[str, int]:
    """Wait reason -> goroutines, most frequent first."""
    counted = np.bincount(reasons, minlength=256)
    order = sorted(np.flatnonzero(counted).tolist(), key=lambda number: -int(counted[number]))
    return {texts.get(number, f"reason {number}"): int(counted[number]) for number in order}
