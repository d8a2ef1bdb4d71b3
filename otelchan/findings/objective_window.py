"""How long blocks lasted within a sliding window, as buckets: quantiles of what ended in it and of what still waits.

Buckets: 0 is (0, 2^10 ns]; then eight per octave up to 2^37 ns (137 s), upper bounds inclusive; the last is what is
longer. A quantile is given as the upper bound of its bucket: it is never too small, and too large by an eighth at most.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.kernel.types import FINE_BUCKETS, bucket_bound_ns

FIRST, LAST, PARTS = 10, 37, 8
BUCKETS = (LAST - FIRST) * PARTS + 2
_FEW = 50  # durations that are put in buckets one by one, which is quicker then
Counts = Mapping[int, int]
"""Blocks by bucket; buckets without any are left out."""


def bound_ns(bucket: int) -> int:
    """The inclusive upper bound of a bucket; of the last one, which has none, the lower bound."""
    bound = bucket_bound_ns(min(bucket, BUCKETS - 2), FINE_BUCKETS)
    assert bound is not None  # only the last one has none
    return bound


def bucket_of(duration_ns: int) -> int:
    """The bucket that a duration is in."""
    below = max(duration_ns - 1, 0)
    octave = below.bit_length() - 1
    if octave < FIRST:
        return 0
    part = (below >> (octave - 3)) & (PARTS - 1)
    return min((octave - FIRST) * PARTS + part + 1, BUCKETS - 1)


def buckets_of(durations_ns: NDArray[np.int64]) -> dict[int, int]:
    """How many durations are in each bucket."""
    if len(durations_ns) <= _FEW:
        return dict(Counter(map(bucket_of, durations_ns.tolist())))
    below = np.maximum(durations_ns - 1, 1)
    octave = np.frexp(below.astype(np.float64))[1].astype(np.int64) - 1
    octave -= (np.int64(1) << octave) > below  # a number of more than 53 bits may have been rounded up
    part = (below >> np.maximum(octave - 3, 0)) & (PARTS - 1)
    bucket = np.where(octave < FIRST, 0, np.minimum((octave - FIRST) * PARTS + part + 1, BUCKETS - 1))
    found, number = np.unique(bucket, return_counts=True)
    return dict(zip(found.tolist(), number.tolist(), strict=True))


def merged(one: Counts, other: Counts) -> Counts:
    """What is in either."""
    if not other:
        return one
    return {bucket: one.get(bucket, 0) + other.get(bucket, 0) for bucket in {**one, **other}}


class Look(NamedTuple):
    """What a window shows. samples: blocks in it. quantile_ns: None: there are too few for it. highest_ns: 0: none.
    over: blocks that were longer than the objective, of those buckets that are wholly over it."""

    samples: int
    quantile_ns: int | None
    highest_ns: int
    over: int

    @property
    def standing_ns(self) -> int:
        """What stands for the quantile: with too few samples the highest, which is above it; without any, nothing."""
        return self.highest_ns if self.quantile_ns is None else self.quantile_ns


def look(counts: Counts, quantile: float, objective_ns: int) -> Look:
    """Too few samples for a quantile are those of which not one whole sample may be above it: samples times (1 -
    quantile) is less than one. For 0.999 these are less than 1,000."""
    samples = sum(counts.values())
    may_be_above = int(round(samples * (1 - quantile), 6))
    over = sum(number for bucket, number in counts.items() if bucket > bucket_of(objective_ns))
    highest_ns = bound_ns(max(counts)) if counts else 0
    return Look(samples, _quantile(counts, may_be_above) if may_be_above else None, highest_ns, over)


def _quantile(counts: Counts, may_be_above: int) -> int:
    above = 0
    for bucket in sorted(counts, reverse=True):
        above += counts[bucket]
        if above > may_be_above:
            return bound_ns(bucket)
    return 0


class Window:
    """Blocks that ended within the last `steps` steps of `step_ns`; those of the step that has begun count too.

    Bounded: 8 bytes for each bucket of each step in which anything ended, and 80 for the step.
    """

    def __init__(self, step_ns: int, steps: int) -> None:
        self.counts: dict[int, int] = {}
        self._step_ns, self._steps = step_ns, steps
        self._past_steps: deque[int] = deque()
        self._past: deque[bytes] = deque()  # of each step: bucket, number, bucket, number, and so on
        self._now: dict[int, int] = {}
        self._step = 0

    def step_of(self, time_ns: int) -> int:
        """The number of the step that a time is in."""
        return time_ns // self._step_ns

    def add(self, time_ns: int, blocks: Iterable[tuple[int, int]]) -> None:
        """These have been read now, as (bucket, number). Whatever is too old is forgotten. Time never goes back."""
        step = self.step_of(time_ns)
        if step != self._step:
            if self._now:
                self._past_steps.append(self._step)
                self._past.append(array("I", _flat(self._now)).tobytes())
                self._now = {}
            self._step = step
            self._forget(step - self._steps)
        for bucket, number in blocks:
            self._now[bucket] = self._now.get(bucket, 0) + number
            self.counts[bucket] = self.counts.get(bucket, 0) + number

    def _forget(self, last: int) -> None:
        while self._past_steps and self._past_steps[0] <= last:
            self._past_steps.popleft()
            old = memoryview(self._past.popleft()).cast("I").tolist()
            for bucket, number in zip(old[::2], old[1::2], strict=True):
                left = self.counts[bucket] - number
                if left:
                    self.counts[bucket] = left
                else:
                    del self.counts[bucket]

    @property
    def size_bytes(self) -> int:
        """Of what is kept of steps."""
        return sum(map(len, self._past))


def _flat(counts: Counts) -> Iterator[int]:
    for bucket, number in counts.items():
        yield bucket
        yield number
