"""F15, deep stacks: goroutines that are blocked on a channel or a lock below very many frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.lock_kinds import is_lock, waiting_site
from otelchan.findings.trend import Trend
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import BlockedList, GoroutineGroup, Snapshot

ID = "F15"
_SEVERITIES = ("warning", "info")


class Place(NamedTuple):
    """Where goroutines wait, and where they were started."""

    wait_reason: str
    site: Frame | None
    created_by: Frame | None


class DeepStackFinder:
    """Finds deep stacks of one program in successive snapshots. Bounded by the places at which there are some."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._trends: dict[Place, Trend] = {}
        self._looked_ns = 0
        self._found: list[Finding] = []

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from the next look on. Growth is looked for anew: what is counted may have changed."""
        self._settings = settings
        self._trends = {}

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Places at which goroutines wait below many frames now, worst first."""
        if snapshot.seen_unix_ns == self._looked_ns:
            return self._found
        self._looked_ns = snapshot.seen_unix_ns
        by_place: defaultdict[Place, list[GoroutineGroup]] = defaultdict(list)
        for group in snapshot.groups:
            if self._is_deep(group):
                by_place[_place(group)].append(group)
        self._trends = {place: self._trends.get(place) or Trend(self._window_ns) for place in by_place}
        channels = _channels(snapshot, [groups[0].ids[0] for groups in by_place.values() if groups[0].ids])
        found = [self._finding(place, groups, snapshot, channels) for place, groups in by_place.items()]
        self._found = sorted(found, key=lambda f: (_SEVERITIES.index(f.severity), -f.count, words.place(f.site)))
        return self._found

    @property
    def _window_ns(self) -> int:
        return int(self._settings.leak_window_s * words.SECOND)

    def _is_deep(self, group: GoroutineGroup) -> bool:
        return (
            _depth(group) > self._settings.deep_frames
            and group.oldest is not None
            and group.oldest.age_ns >= self._settings.wait_s * words.SECOND
            and (group.wait_reason.startswith(("chan ", "select")) or is_lock(group))
        )

    def _finding(
        self, place: Place, groups: list[GoroutineGroup], snapshot: Snapshot, channels: Mapping[int, str]
    ) -> Finding:
        number = sum(group.count for group in groups)
        trend = self._trends[place]
        trend.add(snapshot.seen_unix_ns, number)
        span_ns = self._window_ns // 2
        growth = trend.growth(span_ns, 2)
        grows = growth >= self._settings.leak_growth
        deepest = max(groups, key=_depth)
        oldest = max((group.oldest for group in groups if group.oldest), key=lambda age: age.age_ns)
        channel = channels.get(groups[0].ids[0], "") if groups[0].ids else ""
        per_minute = growth * 60 * words.SECOND / span_ns if grows else 0.0
        least = "at least " if oldest.at_least else ""
        return Finding(
            id=ID,
            severity="warning" if grows else "info",
            sentence=(
                f"{words.goroutines(number)} blocked at {words.place(place.site)} ({place.wait_reason}) "
                f"below up to {_depth(deepest)} frames, the oldest for {least}{words.duration(oldest.age_ns)}"
                + (f", growing by {words.rate(per_minute)} a minute" if grows else "")
                + (f"; started at {words.place(place.created_by)}" if place.created_by else "")
            ),
            channel=channel,
            wait_reason=place.wait_reason,
            site=place.site,
            created_by=place.created_by,
            count=number,
            oldest_ns=oldest.age_ns,
            oldest_at_least=oldest.at_least,
            growth_per_minute=per_minute,
            facts={
                "frames": _depth(deepest),
                "stacks": len(groups),
                "most_frequent_function": _most_frequent(deepest.frames),
                "goroutine_ids": list(deepest.ids),
            },
        )


def _depth(group: GoroutineGroup) -> int:
    """Frames as a person reads them: of functions that were inlined there are more than were found on the stack."""
    return max(group.depth, len(group.frames))


def _place(group: GoroutineGroup) -> Place:
    return Place(group.wait_reason, waiting_site(group.frames), group.created_by)


def _most_frequent(frames: Sequence[Frame]) -> str:
    """The function that is there most often: of a recursion the one that calls itself."""
    names = [frame.function for frame in frames]
    return max(names, key=names.count, default="")


def _channels(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, str]:
    """What these goroutines wait on: of several channels the first by name that is the program's own."""
    blocked = BlockedList.of(snapshot.blocked)
    mine = np.flatnonzero(np.isin(blocked.columns.goroutine_id, np.array(ids, np.uint64)))
    columns, found = blocked.columns.rows(mine), defaultdict(list)
    for id_, channel in zip(columns.goroutine_id.tolist(), columns.channel.tolist(), strict=True):
        name = blocked.names.channels[channel]
        found[id_].append((name.kind != "user", name.name))
    return {id_: min(names)[1] for id_, names in found.items()}
