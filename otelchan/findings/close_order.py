"""F7, close order: a channel was closed while what feeds it is still in use.

A goroutine, or a function, that receives from A and sends to B makes data flow from A to B. Pipelines are closed along
the flow: A first, then, when that is drained, B. When B is closed and A is still received from, what comes out of A has
nowhere to go: it is dropped, or the next send panics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.closing import SIGNAL_TYPES, named
from otelchan.findings.types import Finding
from otelchan.model.types import ChannelView, Counter, Edge, LiveChannels, Snapshot

ID = "F7"
MOST_FLOWS = 1000
LOOKS = 2  # in which A is received from after the close


class Flow(NamedTuple):
    """From the channels of one name to those of another."""

    source: str
    target: str


class _Ways(NamedTuple):
    """Functions that are a flow: those that receive and send. stage: all functions known to receive from the source, or
    to send to the target."""

    through: frozenset[str]
    stage: frozenset[str]

    def include(self, function: str) -> bool:
        """Whether it is one of the stage's, or a closure in one of them, as a deferred one is."""
        return any(function == own or function.startswith(f"{own}.") for own in self.stage)


@dataclass(slots=True)
class _Watched:
    """A flow whose target was closed. closes, received: closes of the target, and receives from the source, when it was
    last looked at. looks: with more of these, after the close. found_ns: when it was last a fault."""

    closes: Counter | None
    received: Counter
    looks: int = 0
    elements: int = 0
    found_ns: int = 0


