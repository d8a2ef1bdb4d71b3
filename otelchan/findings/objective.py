"""F11, latency objectives: those of one program, what is found of them, and the sentence about it.

The steps come every 100 ms (otelchan/objectives.py), not with snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otelchan.config import Findings, Objective
from otelchan.findings import words
from otelchan.findings.objective_track import CLOSED, MS, OPEN, Key, Reading, Track, begin, in_ns
from otelchan.findings.types import Finding, ObjectiveView
from otelchan.model.types import SIDES, BlockedList, ChannelView, Snapshot

ID = "F11"
_DOING = {"send": "senders", "recv": "receivers"}


class ObjectiveFinder:
    """The objectives of one program. Bounded by the readings, and by the windows of each of them."""

    def __init__(self, settings: Findings | None = None) -> None:
        """settings: not needed; what is asked for comes with the readings."""
        self._tracks: dict[Key, Track] = {}
        self._now_ns = 0

    def reconfigure(self, settings: Findings) -> None:
        """Nothing of that is used here: other rules come with the readings."""

    def step(self, time_ns: int, readings: Sequence[Reading]) -> None:
        """What was read at a step, of every objective that can be read now. Times: monotonic. One that is asked
        something else begins anew; one that could not be read is kept while its long window has something in it."""
        self._now_ns = time_ns
        for reading in readings:
            track = self._tracks.get(reading.key)
            if track is None or track.rule != reading.rule:
                track = self._tracks[reading.key] = begin(reading)
            track.source = reading.source
            track.step(time_ns, reading)
        if len(readings) < len(self._tracks):
            self._tracks = {key: each for key, each in self._tracks.items() if _kept(each, time_ns)}

    def views(self) -> tuple[ObjectiveView, ...]:
        """Each that is read, as it is now."""
        return tuple(_view(key, track) for key, track in self._read())

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Those that are breached, or were so a short time ago."""
        breached = {key: track for key, track in self._read() if track.state != CLOSED}
        for track in self._tracks.values():
            if track.state == CLOSED:
                track.site = track.created_by = None
        if not breached:
            return []
        _note_sites({key: track for key, track in breached.items() if track.site is None}, snapshot)
        channels = {channel.name: channel for channel in snapshot.channels}
        return [_finding(key, track, channels.get(key.channel)) for key, track in breached.items()]

    def _read(self) -> list[tuple[Key, Track]]:
        return sorted((item for item in self._tracks.items() if item[1].last_ns == self._now_ns), key=lambda i: i[0])


def _kept(track: Track, time_ns: int) -> bool:
    return time_ns - track.last_ns < track.rule.long_window_s * words.SECOND


def _view(key: Key, track: Track) -> ObjectiveView:
    looks = {"short": track.recent, "long": track.wide}
    return ObjectiveView(
        key.channel,
        track.source,
        key.operation,
        track.state,
        in_ns(track.rule.objective_ms),
        {window: seen.quantile_ns for window, seen in looks.items()},
        {window: seen.samples for window, seen in looks.items()},
    )


def _note_sites(tracks: dict[Key, Track], snapshot: Snapshot) -> None:
    """Where it is that they wait: the place of the longest span, else of one that waits now. It is noted once for each
    breach: a finding at another place is another finding."""
    ended = (span for span in snapshot.spans if not span.ongoing)  # an objective is about these
    for span in sorted(ended, key=lambda span: span.end_unix_ns - span.start_unix_ns):
        track = tracks.get(Key(span.channel, span.operation))
        if track is not None and span.frames:
            track.site = span.frames[0]
    blocked = BlockedList.of(snapshot.blocked)
    names = [channel.name for channel in blocked.names.channels]
    for key, track in tracks.items():
        numbers = [number for number, name in enumerate(names) if name == key.channel]
        mine = np.isin(blocked.columns.channel, numbers) & (blocked.columns.operation == SIDES.index(key.operation))
        places = np.flatnonzero(mine)
        if len(places):
            longest = blocked[int(places[blocked.columns.age_ns[places].argmax()])]
            track.created_by = longest.created_by
            track.site = track.site or (longest.frames[0] if longest.frames else None)


def _finding(key: Key, track: Track, channel: ChannelView | None) -> Finding:
    seen, rule = track.recent, track.rule
    return Finding(
        id=ID,
        severity="critical" if track.state == OPEN else "warning",
        sentence=_sentence(key, track, channel),
        channel=key.channel,
        site=track.site,
        created_by=track.created_by,
        count=track.breaches,
        oldest_ns=track.last_ns - track.opened_ns,
        facts={
            "operation": key.operation,
            "state": track.state,
            "objective_ms": rule.objective_ms,
            "quantile": rule.quantile,
            "short_ms": _in_ms(seen.quantile_ns),
            "short_highest_ms": _in_ms(seen.highest_ns),
            "short_samples": seen.samples,
            "short_over": seen.over,
            "long_ms": _in_ms(track.wide.quantile_ns),
            "long_samples": track.wide.samples,
            "rises_ms_per_minute": None if track.rises is None else round(track.rises, 3),
            "opened_again": track.again,
            "steps": track.steps,
            "steps_missed": track.missed,
        },
    )


def _in_ms(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else round(duration_ns / MS, 3)


def _sentence(key: Key, track: Track, channel: ChannelView | None) -> str:
    rule, seen = track.rule, track.recent
    name = words.channel(key.channel, track.source, channel.element_type if channel else "")
    held = words.duration(track.last_ns - track.opened_ns)
    where = f", at {words.place(track.site)}" if track.site else ""
    span = words.duration(round(rule.short_window_s * words.SECOND))
    if seen.quantile_ns is None:
        shown = f"{seen.over} of {seen.samples} waits in the last {span} were longer, too few for a P{_percent(rule)}"
    else:
        shown = f"P{_percent(rule)} of the last {span} is {_short(seen.quantile_ns)}, of {seen.samples} waits"
    allowed = f"the objective is {_short(in_ns(rule.objective_ms))}"
    now = "wait" if track.state == OPEN else "are on probation after they waited"
    return f"{_DOING[key.operation]} on {name}{where} {now} too long: {shown}; {allowed}; breached {held} ago"


def _percent(rule: Objective) -> str:
    return f"{rule.quantile * 100:g}"


def _short(duration_ns: int) -> str:
    """ "830 ms", "1.07 s"."""
    return f"{duration_ns / MS:.3g} ms" if duration_ns < 0.9995 * words.SECOND else f"{duration_ns / 1e9:.3g} s"
