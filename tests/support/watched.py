"""Programs as series of looks at who waits, and at what is known of the channels: for findings about waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otelchan.config import Findings
from otelchan.findings.leak import LeakFinder
from otelchan.findings.never_closed import NeverClosedFinder
from otelchan.findings.nil_channel import NilChannelFinder
from otelchan.findings.types import Finding
from otelchan.model.types import Blocked, End, GoroutineView, Snapshot
from tests.support.lives import Row, live
from tests.support.snapshots import SECOND, START, bare_channel, blocked, snapshot

NAME = "main.work main.go:41"
FOR_EVER = 1e9


class Waiter(NamedTuple):
    """A goroutine that waits from `start` to `end`, seconds after the agent came. channel: address, 0: nil. ends: of
    the other side, each from that second on; none: nothing is known of the channel. more: further cases of a select."""

    id: int
    start: float
    end: float = FOR_EVER
    operation: str = "recv"
    reason: str = "chan receive"
    channel: int = -1
    name: str = NAME
    kind: str = "user"
    ends: Mapping[float, End] = {}
    more: tuple[Waiter, ...] = ()
    changes: Mapping[str, Any] = {}

    @property
    def address(self) -> int:
        """Its own channel, unless it says otherwise."""
        return 0xC000000000 + 96 * self.id if self.channel < 0 else self.channel

    def at(self, now: float) -> list[Blocked]:
        """What a look at that time shows of it."""
        if not self.start <= now < self.end:
            return []
        values: dict[str, Any] = {
            "channel": self.name,
            "channel_address": self.address,
            "kind": self.kind,
            "operation": self.operation,
            "wait_reason": self.reason,
            **self.changes,
        }
        others = [entry for case in self.more for entry in case.at(now)]
        return [*others, blocked(self.id, now - max(self.start, 0), **values)]

    def rows(self, now: float) -> Iterable[Row]:
        """What is known of its channels then."""
        for case in self.more:
            yield from case.rows(now)
        known = [end for since, end in sorted(self.ends.items()) if since <= now]
        if known:
            row = Row(self.address, self.name, kind=self.kind)
            yield row._replace(receiving=known[-1]) if self.operation == "send" else row._replace(sending=known[-1])


def look_at(waiters: Iterable[Waiter], now: float, **changes: Any) -> Snapshot:
    """All of them at one moment; each channel was looked for, and found with nobody but those that wait on it."""
    present = [waiter for waiter in waiters if waiter.at(now)]
    rows = {row.address: row for waiter in present for row in waiter.rows(now)}
    entries = tuple(entry for waiter in present for entry in waiter.at(now))
    values: dict[str, Any] = {
        "time_unix_ns": START + int(now * SECOND),
        "blocked": entries,
        "goroutines": GoroutineView(len(present) + 1),
        "live": live(*rows.values()),
    }
    if "reaching" in changes or "holders" not in changes:
        values["holders"] = {entry.channel_address: (entry.goroutine_id,) for entry in entries}
    return snapshot([bare_channel(name) for name in {entry.channel for entry in entries}], **{**values, **changes})


class Doctors:
    """The three finders of goroutines that may never go on, in their order: the special ones first."""

    def __init__(self, **settings: Any) -> None:
        thresholds = Findings(**settings)
        self._finders = [kind(thresholds) for kind in (NilChannelFinder, NeverClosedFinder, LeakFinder)]

    def look(self, seen: Snapshot) -> list[Finding]:
        """What they find in one snapshot."""
        found: list[Finding] = []
        for finder in self._finders:
            found += finder.find(seen, tuple(found))
        return found

    def watch(self, waiters: Sequence[Waiter], seconds: int, every: int = 5, **changes: Any) -> list[list[Finding]]:
        """What is found at each look, from the first second on."""
        return [self.look(look_at(waiters, now, **changes)) for now in range(0, seconds + 1, every)]


def first(found: Sequence[Sequence[Finding]], every: int = 5) -> float:
    """The second at which something was found first."""
    return next(number * every for number, each in enumerate(found) if each)
