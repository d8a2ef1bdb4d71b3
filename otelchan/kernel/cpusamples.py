"""What a program's threads are executing, looked at now and then for as long as wanted: no probe, no trap."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from otelchan import clock
from otelchan.errors import TargetError
from otelchan.kernel.sampling import Ring, open_new, threads_of

PERIOD_NS = 9_700_000
"""Of a thread's processor time between two samples: 103 a second while it runs. An interrupt takes 9 to 18 us
(docs/overhead.md), so this is 0.1 to 0.2 % of the program. Not a round number: programs do things at those."""

_DATA_BYTES = 1 << 14  # three seconds and more, at 88 bytes a sample
_THREADS_NS = 1_000_000_000


class Taken(NamedTuple):
    """stacks: innermost address first. lost: how many more there were. cpu_ns: processor time of the threads that were
    looked at; of others there are no samples."""

    stacks: Counter[tuple[int, ...]]
    lost: int
    cpu_ns: int


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
        self._ran_ns: dict[int, int] = {}  # of each thread that is looked at, when it was asked last
        try:
            self._open_new()
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
                    self._ran_ns.pop(thread, None)
                self._open_new()

    def _open_new(self) -> None:
        open_new(self._pid, self.period_ns, self._rings, _DATA_BYTES)
        for thread in self._rings.keys() - self._ran_ns.keys():
            self._ran_ns[thread] = ran_ns(self._pid, thread)

    def take(self) -> Taken:
        """What was seen since the last call."""
        self.drain()
        now_ns = {thread: ran_ns(self._pid, thread) for thread in self._rings}
        covered_ns = sum(max(ns - self._ran_ns[thread], 0) for thread, ns in now_ns.items())
        taken = Taken(self._stacks, self._lost, covered_ns)
        self._stacks, self._lost, self._ran_ns = Counter(), 0, now_ns
        return taken

    def close(self) -> None:
        """No more samples."""
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()


def ran_ns(pid: int, thread: int) -> int:
    """Processor time of a thread, by the clock that its process has too (a perf event's leaves out the switches between
    threads: a fifth, of one that sleeps a lot); 0 when it has ended. /proc/PID/task/TID/schedstat, its first number:
    Documentation/scheduler/sched-stats.rst."""
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:  # noqa: PTH123 - once a second and thread
            return int(file.read().split()[0])
    except (OSError, IndexError):
        return 0
