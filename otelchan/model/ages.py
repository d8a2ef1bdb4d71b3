"""How long goroutines have been parked: exact when the park was seen, else a lower bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.types import NO_CYCLES, Census, Goroutines, Indices, Mask, Words, begun_by, cycles_in
from otelchan.model.observation import Parked, Parks
from otelchan.model.types import Age


class AgeColumns(NamedTuple):
    """One entry per goroutine of a census. known: it waits, and has an age. age_ns, at_least: as in Age."""

    known: Mask
    age_ns: Indices
    at_least: Mask

    def at(self, place: int) -> Age:
        """Of one goroutine."""
        return Age(int(self.age_ns[place]), bool(self.at_least[place]))


NO_AGES = AgeColumns(np.zeros(0, np.bool_), np.zeros(0, np.int64), np.zeros(0, np.bool_))
"""Of no goroutines."""


class _Seen(NamedTuple):
    """Parks by ascending goroutine id. same: columns that stay equal while it lasts. first_ns: when first seen."""

    id: Words
    same: tuple[NDArray[Any], ...]
    first_ns: Indices


class _Looked(NamedTuple):
    """The last census: who waits, who on a channel, and since when for certain, as of then."""

    goroutines: Goroutines
    now_ns: int
    waits: Mask
    on_channel: Mask
    since_ns: Indices


class Ages:
    """Remembers when each park was first seen. One entry per parked goroutine of the last census."""

    def __init__(self) -> None:
        nothing = np.zeros(0, np.uint64)
        self._seen = _Seen(nothing, (), np.zeros(0, np.int64))
        self._texts: dict[str, int] = {}
        self._cycles = NO_CYCLES
        self._looked: _Looked | None = None
        self._parks: Parks | None = None
        self._ages = NO_AGES

    def of(self, census: Census, parked: Mapping[int, Parked]) -> AgeColumns:
        """The age of every goroutine of the census that waits: the very same columns as long as nothing changes."""
        goroutines, parks = Goroutines.of(census.goroutines), Parks.of(parked)
        looked = self._looked
        again = looked is not None and looked.goroutines is goroutines and looked.now_ns == census.monotonic_ns
        if looked is None or not again:
            self._looked = looked = self._look(goroutines, census.monotonic_ns)
        elif self._parks is not None and self._parks.same(parks):
            return self._ages
        seen, seen_ns = parks.find(goroutines.address)
        exact = looked.waits & looked.on_channel & seen & (seen_ns <= looked.now_ns)
        known_ns = np.where(exact, seen_ns, np.minimum(looked.since_ns, looked.now_ns))
        found = AgeColumns(looked.waits, looked.now_ns - known_ns, ~exact)
        self._parks = parks
        if not again or not all(map(np.array_equal, found, self._ages)):
            self._ages = found
        return self._ages

    def _look(self, goroutines: Goroutines, now: int) -> _Looked:
        texts = np.array([self._texts.setdefault(text, len(self._texts)) for text in goroutines.reasons])
        waits = np.array([bool(text) for text in goroutines.reasons])[goroutines.reason]
        self._cycles = cycles_in(goroutines.since, self._cycles)
        since_ns = self._first_seen(goroutines, texts, waits, begun_by(goroutines.since, self._cycles, now))
        on_channel = np.zeros(len(goroutines), np.bool_)
        on_channel[goroutines.waits.owner] = True
        return _Looked(goroutines, now, waits, on_channel, since_ns)

    def _first_seen(self, goroutines: Goroutines, texts: Indices, waits: Mask, begun_ns: Indices) -> Indices:
        """Since when each goroutine is known to be parked; of those that wait it is remembered. begun_ns: of a park
        seen for the first time. Proofs that come later change nothing: an age grows with time, and never jumps."""
        order = np.argsort(goroutines.id)
        order = order[waits[order]]
        columns = (*goroutines.park, texts[goroutines.reason])
        id_, same = goroutines.id[order], tuple(column[order] for column in columns)
        first_ns = begun_ns[order]
        before = self._seen
        if len(before.id):
            place = np.minimum(np.searchsorted(before.id, id_), len(before.id) - 1)
            still = before.id[place] == id_
            for mine, theirs in zip(same, before.same, strict=True):
                still &= mine == theirs[place]
            first_ns = np.where(still, before.first_ns[place], first_ns)
        self._seen = _Seen(id_, same, first_ns)
        result = begun_ns.copy()
        result[order] = first_ns
        return result
