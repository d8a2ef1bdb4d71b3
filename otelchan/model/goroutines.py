"""Goroutines: counts and ages by wait reason, and who is parked on which channel."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, GoroutineCounts, Goroutines, Indices, Words
from otelchan.model.ages import AgeColumns
from otelchan.model.blocked import SIDES, BlockedColumns, BlockedList, ChannelName, Names
from otelchan.model.kept import Kept
from otelchan.model.stacks import frames_at, user_frames
from otelchan.model.types import Age, Counter, GoroutineView

_NIL = ChannelName("", "user")
_NO_SIDE = SIDES.index("")


class Created:
    """Goroutines created and exited since we came, from two numbers that are read without a probe."""

    def __init__(self) -> None:
        self._first: GoroutineCounts | None = None
        self._created = 0
        self._exited = 0
        self._waits: Kept[tuple[dict[str, int], dict[str, Age]]] = Kept()

    def update(self, now: GoroutineCounts) -> tuple[int, int]:
        """(created, exited) since the first call, the runtime's own goroutines left out, as runtime.NumGoroutine does:
        as many of those were created as there are more of, for they last (what does not, such as the goroutines of the
        execution tracer, counts as started and ended). What is read while the program runs may be a little too small
        for a moment (read_counts), so neither ever steps back; their difference is the change of the count once the
        program rests. A first call while goroutines come and go is as good as one that came a moment earlier.
        """
        if self._first is None:
            self._first = now
        first = self._first
        self._created = max(self._created, now.created - first.created - (now.system - first.system))
        self._exited = max(self._exited, self._created - (now.count - first.count))
        return self._created, self._exited

    def view(self, census: Census | None, ages: AgeColumns, since_unix_ns: int) -> GoroutineView:
        """Counts and the oldest wait, by wait reason; system goroutines are left out, as runtime.NumGoroutine does.

        ages: of the goroutines of this census.
        """
        if census is None:
            return GoroutineView(0)
        goroutines = Goroutines.of(census.goroutines)
        counted, oldest = self._waits.of(lambda: _by_reason(goroutines, ages), goroutines, ages)
        made, gone = self.update(census.counts)
        counters = Counter(made, since_unix_ns), Counter(gone, since_unix_ns)
        return GoroutineView(census.counts.count, counted, oldest, *counters)


def _by_reason(goroutines: Goroutines, ages: AgeColumns) -> tuple[dict[str, int], dict[str, Age]]:
    """How many wait, and how long the oldest does."""
    own = ~goroutines.system & ages.known
    reasons, oldest_by = goroutines.reason, np.where(own, ages.age_ns, -1)
    counted: dict[str, int] = {}
    oldest: dict[str, Age] = {}
    for reason in np.flatnonzero(np.bincount(reasons[own], minlength=1)).tolist():
        members = own & (reasons == reason)
        counted[goroutines.reasons[reason]] = int(members.sum())
        oldest[goroutines.reasons[reason]] = ages.at(int(np.where(members, oldest_by, -1).argmax()))
    return counted, oldest


class Stacks:
    """Names stacks of one program. Thousands of goroutines share a handful of stacks, so answers are kept."""

    def __init__(self, image: GoImage) -> None:
        self.user_frames = lru_cache(maxsize=4096)(self._user_frames)
        self.creator = lru_cache(maxsize=4096)(self._creator)
        self._image = image

    def _user_frames(self, stack: tuple[int, ...]) -> tuple[Frame, ...]:
        return user_frames(frames_at(self._image, stack))

    def _creator(self, created_at: int) -> Frame | None:
        frames = self._image.functions.frames(created_at) if created_at else ()
        return frames[0] if frames else None


def blocked(
    stacks: Stacks, census: Census, ages: AgeColumns, names_of: Callable[[Words], tuple[Indices, list[ChannelName]]]
) -> BlockedList:
    """One entry per goroutine and channel that it waits on.

    ages: of the goroutines of this census. names_of: for each of these addresses, of which none is 0, its place in the
    list.
    """
    goroutines = Goroutines.of(census.goroutines)
    owner, address, operation = _entries(goroutines)
    known = address != 0
    channel = np.zeros(len(owner), np.int64)
    channel[known], names = names_of(address[known])
    channel[~known] = len(names)  # a nil channel
    stack, creator = goroutines.stack[owner], goroutines.created_at[owner]
    used = set(np.flatnonzero(np.bincount(stack, minlength=1)).tolist())
    places, creators = np.unique(creator, return_inverse=True)
    columns = BlockedColumns(
        goroutine_id=goroutines.id[owner],
        channel=channel,
        address=address,
        operation=operation,
        reason=goroutines.reason[owner].astype(np.int64),
        age_ns=np.where(ages.known, ages.age_ns, 0)[owner],
        at_least=np.where(ages.known, ages.at_least, True)[owner],
        stack=stack.astype(np.int64),
        creator=creators,
    )
    frames = [stacks.user_frames(each) if n in used else () for n, each in enumerate(goroutines.stacks)]
    return BlockedList(
        columns,
        Names([*names, _NIL], goroutines.reasons, frames, [stacks.creator(place) for place in places.tolist()]),
    )


def _entries(goroutines: Goroutines) -> tuple[Indices, Words, NDArray[np.uint8]]:
    """Goroutine, channel and operation of each wait, and of those that wait for ever on no channel at all."""
    waits, system = goroutines.waits, goroutines.system
    waits = waits.rows(~system[waits.owner])
    waiting = np.zeros(len(goroutines), np.bool_)
    waiting[waits.owner] = True
    endless = np.array([_for_ever(text) for text in goroutines.reasons])[goroutines.reason]
    more = np.flatnonzero(endless & ~waiting & ~system)
    owner = np.concatenate((waits.owner, more))
    order = np.argsort(owner, kind="stable")
    address = np.concatenate((waits.channel, np.zeros(len(more), np.uint64)))
    operation = np.concatenate((waits.operation, np.full(len(more), _NO_SIDE, np.uint8)))
    return owner[order], address[order], operation[order]


def _for_ever(wait_reason: str) -> bool:
    """When it waits on nothing. A select has sudogs of its channels that are not nil; one without any waits for ever,
    and so does a select of nil channels only, which has the reason of any other (selectgo, Go 1.19 to 1.27)."""
    return "nil chan" in wait_reason or wait_reason.startswith("select")
