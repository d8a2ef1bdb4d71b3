"""Every live channel of a program as a row of columns: what is in it, who waits, what was done with it by whom."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.types import Indices, Mask, Words
from otelchan.model.blocked import ChannelName


class End(IntEnum):
    """What is known of those that send to a channel, or receive from it.

    UNKNOWN: not all that ever did so were seen. The others are only said of channels whose make was seen, and that were
    watched by all planes since.
    NEVER: nobody ever did.
    GONE: all that did have exited, or wait on this channel alone themselves, on the other side (model/ends.py has the
        whole table), and nobody can come after them, because the channel is the affair of one family.
        Those that started them have exited too, or wait on this channel alone themselves. Nobody else alive was started
        by any of these (who has not sent yet; who gives a slot of a semaphore back at the end; who closes the channel
        after all others). And everybody who waits on it now started one of those that did, was started by the same
        goroutine, or by one of them: where strangers use a channel, other strangers may.
    RETURNING: all that did have exited, but not all of this holds, or cannot be known (Go before 1.21 does not say who
        started a goroutine): others may come.
    ALIVE: one that did is alive.
    """

    UNKNOWN = 0
    NEVER = 1
    GONE = 2
    RETURNING = 3
    ALIVE = 4


class LiveColumns(NamedTuple):
    """One entry per live channel. name: index into LiveChannels.names.

    length, capacity: elements. senders, receivers: goroutines parked on it now. made_unix_ns, closed_unix_ns: 0: not
    seen. sent, received: elements since its make, -1 while that is not complete. sending, receiving: an End each, of
    those that send and of those that receive. survived: it was there when garbage was last collected, and so it is
    held by something; said only of channels that nobody waits on.
    """

    address: Words
    name: Indices
    length: Indices
    capacity: Indices
    senders: Indices
    receivers: Indices
    closed: Mask
    made_unix_ns: Indices
    closed_unix_ns: Indices
    sent: Indices
    received: Indices
    sending: NDArray[np.uint8]
    receiving: NDArray[np.uint8]
    survived: Mask

    def rows(self, index: Indices | Mask | slice) -> LiveColumns:
        """Only those entries."""
        return LiveColumns._make(column[index] for column in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiveColumns) and all(map(np.array_equal, self, other))


class LiveChannels(NamedTuple):
    """columns: see LiveColumns. users: for each channel, those that were last seen to send to it, and those that were
    last seen to receive from it, as goroutine ids, alive or not; a channel that is not a key has no known user."""

    columns: LiveColumns
    names: Sequence[ChannelName]
    users: dict[int, tuple[tuple[int, ...], tuple[int, ...]]]

    def __len__(self) -> int:
        return len(self.columns.address)


_NONE = np.zeros(0, np.int64)
NO_CHANNELS = LiveChannels(
    LiveColumns(
        np.zeros(0, np.uint64),
        _NONE,
        _NONE,
        _NONE,
        _NONE,
        _NONE,
        _NONE != 0,
        _NONE,
        _NONE,
        _NONE,
        _NONE,
        np.zeros(0, np.uint8),
        np.zeros(0, np.uint8),
        _NONE != 0,
    ),
    (),
    {},
)
"""No live channel."""
