"""Which time series of a program exist, which are over, which are over the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otelchan.telemetry.overflow import Overflow
from otelchan.telemetry.points import Point, Series

RESERVED = 200
"""Series of findings beyond a cap: a program that has used up its series would else never alert again."""
_FINDING = "otelchan.finding"


@dataclass(slots=True)
class Room:
    """Series that all programs together may have. Shared by their trackers."""

    limit: int
    used: int = 0

    def take(self, beyond: int = 0) -> bool:
        """Room for one more series, or False. beyond: so many more than the limit, for this one."""
        if self.used >= self.limit + beyond:
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
    total moves from one series to another. Findings have RESERVED more.
    """

    def __init__(self, limit: int, room: Room) -> None:
        self.limit = limit  # may change: series that exist stay
        self._room = room
        self._admitted: set[Series] = set()
        self._exported: frozenset[Series] = frozenset()
        self._overflow = Overflow()

    def update(self, points: Sequence[Point]) -> Tracked:
        """The next interval: every point there is now."""
        each = [point.series for point in points]
        gone = self._admitted.difference(each)
        self._admitted -= gone
        self._room.give_back(len(gone))
        kept: list[Point] = []
        over: list[Point] = []
        for point, its in zip(points, each, strict=True):
            (kept if self._admit(its) else over).append(point)
        folded = self._overflow.fold(over)
        kept += folded
        series = frozenset(self._admitted).union(point.series for point in folded)
        ended = self._exported - series
        self._exported = series
        return Tracked(kept, series, ended, len(over))

    def _admit(self, series: Series) -> bool:
        if series in self._admitted:
            return True
        beyond = RESERVED if series[0] == _FINDING else 0
        if series in self._overflow or len(self._admitted) >= self.limit + beyond or not self._room.take(beyond):
            return False
        self._admitted.add(series)
        return True

    def close(self) -> None:
        """The program is not watched any more: its room is free."""
        self._room.give_back(len(self._admitted))
        self._admitted.clear()
