"""The load program, driven line by line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.gobuild import build

SOURCE = Path(__file__).parent / "load"
GO = "1.27.3"


def executable() -> Path:
    """Built, if it has changed."""
    return build("load", go=GO, folder=SOURCE)


class Program:
    """A running load program. version: of its Go. processors: its GOMAXPROCS.

    Of each operation of the last batch: whole_ns, what it took with all that is needed around it; elapsed_ns, time.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        ready, self.version, processors = self._hear().split()
        self.processors = int(processors)
        assert ready == "READY"
        self.whole_ns = 0.0
        self.elapsed_ns = 0.0

    def run(self, command: str, operations: int) -> float:
        """So many operations; nanoseconds for each: processor time, so that what others do on the machine does not
        count; with several threads, which may wait for each other, time.
        """
        self.elapsed_ns, processor, self.whole_ns = (took / operations for took in self._tell(command, operations))
        return processor if self.processors == 1 else self.elapsed_ns

    @contextmanager
    def switched(self, command: str) -> Iterator[None]:
        """With something of Go's own on, "tracing" or "blocking", for the time of the block."""
        self._tell(command, 1)
        try:
            yield
        finally:
            self._tell(command, 0)

    def _tell(self, command: str, number: int) -> list[int]:
        assert self._process.stdin
        self._process.stdin.write(f"{command} {number}\n")
        self._process.stdin.flush()
        return [int(word) for word in self._hear().split()]

    def _hear(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"the load program ended with status {self._process.wait()}"
        return line.rstrip("\n")


@contextmanager
def program(processors: int = 1, path: Path | None = None) -> Iterator[Program]:
    """One that is ready, on so many processors; it ends with the block. path: of a copy of the executable."""
    process = subprocess.Popen(
        [path or executable()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOMAXPROCS": str(processors)},
    )
    try:
        yield Program(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()
