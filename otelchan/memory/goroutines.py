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
"""Names of the runtime's constants _Gidle and so on (src/runtime/runtime2.go)."""

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


def read_table(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> Table:
    """Every goroutine there is or was. Raises MemoryGone when the list cannot be read."""
    return read_rows(reader, layout, _addresses(reader, globals_, bias))


def read_rows(reader: Reader, layout: Layout, addresses: Words) -> Table:
    """The g structs at these addresses. A g struct is never freed, so one that cannot be read counts as dead."""
    found, whole = structs(reader, addresses, {name: (layout[key], kind) for name, (key, kind) in _FIELDS.items()})
    return _table(layout, addresses, found, whole)


def copied_rows(layout: Layout, addresses: Words, copies: Copy) -> Table:
    """The g structs at these addresses, from copies of `row_size` bytes of them."""
    found = {name: copies.values(layout[key], kind) for name, (key, kind) in _FIELDS.items()}
    return _table(layout, addresses, found, copies.whole)


def row_size(layout: Layout) -> int:
    """Bytes of a g struct that have all that is asked for, a multiple of 8."""
    return -(-max(layout[key] + np.dtype(kind).itemsize for key, kind in _FIELDS.values()) // 8) * 8


def _table(layout: Layout, addresses: Words, found: dict[str, NDArray[Any]], whole: Mask) -> Table:
    found["status"] &= ~np.uint32(layout["const.Gscan"])
    found["status"][(found["status"] == layout["const.Gdeadextra"]) | ~whole] = layout["const.Gdead"]
    return Table(addresses, **found)


def no_rows() -> Table:
    """A table of no goroutines."""
    return Table(np.zeros(0, np.uint64), **{name: np.zeros(0, kind) for name, (_, kind) in _FIELDS.items()})


def status_names(layout: Layout) -> dict[int, str]:
    """Number in memory -> name, of the statuses that a table can have."""
    return {layout[f"const.G{name}"]: name for name in STATUSES}


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
