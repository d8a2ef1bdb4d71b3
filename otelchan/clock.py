"""The only module that reads the time. Units are in the names: nanoseconds."""

from __future__ import annotations

import time


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns and of Go's runtime.nanotime."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def thread_cpu_ns() -> int:
    """What this thread has spent of a processor, also in the kernel; waiting for a processor costs nothing."""
    return time.thread_time_ns()


def process_cpu_ns(pid: int) -> int:
    """What all threads of a process have spent of processors, also in the kernel. Raises OSError when it is gone.

    Source of the clock's number: include/linux/posix-timers_types.h, CPUCLOCK_SCHED.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def unix_ns() -> int:
    """Unix time."""
    return time.time_ns()


def unix_minus_monotonic_ns() -> int:
    """What to add to a monotonic time to get Unix time, now; drifts with clock adjustments, so ask again."""
    before = monotonic_ns()
    now = unix_ns()
    return now - (before + monotonic_ns()) // 2


def sleep_ns(duration_ns: int) -> None:
    """Sleep at least this long."""
    if duration_ns > 0:
        time.sleep(duration_ns / 1e9)
