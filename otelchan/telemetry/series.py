"""Which time series of a program exist, which are over, which are over the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otelchan.telemetry.overflow import Overflow
from otelchan.telemetry.points import Point, Series


@dataclass(slots=True)
class Room:
    """Series that all programs together may have. Shared by their trackers."""

    limit: int
    used: int = 0

    def take(self) -> bool:
        """Room for one more series, or False."""
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def give_back(self, number: int) -> None:
        """So many series are over."""
        self.used -= number


@dataclass(frozen=True, slots=True)
class Tracked:
    """points: what to export, overflow points included. series: of these points. ended: exported before, over now."""

    points: list[Point]
    series: frozenset[Series]
    ended: frozenset[Series]
    overflowed: int


class SeriesTracker:
    """The series of one program: remembers what was exported, so that what is gone can be ended, and keeps the caps.

    A series that got room keeps it until it is gone; one over the cap stays there as long as it exists, so that no
    total moves from one series to another.
    """

    def __init__(self, limit: int, room: Room) -> None:
        self.limit = limit  # may change: series that exist stay
        self._room = room
        self._admitted: set[Series] = set()
        self._exported: frozenset[Series] = frozenset()
        self._overflow = Overflow()

    def update(self, points: Sequence[Point]) -> Tracked:
        """The next interval: every point there is now."""
        present = {point.series for point in points}
        gone = self._admitted - present
        self._admitted -= gone
        self._room.give_back(len(gone))
        kept: list[Point] = []
        over: list[Point] = []
        for point in points:
            (kept if self._admit(point.series) else over).append(point)
        kept += self._overflow.fold(over)
        series = frozenset(point.series for point in kept)
        ended = self._exported - series
        self._exported = series
        return Tracked(kept, series, ended, len(over))

    def _admit(self, series: Series) -> bool:
        if series in self._admitted:
            return True
        if series in self._overflow or len(self._admitted) >= self.limit or not self._room.take():
            return False
        self._admitted.add(series)
        return True

    def close(self) -> None:
        """The program is not watched any more: its room is free."""
        self._room.give_back(len(self._admitted))
        self._admitted.clear()
