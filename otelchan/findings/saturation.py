"""F10, saturation: a channel that is full for a while, with senders that wait, though it is received from all the time.

Those that receive are busy and do not keep up: that is the difference from a leak (F1), where nobody receives any more,
and from a burst, after which they have nothing to do for a moment. Semaphores are channels that are full by design.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.pressure import (
    Episode,
    grows,
    lag_per_second,
    pressed_channels,
    received_per_second,
    totals_of,
)
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import OPERATIONS, BlockedList, ChannelView, Snapshot

ID = "F10"
TREND_NS = 60 * words.SECOND  # in which the backlog is looked at for growth
LONG_NS = words.SECOND  # a sender that waits longer than this makes it a warning
_SEND = OPERATIONS.index("send")
_TOKEN = "struct {}"
_SEVERITIES = ("warning", "info")


class Place(NamedTuple):
    """Where most of the senders wait."""

    wait_reason: str = ""
    site: Frame | None = None
    created_by: Frame | None = None


class SaturationFinder:
    """Finds saturated channels of one program in successive snapshots. Bounded by pressure.MOST_CHANNELS."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._episodes: dict[int, Episode] = {}
        self._places: dict[str, Place] = {}  # of what is a finding: it must not change while it is one
        self._looked_ns = 0
        self._found: list[Finding] = []

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from the next look on."""
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Names of channels that are saturated now, worst first."""
        if snapshot.seen_unix_ns == self._looked_ns:
            return self._found
        views = {view.name: view for view in snapshot.channels}
        self._follow(snapshot, views)
        saturated: defaultdict[str, list[Episode]] = defaultdict(list)
        for episode in self._episodes.values():
            view = views[episode.now.name]
            episode.reported = self._holds(episode) and not _semaphore(episode, snapshot, view)
            if episode.reported:
                saturated[episode.now.name].append(episode)
        self._places = {
            name: self._places.get(name) or _place(episodes, snapshot) for name, episodes in saturated.items()
        }
        found = [self._finding(views[name], episodes, snapshot) for name, episodes in saturated.items()]
        self._found = sorted(found, key=lambda f: (_SEVERITIES.index(f.severity), -f.count, f.channel))
        return self._found

    @property
    def _span_ns(self) -> int:
        return int(self._settings.saturation_s * words.SECOND)

    def _follow(self, snapshot: Snapshot, views: dict[str, ChannelView]) -> None:
        """Who is under pressure now. What is reported may take a breath at one look."""
        before, self._episodes = self._episodes, {}
        pressed = pressed_channels(snapshot, self._settings.saturation_percent, before)
        for address, now in pressed.items():
            if now.name not in views:
                continue
            episode = before.get(address)
            totals = totals_of(views[now.name])
            if episode is None or episode.now.name != now.name:  # a new one, or another one at the same address
                episode = Episode(now, totals, snapshot.seen_unix_ns, first=not self._looked_ns)
            episode.look(now, totals, snapshot.seen_unix_ns, max(self._span_ns, TREND_NS))
            self._episodes[address] = episode
        for address, episode in before.items():
            if address not in pressed and episode.reported and not episode.relaxed and episode.now.name in views:
                episode.relaxed += 1
                self._episodes[address] = episode
        self._looked_ns = snapshot.seen_unix_ns

    def _holds(self, episode: Episode) -> bool:
        return episode.reported if episode.relaxed else episode.saturated(self._span_ns)

    def _finding(self, view: ChannelView, episodes: Sequence[Episode], snapshot: Snapshot) -> Finding:
        now = _now(episodes, snapshot.seen_unix_ns)
        place = self._places[view.name]
        known = view.oldest.get("send")
        return Finding(
            id=ID,
            severity="warning" if now.grows or now.oldest_ns > LONG_NS else "info",
            sentence=_sentence(view, now, place),
            channel=view.name,
            wait_reason=place.wait_reason,
            site=place.site,
            created_by=place.created_by,
            count=now.length + now.senders,
            oldest_ns=now.oldest_ns,
            oldest_at_least=known is not None and known.at_least,
            growth_per_minute=60 * now.lag_per_s if now.grows else 0.0,
            facts={
                "channels": now.channels,
                "length": now.length,
                "capacity": now.capacity,
                "senders": now.senders,
                "saturated_s": round(now.saturated_ns / words.SECOND, 3),
                "since_we_came": now.first,
                "lag_per_s": round(now.lag_per_s, 3),
                "received_per_s": None if now.received_per_s is None else round(now.received_per_s, 3),
            },
        )


