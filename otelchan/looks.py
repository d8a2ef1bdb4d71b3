"""Looking at one program's memory, at a bounded cost. Composition: joins gobinary, memory and model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from otelchan import clock
from otelchan.errors import MemoryGone
from otelchan.gobinary.types import GoImage
from otelchan.memory.bulk import distinct
from otelchan.memory.census import take_census
from otelchan.memory.channels import NOBODY, allocated_channels, read_channels
from otelchan.memory.counts import read_counts
from otelchan.memory.holders import find_holders
from otelchan.memory.labels import labels_of
from otelchan.memory.modules import modules_of
from otelchan.memory.registered import registered
from otelchan.memory.types import (
    Census,
    Channel,
    ChannelMap,
    Channels,
    Goroutines,
    Held,
    Indices,
    LabelsOf,
    Reader,
    Words,
)
from otelchan.model.addresses import ByAddress
from otelchan.model.types import Blocked, BlockedList, Kept
from otelchan.plan.hurry import Hurry

log = logging.getLogger("otelchan")

CENSUS_SHARE = 100  # a census may take one part in this many of a core
_HELD_FOR_NS = 2_000_000_000  # who holds channels is looked for anew after this time, or later where that costs much
_MOST_HELD = 20_000  # channels that it is looked for


class Looks:
    """Remembers the last census, and which channels were found freed. share: one part in this many of a core."""

    def __init__(self, reader: Reader, image: GoImage, bias: int) -> None:
        self._reader = reader
        self._image = image
        self._bias = bias
        self._census: Census | None = None
        self._due_ns = 0
        self._hurry = Hurry()
        self.share = CENSUS_SHARE
        self._freed = ByAddress.of({})

    def is_due(self) -> bool:
        """Whether the next census will be a new one."""
        now = clock.monotonic_ns()
        if self._census is None or self._hurry.now(now, self.share):
            return True
        return now >= self._due_ns and not self._hurry.waits(now)

    def heed(self, parks_lost: int) -> None:
        """So many goroutines have parked without being seen, since the program is watched: see otelchan.plan.hurry."""
        self._hurry.heed(parks_lost, clock.monotonic_ns())

    def census(self) -> Census | None:
        """A new census, or, while that would cost too much, the last one with new counts; None when memory cannot be
        read."""
        try:
            self._census = self._newest(self._census)
        except MemoryGone as error:
            log.debug("%s", error)
            return None
        return self._census

    def _newest(self, last: Census | None) -> Census:
        now = clock.monotonic_ns()
        if last is not None and not self.is_due():
            return replace(last, counts=read_counts(self._reader, self._image.layout, self._image.globals, self._bias))
        spent_ns = clock.thread_cpu_ns()
        census = take_census(self._reader, self._image, self._bias, last)
        spent_ns = clock.thread_cpu_ns() - spent_ns  # not the time that it took: a busy machine must not make us blind
        self._hurry.looked(now, spent_ns if last is not None else 0, self.share)
        # The first one reads much that no later one reads again: it does not say what the next one costs.
        self._due_ns = now + self.share * spent_ns if last is not None else now
        return census

    def channels(self, addresses: list[int]) -> dict[int, Channel]:
        """Those of these channels that can be read."""
        try:
            return read_channels(self._reader, self._image.layout, self._image.globals, self._bias, addresses)
        except MemoryGone:
            return {}

    def live_channels(self, made: Mapping[int, int], skip: ChannelMap) -> Channels:
        """Of the channels that the kernel side knows, address -> time of its make, those that are still allocated.

        A channel that was found freed is not read again until its address is made again: the kernel's map keeps it
        until it needs the room, and a program may make a channel per request.
        """
        known = ByAddress.of(made)
        freed = (known.number != 0) & (self._freed.numbers(known.address, np.zeros_like(known.number)) == known.number)
        wanted = ~freed & ~skip.find(known.address)[0] & (known.address != 0)
        image = self._image
        try:
            found, live = allocated_channels(
                self._reader, image.layout, image.globals, self._bias, known.address[wanted]
            )
            freed[np.flatnonzero(wanted)[~live]] = True
        except MemoryGone:
            found = NOBODY.channels
        self._freed = ByAddress(known.address[freed], known.number[freed])
        return found

    def labels(self, goroutines: Goroutines, places: Indices) -> LabelsOf:
        """Profiler labels of these goroutines of the last census; none where memory cannot be read any more."""
        try:
            return labels_of(self._reader, self._image.layout, goroutines, places)
        except MemoryGone as error:
            log.debug("%s", error)
            return LabelsOf([()] * len(places), len(places))

    def registered(self, channels: ChannelMap) -> frozenset[int] | None:
        """Those of these channels that os/signal sends to; None where that cannot be told."""
        return registered(self._reader, self._image, self._bias, channels.of_type("os.Signal"))


class Holding:
    """Looks for who has those channels at hand that goroutines have waited on for long.

    wait_ns: how long is long. It reads the memory itself, past whoever records it: what is on the stacks stays here,
    and only who holds which channel goes on.
    """

    def __init__(self, reader: Reader, image: GoImage, bias: int, share: int = CENSUS_SHARE) -> None:
        self._reader, self._image, self._bias = reader, image, bias
        self._wanted: Words = np.zeros(0, np.uint64)
        self._waited: Kept[Words] = Kept()
        self._held = Held()
        self._due_ns = 0
        self.share, self.wait_ns = share, 0

    def heed(self, blocked: Sequence[Blocked]) -> None:
        """Who is blocked now: those who have waited for half of the time will soon have waited for all of it."""
        every = BlockedList.of(blocked)
        self._wanted = self._waited.of(lambda: self._long(every), every, equal=self.wait_ns)

    def _long(self, every: BlockedList) -> Words:
        kinds = np.array([channel.kind == "user" for channel in every.names.channels], np.bool_)
        columns = every.columns
        long = (columns.age_ns >= self.wait_ns // 2) & (columns.address != 0)
        long &= kinds[columns.channel] if len(columns.channel) else long
        return distinct(columns.address[long])

    def held(self, again: bool = True) -> Held:
        """Who has them at hand; what was found last while it is not yet time to look again. Nothing when there is
        nobody to look for, when there is too much to look through, or when memory cannot be read.

        again: a new census follows. To look later than the census would miss who acts in between, and is gone, while
        those that it lets go on are still said to wait.
        """
        if not len(self._wanted) or len(self._wanted) > _MOST_HELD:
            self._held, self._due_ns = Held(), 0
            return self._held
        began_ns = clock.monotonic_ns()
        if again and began_ns >= self._due_ns:
            spent_ns = clock.thread_cpu_ns()
            self._held = self._look()
            spent_ns = clock.thread_cpu_ns() - spent_ns
            self._due_ns = began_ns + max(_HELD_FOR_NS, self.share * spent_ns)
        return self._held

    def _look(self) -> Held:
        image = self._image
        try:
            text = modules_of(self._reader, image.layout, image.globals, self._bias)[0].text
            found = find_holders(self._reader, image.layout, image.globals, self._bias, text, self._wanted)
        except MemoryGone as error:
            log.debug("%s", error)
            return Held()
        return found or Held()
