"""What is known of those that send to a channel, or receive from it: whether anybody of them may still come.

One side of one channel, by the first line that fits:

| what was seen                                                                     | the end   |
|-----------------------------------------------------------------------------------|-----------|
| not all of it: no make, a plane that came later, more users than are remembered   | UNKNOWN   |
| somebody waits on this side now                                                   | ALIVE     |
| nobody ever used this side                                                        | NEVER     |
| a user is alive and is not stuck here                                             | ALIVE     |
| a user is missing, but not for certain                                            | ALIVE     |
| it is not known who started one of them; main was started by nobody               | RETURNING |
| who started one of them is alive and not stuck here, or missing but not for certain | RETURNING |
| one of them, or of those that started them, also started somebody who is alive and not stuck here | RETURNING |
| somebody waits on the channel who is not of the family                            | RETURNING |
| else: all users are gone or stuck here, and so are those that started them        | GONE      |

Stuck here is who waits on this channel and on no other: a select with another case may go on without it. Of the family
are the users, those that started them, and whoever one of these started. Missing for certain is who is not among the
living, and had been seen to be a user before the look at the living began: ids are given out to processors in batches,
so one that is not there yet may be lower than one that is.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.types import Goroutines, Indices, Mask, Words
from otelchan.model.types import OPERATIONS, End

_SIDES = len(OPERATIONS)
_MAIN = 1  # goid of the goroutine that runs main.main
_NO_WAIT = np.uint64(0)


class Sides(NamedTuple):
    """Channels, and both sides of each, in the order of OPERATIONS.

    users, parents: goroutine ids, 0: none, not known. waiting: somebody waits on that side now. complete: all that ever
    used that side are among the users.
    """

    address: Words
    users: Words
    parents: Words
    waiting: Mask
    complete: Mask


class Living:
    """The goroutines of one census, as far as ends are a matter of theirs."""

    def __init__(self, goroutines: Goroutines, certain: Words | None = None) -> None:
        """certain: of these alone it is certain that they were not born after the census; None: of all."""
        self.goroutines = goroutines
        self._certain = None if certain is None else np.sort(certain)

    def gone(self, ids: Words) -> Mask:
        """Which of these have exited, for certain."""
        if not len(ids):
            return np.zeros(0, np.bool_)
        missing = ~_found(self.goroutines.living[0], ids)
        return missing if self._certain is None else missing & _found(self._certain, ids)

    @cached_property
    def _stuck(self) -> tuple[Words, Words, Words]:
        """Id, channel and parent of all that wait on one channel alone, by ascending id."""
        owner, channel, _ = self.goroutines.waits
        owner, channel = owner[channel != 0], channel[channel != 0]  # nothing ever comes of a nil channel
        low, high = np.full(len(self.goroutines), ~_NO_WAIT), np.zeros(len(self.goroutines), np.uint64)
        np.minimum.at(low, owner, channel)
        np.maximum.at(high, owner, channel)
        places = np.flatnonzero((low == high) & ~self.goroutines.system)
        ids = self.goroutines.id[places]
        order = np.argsort(ids)
        return ids[order], high[places[order]], self.goroutines.parent[places[order]]

    def stuck(self, ids: Words, address: Words) -> Mask:
        """Which of these wait on that channel and on no other."""
        if not len(ids) or not len(self._stuck[0]):
            return np.zeros(len(ids), np.bool_)
        waiting, channel, _ = self._stuck
        place = _place(waiting, ids)
        result: Mask = (waiting[place] == ids) & (channel[place] == address)
        return result

    @cached_property
    def _children(self) -> tuple[Words, Indices]:
        """Who started goroutines that are alive and not the runtime's own, and how many."""
        _, parents, system = self.goroutines.living
        return np.unique(parents[~system & (parents != 0)], return_counts=True)

    @cached_property
    def _stuck_children(self) -> tuple[Words, Indices, Indices]:
        """Channels; and pairs of who started goroutines that wait on one of these alone and of the channel, as one
        number each, and how many they are."""
        _, channel, parent = self._stuck
        channel, parent = channel[parent != 0], parent[parent != 0]
        channels = np.unique(channel)
        pairs = _place(self._children[0], parent) * len(channels) + _place(channels, channel)
        return channels, *np.unique(pairs, return_counts=True)

    def others(self, ids: Words, address: Words) -> Mask:
        """Which of these started somebody who is alive and does not wait on that channel alone."""
        starters, count = self._children
        channels, pairs, here = self._stuck_children
        if not len(starters):
            return np.zeros(len(ids), np.bool_)
        starter = _place(starters, ids)
        started = np.where(starters[starter] == ids, count[starter], 0)
        if not len(pairs):
            return started > 0
        channel = _place(channels, address)
        number = starter * len(channels) + channel
        pair = _place(pairs, number)
        known = (pairs[pair] == number) & (channels[channel] == address)
        return started > np.where(known, here[pair], 0)


