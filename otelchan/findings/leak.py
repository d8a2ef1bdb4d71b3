"""F1, leaked goroutines: groups parked on channels that grow and do not let go, or that are large and stuck.

Age alone is no evidence: a pool of workers is idle for hours by design. What a leak does and a pool does not:

- it **grows**: goroutines that were seen to come stay for good, in every part of the time looked at, and (nearly) none
  of those that waited as long gets on. Receivers must show it for longer than senders, and a pool of receivers on one
  channel, or selects that also wait for a context or a signal, with long-lived goroutines, not just with suspects;
- or it is **stuck**: many senders, all long-lived, and none of them got on for as long as we looked. Receivers are not
  called stuck: waiting for something that may yet be sent is what they are for;
- or it was one of these, does not grow any more, and nobody has got on since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.types import Finding
from otelchan.findings.waits import NOBODY, Group, GroupKey, Waiting, waiting_groups
from otelchan.model.types import Age, ChannelView, Snapshot

ID = "F1"
SUSPECT, LONG = 0, 1  # age classes
TURNOVER = 0.1  # so many of those that came may get on without the group being healthy
_SEVERITIES = ("critical", "warning", "info")
_OTHER_SIDE = {"send": ("recv", "received from"), "recv": ("send", "sent on")}


class _Growth(NamedTuple):
    """goroutines that came for good, within span_ns."""

    goroutines: int
    span_ns: int

    @property
    def per_minute(self) -> float:
        return self.goroutines * 60 * words.SECOND / self.span_ns


class _Demand(NamedTuple):
    """What growth must show: in one of these age classes, in every one of so many equal parts of at least span_ns."""

    classes: tuple[int, ...]
    parts: int
    span_ns: int


@dataclass(frozen=True, slots=True)
class _Look:
    """One group now. pool: all receive from one channel. way_out: of a select with a context or a signal."""

    key: GroupKey
    group: Group
    waiting: Waiting
    time_ns: int

    @property
    def pool(self) -> bool:
        return self.key.operation == "recv" and self.waiting.channels == 1

    @property
    def way_out(self) -> bool:
        return bool(self.waiting.way_out.any())

    def over(self, age_ns: int) -> Waiting:
        return self.waiting.rows(self.waiting.age_ns >= age_ns)


class LeakFinder:
    """Finds leaks of one program in successive snapshots. Bounded by what the snapshots hold and by the window."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._ages, self._windows = _times(settings)
        self._groups: dict[GroupKey, Group] = {}
        self._first_ns = 0
        self._last_ns = 0
        self._traffic: dict[tuple[str, str], tuple[int, int]] = {}  # last count of a channel's side, unchanged since

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on. With other times, growth is looked for from now on only, because what was
        counted before meant something else; who is known to wait, and what is a finding, stay so. When more is asked
        for, what is a finding must show it anew."""
        if settings.leak_growth > self._settings.leak_growth or settings.leak_stuck > self._settings.leak_stuck:
            for group in self._groups.values():
                group.reported, group.peak = False, 0
        times, self._settings = (self._ages, self._windows), settings
        self._ages, self._windows = _times(settings)
        if times != (self._ages, self._windows):
            self._first_ns = 0

    def find(self, snapshot: Snapshot) -> list[Finding]:
        """The leaks that hold now, worst first."""
        if not snapshot.goroutines.count:
            return []  # memory could not be read: not a look, or everybody would seem to have come since
        now = snapshot.time_unix_ns
        first = not self._first_ns
        self._first_ns = self._first_ns or now
        elapsed_ns, self._last_ns = now - (self._last_ns or now), now
        self._follow_traffic(snapshot.channels, now)
        by_key = waiting_groups(snapshot.blocked)
        by_key.update({key: NOBODY for key in self._groups if key not in by_key})
        channels = {channel.name: channel for channel in snapshot.channels}
        found = []
        for key, members in by_key.items():
            group = self._groups.setdefault(key, Group())
            group.look(members, now, elapsed_ns, first, self._ages)
            group.forget(now - max(self._windows))
            finding = self._judge(_Look(key, group, members, now), channels.get(key.channel), elapsed_ns)
            group.reported = finding is not None
            if finding:
                group.peak = max(group.peak, finding.count)
                found.append(finding)
        self._groups = {key: group for key, group in self._groups.items() if by_key[key] or _remembers(group)}
        return sorted(found, key=lambda f: (_SEVERITIES.index(f.severity), -f.count, f.channel))

    def _judge(self, look: _Look, channel: ChannelView | None, elapsed_ns: int) -> Finding | None:
        suspects = look.over(self._ages[SUSPECT])
        if not suspects:
            return None
        growth = self._growth(look, elapsed_ns)
        if growth is not None:
            return self._finding(look, channel, suspects, "grows", growth)
        if self._stuck(look) or self._still_there(look, suspects):
            return self._finding(look, channel, suspects, "stuck", None)
        return None

    def _growth(self, look: _Look, elapsed_ns: int) -> _Growth | None:
        demand = self._demand(look)
        return next((growth for c in demand.classes if (growth := self._growth_of(look, c, demand, elapsed_ns))), None)

    def _demand(self, look: _Look) -> _Demand:
        """The weaker the shape, the more it takes: a pool that is being filled grows too, for a while."""
        if look.pool or look.way_out:
            return _Demand((LONG,), 4, self._windows[SUSPECT])
        if look.key.operation == "recv":
            return _Demand((SUSPECT, LONG), 4, self._windows[SUSPECT] // 3)
        return _Demand((SUSPECT, LONG), 2, self._ages[SUSPECT] // 2)

    def _growth_of(self, look: _Look, age_class: int, demand: _Demand, elapsed_ns: int) -> _Growth | None:
        """Growth of one age class within its window, when it went on in every part of it and hardly anybody got on."""
        # Nobody can have been seen to come and to wait that long before this:
        earliest_ns = self._first_ns + self._ages[age_class]
        start_ns = max(look.time_ns - self._windows[age_class], earliest_ns)
        span_ns = look.time_ns - start_ns
        if span_ns < max(demand.span_ns, demand.parts * elapsed_ns, 1):
            return None
        edges = [start_ns + span_ns * part // demand.parts for part in range(demand.parts + 1)]
        joined = [look.group.joined_at(edge_ns, age_class) for edge_ns in edges]
        grown = joined[-1] - joined[0]
        steady = all(before < after for before, after in pairwise(joined))
        if grown < self._settings.leak_growth or not steady:
            return None
        if look.group.left_since(start_ns, age_class) > TURNOVER * grown:
            return None
        return _Growth(grown, span_ns)

    def _stuck(self, look: _Look) -> bool:
        """Many long-lived senders, and nobody got on for as long as a goroutine must wait to be long-lived."""
        watched_ns = look.time_ns - self._first_ns
        return (
            look.key.operation == "send"
            and not look.way_out
            and watched_ns >= self._ages[LONG]
            and len(look.over(self._ages[LONG])) >= self._settings.leak_stuck
            and look.group.left_since(look.time_ns - self._windows[SUSPECT], SUSPECT) == 0
        )

    def _still_there(self, look: _Look, suspects: Waiting) -> bool:
        """It was a finding, most of it is left, and nobody got on since."""
        left = look.group.left_since(look.time_ns - self._windows[SUSPECT], SUSPECT)
        return look.group.reported and 2 * len(suspects) >= look.group.peak and left <= TURNOVER * len(suspects)

    def _follow_traffic(self, channels: Sequence[ChannelView], now: int) -> None:
        before, self._traffic = self._traffic, {}
        for channel in channels:
            for operation in ("send", "recv"):
                counter = channel.processed.get((operation, "ok"))
                if counter is not None:
                    key = (channel.name, operation)
                    known = before.get(key)
                    same = known is not None and known[0] == counter.value
                    self._traffic[key] = known if known is not None and same else (counter.value, now)

    def _silence(self, key: GroupKey) -> tuple[str, int] | None:
        """What the other side would have to do, and since when nobody has done it on any channel of that name."""
        if key.operation not in _OTHER_SIDE or not key.channel:
            return None
        operation, words_for_it = _OTHER_SIDE[key.operation]
        known = self._traffic.get((key.channel, operation))
        silent_ns = self._last_ns - known[1] if known else 0
        return (words_for_it, silent_ns) if silent_ns >= self._ages[SUSPECT] else None

    def _finding(
        self,
        look: _Look,
        channel: ChannelView | None,
        suspects: Waiting,
        evidence: str,
        growth: _Growth | None,
    ) -> Finding:
        oldest = suspects.oldest
        certain = look.key.operation == "send" and not look.way_out
        silence = self._silence(look.key)
        return Finding(
            id=ID,
            severity="critical" if certain and oldest.age_ns >= self._ages[LONG] else "warning",
            sentence=_sentence(look, channel, suspects, oldest, growth, silence),
            channel=look.key.channel,
            wait_reason=look.key.wait_reason,
            site=look.key.site,
            created_by=look.key.created_by,
            count=len(suspects),
            oldest_ns=oldest.age_ns,
            oldest_at_least=oldest.at_least,
            growth_per_minute=growth.per_minute if growth else 0.0,
            evidence=evidence,
            facts={
                "channels": suspects.channels,
                "watched_s": round((look.time_ns - self._first_ns) / words.SECOND, 3),
                "long_lived": len(look.over(self._ages[LONG])),
                "silent_s": round(silence[1] / words.SECOND, 3) if silence else None,
            },
        )


def _times(settings: Findings) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ages and windows of suspects and of long-lived ones, nanoseconds."""
    seconds = (
        (settings.leak_suspect_s, settings.leak_long_s),
        (settings.leak_window_s, settings.leak_long_window_s),
    )
    ages, windows = (tuple(int(s * words.SECOND) for s in pair) for pair in seconds)
    return ages, windows


