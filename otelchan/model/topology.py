"""Who uses which channel: what the kernel looked at, who is parked there now, and who closed it, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from otelchan.gobinary.types import Frame
from otelchan.model.blocked import OPERATIONS, BlockedList
from otelchan.model.closes import Place
from otelchan.model.edges import Edge
from otelchan.model.kept import Kept
from otelchan.model.types import ChannelView

MOST_EDGES = 2000
CLOSE = "close"
_OPERATIONS = (*OPERATIONS, CLOSE)  # by their number in KernelState.edges


class _Use(NamedTuple):
    channel: str
    operation: str
    frame: Frame


class _Seen(NamedTuple):
    samples: int
    last_unix_ns: int


class Topology:
    """Remembers the edges of one program, up to MOST_EDGES: those used longest ago give way."""

    def __init__(self, place: Place) -> None:
        self._place = lru_cache(maxsize=4096)(place)
        self._uses: dict[_Use, _Seen] = {}
        self._counted: dict[tuple[int, int, int], int] = {}
        self._parked: Kept[dict[_Use, int]] = Kept()

    def forget(self) -> None:
        """Channels have other names from now on; what the kernel has counted is found again under these."""
        self._uses.clear()
        self._counted.clear()

    def look(
        self,
        now_unix_ns: int,
        counted: Mapping[tuple[int, int, int], int],
        name_of: Callable[[int], str | None],
        blocked: BlockedList,
        channels: Iterable[ChannelView],
    ) -> list[Edge]:
        """What is known now, by channel, operation and place.

        counted: as KernelState.edges. name_of: the channel's name behind a name key; None: not known yet.
        """
        self._add_counted(counted, name_of, now_unix_ns)
        parked = self._parked.of(lambda: dict(_parked(blocked)), blocked)
        for use in parked:
            self._uses[use] = _Seen(self._uses[use].samples if use in self._uses else 0, now_unix_ns)
        for channel in channels:
            if channel.closed_by is not None:
                use = _Use(channel.name, CLOSE, channel.closed_by)
                self._uses[use] = _Seen(self._uses[use].samples if use in self._uses else 0, channel.closed_unix_ns)
        if len(self._uses) > MOST_EDGES:
            latest = sorted(self._uses.items(), key=lambda item: -item[1].last_unix_ns)
            self._uses = dict(latest[:MOST_EDGES])
        edges = (Edge(*use, seen.samples, parked.get(use, 0), seen.last_unix_ns) for use, seen in self._uses.items())
        return sorted(edges)

    def _add_counted(
        self, counted: Mapping[tuple[int, int, int], int], name_of: Callable[[int], str | None], now_unix_ns: int
    ) -> None:
        """What was counted since the last look; what is counted less than then was counted anew."""
        for key, samples in counted.items():
            before = self._counted.get(key, 0)
            if samples == before:
                continue
            channel, frame = name_of(key[0]), self._place(key[2])
            if channel is None or frame is None:
                continue
            self._counted[key] = samples
            use = _Use(channel, _OPERATIONS[key[1]], frame)
            earlier = self._uses[use].samples if use in self._uses else 0
            self._uses[use] = _Seen(earlier + (samples - before if samples > before else samples), now_unix_ns)
        if len(self._counted) > len(counted):
            self._counted = {key: samples for key, samples in self._counted.items() if key in counted}


def _parked(blocked: BlockedList) -> Iterator[tuple[_Use, int]]:
    """Goroutines parked now, by what they do; those in nothing but the runtime and those on no channel left out."""
    columns, names = blocked.columns, blocked.names
    here = np.flatnonzero(columns.operation < len(OPERATIONS))
    if not len(here):
        return
    found: dict[_Use, int] = {}
    sizes = (len(names.channels), len(OPERATIONS), len(names.stacks))
    numbers = np.ravel_multi_index((columns.channel[here], columns.operation[here], columns.stack[here]), sizes)
    different, count = np.unique(numbers, return_counts=True)
    parts = (part.tolist() for part in np.unravel_index(different, sizes))
    for channel, operation, stack, number in zip(*parts, count.tolist(), strict=True):
        frames = names.stacks[stack]
        if frames:
            use = _Use(names.channels[channel].name, OPERATIONS[operation], frames[0])
            found[use] = found.get(use, 0) + number
    yield from found.items()
