"""When memory is looked at sooner than its pace allows: goroutines have parked unseen. Pure.

Where the kernel side has no room for a park (`event.lost`, reason `park`), how long that goroutine has waited is known
only from looks at memory, from the first that meets it in its park. In a program that has so many goroutines a look is
dear, so the next one is far away. What looks did not use of their part of a core is saved up, and spent on such looks.
"""

from __future__ import annotations

MOST_SAVED_NS = 800_000_000
"""So much processor time can be saved: it takes 80 s where looks may have one part in a hundred of a core."""
_AGAIN_NS = 6_000_000_000  # until the second look: more than findings.leak_suspect_s by default
_LONG_NS = 10_000_000_000  # so long is waited for the last of them to park


class Hurry:
    """Of one program. Times are monotonic, in nanoseconds."""

    def __init__(self) -> None:
        self._saved_ns = float(MOST_SAVED_NS)
        self._at_ns = self._looked_ns = self._new_ns = 0
        self._spent_ns = self._lost = self._known = 0
        self._again = self._still = False

    def heed(self, lost: int, now_ns: int) -> None:
        """So many parks have been lost by now; said once in each round."""
        if lost > self._known and self._lost == self._known:
            self._new_ns = now_ns
        self._still, self._lost = lost == self._lost, lost

    def waits(self, now_ns: int) -> bool:
        """Whether not to look yet, although it is time: many are just parking, and a look would miss the others."""
        return self._lost > self._known and not self._still and now_ns - self._new_ns < _LONG_NS

    def now(self, now_ns: int, share: int) -> bool:
        """Whether to look now, whatever the pace says. share: looks may take one part in this many of a core."""
        self._save(now_ns, share)
        unseen = self._lost > self._known and not self.waits(now_ns)
        if self._again and not unseen:  # what is looked at for the second time costs half as much
            return now_ns - self._looked_ns >= _AGAIN_NS and 2 * self._saved_ns >= self._spent_ns
        return unseen and self._saved_ns >= self._spent_ns

    def looked(self, now_ns: int, spent_ns: int, share: int) -> None:
        """Memory was looked at, for whatever reason, and that took so much processor time."""
        self._save(now_ns, share)
        self._saved_ns -= spent_ns
        self._again = self._lost > self._known
        self._looked_ns, self._spent_ns, self._known = now_ns, spent_ns, self._lost

    def _save(self, now_ns: int, share: int) -> None:
        self._saved_ns = min(self._saved_ns + (now_ns - self._at_ns) / share, MOST_SAVED_NS)
        self._at_ns = now_ns