def _remembers(group: Group) -> bool:
    return any(any(sample.joined) or any(sample.left) for sample in group.samples)


def _sentence(
    look: _Look,
    channel: ChannelView | None,
    suspects: Waiting,
    oldest: Age,
    growth: _Growth | None,
    silence: tuple[str, int] | None,
) -> str:
    name = words.channel(look.key.channel, channel.source if channel else "", channel.element_type if channel else "")
    own = suspects.channels == len(suspects) > 1 and bool(look.key.channel)
    what = f"{words.goroutines(len(suspects))} stuck {_doing(look.key, own)} {name}"
    how_long = f"for {'at least' if oldest.at_least else 'up to'} {words.duration(oldest.age_ns)}"
    then = f"growing by {words.rate(growth.per_minute)} a minute" if growth else "and none of them gets on"
    more = f"; nobody has {silence[0]} it for {words.duration(silence[1])}" if silence else ""
    origin = f"; started at {words.place(look.key.created_by)}" if look.key.created_by else ""
    return f"{what}: blocked at {words.place(look.key.site)} {how_long}, {then}{more}{origin}"


def _doing(key: GroupKey, own: bool) -> str:
    if key.wait_reason.startswith("select"):
        return "in a select, each with its own" if own else "in a select with"
    if own:
        return "sending, each on its own" if key.operation == "send" else "receiving, each from its own"
    return "sending on" if key.operation == "send" or "send" in key.wait_reason else "receiving from"
