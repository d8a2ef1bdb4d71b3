"""What is remembered of a series while a recording of any length is read: always so much memory, never more."""

from __future__ import annotations

import bisect
import itertools
import math
from array import array
from collections.abc import Sequence

from otelchan.report.types import Line, Stretch

MOST_POINTS = 240  # of a series: what a chart can show; twice as many while reading
MOST_STRETCHES = 400
FOREVER = (1 << 63) - 1


class Track:
    """A value over time. Where there are more points than are kept, of two that follow each other the greater is kept,
    so that no peak is lost; of a counter, which only grows, that is the later one. Points that do not follow in time
    are refused: the same may have been written twice."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._times = array("q")
        self._values = array("d")  # NaN: the series had ended

    def add(self, time: int, value: float | None) -> bool:
        """None: the series has ended. Returns whether it was taken."""
        if self._times and time <= self._times[-1]:
            return False
        self._times.append(time)
        self._values.append(math.nan if value is None or math.isinf(value) else value)
        if len(self._times) >= 2 * self._most:
            self._thin()
        return True

    def _thin(self) -> None:
        # The newest one stays what it is: it says what holds at the end.
        last = len(self._times) - 1
        times, values = array("q"), array("d")
        for first in range(0, last, 2):
            second = min(first + 1, last - 1)
            better = second if _greater(self._values[second], self._values[first]) else first
            times.append(self._times[better])
            values.append(self._values[better])
        times.append(self._times[last])
        values.append(self._values[last])
        self._times, self._values = times, values

    @property
    def last(self) -> tuple[int, float | None]:
        """Time and value; (0, None) when there is nothing."""
        return (self._times[-1], _known(self._values[-1])) if self._times else (0, None)

    def at_end(self, end: int) -> float | None:
        """The value at the last look at the program; None when the series was not there any more. That it ended with
        the program, later, takes nothing away."""
        for position in range(len(self._times) - 1, -1, -1):
            if self._times[position] <= end:
                return _known(self._values[position]) if self._times[position] == end else None
        return None

    def before(self, time: int) -> tuple[int, float] | None:
        """The newest known point that is not after a time."""
        for position in range(len(self._times) - 1, -1, -1):
            if self._times[position] <= time and not math.isnan(self._values[position]):
                return self._times[position], self._values[position]
        return None

    def first(self) -> tuple[int, float] | None:
        """The oldest known point."""
        points = zip(self._times, self._values, strict=True)
        return next(((time, value) for time, value in points if not math.isnan(value)), None)

    def line(self, label: str, end: int = FOREVER) -> Line:
        """All of it, up to the last look at the program: that it ended with the program is not drawn."""
        number = bisect.bisect_right(self._times, end)
        return Line(label, tuple(self._times[:number]), tuple(map(_known, self._values[:number])))

    def added(self, other: Track) -> None:
        """Lay another series over this one, for charts of several: values at the same times are summed."""
        times = sorted({*self._times, *other._times})
        pairs = zip(held(self._times, self._values, times), held(other._times, other._values, times), strict=True)
        self._values = array("d", (_sum(one, two) for one, two in pairs))
        self._times = array("q", times)


class Counted:
    """A cumulative counter, summed over the times that it began anew. total: since it first began; since: when."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self.track = Track(most)
        self.since = 0
        self._start = 0
        self._carried = 0.0
        self._value = 0.0

    @property
    def total(self) -> float:
        """All that was counted."""
        return self._carried + self._value

    def add(self, time: int, start: int, value: float | None) -> bool:
        """start: since when it counts. value: None: the series has ended. Returns whether it was taken."""
        if value is None:
            return self.track.add(time, None)
        if time <= self.track.last[0]:
            return False
        if start != self._start or value < self._value:
            self._carried += self._value
        self._start, self._value = start, value
        self.since = min(self.since or start, start)
        return self.track.add(time, self.total)

    def rate(self, begin: int, end: int) -> float | None:
        """Per second from begin, or where that is later from its first point, to its last one before end."""
        newest = self.track.before(end)
        oldest = self.track.before(begin) or self.track.first()
        if newest is None or oldest is None or newest[0] <= oldest[0]:
            return None
        return max(newest[1] - oldest[1], 0.0) / ((newest[0] - oldest[0]) / 1e9)


