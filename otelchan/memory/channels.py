"""Channels: hchan structs from memory, and whether what is at an address still is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import Indices, Mask, Words, distinct, structs
from otelchan.memory.chancolumns import CHANNEL_COLUMNS, Channels, Element
from otelchan.memory.heap import slots
from otelchan.memory.made import Made
from otelchan.memory.typename import TypeRange, type_name, type_range
from otelchan.memory.types import Channel, Reader
from otelchan.memory.waits import RECV, SEND, Waits

_MOST_WAITERS = 256  # looked at per queue, of a channel that the census saw nobody waiting on
_FIELDS: dict[str, DTypeLike] = {
    "qcount": np.uint64,
    "dataqsiz": np.uint64,
    "buf": np.uint64,
    "elemsize": np.uint16,
    "closed": np.uint32,
    "timer": np.uint64,
    "elemtype": np.uint64,
    "sendx": np.uint64,
    "recvx": np.uint64,
    "recvq.first": np.uint64,
    "sendq.first": np.uint64,
}
_SINCE_1_23 = "timer"


class _Rows(NamedTuple):
    """Channels as columns. found: the fields of hchan. live: it is one. survived: as in Channel."""

    address: Words
    found: Mapping[str, NDArray[Any]]
    live: Mask
    senders: NDArray[np.int64]
    receivers: NDArray[np.int64]
    survived: Mask


def read_channels(
    reader: Reader, layout: Layout, globals_: Globals, bias: int, addresses: Iterable[int]
) -> dict[int, Channel]:
    """What is now at these live addresses, where somebody once saw channels; one entry per address that is not 0.

    `allocated` is False where the heap says that the slot is free, or where what is there now is no channel: the
    garbage collector has taken it, and nothing else in the entry means anything. Waiters are counted in the channel's
    own queues, up to 256 cases in each; the census counts all.
    Raises MemoryGone when nothing can be read.
    """
    wanted = distinct(np.fromiter(addresses, np.uint64))
    wanted = wanted[wanted != 0]
    if not len(wanted):
        return {}
    types = type_range(reader, layout, globals_, bias)
    rows = _rows(reader, layout, globals_, bias, wanted)
    return {channel.address: channel for channel in _objects(reader, layout, types, bias, rows)}


def allocated_channels(
    reader: Reader, layout: Layout, globals_: Globals, bias: int, addresses: Words
) -> tuple[Channels, Mask]:
    """As read_channels, of very many: those that are allocated, and which of the addresses these are.

    addresses: ascending, none twice, none 0.
    """
    if not len(addresses):
        return NOBODY.channels, np.zeros(0, np.bool_)
    types = type_range(reader, layout, globals_, bias)
    rows = _rows(reader, layout, globals_, bias, addresses)
    numbers = _numbers(rows)[rows.live]
    elements = _elements(reader, layout, types, bias, numbers[:, CHANNEL_COLUMNS.index("kind")])
    made: Made[Channel] = Made()
    return Channels(numbers, elements, made.serials(len(numbers)), made), rows.live


def _rows(reader: Reader, layout: Layout, globals_: Globals, bias: int, wanted: Words) -> _Rows:
    found, whole = _read(reader, layout, wanted)
    live = whole & _plausible(reader, layout, wanted, found)
    survived, asked = np.zeros(len(wanted), np.bool_), np.flatnonzero(live)
    live[asked], survived[asked] = slots(reader, layout, globals_, bias, wanted[asked])
    senders, receivers = (_queue_lengths(reader, layout, found[f"{name}.first"], live) for name in ("sendq", "recvq"))
    return _Rows(wanted, found, live, senders, receivers, survived)


class WaitedOn(NamedTuple):
    """Channels that goroutines are parked on, and the objects that were made of them."""

    channels: Channels
    made: Made[Channel] | None = None


NOBODY = WaitedOn(Channels(np.zeros((0, len(CHANNEL_COLUMNS)), np.uint64), {}, np.zeros(0, np.int64), Made()))
"""No channels."""


def waited_on(
    reader: Reader, layout: Layout, types: TypeRange, bias: int, waits: Waits, previous: WaitedOn = NOBODY
) -> WaitedOn:
    """The channels that goroutines are parked on, with the number of these goroutines.

    previous: those of an earlier census of the same process; what has not changed since is taken from it.
    """
    addresses, which = np.unique(waits.channel, return_inverse=True)
    found, whole = _read(reader, layout, addresses)
    live = whole & (addresses != 0) & _plausible(reader, layout, addresses, found)
    senders, receivers = (
        np.bincount(which[waits.operation == operation], minlength=len(addresses)) for operation in (SEND, RECV)
    )
    survived = np.zeros(len(addresses), np.bool_)  # not asked: who waits holds it
    numbers = _numbers(_Rows(addresses, found, live, senders, receivers, survived))[live]
    made = previous.made or Made()
    serial = _serials(numbers, previous.channels, made)
    elements = _elements(reader, layout, types, bias, numbers[:, CHANNEL_COLUMNS.index("kind")])
    return WaitedOn(Channels(numbers, elements, serial, made), made)


def _numbers(rows: _Rows) -> Words:
    """CHANNEL_COLUMNS of each row. len and cap of a timer's channel are 0, as the program sees them."""
    found = rows.found
    counted = found["timer"] == 0
    columns = {
        "address": rows.address,
        "length": found["qcount"] * counted,
        "capacity": found["dataqsiz"] * counted,
        "element_size": found["elemsize"],
        "closed": found["closed"],
        "timer": ~counted,
        "senders": rows.senders,
        "receivers": rows.receivers,
        "kind": found["elemtype"],
        "survived": rows.survived,
    }
    numbers = np.empty((len(rows.address), len(CHANNEL_COLUMNS)), np.uint64)
    for place, name in enumerate(CHANNEL_COLUMNS):
        numbers[:, place] = columns[name]
    return numbers