def ends(sides: Sides, living: Living) -> NDArray[np.uint8]:
    """An End for each side of each channel, one row per channel."""
    cells = _SIDES * len(sides.address)
    row, side, _ = which = np.nonzero(sides.users)
    user, parent, cell, address = sides.users[which], sides.parents[which], _SIDES * row + side, sides.address[row]
    waiting, complete = sides.waiting.ravel(), sides.complete.ravel()

    def some(entries: Mask) -> Mask:
        return np.bincount(cell[entries], minlength=cells) > 0

    used = np.bincount(cell, minlength=cells) > 0
    acting = waiting | some(~living.gone(user) & ~living.stuck(user, address))
    unknown = (parent == 0) & (user != _MAIN)
    starting = (parent != 0) & ~living.gone(parent) & ~living.stuck(parent, address)
    returning = some(unknown | starting)
    closed = complete & used & ~acting & ~returning  # nobody of the family that was looked at so far can come
    if closed.any():
        of = closed[cell]
        more = np.zeros(len(cell), np.bool_)
        more[of] = living.others(user[of], address[of]) | living.others(parent[of], address[of])
        returning |= some(more) | _strangers(sides, living.goroutines, closed)
    found = np.where(returning, End.RETURNING, End.GONE)
    found = np.where(acting, End.ALIVE, np.where(used, found, End.NEVER))
    return np.where(complete, found, End.UNKNOWN).astype(np.uint8).reshape(-1, _SIDES)


def _strangers(sides: Sides, goroutines: Goroutines, closed: Mask) -> Mask:
    """On which sides, of those asked for, somebody waits for others who is not of their family."""
    found = np.zeros((len(sides.address), _SIDES), np.bool_)
    rows = np.flatnonzero(closed.reshape(-1, _SIDES).any(axis=1))
    rows = rows[np.argsort(sides.address[rows])]
    owner, channel, _ = goroutines.waits
    place = _place(sides.address[rows], channel)
    here = sides.address[rows][place] == channel
    row, owner = rows[place[here]], owner[here]
    id_, parent = goroutines.id[owner][:, None], goroutines.parent[owner][:, None]
    for side in range(_SIDES):
        users, parents = sides.users[row, side], sides.parents[row, side]
        related = (id_ == users) | (id_ == parents) | ((parent != 0) & ((parent == users) | (parent == parents)))
        found[row[~related.any(axis=1)], side] = True
    return found.ravel()


def _place(ascending: NDArray[np.generic], wanted: NDArray[np.generic]) -> Indices:
    """Where each of these is, or would be, in what is not empty."""
    return np.minimum(np.searchsorted(ascending, wanted), max(0, len(ascending) - 1))


def _found(ascending: Words, wanted: Words) -> Mask:
    if not len(ascending):
        return np.zeros(len(wanted), np.bool_)
    result: Mask = ascending[_place(ascending, wanted)] == wanted
    return result
