"""How long goroutines have been parked: exact when the park was seen, else a lower bound."""

from __future__ import annotations

from collections.abc import Mapping

from otelchan.memory.types import Census, Goroutine
from otelchan.model.observation import Parked
from otelchan.model.types import Age


class Ages:
    """Remembers when each park was first seen. One entry per parked goroutine of the last census."""

    def __init__(self) -> None:
        self._first_seen: dict[tuple[object, ...], int] = {}

    def of(self, census: Census, parked: Mapping[int, Parked]) -> dict[int, Age]:
        """Age by goroutine id, for every goroutine of the census that waits."""
        now = census.monotonic_ns
        seen: dict[tuple[object, ...], int] = {}
        ages: dict[int, Age] = {}
        for goroutine in census.goroutines:
            if not goroutine.wait_reason:
                continue
            key = _same_park(goroutine)
            first = seen[key] = self._first_seen.get(key, now)
            ages[goroutine.id] = _age(goroutine, parked.get(goroutine.address), first, now)
        self._first_seen = seen
        return ages


def _same_park(goroutine: Goroutine) -> tuple[object, ...]:
    return (goroutine.id, goroutine.park, goroutine.wait_reason)


def _age(goroutine: Goroutine, parked: Parked | None, first_seen: int, now: int) -> Age:
    if parked is not None and goroutine.waits and parked.since_ns <= now:
        return Age(now - parked.since_ns, at_least=False)
    # The garbage collector stamps g.waitsince with nanotime when it first meets the wait.
    since = min(first_seen, goroutine.wait_since_ns) if goroutine.wait_since_ns else first_seen
    return Age(max(now - since, 0), at_least=True)
