"""The workload `spawner`, driven line by line, and its own count of goroutines started and ended."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Told(NamedTuple):
    """Goroutines started and ended since the program began, and runtime.NumGoroutine."""

    created: int
    exited: int
    alive: int


class Spawner:
    """A running `spawner`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        assert process.stdout
        assert "READY\n" == process.stdout.readline()

    def ask(self, command: str) -> Told:
        """Do something, see tests/workloads/spawner, and say how many there were then."""
        assert self._process.stdin
        assert self._process.stdout
        print(command, file=self._process.stdin, flush=True)
        return Told(**json.loads(self._process.stdout.readline()))


@contextmanager
def spawner(binary: Path, env: Mapping[str, str] | None = None) -> Iterator[Spawner]:
    """A `spawner` that is READY, with `env` added to its environment; it ends with the block."""
    with subprocess.Popen(
        [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    ) as process:
        try:
            yield Spawner(process)
        finally:
            process.kill()
