"""The workload `faults`: a bad program and its corrected twin for each finding, driven line by line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.blocked import Dumped, parse_dump
from tests.support.gobuild import build

FOLDER = Path(__file__).parents[1] / "workloads" / "faults"
_MARK = re.compile(r"// here: (.+)$")


class Told(NamedTuple):
    """What a program says about itself. began: Unix nanoseconds, 0: nothing is wrong. numbers: by name."""

    began: int
    numbers: Mapping[str, int]


class Fault:
    """A running program of the workload."""

    def __init__(self, name: str, variant: str, process: subprocess.Popen[str]) -> None:
        self.name, self.variant, self.pid = name, variant, process.pid
        self._process = process
        assert process.stdout
        assert "ready\n" == process.stdout.readline()

    def go(self) -> None:
        """Let it begin."""
        self._say("go")

    def say(self, word: str) -> None:
        """Hand it a word; what it makes of it is its own affair."""
        self._say(f"say {word}")

    def state(self) -> Told:
        """Ask it."""
        assert self._process.stdout
        self._say("state")
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Told(**said)

    def stacks(self) -> dict[int, Dumped]:
        """What its own runtime says of all its goroutines, by id."""
        assert self._process.stdout
        self._say("stacks")
        text: str = json.loads(self._process.stdout.readline())
        return parse_dump(text.splitlines())

    def end(self) -> None:
        """Kill it."""
        self._process.kill()

    def _say(self, line: str) -> None:
        assert self._process.stdin
        print(line, file=self._process.stdin, flush=True)


@contextmanager
def fault(name: str, variant: str, binary: Path | None = None) -> Iterator[Fault]:
    """A program that waits to be told to go; variant: "bad" or "good". It ends with the block."""
    command = [str(binary or build("faults")), name, variant]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Fault(name, variant, process)
        finally:
            process.kill()
            assert process.stdin
            with suppress(BrokenPipeError):  # what it was asked when it had died already
                process.stdin.close()


def places() -> dict[str, str]:
    """ "file.go:line" of each mark in the source, by its name."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.go")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            mark = _MARK.search(line)
            if mark and path.name != "main.go":
                assert mark[1] not in found, f"the mark {mark[1]!r} is there twice"
                found[mark[1]] = f"{path.name}:{number}"
    return found
