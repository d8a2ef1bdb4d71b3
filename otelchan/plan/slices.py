"""When the next time slice of a program is taken, and how long it counts. Pure.

A slice costs what its traps cost, in the gate and while the probes go in and out, so many of them are taken as part of
the budget pays: about one a second when it can, with a gate that is as long as it can be. When it cannot, they are
further apart, and the gate is about as dear as what surrounds it. They come at random times, or a program that does the
same thing ten times a second would be looked at in the same place each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

SECOND = 1_000_000_000
SHORTEST_GATE_NS = 500_000
LONGEST_GATE_NS = 10_000_000
FIRST_GATE_NS = 1_000_000
SHORTEST_INTERVAL_NS = SECOND
LONGEST_INTERVAL_NS = 60 * SECOND
JITTER = 0.5  # of the interval, to both sides
PART = 0.6  # of what is left of the budget: the rest pays trials, and what an estimate of a cost is wrong by
AROUND_NS = 3_000_000  # traps are in so long before and after the gate, until it was measured
SAMPLE_NS = 15_000  # of the program's time, each time that it is looked at what it executes
SAMPLING = 0.17  # of what slices may take, at most, goes into such looks
_WEIGHT = 0.3  # of the last slice in what the next one is expected to cost


class Shot(NamedTuple):
    """A slice to be taken. at_ns: when, of CLOCK_MONOTONIC."""

    at_ns: int
    gate_ns: int


def sample_every_ns(allowed: float, processors: int) -> int:
    """How much processor time of a thread goes by at least between two looks at what it executes, so that they keep to
    their part also while the program has all its processors busy. allowed: the share of one core that slices may
    take."""
    return round(SAMPLE_NS * processors / (SAMPLING * allowed))


@dataclass(slots=True)
class Schedule:
    """The slices of one program. random: for the times.

    density: probe time by time in the gate, which is more than 1 when several threads are busy. around_ns: probe time
    outside of the gate.
    """

    random: Random
    density: float = 1.0
    around_ns: float = AROUND_NS
    _taken: int = 0
    _last_ns: int = 0
    _jitter: float = field(default=0.0)

    def expect(self, share: float) -> None:
        """What it costs of a core when all is counted, as far as a trial could tell. Slices will tell better."""
        if not self._taken and share > 0:
            self.density, self.around_ns = share, share * AROUND_NS

    def begin(self, now_ns: int) -> None:
        """Slices are wanted from now on: the first one soon."""
        self._last_ns = now_ns - SHORTEST_INTERVAL_NS
        self._draw()

    def cost_ns(self, gate_ns: int) -> float:
        """What a slice is expected to cost the program, in probe time."""
        return self.around_ns + self.density * gate_ns

    def gate_ns(self, allowed: float) -> int:
        """How long the next slice may count. allowed: the share of one core that slices may take."""
        if not self._taken:
            return FIRST_GATE_NS
        density = max(self.density, 1e-9)
        affordable = (min(allowed, 1.0) * SHORTEST_INTERVAL_NS - self.around_ns) / density
        longest = max(affordable, self.around_ns / density)
        return int(min(max(longest, SHORTEST_GATE_NS), LONGEST_GATE_NS))

    def affords(self, allowed: float, before: bool) -> bool:
        """Whether that pays a slice a minute; or one in two minutes where there were slices before, so that they do
        not come and go."""
        interval = self.interval_ns(allowed)
        return interval is not None and interval <= LONGEST_INTERVAL_NS * (2 if before else 1)

    def interval_ns(self, allowed: float) -> int | None:
        """The mean time between slices; None for ever."""
        if allowed <= 0:
            return None
        return int(max(self.cost_ns(self.gate_ns(allowed)) / allowed, SHORTEST_INTERVAL_NS))

    def next(self, allowed: float) -> Shot | None:
        """The next slice; None: there will be none."""
        interval = self.interval_ns(allowed)
        if interval is None:
            return None
        return Shot(self._last_ns + int(interval * (1 + self._jitter)), self.gate_ns(allowed))

    def started(self, at_ns: int) -> None:
        """The slice was begun."""
        self._last_ns = at_ns
        self._draw()

    def ended(self, cost_ns: float, gate_cost_ns: float, gate_ns: int) -> None:
        """What it has cost, in all and within its gate of so many nanoseconds."""
        density, around_ns = gate_cost_ns / max(gate_ns, 1), max(cost_ns - gate_cost_ns, 0.0)
        weight = _WEIGHT if self._taken else 1.0
        self.density += (density - self.density) * weight
        self.around_ns += (around_ns - self.around_ns) * weight
        self._taken += 1

    def _draw(self) -> None:
        self._jitter = self.random.uniform(-JITTER, JITTER)
