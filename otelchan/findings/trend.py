"""Numbers over successive looks: whether they grow, and how fast."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from otelchan.findings.words import SECOND

MOST_SAMPLES = 2000


class Trend:
    """One number at each look, for as long as `window_ns` and at most MOST_SAMPLES looks."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._samples: deque[tuple[int, int]] = deque(maxlen=MOST_SAMPLES)

    def add(self, time_ns: int, number: int) -> None:
        """The number now. One look from before the window is kept, for what was the case when it began."""
        self._samples.append((time_ns, number))
        while len(self._samples) > 1 and self._samples[1][0] <= time_ns - self._window_ns:
            self._samples.popleft()

    @property
    def last(self) -> int:
        """The number at the last look; 0 before the first."""
        return self._samples[-1][1] if self._samples else 0

    def growth(self, span_ns: int, parts: int) -> int:
        """By how much it grew in the last span_ns, when it grew in every one of so many equal parts of it; else 0, also
        when it has not been looked at for that long."""
        if not self._samples or self._samples[-1][0] - self._samples[0][0] < span_ns:
            return 0
        start_ns = self._samples[-1][0] - span_ns
        numbers = [self.at(start_ns + span_ns * part // parts) for part in range(parts + 1)]
        grew = all(before < after for before, after in pairwise(numbers))
        return round(numbers[-1] - numbers[0]) if grew else 0

    def at(self, time_ns: int) -> float:
        """The number at that time, on a line from look to look; before the first and after the last as it was then."""
        before_ns, before = self._samples[0]
        for when_ns, number in self._samples:
            if when_ns >= time_ns:
                part = (time_ns - before_ns) / (when_ns - before_ns) if when_ns > before_ns else 1.0
                return before + (number - before) * max(part, 0.0)
            before_ns, before = when_ns, number
        return before

    def since(self, looks: int) -> int | None:
        """How long before the last look that many looks earlier was, in nanoseconds; None: there were not so many."""
        if len(self._samples) <= looks:
            return None
        return self._samples[-1][0] - self._samples[-1 - looks][0]


def slope(samples: Sequence[tuple[int, int]]) -> float:
    """How fast a number grows, per second, by the least squares; 0.0 of fewer than two looks."""
    if len(samples) < 2:
        return 0.0
    times = np.array([time_ns for time_ns, _ in samples], np.float64) / SECOND
    numbers = np.array([number for _, number in samples], np.float64)
    times -= times.mean()
    spread = float((times * times).sum())
    return float((times * numbers).sum()) / spread if spread else 0.0
