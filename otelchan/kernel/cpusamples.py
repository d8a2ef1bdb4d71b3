"""What a program's threads are executing, looked at now and then for as long as wanted: no probe, no trap."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from otelchan import clock
from otelchan.errors import TargetError
from otelchan.kernel.sampling import Ring, open_new, threads_of

PERIOD_NS = 9_700_000
"""Of a thread's processor time between two samples: 103 a second while it runs. An interrupt takes 9 to 18 us
(docs/overhead.md), so this is 0.1 to 0.2 % of the program. Not a round number: programs do things at those."""

_DATA_BYTES = 1 << 14  # three seconds and more, at 88 bytes a sample
_THREADS_NS = 1_000_000_000


class CpuSampler:
    """Samples of all threads of a process from now on; of a new one after a second at most.

    Raises KernelError when it is not permitted, TargetError when the process is gone.
    """

    def __init__(self, pid: int, period_ns: int = PERIOD_NS) -> None:
        self.period_ns = period_ns
        self._pid = pid
        self._rings: dict[int, Ring] = {}
        self._stacks: Counter[tuple[int, ...]] = Counter()
        self._lost = 0
        try:
            open_new(pid, period_ns, self._rings, _DATA_BYTES)
        except BaseException:
            self.close()
            raise
        self._due_ns = clock.monotonic_ns() + _THREADS_NS

    def drain(self) -> None:
        """Fetch what is in the rings: to be called once a second and more often."""
        for ring in self._rings.values():
            self._lost += ring.drain(self._stacks)
        now = clock.monotonic_ns()
        if now >= self._due_ns:
            self._due_ns = now + _THREADS_NS
            with suppress(TargetError):  # it has ended: what was seen of it stands
                for thread in self._rings.keys() - threads_of(self._pid):
                    self._rings.pop(thread).close()
                open_new(self._pid, self.period_ns, self._rings, _DATA_BYTES)

    def take(self) -> tuple[Counter[tuple[int, ...]], int]:
        """Stacks since the last call, innermost address first, and how many more were lost."""
        self.drain()
        taken, lost = self._stacks, self._lost
        self._stacks, self._lost = Counter(), 0
        return taken, lost

    def close(self) -> None:
        """No more samples."""
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
