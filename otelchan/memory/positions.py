"""How fast elements go through a channel's buffer, by reading where it is written to and read from: no probe.

src/runtime/chan.go, Go 1.19 to 1.27: chansend and chanrecv move hchan.sendx and recvx on by one, round the buffer, for
each element that goes through it; what is handed to a goroutine that waits moves neither. One system call reads the
same two words many times, about 0.6 us apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from otelchan import clock
from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Layout
from otelchan.memory.types import Moves, Reader

_READS = 256  # in a burst: a sixth of a millisecond
_CHANNELS = 8  # that are looked at in turn


@dataclass(slots=True)
class _Watched:
    address: int
    name_key: int
    capacity: int = 0
    bursts: int = 0
    looked_ns: int = 0
    sent: int = 0
    received: int = 0
    squares: int = 0


class Positions:
    """Looks at some channels in turn, a burst of reads each time. layout: offsets in hchan."""

    def __init__(self, reader: Reader, layout: Layout) -> None:
        names = [layout[f"hchan.{name}"] for name in ("dataqsiz", "sendx", "recvx")]
        self._first = min(names)
        self._words = [(offset - self._first) // 8 for offset in names]
        self._size = max(names) + 8 - self._first
        self._reader = reader
        self._watched: list[_Watched] = []
        self._next = 0

    def watch(self, keys: Mapping[int, int], busiest: Iterable[int]) -> None:
        """From now on look at the channels with these name keys, the first few that are the only ones of their key."""
        wanted = list(busiest)
        addresses: dict[int, list[int]] = {key: [] for key in wanted}
        for address, key in keys.items() if wanted else ():
            if key in addresses:
                addresses[key].append(address)
        only = [(found[0], key) for key, found in addresses.items() if len(found) == 1]
        self._watched = [_Watched(address, key) for address, key in only[:_CHANNELS]]

    def look(self) -> None:
        """One burst, at the channel whose turn it is."""
        if not self._watched:
            return
        self._next = (self._next + 1) % len(self._watched)
        watched = self._watched[self._next]
        spans = np.tile(np.array([watched.address + self._first, self._size], np.uint64), (_READS, 1))
        try:
            before_ns = clock.monotonic_ns()
            data = self._reader.read_joined(spans)
            took_ns = clock.monotonic_ns() - before_ns
        except MemoryGone:
            return
        if data is not None:
            self._add(watched, np.frombuffer(data, "<u8").reshape(_READS, -1)[:, self._words].astype(np.int64), took_ns)

    def _add(self, watched: _Watched, rows: np.ndarray, took_ns: int) -> None:
        capacity = int(rows[0, 0])
        same = (rows[:, 0] == capacity).all() and watched.capacity in (0, capacity)
        if capacity < 2 or not same or (rows[:, 1:] >= capacity).any() or (rows[:, 1:] < 0).any():
            return  # without places to go to, or another channel by now
        sent, received = (np.diff(rows[:, 1:], axis=0) % capacity).sum(axis=0).tolist()
        watched.capacity = capacity
        watched.bursts += 1
        watched.looked_ns += took_ns * (_READS - 1) // _READS
        watched.sent += sent
        watched.received += received
        watched.squares += sent * sent

    def take(self) -> tuple[Moves, ...]:
        """What was seen since the last call."""
        seen = [each for each in self._watched if each.bursts]
        self._watched = [_Watched(each.address, each.name_key) for each in self._watched]
        return tuple(
            Moves(
                name_key=each.name_key,
                capacity=each.capacity,
                bursts=each.bursts,
                reads=each.bursts * (_READS - 1),
                looked_ns=each.looked_ns,
                sent=each.sent,
                received=each.received,
                squares=each.squares,
            )
            for each in seen
        )
