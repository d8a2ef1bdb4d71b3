"""F6, drain residue: elements that were in a buffer when its channel was closed, and that nobody receives any more.

A closed channel gives what is left in it to whoever receives. So elements are lost when they lie there and nobody
drains: nobody has received for a while, and nobody who ever did is alive; or when the channel is gone with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.closing import by_name, named
from otelchan.findings.types import Finding
from otelchan.model.types import NO_CHANNELS, ChannelView, End, LiveColumns, Snapshot

ID = "F6"
LONG_FACTOR = 12  # so much longer must nobody receive where one that did is alive, or it is not known who did
_NO_DATA = ("struct {}",)


class _Totals(NamedTuple):
    """Counted of a name, since `starts`. lying: elements in closed channels that were still there, a moment later."""

    starts: tuple[int, int]
    residue: int
    drained: int
    lying: int


@dataclass(slots=True)
class _Left:
    """Of one name. lengths: of each closed channel with something in it, and since when it is so. base: totals at the
    first look. before: at the last one. gone: elements that went with their channels, never less than it was before;
    gone_ns: when that last grew. earlier: gone before the base."""

    lengths: dict[int, tuple[int, int]] = field(default_factory=dict)
    base: _Totals | None = None
    before: _Totals | None = None
    gone: int = 0
    gone_ns: int = 0
    earlier: int = 0


class _Lying(NamedTuple):
    """Elements in closed channels that nobody drains. known: nobody alive ever received them. channels: that hold
    them."""

    elements: int
    channels: int
    oldest_ns: int
    known: bool


class ResidueFinder:
    """Finds them in one program. Remembers one entry for each closed channel that has something in it."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._left: dict[str, _Left] = {}
        self._last_look_ns = 0

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Names of channels with elements that are lost."""
        views = {
            view.name: view
            for view in snapshot.channels
            if view.kind == "user"
            and view.element_type not in _NO_DATA
            and (view.closed or (view.residue and view.residue.value))
            and not _one_each(view)
        }
        self._left = {name: left for name, left in self._left.items() if name in views}
        columns = snapshot.live.columns
        holding = by_name(snapshot.live.names, columns.rows(columns.closed & (columns.length > 0)))
        found = (self._look(view, holding.get(view.name, NO_CHANNELS.columns), snapshot) for view in views.values())
        everything = sorted((f for f in found if f), key=lambda finding: -finding.count)
        self._last_look_ns = snapshot.time_unix_ns
        return everything

    def _look(self, view: ChannelView, live: LiveColumns, snapshot: Snapshot) -> Finding | None:
        """live: the closed ones of that name with something in them."""
        left, now = self._left.setdefault(view.name, _Left()), snapshot.time_unix_ns
        if not snapshot.ended:  # its channels ended with it: that says nothing about who would have received
            self._follow(left, live, now)
            _count_gone(left, view, int(live.length.sum()), now, self._last_look_ns)
        lying = self._lying(left, live, now)
        held = now - left.gone_ns <= self._settings.event_hold_s * words.SECOND
        gone = left.gone if held else 0
        if not lying.elements and not gone:
            return None
        return _finding(view, lying, gone, now)

    def _follow(self, left: _Left, live: LiveColumns, now: int) -> None:
        """Since when each closed channel has had as many elements as now."""
        before, left.lengths = left.lengths, {}
        for address, length in zip(live.address.tolist(), live.length.tolist(), strict=True):
            known = before.get(address)
            left.lengths[address] = known if known is not None and known[0] == length else (length, now)

    def _lying(self, left: _Left, live: LiveColumns, now: int) -> _Lying:
        """What nobody has received for long enough."""
        since = np.array([left.lengths.get(address, (0, now))[1] for address in live.address.tolist()], np.int64)
        quiet_ns, least_ns = now - since, int(self._settings.residue_s * words.SECOND)
        nobody = np.isin(live.receiving, (End.NEVER, End.GONE, End.RETURNING))
        over: NDArray[np.bool_] = nobody & (quiet_ns >= least_ns)
        known = bool(over.any())
        if not known:
            over = quiet_ns >= LONG_FACTOR * least_ns
        oldest_ns = int(quiet_ns[over].max(initial=0))
        return _Lying(int(live.length[over].sum()), int(over.sum()), oldest_ns, known)


def _one_each(view: ChannelView) -> bool:
    """No more than one element for each close: results that somebody did not wait for any more, which is by design."""
    return bool(view.closes and view.residue and 0 < view.residue.value <= view.closes.value)


def _count_gone(left: _Left, view: ChannelView, lying: int, now: int, last_look_ns: int) -> None:
    """Elements that neither were received nor are still there: at the last look so many had been left and so many still
    lay there, and not more than were received by now can have been received by then."""
    if view.residue is None or view.drained is None:
        left.base = left.before = None
        return
    starts = (view.residue.start_unix_ns, view.drained.start_unix_ns)
    totals = _Totals(starts, view.residue.value, view.drained.value, lying)
    if left.base is None or left.base.starts != starts:
        # What was left before receives were counted may have been received uncounted; nothing was when a look since
        # then has not seen the name, or when both are counted since the same moment.
        clean = (left.base is None and last_look_ns >= max(starts)) or starts[0] >= starts[1]
        left.base = totals._replace(residue=0, drained=0) if clean else totals
        left.before, left.earlier = None, left.gone
    if left.before is not None:
        lost = left.before.residue - left.base.residue - (totals.drained - left.base.drained) - left.before.lying
        if left.earlier + lost > left.gone:
            left.gone, left.gone_ns = left.earlier + lost, now
    left.before = totals


def _finding(view: ChannelView, lying: _Lying, gone: int, now: int) -> Finding:
    count = lying.elements + gone
    certain = (lying.known or gone > 0) and bool(view.element_type)  # it may be one without data
    return Finding(
        id=ID,
        severity="warning" if certain else "info",
        sentence=_sentence(view, lying, gone, now),
        channel=view.name,
        site=view.closed_by,
        count=count,
        oldest_ns=max(lying.oldest_ns, now - view.closed_unix_ns if view.closed_unix_ns else 0),
        oldest_at_least=not view.closed_unix_ns,
        facts={
            "lying": lying.elements,
            "channels": lying.channels,
            "gone": gone,
            "residue": view.residue.value if view.residue else None,
            "drained": view.drained.value if view.drained else None,
            "receivers_known": certain,
            "closed_unix_ns": view.closed_unix_ns or None,
        },
    )


def _sentence(view: ChannelView, lying: _Lying, gone: int, now: int) -> str:
    count = lying.elements + gone
    elements = "1 element was" if count == 1 else f"{count} elements were"
    where = f"{words.place(view.closed_by)} closed it" if view.closed_by else "it was closed"
    when = f" {words.duration(now - view.closed_unix_ns)} ago" if view.closed_unix_ns else ""
    text = f"{elements} left in {named(view)} when {where}{when}"
    if gone and not lying.elements:
        return f"{text}, and went with it: nobody received {'it' if count == 1 else 'them'}"
    silent = f"nobody has received for {words.duration(lying.oldest_ns)}"
    if lying.known:
        return f"{text}: {silent}, and nobody who would is left"
    return f"{text}: {silent}; whether somebody still will is not known"