class _Now(NamedTuple):
    """All saturated channels of one name. first: it was so when we came, so it is older than saturated_ns."""

    channels: int
    length: int
    capacity: int
    senders: int
    oldest_ns: int
    saturated_ns: int
    first: bool
    grows: bool
    lag_per_s: float
    received_per_s: float | None


def _now(episodes: Sequence[Episode], time_ns: int) -> _Now:
    windows = [episode.window(TREND_NS) for episode in episodes]
    oldest = [episode.now.oldest_since_ns for episode in episodes if episode.now.oldest_since_ns]
    longest = max(windows, key=len)
    return _Now(
        channels=len(episodes),
        length=sum(episode.now.length for episode in episodes),
        capacity=sum(episode.now.capacity for episode in episodes),
        senders=sum(episode.now.senders for episode in episodes),
        oldest_ns=time_ns - min(oldest) if oldest else 0,
        saturated_ns=time_ns - min(episode.since_ns for episode in episodes),
        first=any(episode.first for episode in episodes),
        grows=any(map(grows, windows)),
        lag_per_s=sum(map(lag_per_second, windows)),
        received_per_s=received_per_second(longest),
    )


def _semaphore(episode: Episode, snapshot: Snapshot, view: ChannelView) -> bool:
    """Its elements are tokens: they are nothing, or those that receive them had sent them before, or wait to."""
    if view.element_type == _TOKEN:
        return True
    address = episode.now.address
    senders, receivers = (set(ids) for ids in snapshot.live.users.get(address, ((), ())))
    if not receivers:
        return False
    columns = BlockedList.of(snapshot.blocked).columns
    waiting = columns.goroutine_id[(columns.address == address) & (columns.operation == _SEND)]
    return bool(receivers & (senders | set(waiting.tolist())))


def _place(episodes: Iterable[Episode], snapshot: Snapshot) -> Place:
    blocked = BlockedList.of(snapshot.blocked)
    addresses = np.array([episode.now.address for episode in episodes], np.uint64)
    mine = np.flatnonzero((blocked.columns.operation == _SEND) & np.isin(blocked.columns.address, addresses))
    columns, names = blocked.columns.rows(mine), blocked.names
    counts: Counter[Place] = Counter()
    places = zip(columns.reason.tolist(), columns.stack.tolist(), columns.creator.tolist(), strict=True)
    for (reason, stack, creator), number in Counter(places).items():
        frames = names.stacks[stack]
        counts[Place(names.reasons[reason], frames[0] if frames else None, names.creators[creator])] += number
    return counts.most_common(1)[0][0] if counts else Place()


def _sentence(view: ChannelView, now: _Now, place: Place) -> str:
    name = words.channel(view.name, view.source, view.element_type)
    many = f" ({now.channels} of them)" if now.channels > 1 else ""
    how_long = f"{'at least ' if now.first else ''}{words.duration(now.saturated_ns)}"
    buffer = f"{now.length} elements in a buffer for {now.capacity}" if now.capacity else "no buffer"
    waiting = words.goroutines(now.senders)
    text = (
        f"{name}{many} is saturated for {how_long}: {buffer}, "
        f"and {waiting} waiting to send at {words.place(place.site)}, the oldest for {words.duration(now.oldest_ns)}"
    )
    if now.received_per_s is not None:
        text += f"; {words.rate(now.received_per_s)} elements a second are received"
    text += f", the backlog grows by {words.rate(60 * now.lag_per_s)} a minute" if now.grows else ""
    return text + (f"; the senders were started at {words.place(place.created_by)}" if place.created_by else "")
