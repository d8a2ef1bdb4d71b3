"""The workload `hammer`, driven line by line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Hammer:
    """A running hammer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def ask(self, line: str) -> str:
        """Say one line and hear the answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().rstrip("\n")

    def count(self) -> tuple[int, float]:
        """Operations done so far, and the processor seconds that the program has used for them, traps included.

        Per processor second, not per second: what others do on a shared machine must not count.
        """
        done, _ = self.ask("count").split()
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(done), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def hammer(binary: Path, processors: int = 1) -> Iterator[Hammer]:
    """A hammer that is READY, on so many processors; it ends with the block."""
    process = subprocess.Popen(
        [binary],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOMAXPROCS": str(processors)},
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "READY\n"
        yield Hammer(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()
