"""How many spans a program may make: a bucket of its own, and one for all programs together.

Pure: the kernel side keeps to what is said here. What it sends beyond, only to be an exemplar, is not counted here
(bpf/waits.h, oc_send_span).
"""

from __future__ import annotations

_SECOND = 1_000_000_000
_LONGEST_DEBT_S = 10  # what was overdrawn beyond that is forgiven: a rate that is low now may be raised


class Rate:
    """A bucket that fills by `per_second` and holds what a second brings. Who shares it may overdraw it together: then
    nobody has anything until it has filled up again."""

    def __init__(self, per_second: float, now_ns: int) -> None:
        self.per_second = per_second
        self.left = self._most
        self._last_ns = now_ns

    @property
    def _most(self) -> float:
        """One span at least: a rate below one a second would never make any."""
        return max(self.per_second, 1.0) if self.per_second else 0.0

    def settle(self, spent: int, now_ns: int) -> None:
        """So much was spent until now."""
        earned = self.per_second * (now_ns - self._last_ns) / _SECOND
        left = min(self.left - spent + earned, self._most)
        self.left = max(left, -_LONGEST_DEBT_S * self.per_second)
        self._last_ns = now_ns


class SpanRate:
    """What one program may send. shared: the bucket of all programs."""

    def __init__(self, per_second: float, shared: Rate, now_ns: int) -> None:
        self.own = Rate(per_second, now_ns)
        self._shared = shared
        self._used = 0

    def charge(self, spans: int) -> None:
        """So many were made by user space, of waits that go on: everybody has that many less."""
        for bucket in (self.own, self._shared):
            bucket.left -= spans

    def allowed(self, used: int, now_ns: int) -> int:
        """So many spans may have been sent since the beginning, in all. used: so many have been."""
        spent, self._used = used - self._used, used
        for bucket in (self.own, self._shared):
            bucket.settle(spent, now_ns)
        return used + max(0, int(min(self.own.left, self._shared.left)))
