"""What parked goroutines wait on: from g.waiting and its sudogs to channels and directions.

Plain sends and receives say the direction in their wait reason; a case of a select says it by the queue that its sudog
is in. Only one of a channel's two queues has anybody in it, since a sender that finds a receiver never parks, and the
other way round; the one exception is a select that both sends to and receives from the channel (the invariants at the
top of src/runtime/chan.go, and selectgo in select.go; Go 1.19 to 1.27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Layout
from otelchan.memory.bulk import Copy, structs
from otelchan.memory.rows import OPERATIONS, RECV, SEND, UNKNOWN, Indices, Mask, Table, Waits, Words
from otelchan.memory.types import Reader

__all__ = [
    "OPERATIONS",
    "RECV",
    "SEND",
    "UNKNOWN",
    "Cases",
    "Reasons",
    "Waits",
    "find_cases",
    "no_waits",
    "reasons_of",
    "waits_of",
]

_MOST_CASES = 1 << 16  # of one select: selectgo's arrays have this size
_SEND = "chan send"
_RECV = "chan receive"
_SELECT = "select"
_NIL = "nil chan"
_COROUTINE = "coroutine"


class Reasons(NamedTuple):
    """What each wait reason, by number, means for channels.

    operation: SEND or RECV, else UNKNOWN. select: a select, `select {}` included. channel: sudogs name channels, which
    they do not for a lock or a semaphore. nil: a nil channel. traceless: a goroutine can go on and park again without a
    trace: coroswitch_m in src/runtime/coro.go changes neither g.trackingSeq nor g.waitsince.
    """

    operation: NDArray[np.uint8]
    select: Mask
    channel: Mask
    nil: Mask
    traceless: Mask


class Cases(NamedTuple):
    """The sudogs of some goroutines, each goroutine's together and in the order of its list. owner: row of the
    goroutine. sudog: live address. channel: what it named when it was found; 0 where the direction is known without."""

    owner: Indices
    sudog: Words
    channel: Words


def no_waits() -> Waits:
    """No rows."""
    return Waits(np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.uint8))


def reasons_of(texts: Mapping[int, str]) -> Reasons:
    """The meaning of each wait reason from its text ("chan receive (durable)")."""
    operation = np.full(256, UNKNOWN, np.uint8)
    select, channel, nil, traceless = np.zeros((4, 256), np.bool_)
    for number, text in texts.items():
        if text.startswith(_SEND):
            operation[number] = SEND
        elif text.startswith(_RECV):
            operation[number] = RECV
        select[number] = text.startswith(_SELECT)
        nil[number] = _NIL in text
        channel[number] = (select[number] or operation[number] != UNKNOWN) and not nil[number]
        traceless[number] = text.startswith(_COROUTINE)
    return Reasons(operation, select, channel, nil, traceless)


def find_cases(reader: Reader, layout: Layout, reasons: Reasons, rows: Table) -> Cases:
    """Where the sudogs of these goroutines are, and which channels those of selects name; to be read again at once."""
    fields = {"channel": (layout["sudog.c"], np.uint64), "following": (layout["sudog.waitlink"], np.uint64)}
    owner = np.flatnonzero(reasons.channel[rows.reason] & (rows.waiting != 0))
    plain = owner[~reasons.select[rows.reason[owner]]]
    found = [Cases(plain, rows.waiting[plain], np.zeros(len(plain), np.uint64))]
    owner = owner[reasons.select[rows.reason[owner]]]
    address = rows.waiting[owner]
    for _ in range(_MOST_CASES):
        if not len(owner):
            break
        read, whole = structs(reader, address, fields)
        found.append(Cases(owner, address, read["channel"]))
        going = whole & (read["following"] != 0)
        owner, address = owner[going], read["following"][going]
    owners, sudogs, channels = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(owners, kind="stable")
    return Cases(owners[order], sudogs[order], channels[order])


def waits_of(
    layout: Layout, reasons: Reasons, rows: Table, cases: Cases, sudogs: Copy, channels: Copy
) -> tuple[Waits, Mask]:
    """What these goroutines wait on, and for which of them that is certain. Pure.

    sudogs, channels: copies of each case's sudog and hchan. What was read is believed when sudogs and goroutine point
    at each other all around, which they do not once the goroutine has been woken.
    """
    owner = cases.owner
    channel = sudogs.values(layout["sudog.c"], np.uint64)
    operation = reasons.operation[rows.reason[owner]]
    select = operation == UNKNOWN
    operation = np.where(select, _directions(layout, cases, sudogs, channels), operation).astype(np.uint8)
    last = np.ones(len(owner), np.bool_)
    last[:-1] = owner[1:] != owner[:-1]
    following = np.zeros(len(owner), np.uint64)
    following[:-1] = np.where(last[:-1], 0, cases.sudog[1:])
    good = (
        (sudogs.values(layout["sudog.g"], np.uint64) == rows.address[owner])
        & (channel != 0)
        & (~select | (channel == cases.channel))
        & (~select | (sudogs.values(layout["sudog.waitlink"], np.uint64) == following))
        & (operation != UNKNOWN)
    )
    first = np.zeros(len(rows), np.uint64)
    first[owner[::-1]] = cases.sudog[::-1]
    sure = ~reasons.channel[rows.reason] | ((rows.waiting == first) & (reasons.select[rows.reason] | (first != 0)))
    sure[owner[~good]] = False
    nil = np.flatnonzero(reasons.nil[rows.reason])
    on_nil = Waits(nil, np.zeros(len(nil), np.uint64), reasons.operation[rows.reason[nil]])
    good = sure[owner]
    return _distinct(Waits(owner[good], channel[good], operation[good]).join(on_nil)), sure


def _directions(layout: Layout, cases: Cases, sudogs: Copy, channels: Copy) -> NDArray[np.uint8]:
    """By the one queue of the channel that has anybody in it, else, for a select that waits on one channel in both
    directions, by walking from its sudog to the first of a queue. UNKNOWN where that leads nowhere."""
    recv, send = (channels.values(layout[f"hchan.{name}.first"], np.uint64) for name in ("recvq", "sendq"))
    found = np.full(len(recv), UNKNOWN, np.uint8)
    found[((recv != 0) & (send == 0)) | (recv == cases.sudog)] = RECV
    found[((recv == 0) & (send != 0)) | (send == cases.sudog)] = SEND
    both = np.flatnonzero((found == UNKNOWN) & (recv != 0) & (send != 0))
    if len(both):
        _walk_to_first(cases, sudogs.values(layout["sudog.prev"], np.uint64), found, both)
    return found


def _walk_to_first(cases: Cases, before: Words, found: NDArray[np.uint8], wanted: Indices) -> None:
    """Fill in the direction of the wanted cases from any before them in their queue, which is a case of theirs too."""
    places = {sudog: case for case, sudog in enumerate(cases.sudog.tolist())}
    for case in wanted.tolist():
        at: int | None = case
        for _ in range(len(places)):
            at = places.get(int(before[at]))
            if at is None:
                break
            if found[at] != UNKNOWN:
                found[case] = found[at]
                break


def _distinct(waits: Waits) -> Waits:
    """A select may have several cases of one direction on one channel: it waits there once."""
    ordered = waits.ordered()
    keep = np.ones(len(ordered.owner), np.bool_)
    keep[1:] = (
        (ordered.owner[1:] != ordered.owner[:-1])
        | (ordered.channel[1:] != ordered.channel[:-1])
        | (ordered.operation[1:] != ordered.operation[:-1])
    )
    return ordered.rows(keep)
