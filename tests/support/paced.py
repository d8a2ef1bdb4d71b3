"""The workload `paced`, driven line by line."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from tests.support.driven import Driven, driven


class Done(NamedTuple):
    """What it has done so far: sends and receives through a buffer, and hand-overs; and when, in nanoseconds."""

    buffered: int
    handovers: int
    time_ns: int


class Paced(Driven):
    """A running paced."""

    def count(self) -> Done:
        """What it has done so far."""
        return Done(*(int(number) for number in self.ask("count").split()))


def paced(binary: Path, processors: int = 1) -> AbstractContextManager[Paced]:
    """A paced that is READY and idle, on so many processors; it ends with the block."""
    return driven(Paced, binary, processors)