class CloseOrderFinder:
    """Finds them in one program. Remembers MOST_FLOWS flows at most."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings
        self._ways: dict[Flow, _Ways] = {}
        self._many: set[str] = set()  # names of which there was more than one channel
        self._watched: dict[Flow, _Watched] = {}

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """Flows whose target was closed too early."""
        views = {view.name: view for view in snapshot.channels if view.kind == "user"}
        self._many = {name for name in self._many if name in views}
        self._many |= {
            view.name for view in views.values() if view.channels > 1 or (view.closes and view.closes.value > 1)
        }
        self._learn(snapshot, views)
        closed = {
            view.name
            for view in views.values()
            if view.closed_unix_ns and view.closed == view.channels and view.name not in self._many
        }
        flows = {flow: ways for flow, ways in self._ways.items() if flow.target in closed and flow.source in views}
        self._watched = {flow: watched for flow, watched in self._watched.items() if flow in flows}
        found = []
        for flow, ways in flows.items():
            if flow.source in self._many or Flow(flow.target, flow.source) in self._ways:
                continue
            finding = self._look(flow, ways, views[flow.source], views[flow.target], snapshot)
            if finding:
                found.append(finding)
        return sorted(found, key=lambda finding: (-finding.oldest_ns, finding.channel))

    def _learn(self, snapshot: Snapshot, views: Mapping[str, ChannelView]) -> None:
        """Flows between channels that carry data, from who uses what. They are remembered: after the close nobody sends
        to the target any more."""
        carrying = {name for name, view in views.items() if view.element_type not in SIGNAL_TYPES}
        self._ways = {flow: ways for flow, ways in self._ways.items() if {*flow} <= carrying}
        senders, receivers = (_functions(snapshot.edges, operation) for operation in ("send", "recv"))
        through = _by_function(snapshot.edges)
        for flow in _by_goroutine(snapshot.live):
            through.setdefault(flow, set())
        for flow, functions in through.items():
            known = self._ways.get(flow)
            if {*flow} <= carrying and (known or len(self._ways) < MOST_FLOWS):
                known = known or _Ways(frozenset(), frozenset())
                stage = senders.get(flow.target, set()) | receivers.get(flow.source, set())
                self._ways[flow] = _Ways(known.through | functions, known.stage | stage)

    def _look(
        self, flow: Flow, ways: _Ways, source: ChannelView, target: ChannelView, snapshot: Snapshot
    ) -> Finding | None:
        closer, counter = target.closed_by, source.processed.get(("recv", "ok"))
        if closer is None or not ways.stage or ways.include(closer.function):
            return None  # who sends closes when it is done: with early ends too, that is how it should be
        known = self._watched.get(flow)
        if counter is None:
            return None
        if known is None or known.closes != target.closes or known.received.start_unix_ns != counter.start_unix_ns:
            self._watched[flow] = _Watched(target.closes, counter)
            return None
        if source.closed_unix_ns and source.closed_unix_ns <= target.closed_unix_ns:
            return None  # what it still gives was in its buffer
        now, more = snapshot.time_unix_ns, counter.value - known.received.value
        known.received = counter
        if more > 0:
            known.looks += 1
            known.elements += more
        late = now - target.closed_unix_ns >= self._settings.close_order_s * words.SECOND
        if more > 0 and late and known.looks >= LOOKS:
            known.found_ns = now
        if not known.found_ns or now - known.found_ns > self._settings.event_hold_s * words.SECOND:
            return None
        return _finding(ways, known, source, target, snapshot)


def _functions(edges: Iterable[Edge], operation: str) -> dict[str, set[str]]:
    """Of each channel name, the functions that do that."""
    found: dict[str, set[str]] = {}
    for edge in edges:
        if edge.operation == operation:
            found.setdefault(edge.channel, set()).add(edge.frame.function)
    return found


def _by_function(edges: Iterable[Edge]) -> dict[Flow, set[str]]:
    """Flows through functions that receive from one channel and send to another."""
    uses: dict[str, tuple[set[str], set[str]]] = {}
    for edge in edges:
        if edge.operation in ("recv", "send"):
            received, sent = uses.setdefault(edge.frame.function, (set(), set()))
            (received if edge.operation == "recv" else sent).add(edge.channel)
    found: dict[Flow, set[str]] = {}
    for function, (received, sent) in uses.items():
        for source in received:
            for target in sent - {source}:
                found.setdefault(Flow(source, target), set()).add(function)
    return found


def _by_goroutine(live: LiveChannels) -> set[Flow]:
    """Flows through goroutines that receive from one channel and send to another, whatever functions they do it by.
    Only between names of which there is one channel: of the others there may be very many."""
    columns = live.columns
    one = np.bincount(columns.name, minlength=len(live.names)) == 1
    single = columns.rows(one[columns.name])
    uses: dict[int, tuple[set[str], set[str]]] = {}
    for address, number in zip(single.address.tolist(), single.name.tolist(), strict=True):
        sending, receiving = live.users.get(address, ((), ()))
        for goroutine in sending:
            uses.setdefault(goroutine, (set(), set()))[1].add(live.names[number].name)
        for goroutine in receiving:
            uses.setdefault(goroutine, (set(), set()))[0].add(live.names[number].name)
    return {Flow(a, b) for received, sent in uses.values() for a in received for b in sent if a != b}


def _finding(ways: _Ways, known: _Watched, source: ChannelView, target: ChannelView, snapshot: Snapshot) -> Finding:
    now = snapshot.time_unix_ns
    return Finding(
        id=ID,
        severity="warning",
        sentence=_sentence(ways, known, source, target, now),
        channel=target.name,
        site=target.closed_by,
        count=1,
        oldest_ns=now - target.closed_unix_ns,
        facts={
            "fed_by": source.name,
            "through": sorted(ways.through),
            "closed_unix_ns": target.closed_unix_ns,
            "fed_by_closed_unix_ns": source.closed_unix_ns or None,
            "received_since": known.elements,
        },
    )


def _sentence(ways: _Ways, known: _Watched, source: ChannelView, target: ChannelView, now: int) -> str:
    where = words.place(target.closed_by)
    through = f" ({', '.join(sorted(ways.through))} sends on what it receives)" if ways.through else ""
    ago = words.duration(now - target.closed_unix_ns)
    after = (
        f"was closed {words.duration(source.closed_unix_ns - target.closed_unix_ns)} later"
        if source.closed_unix_ns
        else "is still open"
    )
    return (
        f"{named(target)} was closed {ago} ago by {where}, before {named(source)}, which feeds it{through} and "
        f"{after}: {known.elements} elements were received from that since and had nowhere to go"
    )
