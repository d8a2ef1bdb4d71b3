"""Looking at one program's memory, at a bounded cost. Composition: joins gobinary and memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from otelchan import clock
from otelchan.errors import MemoryGone
from otelchan.gobinary.types import GoImage
from otelchan.memory.census import take_census
from otelchan.memory.channels import read_channels
from otelchan.memory.counts import read_counts
from otelchan.memory.registered import registered
from otelchan.memory.types import Census, Channel, ChannelMap, Reader

log = logging.getLogger("otelchan")

CENSUS_SHARE = 100  # a census may take one part in this many of a core


class Looks:
    """Remembers the last census, and which channels were found freed. share: one part in this many of a core."""

    def __init__(self, reader: Reader, image: GoImage, bias: int) -> None:
        self._reader = reader
        self._image = image
        self._bias = bias
        self._census: Census | None = None
        self._due_ns = 0
        self.share = CENSUS_SHARE
        self._freed: dict[int, int] = {}

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
        if last is not None and now < self._due_ns:
            return replace(last, counts=read_counts(self._reader, self._image.layout, self._image.globals, self._bias))
        census = take_census(self._reader, self._image, self._bias, last)
        # The first one reads much that no later one reads again: it does not say what the next one costs.
        self._due_ns = now + self.share * census.duration_ns if last is not None else now
        return census

    def channels(self, addresses: list[int]) -> dict[int, Channel]:
        """Those of these channels that can be read."""
        try:
            return read_channels(self._reader, self._image.layout, self._image.globals, self._bias, addresses)
        except MemoryGone:
            return {}

    def live_channels(self, made: Mapping[int, int], skip: Mapping[int, Channel]) -> dict[int, Channel]:
        """Of the channels that the kernel side knows, address -> time of its make, those that are still allocated.

        A channel that was found freed is not read again until its address is made again: the kernel's map keeps it
        until it needs the room, and a program may make a channel per request.
        """
        wanted = [a for a, time in made.items() if a not in skip and not (time and self._freed.get(a) == time)]
        found = self.channels(wanted)
        self._freed = {a: time for a, time in self._freed.items() if made.get(a) == time}
        self._freed.update({a: made[a] for a, channel in found.items() if channel.allocated is False})
        return {a: channel for a, channel in found.items() if channel.allocated is not False}

    def registered(self, channels: ChannelMap) -> frozenset[int] | None:
        """Those of these channels that os/signal sends to; None where that cannot be told."""
        return registered(self._reader, self._image, self._bias, channels.of_type("os.Signal"))
