"""F16, stuck on a lock: goroutines that wait for a lock for too long, or ever more that wait for others to be done.

A mutex is held for moments: whoever waits for one for half a minute is stuck, or behind somebody who is. Waiting long
for a WaitGroup or a Cond is what these are for, so there the number must tell: it grows steadily, those that came first
are still there, and the rest of the program does not grow with it, as it does when more connections are open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.lock_kinds import COND, MUTEX, RWMUTEX, lock_of, waiting_site
from otelchan.findings.trend import Trend
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, GoroutineGroup, Snapshot

ID = "F16"
TURNOVER = 0.1  # so many of those that waited longest may go on without the group being healthy
PARTS = 4  # of the time looked at, in each of which there must be more than before
_SEVERITIES = ("critical", "warning")
_DOING = {MUTEX: "waiting for a sync.Mutex", RWMUTEX: "waiting for a sync.RWMutex"}


class Place(NamedTuple):
    """Goroutines that wait for one kind of lock at one place, started at one place."""

    kind: str
    wait_reason: str
    site: Frame | None
    created_by: Frame | None


@dataclass(slots=True)
class _Wait:
    """What is remembered of one place. rest: goroutines of the program that are not there. first: ids of the oldest, at
    each look within the window."""

    number: Trend
    rest: Trend
    first: list[tuple[int, frozenset[int]]]
    reported: bool = False


class LockFinder:
    """Finds waits for locks of one program in successive snapshots. Bounded by the places at which there are some."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._waits: dict[Place, _Wait] = {}
        self._looked_ns = 0
        self._found: list[Finding] = []

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on; with other times, growth is looked for anew."""
        times = (self._settings.lock_s, self._settings.leak_window_s)
        if times != (settings.lock_s, settings.leak_window_s):
            self._waits = {}
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Places at which goroutines are stuck on locks now, worst first."""
        if not snapshot.goroutines.count:
            return []  # memory could not be read: not a look
        if snapshot.seen_unix_ns == self._looked_ns:
            return self._found
        self._looked_ns = snapshot.seen_unix_ns
        named = {(finding.wait_reason, finding.site, finding.created_by) for finding in earlier}
        by_place: defaultdict[Place, list[GoroutineGroup]] = defaultdict(list)
        for group in snapshot.groups:
            if kind := lock_of(group):
                by_place[Place(kind, group.wait_reason, waiting_site(group.frames), group.created_by)].append(group)
        before, self._waits, found = self._waits, {}, []
        for place, groups in by_place.items():
            wait = before.get(place) or _Wait(Trend(self._window_ns), Trend(self._window_ns), [])
            self._waits[place] = wait
            self._look(wait, groups, snapshot)
            finding = self._judge(place, wait, groups)
            wait.reported = finding is not None
            if finding and place[1:] not in named:
                found.append(finding)
        self._found = sorted(found, key=lambda f: (_SEVERITIES.index(f.severity), -f.count, words.place(f.site)))
        return self._found

    @property
    def _window_ns(self) -> int:
        return int(2 * max(self._settings.lock_s, self._settings.leak_window_s) * words.SECOND)

    def _look(self, wait: _Wait, groups: Sequence[GoroutineGroup], snapshot: Snapshot) -> None:
        time_ns, number = snapshot.seen_unix_ns, sum(group.count for group in groups)
        wait.number.add(time_ns, number)
        wait.rest.add(time_ns, max(snapshot.goroutines.count - number, 0))
        wait.first = [(at_ns, ids) for at_ns, ids in wait.first if at_ns > time_ns - self._window_ns]
        wait.first.append((time_ns, frozenset(id_ for group in groups for id_ in group.ids)))

    def _judge(self, place: Place, wait: _Wait, groups: Sequence[GoroutineGroup]) -> Finding | None:
        oldest = max((group.oldest for group in groups if group.oldest), key=lambda age: age.age_ns, default=None)
        lock_ns = int(self._settings.lock_s * words.SECOND)
        if oldest is None or oldest.age_ns < lock_ns:
            return None
        if place.kind in (MUTEX, RWMUTEX):
            growth = wait.number.growth(lock_ns, 2)
            grows = growth >= self._settings.leak_growth
            per_minute = growth * 60 * words.SECOND / lock_ns if grows else 0.0
            return _finding(place, wait, groups, oldest, per_minute, "critical" if grows else "warning")
        looked_ns = wait.number.since(PARTS)
        if looked_ns is None:
            return None
        span_ns = max(lock_ns, looked_ns)
        if place.kind == COND:  # a pool that is being filled grows too, for a while
            span_ns = max(span_ns, int(self._settings.leak_window_s * words.SECOND))
        growth = wait.number.growth(span_ns, PARTS)
        if growth >= self._settings.leak_growth and _alone(wait, growth, span_ns) and _stay(wait, span_ns, TURNOVER):
            return _finding(place, wait, groups, oldest, growth * 60 * words.SECOND / span_ns, "warning")
        if wait.reported and _stay(wait, span_ns, 0.5):
            return _finding(place, wait, groups, oldest, 0.0, "warning")
        return None


def _alone(wait: _Wait, growth: int, span_ns: int) -> bool:
    """The rest of the program does not grow half as much: there is not simply more to do."""
    newest_ns = wait.first[-1][0]
    return 2 * (wait.rest.last - wait.rest.at(newest_ns - span_ns)) < growth


def _stay(wait: _Wait, span_ns: int, left: float) -> bool:
    """Of those that had waited longest span_ns ago no larger part than that has gone on since."""
    newest_ns, now = wait.first[-1]
    then = next((ids for at_ns, ids in reversed(wait.first) if at_ns <= newest_ns - span_ns), wait.first[0][1])
    return len(then - now) <= left * len(then)


def _finding(
    place: Place,
    wait: _Wait,
    groups: Sequence[GoroutineGroup],
    oldest: Age,
    per_minute: float,
    severity: str,
) -> Finding:
    number = sum(group.count for group in groups)
    doing = _DOING.get(place.kind, f"waiting in {place.kind}.Wait")
    least = "at least " if oldest.at_least else ""
    text = (
        f"{words.goroutines(number)} {doing} at {words.place(place.site)}, "
        f"the oldest for {least}{words.duration(oldest.age_ns)}"
    )
    if per_minute:
        text += f", growing by {words.rate(per_minute)} a minute"
    if place.kind in (MUTEX, RWMUTEX):
        text += "; who holds it is not known"
    if place.created_by:
        text += f"; started at {words.place(place.created_by)}"
    return Finding(
        id=ID,
        severity=severity,
        sentence=text,
        wait_reason=place.wait_reason,
        site=place.site,
        created_by=place.created_by,
        count=number,
        oldest_ns=oldest.age_ns,
        oldest_at_least=oldest.at_least,
        growth_per_minute=per_minute,
        evidence="grows" if per_minute else "stuck",
        facts={"lock": place.kind, "goroutine_ids": sorted(wait.first[-1][1])[:10]},
    )