class Buckets:
    """A cumulative histogram. grown: what each point adds, for who looks at it over time."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self._start, self._time = 0, 0
        self._carried = [0] * (len(bounds) + 1)
        self._counts = [0] * (len(bounds) + 1)
        self._sums = 0.0, 0.0

    @property
    def counts(self) -> list[int]:
        """By bucket, since it first began."""
        return [before + now for before, now in zip(self._carried, self._counts, strict=True)]

    @property
    def sum(self) -> float:
        """Of all values."""
        return self._sums[0] + self._sums[1]

    def add(self, time: int, start: int, counts: list[int], total: float) -> tuple[int, list[int]] | None:
        """What has come since the last point, and since when; None when the point does not follow or does not fit."""
        if time <= self._time or len(counts) != len(self._counts):
            return None
        anew = start != self._start or any(now < then for now, then in zip(counts, self._counts, strict=True))
        if anew:
            self._carried, self._sums = self.counts, (self.sum, 0.0)
        before = [0] * len(counts) if anew else self._counts
        grown = [now - then for now, then in zip(counts, before, strict=True)]
        since = max(start, self._time) if anew else self._time
        self._start, self._time, self._counts, self._sums = start, time, counts, (self._sums[0], total)
        return since, grown

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bucket that it lies in; None: over the highest bound, or nothing was counted."""
        counts = self.counts
        wanted, so_far = sum(counts) * share, 0
        for bound, count in zip(self.bounds, counts, strict=False):
            so_far += count
            if count and so_far >= wanted:
                return bound
        return None


class States:
    """Which state held when."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []
        self.left_out = 0

    def add(self, time: int, state: str) -> None:
        """It holds since this look, or still does. A state holds until a later look says otherwise."""
        last = self._stretches[-1] if self._stretches else None
        if last is not None and time < last.end:
            return
        if last is not None:
            self._stretches[-1] = last._replace(end=time)
            if last.state == state:
                return
        self._stretches.append(Stretch(time, time, state))
        if len(self._stretches) > MOST_STRETCHES:
            del self._stretches[0]
            self.left_out += 1

    def of(self, state: str) -> int:
        """How many stretches of a state there were."""
        return sum(stretch.state == state for stretch in self._stretches)

    def at_end(self, end: int) -> Stretch:
        """What held at the last look at the program, and since when; the state "" when nothing did."""
        for stretch in reversed(self._stretches):
            if stretch.start <= end:
                # Nobody may have said that it ended: an agent that was killed, say.
                return stretch if stretch.end >= end else Stretch(stretch.end, end, "")
        return Stretch(0, 0, "")

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Those that took time."""
        return tuple(stretch for stretch in self._stretches if stretch.end > stretch.start)


class Columns:
    """Counts by time and bucket. The width of a column doubles as the time grows, so that there are at most MOST."""

    MOST = 96

    def __init__(self, bounds: tuple[float, ...], origin: int, width: int = 1_000_000_000) -> None:
        self.bounds, self._origin, self._width = bounds, origin, width
        self._cells: list[list[float]] = []

    def add(self, begin: int, end: int, counts: list[int]) -> None:
        """These came between two times; where these span several columns they are spread over them."""
        begin = max(begin, self._origin)
        if end <= begin or not any(counts):
            return
        while (end - 1 - self._origin) // self._width >= self.MOST:
            self._cells = [_sums(self._cells[i : i + 2]) for i in range(0, len(self._cells), 2)]
            self._width *= 2
        first, last = ((time - self._origin) // self._width for time in (begin, end - 1))
        while len(self._cells) <= last:
            self._cells.append([0.0] * (len(self.bounds) + 1))
        for column in range(first, last + 1):
            left = self._origin + column * self._width
            share = (min(end, left + self._width) - max(begin, left)) / (end - begin)
            cell = self._cells[column]
            for bucket, count in enumerate(counts):
                cell[bucket] += count * share

    def rates(self, end: int) -> tuple[list[int], list[list[float]]]:
        """Edges of the columns up to a time, and by bucket the counts per second in each."""
        number = max(len(self._cells), min(-(-(end - self._origin) // self._width), self.MOST), 1)
        cells = self._cells + [[0.0] * (len(self.bounds) + 1)] * (number - len(self._cells))
        edges = [self._origin + column * self._width for column in range(number + 1)]
        if edges[-2] < end < edges[-1]:
            edges[-1] = end  # what is not over yet is not spread over what is to come
        seconds = [(right - left) / 1e9 for left, right in itertools.pairwise(edges)]
        rows = [
            [cell[bucket] / length for cell, length in zip(cells, seconds, strict=True)]
            for bucket in range(len(self.bounds) + 1)
        ]
        return edges, rows


def _sums(rows: list[list[float]]) -> list[float]:
    return [sum(values) for values in zip(*rows, strict=True)]


def held(times: Sequence[int], values: Sequence[float], wanted: Sequence[int]) -> list[float]:
    """The values at other times, ascending, as points may have been thinned: the one before holds until the next one,
    and after the last one nothing does. Not-a-number: none."""
    found: list[float] = []
    for time in wanted:
        after = bisect.bisect_right(times, time)
        ended = after == len(times) and (not times or time > times[-1])
        found.append(math.nan if ended or not after else values[after - 1])
    return found


def _sum(one: float, other: float) -> float:
    return other if math.isnan(one) else one if math.isnan(other) else one + other


def _greater(one: float, other: float) -> bool:
    return math.isnan(other) or one >= other


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
