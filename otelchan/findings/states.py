"""F12: in which state each live channel is, and channels that are made and then never used, more and more of them.

| state     | a channel, by the first line that fits                                                     |
|-----------|--------------------------------------------------------------------------------------------|
| closed    | it has been closed                                                                         |
| stalled   | elements lie in it or senders wait, and nothing has been sent or received for `wait_s`     |
| saturated | its buffer is `saturation_percent` full; one without a buffer: senders wait                |
| created   | made and never used, less than `dangling_s` ago                                            |
| dangling  | the same, longer ago                                                                       |
| in_use    | all others                                                                                 |

Never used: nothing was sent or received, nobody waits on it, and nobody ever did. That is known only of channels whose
make was seen and that all probes have watched since. Nothing moves: the same, but only the counts must be complete.

What was dropped looks the same until garbage is collected. So those that are told have survived a collection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.closing import by_name, named
from otelchan.findings.types import STATES, Finding
from otelchan.memory.types import Indices, Mask, Words
from otelchan.model.types import ChannelView, End, Kept, LiveChannels, LiveColumns, Snapshot

ID = "F12"
CREATED, IN_USE, SATURATED, STALLED, CLOSED, DANGLING = range(len(STATES))
PARTS = 3  # of the window, in each of which there must be more
WINDOWS = (1, 10)  # as multiples of dangling_s
_SAME_NS = 1_000_000  # the same time of make: the two clocks are not read at one instant
_SIGNAL = "struct {}"  # elements of channels that speak by being closed: one for each thing that may end is by design


@dataclass(slots=True)
class _Moves:
    """What had moved through each live channel, by ascending address, and since when it is so much. waited: somebody
    was seen to wait on it, at any look since it was made."""

    address: Words
    made_ns: Indices
    moved: Indices
    since_ns: Indices
    waited: Mask


@dataclass(slots=True)
class _Dangling:
    """Dangling channels of one name that are no garbage, over time. peak: the most, while it was a finding."""

    looks: deque[tuple[int, int]] = field(default_factory=deque)
    peak: int = 0


class StatesFinder:
    """Finds them in one program. `states`: what it saw last. Remembers one number for each live channel, and the looks
    of ten times `dangling_s`."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        none = np.zeros(0, np.int64)
        self._moves = _Moves(np.zeros(0, np.uint64), none, none, none, none != 0)
        self._dangling: dict[str, _Dangling] = {}
        self._own: Kept[LiveColumns] = Kept()
        self.states: Mapping[str, Mapping[str, int]] = {}

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on; growth of what was called dangling by another age means nothing."""
        if settings.dangling_s != self._settings.dangling_s:
            self._dangling.clear()
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Names whose dangling channels grow."""
        live, now = snapshot.live, snapshot.seen_unix_ns if snapshot.ended else snapshot.time_unix_ns
        user = np.array([known.kind == "user" for known in live.names], np.bool_)
        columns = self._own.of(lambda: _own(live, user), live)
        state = self._states(columns, now)
        names = [known.name for known in live.names]
        self.states = _by_name(names, columns.name, state)
        views = {view.name: view for view in snapshot.channels}
        told = np.array([name in views and views[name].element_type != _SIGNAL for name in names], np.bool_)
        dangling = columns.rows((state == DANGLING) & columns.survived)
        dangling = dangling.rows(told[dangling.name]) if len(told) else dangling
        if not snapshot.ended:
            self._follow(_by_name(names, dangling.name, np.full(len(dangling.name), DANGLING)), now)
        rows = by_name(live.names, dangling)
        found = [
            self._finding(views[name], over_time, rows[name], now)
            for name, over_time in self._dangling.items()
            if self._grows(over_time, now) and name in views and name in rows
        ]
        return sorted((f for f in found if f), key=lambda finding: -finding.count)

    # --- states ---------------------------------------------------------------------------------------------------

    def _states(self, live: LiveColumns, now: int) -> Indices:
        still_ns, waited = self._still(live, now)
        unused = (live.made_unix_ns > 0) & (live.sent == 0) & (live.received == 0) & (live.length == 0) & ~waited
        unused &= (live.sending == End.NEVER) & (live.receiving == End.NEVER)
        old = now - live.made_unix_ns >= self._settings.dangling_s * words.SECOND
        full = live.length * 100 >= live.capacity * self._settings.saturation_percent
        saturated = np.where(live.capacity > 0, full, live.senders > 0)
        stalled = ((live.length > 0) | (live.senders > 0)) & (still_ns >= self._settings.wait_s * words.SECOND)
        which = (live.closed, stalled, saturated, unused & ~old, unused)
        found: Indices = np.select(which, (CLOSED, STALLED, SATURATED, CREATED, DANGLING), IN_USE)
        return found

    def _still(self, live: LiveColumns, now: int) -> tuple[Indices, Mask]:
        """For how long nothing has moved through each channel, 0 where that is not counted; and whether anybody was
        ever seen to wait on it, which for a select that goes on with another case is seen by looking only."""
        counted = (live.sent >= 0) & (live.received >= 0)
        moved = np.where(counted, live.sent + live.received, -1)
        since_ns, before = np.full(len(moved), now), self._moves
        waited = (live.senders > 0) | (live.receivers > 0)
        if np.array_equal(before.address, live.address):  # as between two looks at very many of them
            same = (before.moved == moved) & counted
            since_ns[same] = before.since_ns[same]
            waited |= (abs(before.made_ns - live.made_unix_ns) < _SAME_NS) & before.waited
            self._moves = _Moves(live.address, live.made_unix_ns, moved, since_ns, waited)
            return now - since_ns, waited
        if len(before.address):
            place = np.minimum(np.searchsorted(before.address, live.address), len(before.address) - 1)
            known = before.address[place] == live.address
            same = known & (before.moved[place] == moved) & counted
            since_ns[same] = before.since_ns[place[same]]
            waited |= known & (abs(before.made_ns[place] - live.made_unix_ns) < _SAME_NS) & before.waited[place]
        order = np.argsort(live.address)
        made_ns = live.made_unix_ns
        self._moves = _Moves(live.address[order], made_ns[order], moved[order], since_ns[order], waited[order])
        return now - since_ns, waited

    # --- dangling ones --------------------------------------------------------------------------------------------

    def _follow(self, dangling: Mapping[str, Mapping[str, int]], now: int) -> None:
        count = {name: states[STATES[DANGLING]] for name, states in dangling.items()}
        keep_ns = int(max(WINDOWS) * self._settings.dangling_s * words.SECOND)
        for name in count:
            self._dangling.setdefault(name, _Dangling())
        for name, over_time in list(self._dangling.items()):
            looks = over_time.looks
            looks.append((now, count.get(name, 0)))
            while len(looks) > 1 and looks[1][0] <= now - keep_ns:
                looks.popleft()
            if not any(number for _, number in looks):
                del self._dangling[name]

    def _grows(self, over_time: _Dangling, now: int) -> bool:
        """More of them in each part of a window; or it was so, and most of them are still there."""
        count = over_time.looks[-1][1]
        if any(self._grew(over_time, now, int(n * self._settings.dangling_s * words.SECOND)) for n in WINDOWS):
            over_time.peak = max(over_time.peak, count)
        elif 2 * count < over_time.peak:
            over_time.peak = 0
        return over_time.peak > 0

    def _grew(self, over_time: _Dangling, now: int, window_ns: int) -> bool:
        edges = [now - window_ns * part // PARTS for part in range(PARTS, -1, -1)]
        counts = [_count_at(over_time.looks, edge) for edge in edges]
        steady = all(before < after for before, after in pairwise(counts))
        return steady and counts[-1] - counts[0] >= self._settings.dangling_growth

    def _finding(self, view: ChannelView, over_time: _Dangling, dangling: LiveColumns, now: int) -> Finding | None:
        count = len(dangling.address)
        polled = [view.processed.get((operation, "would_block")) for operation in ("send", "recv")]
        if any(counter is not None and counter.value for counter in polled):
            return None  # somebody asks now and then whether there is something: that is a use
        age_ns = now - dangling.made_unix_ns
        certain = None not in polled
        first_ns, first = over_time.looks[0]
        per_minute = (count - first) * 60 * words.SECOND / max(now - first_ns, 1)
        return Finding(
            id=ID,
            severity="warning" if certain else "info",
            sentence=_sentence(view, count, int(age_ns.max()), per_minute),
            channel=view.name,
            count=count,
            oldest_ns=int(age_ns.max()),
            growth_per_minute=max(per_minute, 0.0),
            evidence="grows",
            facts={"polls_known": certain},
        )


def _own(live: LiveChannels, user: Mask) -> LiveColumns:
    """The channels of the program's own. user: which of the names are."""
    return live.columns.rows(user[live.columns.name]) if len(live) and not user.all() else live.columns


def _count_at(looks: Sequence[tuple[int, int]], time_ns: int) -> int:
    """Of the last look at that time or before; of the first one, when there was none: nothing is known to have come."""
    number = looks[0][1]
    for look_ns, count in looks:
        if look_ns > time_ns:
            break
        number = count
    return number


def _by_name(names: Sequence[str], name: Indices, state: Indices) -> dict[str, dict[str, int]]:
    """How many channels of each name are in each state; states that none is in are left out."""
    if not len(name):
        return {}
    cells, counts = np.unique(name * len(STATES) + state, return_counts=True)
    found: dict[str, dict[str, int]] = {}
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        number, which = divmod(cell, len(STATES))
        states = found.setdefault(names[number], {})
        states[STATES[which]] = states.get(STATES[which], 0) + count
    return found


def _sentence(view: ChannelView, count: int, oldest_ns: int, per_minute: float) -> str:
    channels = "1 channel was" if count == 1 else f"{count} channels were"
    growth = f", {words.rate(per_minute)} more a minute" if per_minute > 0 else ""
    return (
        f"{channels} made as {named(view)} and then neither used nor closed, the oldest {words.duration(oldest_ns)} ago"
        f"{growth}"
    )
