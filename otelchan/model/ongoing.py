"""Waits that go on: a span once per step of a growing threshold, so that what never ends is told of too.

Whether a wait passes a step follows from its age at this look and the time of the look before. Nothing is remembered of
a goroutine but what its last such span was, and that of MOST_REMEMBERED at most.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from otelchan.memory.types import Census, Goroutines, Indices, Words
from otelchan.model.channels import Resolved
from otelchan.model.passing import Passed, passed
from otelchan.model.types import Blocked, BlockedList, BlockSpan, SpanContext, SpanLink

GROWTH = 4
"""Each step is so many times as long as the one before."""
MOST_PER_PLACE = 10
MOST_REMEMBERED = 10_000
MOST_CASES = 64
BURST_S = 4
"""For so long the rate may be saved up, looks being seconds apart: what a second brings of all spans."""

_SHARE = 0.25  # of the rate of spans
_LEAST_PER_SECOND = 1.0
_LONGEST_NS = 1 << 61
Whats = Callable[[Words], Sequence[Resolved]]


class Pace(NamedTuple):
    """first_ns: the first step; None: no such spans. per_second: of them, at most."""

    first_ns: int | None = 10_000_000_000
    per_second: float = 25.0

    @property
    def steps_ns(self) -> Indices:
        """Ascending."""
        steps = [self.first_ns] if self.first_ns else []
        while steps and steps[-1] * GROWTH < _LONGEST_NS:
            steps.append(steps[-1] * GROWTH)
        return np.array(steps, np.int64)

    @property
    def burst(self) -> float:
        """Spans that may be saved up; at least one, or a low rate would never make any."""
        return max(self.per_second * BURST_S, 1.0) if self.per_second else 0.0


USUAL = Pace()
"""Where nothing is configured, as for a recording that is played."""


def share_of(spans_per_second: float) -> float:
    """How many of them may tell of waits that go on: a quarter, but one a second where there are so many at all."""
    return min(max(spans_per_second * _SHARE, _LEAST_PER_SECOND), spans_per_second)


class _Told(NamedTuple):
    """The last span of a wait that goes on. looked_ns: when it was looked at, monotonic. step_ns: which step."""

    looked_ns: int
    step_ns: int
    context: SpanContext


class Ongoing:
    """Tells of the waits of one program that go on. left_out: spans that there was no room for, so far."""

    def __init__(self, pace: Pace = USUAL) -> None:
        self.left_out = 0
        self._pace = pace
        self._looked_ns: int | None = None  # None: everybody is new
        self._earned_ns: int | None = None
        self._room = pace.burst
        self._told: OrderedDict[int, _Told] = OrderedDict()

    def change(self, pace: Pace) -> None:
        """This pace from now on. With other steps, everybody who waits is told of at the one that it has passed."""
        if pace.first_ns != self._pace.first_ns:
            self._looked_ns = None
        self._pace = pace

    def ended(self, goroutine_id: int, began_ns: int) -> tuple[SpanLink, ...]:
        """What links the span of a wait that is over to the last one that told of it. began_ns: monotonic."""
        told = self._told.get(goroutine_id)
        return (SpanLink(told.context, "ongoing"),) if told and began_ns <= told.looked_ns else ()

    def look(
        self,
        census: Census | None,
        blocked: Sequence[Blocked],
        whats: Whats,
        unix_offset_ns: int,
        new_id: Callable[[int], bytes] = os.urandom,
    ) -> tuple[BlockSpan, ...]:
        """Spans of those that have passed a step since the last look. A look that is shown again has none.

        blocked: as in the snapshot, of this census. whats: what the channels at these addresses are; 0: no channel.
        unix_offset_ns: what turns a monotonic time into Unix time.
        """
        if census is None or census.monotonic_ns == self._looked_ns:
            return ()
        now, every = census.monotonic_ns, BlockedList.of(blocked)
        elapsed_ns = None if self._looked_ns is None else now - self._looked_ns
        self._looked_ns = now
        found = passed(every, self._pace.steps_ns, elapsed_ns, MOST_PER_PLACE)
        self._earn(now)
        if found is None:
            return ()
        return tuple(self._spans(every, self._afford(found), census, whats, unix_offset_ns, new_id))

    def _earn(self, now: int) -> None:
        if self._earned_ns is not None:
            self._room += self._pace.per_second * (now - self._earned_ns) / 1e9
        self._earned_ns, self._room = now, min(self._room, self._pace.burst)

    def _afford(self, found: Passed) -> Passed:
        """Those that there is room for; the others are counted."""
        number = min(len(found.entry), int(self._room))
        self._room -= number
        self.left_out += found.more + len(found.entry) - number
        return Passed(found.entry[:number], found.step_ns[:number], 0)

    def _spans(
        self,
        every: BlockedList,
        found: Passed,
        census: Census,
        whats: Whats,
        unix_offset_ns: int,
        new_id: Callable[[int], bytes],
    ) -> Iterator[BlockSpan]:
        entries = [every[place] for place in found.entry.tolist()]
        channels = whats(every.columns.address[found.entry])
        details = _Details(census, every, {entry.goroutine_id for entry in entries})
        for entry, what, step_ns in zip(entries, channels, found.step_ns.tolist(), strict=True):
            earlier = self._told.get(entry.goroutine_id)
            if earlier and census.monotonic_ns - entry.age.age_ns > earlier.looked_ns:
                earlier = None  # of a wait that is over
            if earlier and step_ns <= earlier.step_ns:
                continue  # told of already: how long it has waited is known less well than it was
            context = SpanContext(new_id(16), new_id(8))
            links = (SpanLink(earlier.context, "ongoing"),) if earlier else ()
            self._remember(entry.goroutine_id, _Told(census.monotonic_ns, step_ns, context))
            yield _span(entry, what, details, context, links, census.monotonic_ns + unix_offset_ns)

    def _remember(self, goroutine_id: int, told: _Told) -> None:
        self._told[goroutine_id] = told
        self._told.move_to_end(goroutine_id)
        if len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)


class _Details:
    """What is known of a few goroutines of a census beyond their columns. cut: whose stacks could not be read whole."""

    def __init__(self, census: Census, every: BlockedList, goroutine_ids: set[int]) -> None:
        goroutines = Goroutines.of(census.goroutines)
        wanted = np.array(sorted(goroutine_ids), np.uint64)
        self.cut = set(goroutines.id[np.isin(goroutines.id, wanted) & ~goroutines.complete].tolist())
        self._every = every
        self._entries: dict[int, list[int]] = {}
        places = np.flatnonzero(np.isin(every.columns.goroutine_id, wanted))
        for place, goroutine_id in zip(places.tolist(), every.columns.goroutine_id[places].tolist(), strict=True):
            self._entries.setdefault(goroutine_id, []).append(place)

    def cases(self, goroutine_id: int) -> tuple[str, ...]:
        """What a select waits for, as far as it is not nil."""
        entries = (self._every[place] for place in self._entries[goroutine_id][:MOST_CASES])
        return tuple(f"{entry.operation} {entry.channel}" for entry in entries if entry.channel_address)


def _span(
    entry: Blocked, what: Resolved, details: _Details, context: SpanContext, links: tuple[SpanLink, ...], end: int
) -> BlockSpan:
    select = entry.wait_reason.startswith("select")
    somewhere = bool(entry.channel_address) or not select  # a select without cases waits on no channel, not on nil
    return BlockSpan(
        context=context,
        operation=entry.operation or _operation_of(entry.wait_reason),
        select=select,
        channel=what.name.name if somewhere else "",
        channel_source=what.name.source if somewhere else "",
        channel_address=entry.channel_address,
        element_type=what.element_type if somewhere else "",
        start_unix_ns=end - entry.age.age_ns,
        end_unix_ns=end,
        goroutine_id=entry.goroutine_id,
        wait_reason=entry.wait_reason,
        frames=entry.frames,
        stack_complete=entry.goroutine_id not in details.cut,
        links=links,
        ongoing=True,
        at_least=entry.age.at_least,
        cases=details.cases(entry.goroutine_id) if select else (),
    )


def _operation_of(wait_reason: str) -> str:
    """On a nil channel: waitReasonChanReceiveNilChan and waitReasonChanSendNilChan (src/runtime/runtime2.go)."""
    if wait_reason.startswith("select"):
        return ""
    return "send" if wait_reason.startswith("chan send") else "recv"
