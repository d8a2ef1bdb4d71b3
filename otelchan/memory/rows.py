"""What a look at a program's goroutines consists of, as columns: g structs, and what they wait on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Layout

Words = NDArray[np.uint64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

SEND, RECV, UNKNOWN = 0, 1, 2
OPERATIONS = ("send", "recv")
"""Names of SEND and RECV."""


@dataclass(slots=True)
class Table:
    """One row per entry of runtime.allgs, which only ever grows: row i is the same g struct in every table.

    address: of the g struct. id: goid. status: without the scan bit. reason: number of the wait reason. sequence: a
    count, modulo 256, of how often it left the processor. high: end of the stack. sp, pc, bp: as saved when it left
    the processor. waiting: address of its first sudog, or 0. since: g.waitsince. All addresses are live ones.
    """

    address: Words
    id: Words
    status: NDArray[np.uint32]
    reason: NDArray[np.uint8]
    sequence: NDArray[np.uint8]
    high: Words
    sp: Words
    pc: Words
    bp: Words
    waiting: Words
    since: NDArray[np.int64]
    parent: Words
    created_at: Words
    started_at: Words

    def __len__(self) -> int:
        return len(self.address)

    def rows(self, index: Indices | slice) -> Table:
        """Only those rows."""
        return Table(*(getattr(self, field.name)[index] for field in fields(Table)))

    def replace(self, index: Indices, rows: Table) -> None:
        """Put rows in the place of those."""
        for field in fields(Table):
            getattr(self, field.name)[index] = getattr(rows, field.name)

    def parked(self, layout: Layout) -> Mask:
        """Rows that wait for something, and whose saved registers therefore hold."""
        result: Mask = self.status == layout["const.Gwaiting"]
        leaked = layout.get("const.Gleaked")
        return result if leaked is None else result | (self.status == leaked)

    def same_park(self, other: Table) -> Mask:
        """Rows, parked ones, that look as in `other`.

        A stack that was moved in between is still the same park: what is used of it does not change. One run in 256
        ends in a row that looks the same, when it parks again at the same depth with the same sudog.
        """
        result: Mask = (
            (self.id == other.id)
            & (self.status == other.status)
            & (self.reason == other.reason)
            & (self.sequence == other.sequence)
            & (self.pc == other.pc)
            & (self.high - self.sp == other.high - other.sp)
            & (self.waiting == other.waiting)
        )
        return result


class Waits(NamedTuple):
    """One row per channel and direction that a goroutine waits on. owner: row of the goroutine in its table.

    operation: SEND or RECV. channel: live address of the hchan; 0 is a nil channel.
    """

    owner: Indices
    channel: Words
    operation: NDArray[np.uint8]

    def rows(self, index: Indices | Mask) -> Waits:
        """Only those rows."""
        return Waits(self.owner[index], self.channel[index], self.operation[index])

    def join(self, other: Waits) -> Waits:
        """The rows of both."""
        return Waits(
            np.concatenate((self.owner, other.owner)),
            np.concatenate((self.channel, other.channel)),
            np.concatenate((self.operation, other.operation)),
        )

    def ordered(self) -> Waits:
        """By owner, then channel, then operation."""
        return self.rows(np.lexsort((self.operation, self.channel, self.owner)))
