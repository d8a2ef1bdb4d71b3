"""Goroutines that wait, as a series of looks shows them to the finder of leaks (F1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from otelchan.config import Findings
from otelchan.findings.leak import LeakFinder
from otelchan.findings.types import Finding
from otelchan.model.types import Age, Blocked, ChannelView, GoroutineView
from tests.support.snapshots import SECOND, START, bare_channel, blocked, snapshot

RECEIVING: dict[str, Any] = {"operation": "recv", "wait_reason": "chan receive"}
ONE_CHANNEL: dict[str, Any] = {"channel_address": 0xC0000AA000}
FOR_EVER = 1e9


class Wait(NamedTuple):
    """One goroutine that waits from `start` to `end`, seconds after the agent came; what Blocked has besides."""

    id: int
    start: float
    end: float = FOR_EVER
    changes: Any = None

    def seen_at(self, now: float) -> list[Blocked]:
        """What a look at that time shows; the age of a wait that began before the agent came is a lower bound."""
        if not self.start <= now < self.end:
            return []
        entry = blocked(self.id, now - max(self.start, 0), **(self.changes or {}))
        return [entry if self.start >= 0 else entry_at_least(entry)]


def entry_at_least(entry: Blocked) -> Blocked:
    """The same with an age that is a lower bound."""
    values = {name: getattr(entry, name) for name in entry.__slots__}
    return Blocked(**{**values, "age": Age(entry.age.age_ns, at_least=True)})


def looks(
    finder: LeakFinder,
    waits: Iterable[Wait],
    seconds: int,
    every: int = 10,
    begin: int = 0,
    channels: Sequence[ChannelView] = (bare_channel("main.work main.go:41"),),
) -> list[list[Finding]]:
    """What is found at each look from `begin` on, for so many seconds."""
    waits = list(waits)
    return [
        look(finder, [e for w in waits for e in w.seen_at(now)], now, channels)
        for now in range(begin, begin + seconds + 1, every)
    ]


def look(
    finder: LeakFinder, entries: Sequence[Blocked], now: float, channels: Sequence[ChannelView] = ()
) -> list[Finding]:
    """What is found at one look."""
    seen = snapshot(
        channels,
        time_unix_ns=START + int(now * SECOND),
        blocked=tuple(entries),
        goroutines=GoroutineView(len(entries) + 1),
    )
    return finder.find(seen)


def finder(**changes: Any) -> LeakFinder:
    """With the default thresholds, except for changes."""
    return LeakFinder(Findings(**changes))


def leaking(rate: float = 4.0, seconds: int = 100, lasts: float = FOR_EVER, **changes: Any) -> list[Wait]:
    """Goroutines that come at a rate per second and wait for so long, since long before the agent came."""
    return [Wait(n, n / rate - 20, n / rate - 20 + lasts, changes) for n in range(int((seconds + 20) * rate))]
