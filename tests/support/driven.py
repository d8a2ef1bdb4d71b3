"""Go workloads that obey lines on standard input, once they have said READY."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar


class Driven:
    """A running one."""

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


D = TypeVar("D", bound=Driven)


@contextmanager
def driven(kind: type[D], binary: Path, processors: int, env: Mapping[str, str] | None = None) -> Iterator[D]:
    """A `kind` that is READY, on so many processors; it ends with the block."""
    process = subprocess.Popen(
        [binary],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOMAXPROCS": str(processors), **(env or {})},
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "READY\n"
        yield kind(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()
