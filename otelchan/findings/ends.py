"""Who could make a blocked goroutine go on: what is known of the other end of each channel that it waits on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from otelchan.model.types import OPERATIONS, BlockedList, End, Snapshot

HOPE = (End.GONE, End.NEVER, End.UNKNOWN, End.RETURNING, End.ALIVE)
"""From none at all to the most: a goroutine in a select has as much as the best of its cases."""
WORDS = {
    End.UNKNOWN: "unknown",
    End.NEVER: "never used",
    End.GONE: "gone",
    End.RETURNING: "may return",
    End.ALIVE: "alive",
}
"""For facts."""
MOST_ROUNDS = 100
"""Of who has what that who has what: what is left after them counts as being at hand."""
_SEND = OPERATIONS.index("send")


def other_ends(snapshot: Snapshot, blocked: BlockedList) -> NDArray[np.uint8]:
    """An End for each entry of what is blocked: of those who receive from a channel that it would send on, and the
    other way round. A channel that somebody else alive has at hand is not given up, and neither is one of the runtime,
    a context or a signal, whatever was seen of it."""
    columns, live = blocked.columns, snapshot.live.columns
    end = np.full(len(columns.address), End.UNKNOWN, np.uint8)
    if len(live.address):
        order = np.argsort(live.address)
        place = np.searchsorted(live.address, columns.address, sorter=order)
        row = order[np.minimum(place, len(order) - 1)]
        known = (live.address[row] == columns.address) & (columns.address != 0)
        end = np.where(columns.operation == _SEND, live.receiving[row], live.sending[row]).astype(np.uint8)
        end[~known] = End.UNKNOWN
    own = np.array([channel.kind == "user" for channel in blocked.names.channels], np.bool_)[columns.channel]
    end[~own] = End.RETURNING
    _take_back(end, snapshot, blocked)
    return end


def _take_back(end: NDArray[np.uint8], snapshot: Snapshot, blocked: BlockedList) -> None:
    """What somebody has on his stack, or in an object that this points to, is not given up: unless he waits for good
    himself, on this channel or on another one that is given up. A stack may hold what is of no use any more. Nor is a
    channel given up before it was looked for on stacks, which is not done in large programs: that nobody was seen to be
    left to receive must not make those who send there less suspect than if nothing were known."""
    columns = blocked.columns
    looked = np.fromiter(snapshot.holders, np.uint64, len(snapshot.holders))
    open_ = (end == End.GONE) & ~np.isin(columns.address, looked)
    end[open_] = np.where(columns.operation[open_] == _SEND, End.UNKNOWN, End.RETURNING)
    held = (*snapshot.holders.items(), *snapshot.reaching.items())
    address = np.array([place for place, ids in held for _ in ids], np.uint64)
    holder = np.array([id_ for _, ids in held for id_ in ids], np.uint64)
    for _ in range(MOST_ROUNDS if len(address) else 0):
        gone = end == End.GONE
        stuck = np.setdiff1d(columns.goroutine_id[gone], columns.goroutine_id[~gone])
        taken = gone & np.isin(columns.address, address[~np.isin(holder, stuck)])
        if not taken.any():
            return
        end[taken] = End.RETURNING
    end[(end == End.GONE) & np.isin(columns.address, address)] = End.RETURNING
