"""The workload `hammer`, driven line by line."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.driven import Driven, driven


class Hammer(Driven):
    """A running hammer."""

    def count(self) -> tuple[int, float]:
        """Operations done so far, and the processor seconds that the program has used for them, traps included.

        Per processor second, not per second: what others do on a shared machine must not count.
        """
        done, _ = self.ask("count").split()
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return int(done), sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def hammer(binary: Path, processors: int = 1) -> AbstractContextManager[Hammer]:
    """A hammer that is READY, on so many processors; it ends with the block."""
    return driven(Hammer, binary, processors)
