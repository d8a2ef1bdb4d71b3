"""Our own memory: an agent on every node should not keep what it used for a moment."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
_LARGE = 1 << 18
_AFTER_NS = (500_000_000, 3_000_000_000)  # what is exported is sent by then, or nearly so


def give_back_large_blocks() -> bool:
    """Have every block of 256 KiB and more go back to the kernel when it is freed; False where malloc cannot.

    glibc raises this threshold by itself, up to 32 MiB, once a large block has been freed, and then keeps the freed
    blocks of one census for the next one (mallopt(3), M_MMAP_THRESHOLD: setting it ends that). Saves 4 MB of 69 in an
    agent that watches one small program. 256 KiB and not 1 MiB: a column of 100,000 goroutines has 800 kB; with that
    many blocked it saves 27 MB of 180 between rounds and 20 MB of 198 at their peak, for no more processor time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _LARGE) == 1


class Leftovers:
    """Gives back what rounds have used for a moment: freed blocks between others, which malloc keeps.

    A round's spans and messages are 7 MB where there are as many spans as may be sent; giving them back takes a
    millisecond (malloc_trim(3)), and a tenth of that when there is nothing.
    """

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it
        self._due_ns: list[int] = []

    def round(self, now_ns: int) -> None:
        """A round has ended. Times are monotonic."""
        self._due_ns = [now_ns + after_ns for after_ns in _AFTER_NS]

    def tick(self, now_ns: int) -> bool:
        """Called all the time; whether it was time to give back."""
        if not self._due_ns or now_ns < self._due_ns[0]:
            return False
        self._due_ns = [due_ns for due_ns in self._due_ns if due_ns > now_ns]
        if self._trim is not None:
            self._trim(0)
        return True
