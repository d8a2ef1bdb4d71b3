"""One latency objective over time (F11): what each step shows, and the states that follow, like those of a breaker.

It is breached when the quantile of the short window is over the objective several steps in a row while that of the long
window rises. Then it is open, after a cool-down half-open, and from there open again at the next step that hits, or
closed after so many in a row that do not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.config import Objective
from otelchan.findings import words
from otelchan.findings.objective_window import Look, Window, bound_ns, bucket_of, buckets_of, look, merged
from otelchan.gobinary.types import Frame

CLOSED, HALF_OPEN, OPEN = "closed", "half-open", "open"
MS = 1_000_000
NO_AGES = np.zeros(0, np.int64)
_RISE_PART = 5  # of the long window: over which it must rise; one minute of five
_MINUTE_NS = 60 * words.SECOND


class Key(NamedTuple):
    """What an objective is about: operations of one kind on channels of one name."""

    channel: str
    operation: str


class Reading(NamedTuple):
    """What was read at one step. source: of the name. ended: blocks that ended since the step before, by bucket, as
    (bucket, number). waiting_ns: how long those have waited that still do. perhaps_ns: those that wait in a select on
    channels of other names too, so that it is not known which of them it is about."""

    key: Key
    source: str
    rule: Objective
    ended: Sequence[tuple[int, int]] = ()
    waiting_ns: NDArray[np.int64] = NO_AGES
    perhaps_ns: NDArray[np.int64] = NO_AGES


_NOTHING = Look(0, None, 0, 0)


@dataclass(slots=True)
class Track:
    """One objective over time. run: hits in a row; quiet: steps in a row without one, while it is half-open. breaches:
    how often it was opened from closed, opened_ns: when last; again: how often from half-open. since_ns: of the state.
    missed: steps in which nothing was read. recent, wide: what the short and the long window show, the long one when
    wide_step began. rises: milliseconds per minute, None: not known yet. site, created_by: of those that wait."""

    rule: Objective
    source: str
    short: Window
    long: Window
    state: str = CLOSED
    since_ns: int = 0
    opened_ns: int = 0
    last_ns: int = 0
    run: int = 0
    quiet: int = 0
    breaches: int = 0
    again: int = 0
    steps: int = 0
    missed: int = 0
    rises: float | None = None
    recent: Look = _NOTHING
    wide: Look = _NOTHING
    wide_step: int = -1
    history: deque[tuple[int, int, int]] = field(default_factory=deque)
    site: Frame | None = None
    created_by: Frame | None = None

    def step(self, time_ns: int, reading: Reading) -> None:
        """A step of the short window, or a part of one: the state moves with the first reading in a step only."""
        before, self.last_ns = self.last_ns, time_ns
        new = self.short.step_of(time_ns) - self.short.step_of(before)
        self.short.add(time_ns, reading.ended)
        self.long.add(time_ns, reading.ended)
        if not new:
            return
        self.steps += 1
        self.missed += new - 1 if before else 0
        waiting, rule = self._waiting(reading), self.rule
        objective_ns = in_ns(rule.objective_ms)
        self.recent = look(merged(self.short.counts, waiting), rule.quantile, objective_ns)
        if self.long.step_of(time_ns) != self.wide_step:
            self.wide_step = self.long.step_of(time_ns)
            self.wide = look(merged(self.long.counts, waiting), rule.quantile, objective_ns)
            self._follow(time_ns)
        self._move(time_ns, is_hit(self.recent, rule))

    def _waiting(self, reading: Reading) -> dict[int, int]:
        """A select waits for what may come on all of its channels; it counts where something came to somebody within
        the long window, and not, say, where only the end of the program would be told."""
        if len(reading.perhaps_ns) and self.long.counts:
            return buckets_of(np.concatenate((reading.waiting_ns, reading.perhaps_ns)))
        return buckets_of(reading.waiting_ns)

    def _follow(self, time_ns: int) -> None:
        """Whether the long window rises: against a fifth of its length ago, and not before so much has been seen. At
        the beginning it was empty, which stands at nothing: what is too slow from the beginning has risen. Counted in
        steps: the first one may have begun in the middle, and readings come a little early or late."""
        back = max(1, round(self.rule.long_window_s / _RISE_PART / self.rule.long_step_s))
        self.history.append((self.wide_step, time_ns, self.wide.standing_ns if self.history else 0))
        while len(self.history) > 1 and self.history[1][0] <= self.wide_step - back:
            self.history.popleft()
        then, then_ns, was_ns = self.history[0]
        known = then <= self.wide_step - back
        rise = (self.wide.standing_ns - was_ns) / MS
        self.rises = rise * _MINUTE_NS / (time_ns - then_ns) if known else None

    def _move(self, time_ns: int, hit: bool) -> None:
        self.run = self.run + 1 if hit else 0
        self.quiet = 0 if hit else self.quiet + 1
        rule = self.rule
        if self.state == CLOSED:
            rises = self.rises is not None and self.rises > rule.rise_ms_per_minute
            if self.run >= rule.hits and rises:
                self.breaches += 1
                self.opened_ns = time_ns
                self._become(OPEN, time_ns)
        elif self.state == OPEN:
            if time_ns - self.since_ns >= rule.cool_down_s * words.SECOND:
                self._become(HALF_OPEN, time_ns)
        elif hit:
            self.again += 1
            self._become(OPEN, time_ns)
        elif self.quiet >= rule.close_steps:
            self._become(CLOSED, time_ns)

    def _become(self, state: str, time_ns: int) -> None:
        self.state, self.since_ns = state, time_ns
        self.run = self.quiet = 0


def is_hit(seen: Look, rule: Objective) -> bool:
    """Whether the quantile is over the objective. With too few samples for one: whether so many were over it as make a
    run of hits, because that is more than may be over it of as many samples as a quantile would need."""
    if seen.quantile_ns is None:
        return seen.over >= rule.hits
    return seen.quantile_ns > bound_ns(bucket_of(in_ns(rule.objective_ms)))


def begin(reading: Reading) -> Track:
    """With empty windows."""
    rule = reading.rule
    spans = ((rule.short_step_ms / 1000, rule.short_window_s), (rule.long_step_s, rule.long_window_s))
    short, long = (Window(round(step_s * words.SECOND), max(2, round(window_s / step_s))) for step_s, window_s in spans)
    return Track(rule, reading.source, short, long)


def in_ns(milliseconds: float) -> int:
    """Whole nanoseconds."""
    return round(milliseconds * MS)
