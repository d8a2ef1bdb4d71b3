"""How much memory and processor time the control group of this process may have, as far as can be seen here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_UNLIMITED = 1 << 62  # version 1 says the largest number of whole pages


def cgroup_path(text: str) -> str:
    """The version 2 path in the text of /proc/PID/cgroup; "" when there is none."""
    return next((line[3:] for line in text.splitlines() if line.startswith("0::")), "")


def memory_limit(text: str, root: Path) -> tuple[bool, int | None]:
    """(whether a limit would be seen, the limit in bytes or None). text: of /proc/PID/cgroup. root: /sys/fs/cgroup.

    In a container `root` may be missing, or show the container's own group without what comes before it. The limits of
    groups above count too, where they are seen. Files: Documentation/admin-guide/cgroup-v2.rst (memory.max, also on the
    v2 tree of a hybrid machine) and cgroup-v1/memory.rst (memory.limit_in_bytes) of the kernel.
    """
    found = [limit for file in _files(text, root) if (limit := _limit(file)) is not None]
    limits = [limit for limit in found if limit < _UNLIMITED]
    return bool(found), min(limits, default=None)


def cpu_limit(text: str, root: Path) -> float | None:
    """How many cores the groups may take, of the one that may take least; None: no limit is seen. text, root: as above.

    Files: cgroup-v2.rst (cpu.max: quota and period) and scheduler/sched-bwc.rst (cpu.cfs_quota_us, cpu.cfs_period_us).
    """
    return min((cores for file in _files(text, root, CPU) if (cores := _cores(file)) is not None), default=None)


class Controller(NamedTuple):
    """Its name in version 1, and the files of a limit in both versions."""

    name: str
    first: str
    second: str


MEMORY = Controller("memory", "memory.limit_in_bytes", "memory.max")
CPU = Controller("cpu", "cpu.cfs_quota_us", "cpu.max")


def _files(text: str, root: Path, of: Controller = MEMORY) -> Iterator[Path]:
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if of.name in controllers.split(","):
            yield from _upwards(root / of.name, path, of.first)
        elif not controllers:
            yield from _upwards(root, path, of.second)
            yield from _upwards(root / "unified", path, of.second)


def _cores(file: Path) -> float | None:
    try:
        parts = file.read_text().split()
        if file.name == CPU.first:
            parts += file.with_name("cpu.cfs_period_us").read_text().split()
        quota, period = (int(part) for part in parts)  # "max" and -1: none
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 < period else None


def _upwards(top: Path, path: str, name: str) -> Iterator[Path]:
    """The file in the group, in those above it, and in what stands in its place in a container."""
    group = top / path.lstrip("/")
    yield from (folder / name for folder in (group, *group.parents) if top in (folder, *folder.parents))


def _limit(file: Path) -> int | None:
    """None: not to be read."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else _UNLIMITED
