"""What a process has used of the processor, and whether it is still the same process."""

from __future__ import annotations

import os
from pathlib import Path


def _fields(pid: int) -> list[str]:
    """Those after the name, which may hold spaces: the first is number 3 of proc_pid_stat(5), the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processor_seconds(pid: int) -> float:
    """User and system time of all its threads, traps of probes included."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_ticks(pid: int) -> int:
    """When it was started, in clock ticks since boot: with the pid it names a process for good."""
    return int(_fields(pid)[19])


def memory_mib(pid: int, row: str = "VmHWM") -> float:
    """Memory it occupies ("VmRSS") or has occupied at most ("VmHWM"), MiB: a row of proc_pid_status(5)."""
    rows = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return next(int(words[1]) for words in rows if words[0] == f"{row}:") / 1024
