"""What time slices say a plane would cost that was given up: each slice is a short trial of it. Pure.

A plane comes back when slices have said for some time that it fits, with room: two seconds at first, and twice as long
each time it had to go again, so that a program whose load comes in bursts does not get it back with every lull.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_SECOND = 1_000_000_000
FIRST_CALM_NS = 2 * _SECOND
LONGEST_CALM_NS = 600 * _SECOND
SLICES = 8  # the mean of so many counts, so that a lull between two bursts is no calm
_LEAST = 3
MARGIN = 0.7  # of what is left of the budget: a little under it is no place to stay
_STALE_NS = 190 * _SECOND  # slices come every two minutes at least, half of that more by chance, or nothing is known


@dataclass(slots=True)
class Evidence:
    """About one plane that is out. calm_ns: so long must it have fitted; 0 for one that was never in."""

    calm_ns: int = 0
    _shares: deque[float] = field(default_factory=lambda: deque(maxlen=SLICES))
    _fits_since_ns: int | None = None
    _heard_ns: int = 0

    def hear(self, share: float, room: float, now_ns: int) -> None:
        """A slice ended. share: of one core that the plane would have cost within it. room: what is left to it."""
        self._shares.append(share)
        self._heard_ns = now_ns
        mean = self.share(now_ns)
        if mean is None or mean > MARGIN * room:
            self._fits_since_ns = None
        elif self._fits_since_ns is None:
            self._fits_since_ns = now_ns

    def share(self, now_ns: int) -> float | None:
        """Of one core that the plane would cost, in the mean; None: there are no slices to tell from."""
        if len(self._shares) < _LEAST or now_ns - self._heard_ns > _STALE_NS:
            return None
        return sum(self._shares) / len(self._shares)

    def fits(self, now_ns: int) -> bool | None:
        """Whether the plane fits, and has for long enough; None: there are no slices to tell from."""
        if self.share(now_ns) is None:
            return None
        return self._fits_since_ns is not None and now_ns - self._fits_since_ns >= self.calm_ns

    def forget(self) -> None:
        """The plane is in, or the budget is another one: what was heard means nothing any more."""
        self._shares.clear()
        self._fits_since_ns = None

    def failed(self) -> None:
        """The plane had to go."""
        self.calm_ns = min(max(self.calm_ns * 2, FIRST_CALM_NS), LONGEST_CALM_NS)
        self.forget()
