"""F5, close faults: a send on a closed channel, a close of a closed one, a close of nil. Each of them panics.

Whoever recovers from it hides it: it counts all the same, and it is a finding for a while. Counters say how many there
were, events say where; of more than there is room for, only the counters know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.closing import closer, times
from otelchan.findings.types import Finding, Member
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, ChannelView, Counter, PanicEvent, Snapshot

ID = "F5"
MOST_STACKS = 10
_DYING_NS = 2 * words.SECOND  # a program that ends so soon after a panic died of it, as far as anybody can say
_ERROR = {
    "send_on_closed": "send on closed channel",
    "close_of_closed": "close of closed channel",
    "close_of_nil": "close of nil channel",
}
_OPERATION = {"send_on_closed": "send", "close_of_closed": "close", "close_of_nil": "close"}


class _Key(NamedTuple):
    error: str
    channel: str
    site: Frame | None


@dataclass(slots=True)
class _Fault:
    """One of them over time. events: the last ones."""

    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    events: deque[PanicEvent] = field(default_factory=lambda: deque(maxlen=MOST_STACKS))

    def add(self, number: int, time_ns: int) -> None:
        self.count += number
        self.first_ns = min(self.first_ns or time_ns, time_ns)
        self.last_ns = max(self.last_ns, time_ns)


@dataclass(slots=True)
class _Seen:
    """What is known of one (error, channel). told: by events, since the counter began; added: because the counter says
    so; missing: at the last look."""

    start_unix_ns: int = 0
    told: int = 0
    added: int = 0
    missing: int = 0


class CloseFaultFinder:
    """Finds them in one program. Remembers what happened within the time that it stays a finding."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._faults: dict[_Key, _Fault] = {}
        self._seen: dict[tuple[str, str], _Seen] = {}

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """What happened lately, worst first."""
        for event in snapshot.panics:
            fault = self._faults.setdefault(_Key(event.error, event.channel, _site(event)), _Fault())
            fault.add(1, event.time_unix_ns)
            fault.events.append(event)
            self._seen.setdefault((event.error, event.channel), _Seen()).told += 1
        for view in snapshot.channels:
            for error, counter in view.panics.items():
                self._compare(error, view.name, counter, snapshot)
        hold_ns = int(self._settings.event_hold_s * words.SECOND)
        now = snapshot.time_unix_ns
        self._faults = {key: fault for key, fault in self._faults.items() if now - fault.last_ns <= hold_ns}
        views = {view.name: view for view in snapshot.channels}
        found = [_finding(key, fault, views.get(key.channel), snapshot) for key, fault in self._faults.items()]
        return sorted(found, key=lambda finding: (-finding.count, finding.channel))

    def _compare(self, error: str, channel: str, counter: Counter, snapshot: Snapshot) -> None:
        """Panics that were counted and of which no event came, by this look or by the one before: an event may be on
        its way while its counter is read."""
        known = self._seen.setdefault((error, channel), _Seen())
        if known.start_unix_ns != counter.start_unix_ns:  # counted anew, because the probes were out
            told = sum(
                (event.error, event.channel) == (error, channel) and event.time_unix_ns >= counter.start_unix_ns
                for event in snapshot.panics
            )
            known = self._seen[error, channel] = _Seen(
                counter.start_unix_ns, told if known.start_unix_ns else known.told
            )
        missing = counter.value - known.told - known.added
        lost = max(missing if snapshot.ended else min(missing, known.missing), 0)
        known.added += lost
        known.missing = missing - lost
        if lost:
            of_error = {key: fault for key, fault in self._faults.items() if key[:2] == (error, channel)}
            latest = max(of_error, key=lambda key: of_error[key].last_ns, default=_Key(error, channel, None))
            self._faults.setdefault(latest, _Fault()).add(lost, snapshot.time_unix_ns)


def _site(event: PanicEvent) -> Frame | None:
    return event.frames[0] if event.frames else None


def _finding(key: _Key, fault: _Fault, view: ChannelView | None, snapshot: Snapshot) -> Finding:
    now = snapshot.time_unix_ns
    died = snapshot.ended and now - fault.last_ns <= _DYING_NS
    return Finding(
        id=ID,
        severity="critical",
        sentence=_sentence(key, fault, view, now, died),
        channel=key.channel,
        site=key.site,
        count=fault.count,
        oldest_ns=now - fault.first_ns,
        facts={
            "error": key.error,
            "last_unix_ns": fault.last_ns,
            "closed_by": words.place(view.closed_by) if view and view.closed_by else None,
            "closed_unix_ns": view.closed_unix_ns or None if view else None,
            "program_ended": died,
        },
        members=tuple(_member(event, now) for event in fault.events),
    )


def _member(event: PanicEvent, now_ns: int) -> Member:
    return Member(
        goroutine_id=event.goroutine_id,
        channel=event.channel,
        operation=_OPERATION[event.error],
        wait_reason="",
        age=Age(now_ns - event.time_unix_ns, at_least=False),
        frames=event.frames,
        note=f"panic: {_ERROR[event.error]}",
    )


def _sentence(key: _Key, fault: _Fault, view: ChannelView | None, now_ns: int, died: bool) -> str:
    where = f" at {words.place(key.site)}" if key.site else ""
    source, element = (view.source, view.element_type) if view else ("", "")
    name = "" if key.error == "close_of_nil" else key.channel
    what = f"panic: {_ERROR[key.error]}, {times(fault.count)}{where}, on {words.channel(name, source, element)}"
    last = fault.last_ns
    if view and view.closed_unix_ns and key.error != "close_of_nil":
        what += f", which {closer(view, now_ns)}"
    when = "the program ended of it" if died else f"last {words.duration(now_ns - last)} ago"
    return f"{what}; {when}"
