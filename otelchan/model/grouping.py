"""Puts all goroutines of a program into groups, without a look at each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Frame
from otelchan.memory.types import Goroutines, Indices, Mask, Words
from otelchan.model.ages import AgeColumns
from otelchan.model.goroutines import Stacks
from otelchan.model.groups import MOST_IDS, GoroutineGroup
from otelchan.model.types import Age

MOST_STACKS = 4096
"""So many model.goroutines.Stacks remembers: of more different ones only the innermost frames are looked at."""
INNERMOST = 16
"""Return addresses, those of the runtime among them."""
_FEW = 1 << 16  # numbers below this are told apart by a table of them, which is quicker


class _Columns(NamedTuple):
    """One entry per goroutine. age_ns: -1 for one that does not wait."""

    id: Words
    age_ns: Indices
    at_least: Mask
    depth: NDArray[np.int32]

    def rows(self, index: Indices) -> _Columns:
        return _Columns._make(column[index] for column in self)


def grouped(goroutines: Goroutines, ages: AgeColumns, stacks: Stacks) -> list[GoroutineGroup]:
    """Groups of all goroutines but the runtime's own, the largest first. ages: of these goroutines."""
    own = np.flatnonzero(~goroutines.system)
    if not len(own):
        return []
    frames, of_stack = _frames(goroutines, own, stacks)
    creators, creator = _numbered(goroutines.created_at[own])
    statuses, status = _numbered(goroutines.status[own])
    reasons, reason = _numbered(goroutines.reason[own])
    sizes = (len(statuses), len(reasons), len(frames), len(creators))
    keys, key = _numbered(np.ravel_multi_index((status, reason, of_stack[goroutines.stack[own]], creator), sizes))
    age_ns = np.where(ages.known[own], ages.age_ns[own], -1)
    columns = _Columns(goroutines.id[own], age_ns, ages.at_least[own], goroutines.depth[own])
    if len(keys) < 1 << 16:
        key = key.astype(np.uint16)  # which numpy sorts in linear time
    parts = np.split(np.argsort(key, kind="stable"), np.cumsum(np.bincount(key))[:-1])
    found = [
        _group(
            columns.rows(part),
            goroutines.statuses.get(int(statuses[number]), f"number {statuses[number]}"),
            goroutines.reasons[reasons[why]],
            frames[where],
            stacks.creator(int(creators[who])),
        )
        for part, number, why, where, who in zip(
            parts, *(column.tolist() for column in np.unravel_index(keys, sizes)), strict=True
        )
    ]
    return sorted(found, key=lambda group: -group.count)


def _group(
    members: _Columns, status: str, wait_reason: str, frames: tuple[Frame, ...], created_by: Frame | None
) -> GoroutineGroup:
    first = _first(members)
    oldest = first[0]
    age = Age(int(members.age_ns[oldest]), bool(members.at_least[oldest])) if members.age_ns[oldest] >= 0 else None
    return GoroutineGroup(
        status=status,
        wait_reason=wait_reason,
        frames=frames,
        depth=int(members.depth.max()),
        created_by=created_by,
        count=len(members.id),
        oldest=age,
        ids=tuple(members.id[first].tolist()),
        newest_id=int(members.id.max()),
    )


def _first(members: _Columns) -> Indices:
    """Of up to MOST_IDS of them, the oldest first; the lower id of two that are as old."""
    age_ns, places = members.age_ns, np.arange(len(members.id))
    if len(places) > MOST_IDS:
        least = np.partition(age_ns, -MOST_IDS)[-MOST_IDS]
        tied = np.flatnonzero(age_ns == least)
        if len(tied) > MOST_IDS:
            tied = tied[np.argpartition(members.id[tied], MOST_IDS)[:MOST_IDS]]
        places = np.concatenate((np.flatnonzero(age_ns > least), tied))
    return places[np.lexsort((members.id[places], -age_ns[places]))][:MOST_IDS]


def _frames(goroutines: Goroutines, own: Indices, stacks: Stacks) -> tuple[list[tuple[Frame, ...]], Indices]:
    """Different user frames, and for each stack of the census the place of its own there."""
    used = np.flatnonzero(np.bincount(goroutines.stack[own], minlength=1)).tolist()
    innermost = None if len(used) <= MOST_STACKS else INNERMOST
    known: dict[tuple[Frame, ...], int] = {}
    of_stack = np.zeros(len(goroutines.stacks), np.int64)
    for number in used:
        frames = stacks.user_frames(goroutines.stacks[number][:innermost])
        of_stack[number] = known.setdefault(frames, len(known))
    return list(known), of_stack


def _numbered(values: NDArray[Any]) -> tuple[NDArray[Any], Indices]:
    """Different values, ascending, and for each value the place of its equal there."""
    if values.max() < _FEW:
        values = values.astype(np.int64)
        different = np.flatnonzero(np.bincount(values))
        place = np.zeros(int(values.max()) + 1, np.int64)
        place[different] = np.arange(len(different))
        return different, place[values]
    different = np.unique(values)
    return different, np.searchsorted(different, values)
