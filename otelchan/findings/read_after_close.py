"""F4, read after close: receives that go on from closed channels and get nothing but zero values.

Each receiver of a closed channel gets "closed" once, and ends its loop. So there are at most as many of them as there
are goroutines, for each channel that was closed; and a gate, on which nothing was ever sent, is read for ever by
design. What is left are loops that do not look at the second result of the receive, or forget to leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.closing import by_name, carries_data, closer, named
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import NO_CHANNELS, ChannelView, LiveChannels, LiveColumns, Snapshot

ID = "F4"
LOOKS, LEAST_NS = 2, words.SECOND  # in a row, and at least so long
_LATE_NS = 10_000_000  # the last bound of the delays


@dataclass(slots=True)
class _Reading:
    """Receives that found channels of one name closed. counted, closes: by the last look.

    reads, closed: since the rate has been over the threshold, at `since_ns`, for `looks` looks. goroutines: the most
    that there were. found: what was said last, at `found_ns`.
    """

    counted: int
    closes: int
    time_ns: int
    reads: int = 0
    closed: int = 0
    since_ns: int = 0
    looks: int = 0
    goroutines: int = 0
    found: Finding | None = None
    found_ns: int = 0

    def rest(self) -> None:
        """Nothing goes on any more."""
        self.reads = self.closed = self.looks = self.goroutines = 0


class ReadAfterCloseFinder:
    """Finds them in one program. Remembers one entry for each name that was received from after a close."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._readings: dict[str, _Reading] = {}
        self._last_look_ns = 0
        self._closed: dict[str, LiveColumns] | None = None

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Names from whose closed channels goroutines go on receiving."""
        reads, self._closed = ("recv", "closed"), None
        views = {view.name: view for view in snapshot.channels if view.kind == "user" and view.counted.get(reads)}
        self._readings = {name: reading for name, reading in self._readings.items() if name in views}
        found = [self._look(view, view.counted[reads], reads in view.processed, snapshot) for view in views.values()]
        self._last_look_ns = snapshot.time_unix_ns
        return sorted((f for f in found if f), key=lambda finding: -finding.count)

    def _look(self, view: ChannelView, counted: int, seen: bool, snapshot: Snapshot) -> Finding | None:
        """counted: so many at least. seen: all of them are counted now; else what was counted is from when probes were
        tried, and that nothing was means nothing."""
        now, known = snapshot.time_unix_ns, self._readings.get(view.name)
        if known is None:
            began_ns = self._last_look_ns or snapshot.attached_unix_ns
            known = self._readings[view.name] = _Reading(0, 0, began_ns)
        reads, span_ns = counted - known.counted, now - known.time_ns
        if snapshot.ended or span_ns <= 0:  # the end is no look: what was the case then stands
            return known.found
        fast = reads * words.SECOND >= self._settings.read_after_close_per_second * span_ns
        closes, all_closes = _closes(view, known.time_ns)
        if fast and all_closes:
            self._add(known, reads, max(closes - known.closes, 0), snapshot)
        elif fast or seen:
            known.rest()
        known.counted, known.closes, known.time_ns = counted, closes, now
        if fast or seen:
            known.found = self._judge(known, view, reads * words.SECOND / span_ns, seen, snapshot)
            known.found_ns = now
        elif known.found and now - known.found_ns > self._settings.event_hold_s * words.SECOND:
            known.found = None
        return known.found

    def _closed_of(self, name: str, live: LiveChannels) -> LiveColumns:
        """The closed channels of that name. They are sorted by name once for each look, and only when it is asked."""
        if self._closed is None:
            self._closed = by_name(live.names, live.columns.rows(live.columns.closed))
        return self._closed.get(name, NO_CHANNELS.columns)

    def _add(self, known: _Reading, reads: int, closes: int, snapshot: Snapshot) -> None:
        known.since_ns = known.since_ns if known.looks else known.time_ns
        known.looks += 1
        known.reads += reads
        known.closed += closes
        known.goroutines = max(known.goroutines, snapshot.goroutines.count)

    def _judge(self, known: _Reading, view: ChannelView, rate: float, seen: bool, snapshot: Snapshot) -> Finding | None:
        ends = known.goroutines * max(known.closed, 1) + view.closed  # so many may just be the ends of loops
        if known.looks < LOOKS or snapshot.time_unix_ns - known.since_ns < LEAST_NS or known.reads <= ends:
            return None
        live = self._closed_of(view.name, snapshot.live)
        if not (view.closed or view.closed_unix_ns) or not carries_data(view, live):
            return None
        site, readers = _readers(snapshot, view.name, known.since_ns)
        return Finding(
            id=ID,
            severity="warning",
            sentence=_sentence(view, _amount(known.reads, rate, seen), site, snapshot.time_unix_ns),
            channel=view.name,
            site=site,
            count=known.reads,
            oldest_ns=snapshot.time_unix_ns - known.since_ns,
            growth_per_minute=rate * 60,
            facts={**_facts(view, live, rate, readers), "complete": seen},
        )


def _closes(view: ChannelView, since_ns: int) -> tuple[int, bool]:
    """How many channels of the name were closed, and whether all since then are among them."""
    return (view.closes.value, view.closes.start_unix_ns <= since_ns) if view.closes else (0, False)


def _readers(snapshot: Snapshot, name: str, since_ns: int) -> tuple[Frame | None, list[str]]:
    """Who receives now: the place, when there is only one; all of them in words."""
    frames = {
        edge.frame
        for edge in snapshot.edges
        if edge.channel == name and edge.operation == "recv" and edge.last_unix_ns >= since_ns
    }
    return next(iter(frames)) if len(frames) == 1 else None, sorted(words.place(frame) for frame in frames)


def _facts(view: ChannelView, live: LiveColumns, rate: float, readers: list[str]) -> dict[str, object]:
    delay = view.read_delay
    late = sum(count for bound, count in delay.buckets if bound > _LATE_NS) if delay else None
    return {
        "per_second": round(rate, 1),
        "closed_by": words.place(view.closed_by) if view.closed_by else None,
        "closed_unix_ns": view.closed_unix_ns or None,
        "closed_channels": len(live.address),
        "readers": readers,
        "mean_delay_s": round(delay.sum_ns / delay.count / words.SECOND, 6) if delay and delay.count else None,
        "later_than_10_ms": late,
    }


def _amount(reads: int, rate: float, complete: bool) -> str:
    if complete:
        return f"{reads} so far, {words.rate(rate)} a second"
    return f"at least {reads} so far, too many to count them all"


def _sentence(view: ChannelView, amount: str, site: Frame | None, now_ns: int) -> str:
    where = f" at {words.place(site)}" if site else ""
    return f"receives{where} go on from {named(view)}, which {closer(view, now_ns)}: {amount}, all of them zero values"
