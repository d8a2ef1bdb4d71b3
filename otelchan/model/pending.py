"""Spans and panics since the last snapshot, under keys of channels that may still be given their name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import starmap
from typing import TypeVar

from otelchan.model.channels import Resolved
from otelchan.model.types import BlockSpan, PanicEvent

_PANICS_KEPT = 100  # for one snapshot
_Event = TypeVar("_Event", BlockSpan, PanicEvent)


class Pending:
    """What the next snapshot hands over. panics_dropped: for which there was no room, so far. outdone: waits that came
    over the rate, and that a longer one of the same kind left no use for."""

    def __init__(self) -> None:
        self.panics_dropped = self.outdone = 0
        self._spans: dict[int, tuple[int, BlockSpan]] = {}
        self._longest: dict[tuple[int, str, int], int] = {}  # (key, operation, octave) -> number in _spans
        self._number = 0
        self._panics: list[tuple[int, PanicEvent]] = []

    def add_span(self, key: int, span: BlockSpan) -> None:
        """A wait on the channel behind that key. Of those over the rate the longest of each octave is kept: no other
        can be an exemplar, and there may be thousands."""
        self._number += 1
        if span.over_rate:
            place = (key, span.operation, (_duration(span) - 1).bit_length())
            before = self._longest.get(place)
            if before is not None:
                self.outdone += 1
                if _duration(self._spans[before][1]) >= _duration(span):
                    return
                del self._spans[before]
            self._longest[place] = self._number
        self._spans[self._number] = (key, span)

    def add_panic(self, key: int, event: PanicEvent) -> None:
        """A panic of an operation on it."""
        if len(self._panics) == _PANICS_KEPT:  # the last one stays: a program dies of it
            self._panics.pop()
            self.panics_dropped += 1
        self._panics.append((key, event))

    def take(self, resolve: Callable[[int], Resolved]) -> tuple[tuple[BlockSpan, ...], tuple[PanicEvent, ...]]:
        """All of them, each under the name that its channel has been given since."""

        def named(key: int, event: _Event) -> _Event:
            name, element_type, _, _ = resolve(key)
            if (event.channel, event.channel_source) == (name.name, name.source):
                return event
            return replace(event, channel=name.name, channel_source=name.source, element_type=element_type)

        spans = tuple(starmap(named, self._spans.values()))
        self._spans.clear()
        self._longest.clear()
        panics, self._panics = tuple(starmap(named, self._panics)), []
        return spans, panics


def _duration(span: BlockSpan) -> int:
    return span.end_unix_ns - span.start_unix_ns
