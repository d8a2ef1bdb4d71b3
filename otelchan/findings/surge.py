"""F2, goroutine surge: many more goroutines within seconds than there were, from one place as a rule."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.lock_kinds import waiting_site
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import GoroutineGroup, Snapshot

ID = "F2"
MOST_SAMPLES = 1000  # of the window
MOST_ORIGINS = 200  # that are remembered of a look


class Origin(NamedTuple):
    """Where goroutines were started; where that is not known, where they are."""

    created_by: Frame | None
    wait_reason: str = ""
    site: Frame | None = None


class _Sample(NamedTuple):
    """One look. origins: goroutines by where they come from, the most frequent ones."""

    time_ns: int
    total: int
    origins: Mapping[Origin, int]


class _Place(NamedTuple):
    """grown: so many more are from `origin`, which are mostly parked at `site`."""

    grown: int
    origin: Origin
    wait_reason: str
    site: Frame | None


class _Surge(NamedTuple):
    """before: the look it is compared with. total: at the look that showed it. place: None while it is not known; it
    does not change any more then. peak_ns: the last time that there were more than ever before."""

    before: _Sample
    time_ns: int
    total: int
    place: _Place | None
    peak: int
    peak_ns: int

    @property
    def ends_below(self) -> float:
        """Half of the surge."""
        return self.before.total + (self.total - self.before.total) / 2


class SurgeFinder:
    """Finds surges of one program in successive snapshots. surges: so far. surged: one began with the last of them."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._samples: deque[_Sample] = deque(maxlen=MOST_SAMPLES)
        self._surge: _Surge | None = None
        self.surges = 0
        self.surged = False

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on. What would not be a surge any more is none."""
        self._settings = settings
        if self._surge is not None and not self._is_surge(self._surge.before.total, self._surge.total):
            self._surge = None

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """The surge that holds now, if there is one."""
        self.surged = False
        count = snapshot.goroutines.count
        if not count:
            return []  # memory could not be read: not a look
        now = _Sample(snapshot.time_unix_ns, count, _origins(snapshot.groups))
        if self._surge is not None and count < self._surge.ends_below:
            self._surge = None
            self._samples.clear()  # or what it fell to, on the way down, would be where the next one begins
        if self._surge is None:
            self._begin(now)
        elif count > self._surge.peak:
            self._surge = self._surge._replace(peak=count, peak_ns=now.time_ns)
        self._remember(now)
        if self._surge is None:
            return []
        if self._surge.place is None:
            self._surge = self._surge._replace(place=self._place(self._surge, now, snapshot.groups))
        return [self._finding(self._surge, self._surge.place, now)] if self._surge.place else []

    def _begin(self, now: _Sample) -> None:
        before = self._lowest(now.time_ns)
        if before is None or not self._is_surge(before.total, now.total):
            return
        self._surge = _Surge(before, now.time_ns, now.total, None, now.total, now.time_ns)
        self.surges += 1
        self.surged = True

    def _place(self, surge: _Surge, now: _Sample, groups: Sequence[GoroutineGroup]) -> _Place | None:
        """None: goroutines were not looked at since they became so many, and may be soon."""
        looked_at = sum(group.count for group in groups)
        waited_ns = now.time_ns - surge.time_ns
        if groups and looked_at < surge.ends_below and waited_ns < self._settings.surge_window_s * words.SECOND:
            return None
        grown, origin = _most_grown(surge.before, now)
        return _Place(grown, origin, *_where(origin, groups))

    def _is_surge(self, before: int, count: int) -> bool:
        more = 1 + self._settings.surge_percent / 100
        return count > self._settings.surge_least and count >= before * more

    def _lowest(self, now_ns: int) -> _Sample | None:
        """The look with the fewest goroutines within the window; the last look, if that was before the window."""
        start_ns = now_ns - int(self._settings.surge_window_s * words.SECOND)
        within = [sample for sample in self._samples if sample.time_ns >= start_ns] or list(self._samples)[-1:]
        return min(reversed(within), key=lambda sample: sample.total, default=None)  # of equal ones the last

    def _remember(self, now: _Sample) -> None:
        start_ns = now.time_ns - int(self._settings.surge_window_s * words.SECOND)
        self._samples.append(now)
        while len(self._samples) > 1 and self._samples[0].time_ns < start_ns:
            self._samples.popleft()

    def _finding(self, surge: _Surge, place: _Place, now: _Sample) -> Finding:
        took_ns = surge.time_ns - surge.before.time_ns
        rises = now.time_ns - surge.peak_ns <= self._settings.surge_window_s * words.SECOND
        more = now.total - surge.before.total
        elapsed_ns = now.time_ns - surge.before.time_ns
        return Finding(
            id=ID,
            severity="critical" if rises else "warning",
            sentence=_sentence(surge, place, now, took_ns),
            wait_reason=place.wait_reason,
            site=place.site,
            created_by=place.origin.created_by,
            count=now.total,
            growth_per_minute=more * 60 * words.SECOND / elapsed_ns if rises and elapsed_ns > 0 else 0.0,
            facts={
                "before": surge.before.total,
                "after": surge.total,
                "within_s": round(took_ns / words.SECOND, 3),
                "grown_there": place.grown,
                "there_now": now.origins.get(place.origin, 0),
                "peak": surge.peak,
                "held_s": round((now.time_ns - surge.time_ns) / words.SECOND, 3),
            },
        )


def _origins(groups: Iterable[GoroutineGroup]) -> Mapping[Origin, int]:
    counts: Counter[Origin] = Counter()
    for group in groups:
        counts[_origin(group)] += group.count
    return dict(counts.most_common(MOST_ORIGINS))


def _origin(group: GoroutineGroup) -> Origin:
    if group.created_by is not None:
        return Origin(group.created_by)
    return Origin(None, group.wait_reason, waiting_site(group.frames))


def _most_grown(before: _Sample, now: _Sample) -> tuple[int, Origin]:
    grown = {origin: number - before.origins.get(origin, 0) for origin, number in now.origins.items()}
    origin = max(grown, key=lambda each: grown[each], default=Origin(None))
    return grown.get(origin, 0), origin


def _where(origin: Origin, groups: Iterable[GoroutineGroup]) -> tuple[str, Frame | None]:
    """Wait reason and place of most of those that come from there and are parked; where the others are is not known."""
    counts: Counter[tuple[str, Frame | None]] = Counter()
    for group in groups:
        if group.frames and _origin(group) == origin:
            counts[group.wait_reason, waiting_site(group.frames)] += group.count
    return counts.most_common(1)[0][0] if counts else ("", None)


def _sentence(surge: _Surge, place: _Place, now: _Sample, took_ns: int) -> str:
    text = (
        f"goroutines surged from {surge.before.total} to {surge.total} within {words.duration(took_ns)}, "
        f"{now.total} now"
    )
    if place.origin.created_by is not None:
        text += f": {place.grown} more were started at {words.place(place.origin.created_by)}"
    elif place.origin.site is not None:
        text += f": {place.grown} more"
    if place.site is not None:
        text += f", most of which wait at {words.place(place.site)} ({place.wait_reason})"
    return text
