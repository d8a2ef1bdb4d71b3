"""Who, of very many that wait, has just passed a step of a threshold: columns in, a few rows out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np

from otelchan.memory.types import Indices, Mask
from otelchan.model.blocked import OPERATIONS, BlockedList

TIMED_KINDS = ("timer", "ticker")
_SEND = OPERATIONS.index("send")


class Passed(NamedTuple):
    """Goroutines that have passed a step, the oldest of each place first, then the second oldest of each.

    entry: their place in the list of the blocked; of a select the case on a user's channel that sends, else the first
    by name, as findings do. step_ns: the highest that it has passed. more: for which there was no room at their place.
    """

    entry: Indices
    step_ns: Indices
    more: int


def passed(blocked: BlockedList, steps_ns: Indices, elapsed_ns: int | None, most: int) -> Passed | None:
    """Those that have passed a step within the time, at most so many of each place and step; None when nobody has.

    steps_ns: ascending. elapsed_ns: since the last look; None: this is the first one, and who has passed a step at all
    has passed it now. A place is the name of a channel, the wait reason and where the wait is in the code. Left out:
    who waits for timers, contexts and signals only, and who waits for a timer too, which will end that wait.
    """
    age_ns = blocked.columns.age_ns
    step = np.searchsorted(steps_ns, age_ns, "right")
    before = np.searchsorted(steps_ns, age_ns - elapsed_ns, "right") if elapsed_ns is not None else 0
    crossing = np.flatnonzero(step > before)
    entry = _heads(blocked, crossing) if len(crossing) else crossing
    if not len(entry):
        return None
    place = _places(blocked, entry, step[entry])
    rank = _ranks(place, age_ns[entry])
    first = np.lexsort((-age_ns[entry], rank))
    first = first[rank[first] < most]
    return Passed(entry[first], steps_ns[step[entry[first]] - 1], len(entry) - len(first))


def _heads(blocked: BlockedList, crossing: Indices) -> Indices:
    """One entry of each goroutine: a select has one for each case."""
    columns, channels = blocked.columns.rows(crossing), blocked.names.channels
    goroutine = np.unique(columns.goroutine_id, return_inverse=True)[1]
    user = np.array([channel.kind == "user" for channel in channels], np.bool_)[columns.channel]
    timed = np.array([channel.kind in TIMED_KINDS for channel in channels], np.bool_)[columns.channel]
    rank: Indices = np.zeros(len(crossing), np.int64)
    if len(goroutine) and int(goroutine.max()) + 1 < len(goroutine):
        by_name = {name: number for number, name in enumerate(sorted({channel.name for channel in channels}))}
        rank = np.array([by_name[channel.name] for channel in channels], np.int64)[columns.channel]
    order = np.lexsort((rank, columns.operation != _SEND, ~user, goroutine))
    heads = order[np.diff(goroutine[order], prepend=-1) != 0]  # of each goroutine, in their order
    shown: Mask = user[heads] & ~(np.bincount(goroutine[timed], minlength=len(heads)) > 0)
    found: Indices = crossing[heads[shown]]
    return found


def _places(blocked: BlockedList, entry: Indices, step: Indices) -> Indices:
    """A number for each place and step."""
    names, columns = blocked.names, blocked.columns.rows(entry)
    place = step
    for values, numbers in (
        ((channel.name for channel in names.channels), columns.channel),
        (names.reasons, columns.reason),
        ((frames[0] if frames else None for frames in names.stacks), columns.stack),
    ):
        different = _numbers(values)
        place = place * (int(different.max(initial=0)) + 1) + different[numbers]
    return place


def _numbers(values: Iterable[Hashable]) -> Indices:
    """Equal numbers for equal values."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _ranks(place: Indices, age_ns: Indices) -> Indices:
    """Of each one among those at its place, the oldest first."""
    order = np.lexsort((-age_ns, place))
    starts = np.flatnonzero(np.diff(place[order], prepend=place[order[0]] - 1))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return ranks