def _read(reader: Reader, layout: Layout, addresses: Words) -> tuple[dict[str, NDArray[Any]], Mask]:
    """The fields of hchan, and which could be read. Before Go 1.23 timers have channels like any other."""
    absent = layout.get(f"hchan.{_SINCE_1_23}") is None
    fields = {
        name: (layout[f"hchan.{name}"], kind) for name, kind in _FIELDS.items() if not (absent and name == _SINCE_1_23)
    }
    found, whole = structs(reader, addresses, fields)
    if absent:
        found[_SINCE_1_23] = np.zeros(len(addresses), np.uint64)
    return found, whole


def _serials(numbers: Words, previous: Channels, made: Made[Channel]) -> Indices:
    """Those of before where nothing has changed, new ones for the others."""
    kept, before = np.zeros(len(numbers), np.bool_), np.zeros(len(numbers), np.int64)
    if len(previous):
        before = np.minimum(np.searchsorted(previous.address, numbers[:, 0]), len(previous) - 1)
        kept = (previous.numbers[before] == numbers).all(axis=1)
    serial = made.serials(len(numbers))
    serial[kept] = previous.serial[before[kept]]
    made.keep(serial)
    return serial


def _elements(reader: Reader, layout: Layout, types: TypeRange, bias: int, kinds: Words) -> dict[int, Element]:
    """Element types by their live addresses; 0 is an unknown one."""
    return {
        kind: Element(type_name(reader, layout, types, kind), kind - bias) if kind else Element("?", 0)
        for kind in distinct(kinds).tolist()
    }


def _objects(reader: Reader, layout: Layout, types: TypeRange, bias: int, rows: _Rows) -> Iterable[Channel]:
    """One Channel per row. len and cap of a timer's channel are 0, as the program sees them (chanlen and chancap)."""
    found, live = rows.found, rows.live
    kinds = np.where(live, found["elemtype"], 0).astype(np.uint64)
    elements = _elements(reader, layout, types, bias, kinds)
    of = [elements[kind] for kind in kinds.tolist()]
    counted = live & (found["timer"] == 0)
    columns = (
        rows.address.tolist(),
        [element.name for element in of],
        [element.address for element in of],
        found["elemsize"].tolist(),
        np.where(counted, found["qcount"], 0).tolist(),
        np.where(counted, found["dataqsiz"], 0).tolist(),
        (found["closed"] != 0).tolist(),
        (found["timer"] != 0).tolist(),
        rows.senders.tolist(),
        rows.receivers.tolist(),
        live.tolist(),
        rows.survived.tolist(),
    )
    return map(Channel._make, zip(*columns, strict=True))


def _plausible(reader: Reader, layout: Layout, addresses: Words, found: Mapping[str, NDArray[Any]]) -> Mask:
    """Whether a struct has what makechan gives a channel and no operation takes away (src/runtime/chan.go)."""
    kinds, which = np.unique(found["elemtype"], return_inverse=True)
    sizes, whole = structs(
        reader, kinds, {"size": (layout["type.size"], np.uint64), "kind": (layout["type.kind"], np.uint8)}
    )
    number = sizes["kind"] & np.uint8(31)
    typed = whole & (kinds % np.uint64(8) == 0) & (number >= 1) & (number <= 26)
    bytes_, size = found["dataqsiz"] * found["elemsize"], found["elemsize"]
    in_place = np.where(
        bytes_ == 0, addresses + np.uint64(layout["hchan.buf"]), addresses + np.uint64(layout["sizeof hchan"])
    )
    last = np.maximum(found["dataqsiz"], np.uint64(1))
    result: Mask = (
        typed[which]
        & (sizes["size"][which] == size)
        & (found["closed"] <= 1)
        & (found["qcount"] <= found["dataqsiz"])
        & (found["dataqsiz"] < np.uint64(1 << 47))
        & (found["sendx"] < last)
        & (found["recvx"] < last)
        & ((found["buf"] == in_place) | ((bytes_ != 0) & (found["buf"] != 0)))
    )
    return result


def _queue_lengths(reader: Reader, layout: Layout, firsts: Words, live: Mask) -> NDArray[np.int64]:
    """Goroutines in a queue of each channel, by sudog.next; a select with two cases there counts once."""
    lengths = np.zeros(len(firsts), np.int64)
    row = np.flatnonzero(live & (firsts != 0))
    at = firsts[row]
    seen: list[tuple[NDArray[np.int64], Words]] = []
    fields = {"g": (layout["sudog.g"], np.uint64), "following": (layout["sudog.next"], np.uint64)}
    for _ in range(_MOST_WAITERS):
        if not len(row):
            break
        found, whole = structs(reader, at, fields)
        seen.append((row[whole], found["g"][whole].astype(np.uint64)))
        going = whole & (found["following"] != 0)
        row, at = row[going], found["following"][going].astype(np.uint64)
    if seen:
        rows, goroutines = (np.concatenate(column) for column in zip(*seen, strict=True))
        # return_index: without it numpy.ma would be imported, see bulk.distinct
        pairs, _ = np.unique(np.stack((rows.astype(np.uint64), goroutines)), axis=1, return_index=True)
        np.add.at(lengths, pairs[0].astype(np.int64), 1)
    return lengths
