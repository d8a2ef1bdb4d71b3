"""Two snapshots of one program made by hand; docs/snapshots.md shows what they print."""

from __future__ import annotations

from dataclasses import replace

from otelchan.memory.types import Census
from otelchan.view.snapshot import Snapshot, take_snapshot
from tests.support import looks
from tests.support.looks import SECOND

MINUTE = 60 * SECOND


def census(stuck: int, later_ns: int = 0, first_id: int = 42) -> Census:
    """That of looks with so many goroutines stuck where there is one."""
    made = looks.census()
    *others, one = made.goroutines
    one = one._replace(park=(272, 0x10, 7, 0xC0000A0000))
    more = (one._replace(id=id_, address=0xC000002000 + 8 * id_) for id_ in range(first_id, first_id + stuck))
    (answers, jobs) = made.channels
    return replace(
        made,
        time_unix_ns=made.time_unix_ns + later_ns,
        monotonic_ns=made.monotonic_ns + later_ns,
        counts=replace(made.counts, count=stuck + 2),
        goroutines=(*others, *more),
        channels=(answers._replace(waiting_senders=stuck), jobs),
    )


def snapshot(seen: Census) -> Snapshot:
    """Of a census."""
    return take_snapshot(looks.PROCESS, looks.image(), seen, looks.NAMES)


def before() -> Snapshot:
    """Two are stuck."""
    return snapshot(census(2))


def after() -> Snapshot:
    """A minute later, seventeen are."""
    return snapshot(census(17, MINUTE))
