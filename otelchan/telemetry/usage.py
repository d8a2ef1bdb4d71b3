"""What the agent itself takes of the machine, in the terms of the semantic conventions for processes."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import NamedTuple

_PAGE = resource.getpagesize()
_SELF = Path("/proc/self")


class Usage(NamedTuple):
    """Processor time in seconds since the start, resident bytes, and how many threads and descriptors there are."""

    user_s: float
    system_s: float
    resident_bytes: int
    threads: int
    descriptors: int


def own_usage() -> Usage:
    """Of this process, now (proc(5), getrusage(2))."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    pages = int((_SELF / "statm").read_text().split()[1])
    threads, descriptors = (len(list((_SELF / name).iterdir())) for name in ("task", "fd"))
    return Usage(spent.ru_utime, spent.ru_stime, pages * _PAGE, threads, descriptors - 1)  # one was for looking
