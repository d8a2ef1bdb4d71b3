"""Counting how often instructions of a running program are reached, by the kernel's own uprobe counters.

No BPF, no code of ours: what tests of probe sites compare with. The counters are those of the kernel's tracing files
(Documentation/trace/uprobetracer.rst), where one event may have many places: so they go in one piece, which takes a
twentieth of a second. A perf event for each place and processor takes as long as that for each of them.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_numbers = itertools.count()


class Hits:
    """Counters at offsets of one file, for every process that runs it, since they were opened."""

    def __init__(self, tracing: Path, path: Path, offsets: Iterable[int]) -> None:
        self._tracing = tracing
        self._name = f"hits_{os.getpid()}_{next(_numbers)}_"  # of group, event and instance; part of no other such name
        self._offsets = sorted(set(offsets))
        self._instance = tracing / "instances" / self._name
        for offset in self._offsets:
            self._tell("uprobe_events", f"p:{self._name}/{self._name} {path}:{offset:#x}")
        try:
            self._instance.mkdir()  # a trace of its own, that is off: nothing but the counters is wanted
            self._tell(f"instances/{self._name}/tracing_on", "0")
            self._enable(True)
        except BaseException:
            self.close()
            raise

    def read(self) -> Counter[int]:
        """Hits by offset, cumulative."""
        counts = [line.split()[-1] for line in self._own_lines("uprobe_profile")]
        places = [line.rpartition(":")[2] for line in self._own_lines("uprobe_events")]  # in the same order
        found = Counter({int(place, 16): int(count) for place, count in zip(places, counts, strict=True)})
        assert sorted(found) == self._offsets, "the kernel counts at other places than it was told"
        return found

    def close(self) -> None:
        """Takes the probes out."""
        if self._instance.exists():
            self._enable(False)
            self._instance.rmdir()
        self._tell("uprobe_events", f"-:{self._name}/{self._name}")

    def _enable(self, on: bool) -> None:
        self._tell(f"instances/{self._name}/events/{self._name}/{self._name}/enable", str(int(on)))

    def _own_lines(self, file: str) -> list[str]:
        return [line for line in (self._tracing / file).read_text().splitlines() if self._name in line]

    def _tell(self, file: str, line: str) -> None:
        """One write, at the end; Python's own appending seeks, which these files refuse."""
        descriptor = os.open(self._tracing / file, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


@contextmanager
def hits(path: Path, offsets: Iterable[int]) -> Iterator[Hits]:
    """Counters for the time of the block."""
    with _tracing_files() as tracing:
        counters = Hits(tracing, path, offsets)
        try:
            yield counters
        finally:
            counters.close()


@contextmanager
def _tracing_files() -> Iterator[Path]:
    """The kernel's tracing files, mounted for the time of the block: not every machine has them mounted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tracefs", "tracefs", folder], check=True, capture_output=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True, capture_output=True)
