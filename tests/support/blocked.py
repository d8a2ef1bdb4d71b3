"""The workload `blocked`, driven line by line, and its own words about its goroutines and channels."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from otelchan.gobinary.types import Frame

_HEADER = re.compile(r"goroutine (\d+) \[([^\]]*)\]:")
_CREATED = re.compile(r"created by (.*?)(?: in goroutine (\d+))?$")
_PLACE = re.compile(r"\t(.*):(\d+)(?: \+0x[0-9a-f]+)?$")


class Known(NamedTuple):
    """What the program says about one of its channels."""

    address: int
    length: int
    capacity: int
    senders: int
    receivers: int
    closed: bool
    element_type: str


class Dumped(NamedTuple):
    """One goroutine of a dump. state: "chan receive". frames: as printed. elided: frames left out after the 50th.

    created_at: file and line of the `go` statement, the function left out; parent: who executed it.
    """

    state: str
    frames: tuple[Frame, ...]
    elided: int
    created_at: tuple[str, int]
    parent: int


class Blocked:
    """A running `blocked`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout
        self.pid = int(process.stdout.readline().split()[1])

    def start(self, command: str) -> None:
        """Send a command, and do not wait for the answer: `wait` does."""
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def wait(self) -> list[str]:
        """The lines of the answer."""
        assert self._process.stdout
        lines: list[str] = []
        for line in self._process.stdout:
            if line == "END\n":
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError("the program ended before its answer did")

    def ask(self, command: str) -> list[str]:
        """The lines of the answer to a command."""
        self.start(command)
        return self.wait()

    def count(self) -> int:
        """runtime.NumGoroutine."""
        return int(self.ask("count")[0])

    def channels(self) -> dict[str, Known]:
        """By the name that the program has for them."""
        found = {}
        for line in self.ask("channels"):
            name, address, length, capacity, senders, receivers, state, element = line.split(" ", 7)
            numbers = (int(length), int(capacity), int(senders), int(receivers))
            found[name] = Known(int(address, 16), *numbers, state == "closed", element)
        return found

    def dump(self) -> dict[int, Dumped]:
        """runtime.Stack of all goroutines, by id."""
        return parse_dump(self.ask("dump"))


def parse_dump(lines: list[str]) -> dict[int, Dumped]:
    """The text of /debug/pprof/goroutine?debug=2, by goroutine id."""
    text = "\n".join(lines).strip()
    return dict(_parse_goroutine(part.splitlines()) for part in text.split("\n\n"))


def _parse_goroutine(lines: list[str]) -> tuple[int, Dumped]:
    header = _HEADER.match(lines[0])
    assert header, lines[0]
    frames: list[Frame] = []
    elided, created, parent, created_at = 0, False, 0, ("", 0)
    function = ""
    for line in lines[1:]:
        place, origin = _PLACE.match(line), _CREATED.match(line)
        if line.endswith("frames elided..."):
            elided = int(line.removeprefix("...").split()[0])
        elif place and created:
            created_at = (place[1], int(place[2]))
        elif place:
            frames.append(Frame(function, place[1], int(place[2])))
        elif origin:
            created, parent = True, int(origin[2] or 0)
        else:
            name = line.rpartition("(")[0]
            function = "runtime.gopanic" if name == "panic" else name
    state = header[2].split(",")[0]
    return int(header[1]), Dumped(state, tuple(frames), elided, created_at, parent)


@contextmanager
def blocked(binary: Path, *arguments: str) -> Iterator[Blocked]:
    """A `blocked` in which everything is parked; it ends with the block."""
    process = subprocess.Popen([binary, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Blocked(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.stdout.close()
