"""From what was read of a program's channels and what the kernel counted of each, to one row per live channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from otelchan.memory.types import CHANNEL_COLUMNS, ChannelMap, Goroutines, Indices, Mask, Words
from otelchan.model.channels import Live
from otelchan.model.ends import Living, Sides, ends
from otelchan.model.kept import Kept
from otelchan.model.live import LiveChannels, LiveColumns
from otelchan.model.observation import Baseline, Observation, Used
from otelchan.model.types import ChannelName

MOST_WITH_USERS = 10_000
_PLANES = ("makes", "waits", "operations")
_NEVER = 1 << 62  # later than any time


class Since(NamedTuple):
    """From when on a plane sees everything, monotonic; 0: from the program's birth on.

    attached_unix_ns: of its baseline. attached_ns: the same, monotonic; what was made then was seen to be made, but
    while probes are being put in, not all of them see yet. complete_ns: the first look after they were.
    """

    attached_unix_ns: int
    attached_ns: int
    complete_ns: int


class Inventory:
    """Makes the rows of successive looks at one program."""

    def __init__(self, born_unix_ns: int) -> None:
        """born_unix_ns: a plane that is attached since this very time was there before the program."""
        self._born_unix_ns = born_unix_ns
        self._since: dict[str, Since] = {}
        self._census_ns = -1
        self._asked: tuple[Words, ...] = ()
        self._used: Used | None = None
        self._rows: Kept[LiveChannels] = Kept()

    def look(self, seen: Observation, live: Live, baselines: Mapping[str, Baseline]) -> LiveChannels:
        """One row per channel of `live`: the very same rows as long as nothing of them changes."""
        unix_offset_ns = seen.time_unix_ns - seen.monotonic_ns
        self._note_planes(seen, baselines, unix_offset_ns)
        if self._used is None or not all(map(np.array_equal, seen.kernel.used, self._used)):
            self._used = Used(*(np.array(column) for column in seen.kernel.used))  # not a view of a whole map
        numbers, used = ChannelMap.of(seen.channels).numbers(), self._used
        new = self._note_census(seen) and bool(used.users.any())  # without users it makes no difference
        goroutines = seen.census.goroutines if seen.census else None
        found = self._rows.of(
            lambda: self._look(seen, numbers, live, used, new),
            numbers,
            live,
            used,
            goroutines,
            equal=(new, dict(self._since)),
        )
        columns = found.columns
        if not columns.made_unix_ns.any() and not columns.closed_unix_ns.any():
            return found
        now = columns._replace(
            made_unix_ns=_unix(columns.made_unix_ns, unix_offset_ns),
            closed_unix_ns=_unix(columns.closed_unix_ns, unix_offset_ns),
        )
        return LiveChannels(now, found.names, found.users)

    def _look(self, seen: Observation, rows: Words, live: Live, all_used: Used, new: bool) -> LiveChannels:
        """With times that are still monotonic. new: as _living."""
        numbers = dict(zip(CHANNEL_COLUMNS, rows.view(np.int64).T, strict=True))
        used = _of_channels(all_used, live.address)
        made_ns = used.made_ns.astype(np.int64)
        made_ns[made_ns < self._from("attached_ns", "makes")] = 0
        complete = (made_ns != 0) & (made_ns >= self._from("complete_ns", *_PLANES))
        counted = (made_ns != 0) & (made_ns >= self._from("complete_ns", "makes", "waits"))  # without a buffer
        counted = np.where(numbers["capacity"] > 0, complete, counted)
        closed = numbers["closed"] != 0
        closed_ns = np.where(closed & (used.closed_ns >= used.made_ns), used.closed_ns, 0).astype(np.int64)
        waiting: Mask = np.stack((numbers["senders"], numbers["receivers"]), axis=1) > 0
        may_judge = (complete & (numbers["timer"] == 0))[:, None] & (used.replaced == 0)  # the runtime is not a user
        side = Sides(live.address, used.users, used.parents, waiting, may_judge)
        found = ends(side, self._living(seen, new)) if seen.census else np.zeros((len(live.address), 2), np.uint8)
        columns = LiveColumns(
            address=live.address,
            name=live.what,
            length=numbers["length"],
            capacity=numbers["capacity"],
            senders=numbers["senders"],
            receivers=numbers["receivers"],
            closed=closed,
            made_unix_ns=made_ns,
            closed_unix_ns=closed_ns,
            sent=np.where(counted, used.sent.astype(np.int64), -1),
            received=np.where(counted, used.received.astype(np.int64), -1),
            sending=found[:, 0],
            receiving=found[:, 1],
            survived=numbers["survived"] != 0,
        )
        names = [ChannelName(what.name.name, what.name.kind) for what in live.different]
        return LiveChannels(columns, names, _users(used, np.any(waiting, axis=1)))

    def _note_planes(self, seen: Observation, baselines: Mapping[str, Baseline], unix_offset_ns: int) -> None:
        for plane in _PLANES:
            base, known = baselines.get(plane), self._since.get(plane)
            if base is None:
                self._since.pop(plane, None)
            elif base.time_unix_ns == self._born_unix_ns:
                self._since[plane] = Since(base.time_unix_ns, 0, 0)
            elif known is None or known.attached_unix_ns != base.time_unix_ns:
                attached_ns = base.time_unix_ns - unix_offset_ns
                self._since[plane] = Since(base.time_unix_ns, attached_ns, seen.monotonic_ns)

    def _from(self, field: str, *planes: str) -> int:
        """From when on that is true of all these planes."""
        return max(getattr(self._since[plane], field) if plane in self._since else _NEVER for plane in planes)

    def _note_census(self, seen: Observation) -> bool:
        """Whether the census was not used before; then it is noted."""
        if seen.census is None or seen.census.monotonic_ns == self._census_ns:
            return False
        self._census_ns, used = seen.census.monotonic_ns, seen.kernel.used
        self._asked = tuple(ids[ids != 0] for ids in (used.users, used.parents))
        return True

    def _living(self, seen: Observation, new: bool) -> Living:
        """A new census was begun after the kernel's maps had been read, so it knows everybody in them. While looking is
        too dear the last one is used again: then only of those that were in the maps before it."""
        assert seen.census is not None
        goroutines = Goroutines.of(seen.census.goroutines)
        if new:
            return Living(goroutines)
        return Living(goroutines, np.concatenate(self._asked))


def _of_channels(used: Used, address: Words) -> Used:
    """The rows of these channels; zeros for those that have none."""
    rows = np.full(len(address), -1)
    if len(used.address):
        order = np.argsort(used.address)
        place = order[np.minimum(np.searchsorted(used.address, address, sorter=order), len(order) - 1)]
        rows = np.where(used.address[place] == address, place, -1)
    known = rows >= 0
    columns = {name: np.zeros((len(address), *getattr(used, name).shape[1:]), np.uint64) for name in Used._fields}
    for name, column in columns.items():
        column[known] = getattr(used, name)[rows[known]]
    return Used(**columns)


def _unix(monotonic_ns: Indices, offset_ns: int) -> Indices:
    return np.where(monotonic_ns != 0, monotonic_ns + offset_ns, 0)


def _users(used: Used, wanted: Mask) -> dict[int, tuple[tuple[int, ...], tuple[int, ...]]]:
    """As in LiveChannels, of up to MOST_WITH_USERS of those that are wanted."""
    rows = np.flatnonzero(wanted & used.users.any(axis=(1, 2)))[:MOST_WITH_USERS]
    by_side = zip(used.address[rows].tolist(), used.users[rows].tolist(), strict=True)
    return {
        address: (tuple(id_ for id_ in senders if id_), tuple(id_ for id_ in receivers if id_))
        for address, (senders, receivers) in by_side
    }
