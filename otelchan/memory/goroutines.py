"""All g structs of a program, as columns: what the scheduler knows of every goroutine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.bulk import Copy, structs
from otelchan.memory.rows import Mask, Table, Words
from otelchan.memory.types import Reader

__all__ = ["STATUSES", "Table", "copied_rows", "no_rows", "read_rows", "read_table", "row_size", "status_names"]

STATUSES = ("idle", "runnable", "running", "syscall", "waiting", "dead", "copystack", "preempted", "leaked")
"""Names of the runtime's constants _Gidle and so on (src/runtime/runtime2.go); "leaked" came with Go 1.26."""

_MOST_GOROUTINES = 1 << 26  # a longer list is no list
_FIELDS: dict[str, tuple[str, DTypeLike]] = {
    "id": ("g.goid", np.uint64),
    "status": ("g.atomicstatus", np.uint32),
    "reason": ("g.waitreason", np.uint8),
    "sequence": ("g.trackingSeq", np.uint8),
    "high": ("g.stack.hi", np.uint64),
    "sp": ("g.sched.sp", np.uint64),
    "pc": ("g.sched.pc", np.uint64),
    "bp": ("g.sched.bp", np.uint64),
    "waiting": ("g.waiting", np.uint64),
    "since": ("g.waitsince", np.int64),
    "parent": ("g.parentGoid", np.uint64),
    "created_at": ("g.gopc", np.uint64),
    "started_at": ("g.startpc", np.uint64),
}
_SINCE_1_21 = ("parent",)  # columns of zeros in releases without the field


def read_table(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> Table:
    """Every goroutine there is or was. Raises MemoryGone when the list cannot be read."""
    return read_rows(reader, layout, _addresses(reader, globals_, bias))


def read_rows(reader: Reader, layout: Layout, addresses: Words) -> Table:
    """The g structs at these addresses. A g struct is never freed, so one that cannot be read counts as dead."""
    found, whole = structs(reader, addresses, _fields(layout))
    return _table(layout, addresses, found, whole)


def copied_rows(layout: Layout, addresses: Words, copies: Copy) -> Table:
    """The g structs at these addresses, from copies of `row_size` bytes of them."""
    found = {name: copies.values(offset, kind) for name, (offset, kind) in _fields(layout).items()}
    return _table(layout, addresses, found, copies.whole)


def row_size(layout: Layout) -> int:
    """Bytes of a g struct that have all that is asked for, a multiple of 8."""
    return -(-max(offset + np.dtype(kind).itemsize for offset, kind in _fields(layout).values()) // 8) * 8


def _fields(layout: Layout) -> dict[str, tuple[int, DTypeLike]]:
    """Offset and type of each column that this release has."""
    missing = [name for name in _SINCE_1_21 if layout.get(_FIELDS[name][0]) is None]
    return {name: (layout[key], kind) for name, (key, kind) in _FIELDS.items() if name not in missing}


def _table(layout: Layout, addresses: Words, found: dict[str, NDArray[Any]], whole: Mask) -> Table:
    found["status"] &= ~np.uint32(layout["const.Gscan"])
    dead, extra = layout["const.Gdead"], layout.get("const.Gdeadextra")
    found["status"][~whole if extra is None else (found["status"] == extra) | ~whole] = dead
    missing = {name: np.zeros(len(addresses), _FIELDS[name][1]) for name in _SINCE_1_21 if name not in found}
    return Table(addresses, **found, **missing)


def no_rows() -> Table:
    """A table of no goroutines."""
    return Table(np.zeros(0, np.uint64), **{name: np.zeros(0, kind) for name, (_, kind) in _FIELDS.items()})


def status_names(layout: Layout) -> dict[int, str]:
    """Number in memory -> name, of the statuses that a table can have."""
    numbers = {name: layout.get(f"const.G{name}") for name in STATUSES}
    return {number: name for name, number in numbers.items() if number is not None}


def _addresses(reader: Reader, globals_: Globals, bias: int) -> Words:
    """runtime.allgs, read as atomicAllG does: the length first, since a longer array may replace this one."""
    length = int.from_bytes(reader.read(globals_.allglen + bias, 8), "little")
    pointer = int.from_bytes(reader.read(globals_.allgptr + bias, 8), "little")
    if length > _MOST_GOROUTINES:
        raise MemoryGone(f"the list of goroutines (allgs) says {length} entries; it was just changing, look again")
    addresses = np.frombuffer(bytearray(reader.read(pointer, 8 * length)), np.uint64)
    if not addresses.all() or (addresses & np.uint64(7)).any():
        raise MemoryGone("the list of goroutines (allgs) was moved while it was read; look again")
    return addresses
