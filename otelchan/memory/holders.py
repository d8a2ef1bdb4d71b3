"""Who has a channel at hand: goroutines on whose stacks its address is, or in an object that their stack points to.

A scan as a conservative garbage collector does it: every aligned word between the saved stack pointer and the end of
the stack, whatever it is. So it may name a goroutine that is done with the channel (a slot that nobody has used since),
and it does not see what is more than one object away, in a global variable or in registers. Of a goroutine that runs it
is the stack as it was when it last left the processor.

A closure (func() { c <- 1 }) is an object whose first word is the address of its code, followed by what it captured
(funcval in src/runtime/runtime2.go); `go` statements with arguments make one too, since Go 1.17.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import Copy, batches, copy, distinct
from otelchan.memory.goroutines import read_table
from otelchan.memory.heap import objects
from otelchan.memory.rows import Indices, Mask, Table, Words
from otelchan.memory.types import Held, Reader

MOST_GOROUTINES = 10_000
MOST_BYTES = 64 << 20
"""Of stacks."""
MOST_POINTERS = 1 << 19
"""Words on stacks that may be pointers. With more of any of these nothing is looked for."""
MOST_OBJECT = 512
"""Bytes that are looked at of each object that a stack points to."""

_BATCH = 1 << 22
_WORD = np.uint64(8)
_USER_SPACE = np.uint64(1 << 47)
_FIRST_PAGES = np.uint64(1 << 16)


class _Words(NamedTuple):
    """Words that were found. owner: row of the goroutine, or number of the object."""

    value: Words
    owner: Indices


def find_holders(
    reader: Reader, layout: Layout, globals_: Globals, bias: int, text: tuple[int, int], channels: Words
) -> Held | None:
    """Ids of the goroutines that have each of these channels at hand, those that wait on it included.

    text: live addresses [low, high) of the program's code. None: there are too many goroutines, or too much is on their
    stacks. Raises MemoryGone when the list of goroutines cannot be read.
    """
    wanted = distinct(channels.astype(np.uint64))
    table = read_table(reader, layout, globals_, bias)
    table = table.rows(np.flatnonzero(_alive(table, layout)))
    size = ((table.high - table.sp) // _WORD * _WORD).astype(np.uint64)
    if len(table) > MOST_GOROUTINES or bool((size > MOST_BYTES).any()) or int(size.sum()) > MOST_BYTES:
        return None
    scanned = _scan(reader, table, size, wanted)
    if scanned is None:
        return None
    direct, pointers = scanned
    closures, others = _one_hop(reader, layout, globals_, bias, text, pointers, wanted, table.address)
    holders = _by_channel(wanted, table.id, [direct, closures])
    reaching = _by_channel(wanted, table.id, [others])
    return Held(holders, reaching)


def _alive(table: Table, layout: Layout) -> Mask:
    result: Mask = (table.status != layout["const.Gdead"]) & (table.status != layout["const.Gidle"])
    result &= (table.sp < table.high) & (table.sp % _WORD == 0) & (table.sp > _FIRST_PAGES)
    return result


def _scan(reader: Reader, table: Table, size: Words, wanted: Words) -> tuple[_Words, _Words] | None:
    """On the stacks: addresses of channels that are wanted, and what may be pointers to something else; None when there
    is too much of that."""
    found, pointers, many = [_NOTHING], [_NOTHING], 0
    for part in batches(size, _BATCH):
        copies = copy(reader, table.sp[part], size[part])
        words, owner = _words_of(copies.data.view(np.uint64), copies.start // 8, size[part] // _WORD)
        owner = owner + part.start
        hit = np.isin(words, wanted)
        found.append(_once(words[hit], owner[hit]))
        # Neither numbers nor addresses within its own stack.
        maybe = ~hit & (words > _FIRST_PAGES) & (words < _USER_SPACE) & (words % _WORD == 0)
        maybe &= (words < table.sp[owner]) | (words >= table.high[owner])
        pointers.append(_once(words[maybe], owner[maybe]))
        many += len(pointers[-1].value)
        if many > MOST_POINTERS:
            return None
    return _joined(found), _joined(pointers)


def _one_hop(
    reader: Reader,
    layout: Layout,
    globals_: Globals,
    bias: int,
    text: tuple[int, int],
    pointers: _Words,
    wanted: Words,
    g: Words,
) -> tuple[_Words, _Words]:
    """Channels in closures and in other objects that the stacks point to, by row of the goroutine. g: addresses of all
    goroutines' structs."""
    addresses, which = np.unique(pointers.value, return_inverse=True)
    start, size = objects(reader, layout, globals_, bias, addresses)
    begins, number = np.unique(start, return_inverse=True)  # 0: not an object
    length = np.zeros(len(begins), np.uint64)
    length[number] = np.minimum(size, np.uint64(MOST_OBJECT)) // _WORD * _WORD
    hits, is_closure = [_NOTHING], np.zeros(len(begins), np.bool_)
    for part in batches(length, _BATCH):
        inside = np.flatnonzero(length[part] > 0) + part.start
        if not len(inside):
            continue
        copies = copy(reader, begins[inside], length[inside])
        words, place = _words_of(copies.data.view(np.uint64), copies.start // 8, length[inside] // _WORD)
        first = copies.values(0, np.uint64)
        is_closure[inside] = (first >= np.uint64(text[0])) & (first < np.uint64(text[1]))
        hit = np.isin(words, wanted) & ~_sudogs(layout, copies, length[inside], g)[place]
        hits.append(_once(words[hit], inside[place[hit]]))
    held = _joined(hits)
    return _through(held, number[which], pointers.owner, is_closure)


def _sudogs(layout: Layout, copies: Copy, length: Words, g: Words) -> Mask:
    """Which of these objects are entries of a channel's queue: the runtime hands them from one goroutine to another, so
    that they are on the stacks of goroutines that have nothing to do with the channel. g: of all goroutines."""
    result = np.zeros(len(length), np.bool_)
    large = np.flatnonzero(length >= np.uint64(max(layout["sudog.g"], layout["sudog.c"]) + 8))
    owner, channel = (copies.only(large).values(layout[name], np.uint64) for name in ("sudog.g", "sudog.c"))
    result[large] = np.isin(owner, g) & (channel != 0)
    return result


def _through(held: _Words, objects_of: Indices, goroutine: Indices, is_closure: Mask) -> tuple[_Words, _Words]:
    """From object -> channel and goroutine -> object to goroutine -> channel: through closures, through others."""
    order = np.argsort(objects_of, kind="stable")
    objects_of, goroutine = objects_of[order], goroutine[order]
    first, last = (np.searchsorted(objects_of, held.owner, side) for side in ("left", "right"))
    count = last - first
    channel = np.repeat(held.value, count)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    owner = goroutine[np.repeat(first, count) + within]
    closure = np.repeat(is_closure[held.owner], count)
    return _once(channel[closure], owner[closure]), _once(channel[~closure], owner[~closure])


def _words_of(data: Words, start: Indices, count: Words) -> tuple[Words, Indices]:
    """All words of the pieces, and the piece of each."""
    lengths = count.astype(np.int64)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return data[np.repeat(start, lengths) + within], owner


_NOTHING = _Words(np.zeros(0, np.uint64), np.zeros(0, np.int64))


def _once(value: Words, owner: Indices) -> _Words:
    """Each pair once."""
    order = np.lexsort((value, owner))
    value, owner = value[order], owner[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (value[1:] != value[:-1]) | (owner[1:] != owner[:-1])
    return _Words(value[first], owner[first])


def _joined(parts: list[_Words]) -> _Words:
    return _Words(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _by_channel(wanted: Words, id_: Words, parts: list[_Words]) -> dict[int, tuple[int, ...]]:
    """Goroutine ids by channel, ascending; a key for each channel that was looked for."""
    result: dict[int, set[int]] = {channel: set() for channel in wanted.tolist()}
    for part in parts:
        for channel, goroutine in zip(part.value.tolist(), id_[part.owner].tolist(), strict=True):
            result[channel].add(goroutine)
    return {channel: tuple(sorted(ids)) for channel, ids in result.items()}
