"""Channels that goroutines wait to send on, over successive looks: whether they are under pressure all the time.

A look is a moment, and a queue that is filled and emptied once a second may be full at every look. So it is asked what
was the case in between: a sender that has waited since before the last look proves that there was no room since; else
those that receive must hardly have waited for anything to receive, of which the kernel side keeps the sum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from otelchan.findings.trend import slope
from otelchan.findings.words import SECOND
from otelchan.memory.types import Indices, Words
from otelchan.model.types import OPERATIONS, BlockedList, ChannelView, Snapshot

MOST_CHANNELS = 1000  # that are followed at the same time
PARTS = 64  # of the time that is looked back: of looks that are closer together, one is kept
MOST_SAMPLES = 2 * PARTS + 2
IDLE_SHARE = 0.1  # of the time, in which those that receive may have waited
LEAST_LOOKS = 4
_MOVED_NS = 500_000_000  # an age is exact, or known to a look; what is later than this is another wait
_SEND = OPERATIONS.index("send")


class Totals(NamedTuple):
    """What has been counted of all channels of one name; -1: not complete. idle_ns: those that receive have waited so
    long. missed: they looked and found nothing."""

    received: int
    idle_ns: int
    missed: int
    channels: int


class Pressed(NamedTuple):
    """A channel under pressure at one look. oldest_since_ns: when the wait of the oldest sender began, in Unix
    nanoseconds, oldest_plain_since_ns: of the oldest that waits for nothing else; 0: there is none. received: from it,
    -1: not known."""

    address: int
    name: str
    length: int
    capacity: int
    senders: int
    received: int
    oldest_since_ns: int
    oldest_plain_since_ns: int

    @property
    def lag(self) -> int:
        """Elements that wait to be received, in the buffer and with their senders."""
        return self.length + self.senders


class Sample(NamedTuple):
    """idle_ns: of the time since the look before, in which it may have been empty. received: from all of its name."""

    time_ns: int
    lag: int
    senders: int
    idle_ns: int
    received: int


@dataclass(slots=True)
class Episode:
    """A channel that is under pressure at every look. first: it was so when we came. moved_ns: when something was last
    received, 0: not seen."""

    now: Pressed
    totals: Totals
    since_ns: int
    first: bool
    moved_ns: int = 0
    relaxed: int = 0
    reported: bool = False
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=MOST_SAMPLES))

    def look(self, now: Pressed, totals: Totals, time_ns: int, back_ns: int) -> None:
        """Still under pressure. back_ns: for so long it is remembered."""
        before_ns = self.samples[-1].time_ns if self.samples else time_ns
        if self._moved(now, totals):
            self.moved_ns = time_ns
            self.now = now
        else:  # the oldest wait that was known stays what the next ones are compared with
            plain_ns = self.now.oldest_plain_since_ns or now.oldest_plain_since_ns
            self.now = now._replace(oldest_plain_since_ns=plain_ns)
        idle_ns = self._idle(now, totals, before_ns, time_ns)
        sample = Sample(time_ns, now.lag, now.senders, idle_ns, totals.received)
        if len(self.samples) > 1 and time_ns - self.samples[-2].time_ns < back_ns // PARTS:
            last = self.samples.pop()
            sample = sample._replace(idle_ns=last.idle_ns + idle_ns, senders=max(last.senders, now.senders))
        self.samples.append(sample)
        self.totals = totals
        self.relaxed = 0

    def _moved(self, now: Pressed, totals: Totals) -> bool:
        """Something was received: it was counted, or the oldest of those that can only send got on."""
        before = self.now
        if 0 <= before.received < now.received:
            return True
        if now.received < 0 and totals.channels == 1 and 0 <= self.totals.received < totals.received:
            return True
        return 0 < before.oldest_plain_since_ns < now.oldest_plain_since_ns - _MOVED_NS

    def _idle(self, now: Pressed, totals: Totals, before_ns: int, time_ns: int) -> int:
        if 0 < now.oldest_since_ns <= before_ns:
            return 0
        known = self.totals.idle_ns >= 0 and totals.idle_ns >= 0
        if not known or totals.missed > self.totals.missed >= 0:
            return time_ns - before_ns
        return totals.idle_ns - self.totals.idle_ns

    def window(self, span_ns: int) -> list[Sample]:
        """Looks of the last span_ns, and the one before them."""
        start_ns = self.samples[-1].time_ns - span_ns
        after = [sample for sample in self.samples if sample.time_ns > start_ns]
        rest = len(self.samples) - len(after)
        return [self.samples[rest - 1], *after] if rest else after

    def saturated(self, span_ns: int) -> bool:
        """For span_ns at least, and LEAST_LOOKS, while something was received and hardly ever waited for."""
        time_ns = self.samples[-1].time_ns
        looks = self.window(span_ns)
        looks = looks if len(looks) >= LEAST_LOOKS else list(self.samples)[-LEAST_LOOKS:]
        elapsed_ns = time_ns - looks[0].time_ns
        if len(looks) < LEAST_LOOKS or elapsed_ns < span_ns:
            return False
        if time_ns - self.moved_ns >= elapsed_ns or max(sample.senders for sample in looks) < 2:
            return False
        return sum(sample.idle_ns for sample in looks[1:]) < IDLE_SHARE * elapsed_ns


def grows(samples: Sequence[Sample]) -> bool:
    """In the last third of the looks there was always more lag than ever in the first: at least 3 more, and a tenth."""
    third = max(len(samples) // 3, 1)
    most = max(sample.lag for sample in samples[:third])
    return min(sample.lag for sample in samples[-third:]) - most >= max(3, most / 10) if len(samples) > 2 else False


def lag_per_second(samples: Sequence[Sample]) -> float:
    """By the least squares."""
    return slope([(sample.time_ns, sample.lag) for sample in samples])


def received_per_second(samples: Sequence[Sample]) -> float | None:
    """From all channels of the name; None: not known, or not looked at for long enough."""
    first, last = samples[0], samples[-1]
    if first.received < 0 or last.received < first.received or last.time_ns == first.time_ns:
        return None
    return (last.received - first.received) * SECOND / (last.time_ns - first.time_ns)


def totals_of(view: ChannelView) -> Totals:
    """What is known of the channels of one name."""
    received, missed = view.processed.get(("recv", "ok")), view.processed.get(("recv", "would_block"))
    idle = view.blocks.get("recv")
    idle_ns = (idle.sum_ns if idle else 0) if view.blocks_start_unix_ns else -1
    return Totals(received.value if received else -1, idle_ns, missed.value if missed else -1, view.channels)


def pressed_channels(snapshot: Snapshot, percent: float, followed: Mapping[int, Episode]) -> dict[int, Pressed]:
    """Channels of the program's own that are under pressure now, by address: a buffer that is nearly full and a sender
    that waits, or two senders that wait where there is no buffer. followed: if there are too many, those of them that
    are received from come first, and then those with the largest backlog."""
    columns, names = snapshot.live.columns, snapshot.live.names
    user = np.array([name.kind == "user" for name in names], np.bool_)
    buffered = columns.capacity > 0
    full = (columns.length * 100 >= percent * columns.capacity) & (columns.senders > 0)
    pressed = np.where(buffered, full, columns.senders > 1) & ~columns.closed
    places = np.flatnonzero(pressed)
    places = places[user[columns.name[places]]] if len(places) else places
    if len(places) > MOST_CHANNELS:
        moving = np.array([address for address, episode in followed.items() if episode.moved_ns], np.uint64)
        known, lag = np.isin(columns.address[places], moving), (columns.length + columns.senders)[places]
        places = places[np.lexsort((-lag, ~known))[:MOST_CHANNELS]]
    rows = columns.rows(places)
    oldest, plain = _oldest(snapshot, rows.address)
    cells = (rows.address, rows.name, rows.length, rows.capacity, rows.senders, rows.received, oldest, plain)
    lists: list[list[int]] = [column.tolist() for column in cells]
    found = (Pressed(address, names[name].name, *rest) for address, name, *rest in zip(*lists, strict=True))
    return {each.address: each for each in found}


def _oldest(snapshot: Snapshot, addresses: Words) -> tuple[Indices, Indices]:
    """For each of these channels when the oldest wait of a sender began, and of one that is not in a select."""
    blocked = BlockedList.of(snapshot.blocked)
    columns, order = blocked.columns, np.argsort(addresses)
    mine = np.flatnonzero((columns.operation == _SEND) & np.isin(columns.address, addresses))
    place = order[np.searchsorted(addresses, columns.address[mine], sorter=order)]
    since_ns = snapshot.seen_unix_ns - columns.age_ns[mine]
    select = np.array([reason.startswith("select") for reason in blocked.names.reasons], np.bool_)[columns.reason[mine]]
    never = np.iinfo(np.int64).max
    found = []
    for counts in (np.ones(len(mine), np.bool_), ~select):
        first = np.full(len(addresses), never)
        np.minimum.at(first, place[counts], since_ns[counts])
        found.append(np.where(first == never, 0, first))
    return found[0], found[1]
