"""BPF programs of the benchmark, which are no part of the product: compiled by `make`, attached by the same calls."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sites import Place
from otelchan.kernel import syscall
from otelchan.kernel.libbpf import BpfObject
from otelchan.kernel.ring import RingReader

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "benchmarks"
_HITS = 64  # entries of their map
_LOST, _RING = 63, 1 << 25  # as in bpf/stacks.bpf.c


def build() -> None:
    """Compile what has changed; `make bench` has done it already."""
    subprocess.run(["make", "--silent", "bench-objects"], cwd=ROOT, check=True)


class Foreign:
    """One of the programs, loaded: "empty", "count", "recipe" or "stacks"."""

    def __init__(self, name: str) -> None:
        self._object = BpfObject(FOLDER / f"{name}.bpf.o", f"bench_{name}")
        self._hits = None if name == "empty" else self._object.map_fd("hits")
        self._ring = RingReader(self._object.map_fd("events"), _RING) if name == "stacks" else None

    @contextmanager
    def attached(self, pid: int, places: Sequence[Place]) -> Iterator[None]:
        """At these places of a process, for the time of the block."""
        offsets, cookies = [place.offset for place in places], [place.cookie for place in places]
        link = syscall.link_uprobe_multi(self._object.program_fd, f"/proc/{pid}/exe", offsets, cookies, pid)
        try:
            yield
        finally:
            os.close(link)

    def hits(self) -> list[int]:
        """By cookie, since it was loaded."""
        assert self._hits is not None, "the empty program counts nothing"
        values = (syscall.map_lookup(self._hits, key.to_bytes(4, "little"), 8) for key in range(_HITS))
        return [int.from_bytes(value or b"", "little") for value in values]

    def drain(self) -> int:
        """Take all records out of the ring of "stacks", so that there is room; how many there were."""
        return sum(1 for _ in self._ring.drain(_RING)) if self._ring else 0

    def lost(self) -> int:
        """Hits of "stacks" for which its ring had no room, since it was loaded: each was cheaper than it should be."""
        return self.hits()[_LOST]

    def close(self) -> None:
        """Unload."""
        if self._ring:
            self._ring.close()
        self._object.close()
