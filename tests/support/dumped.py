"""The workload `dumped`, which writes dumps of itself; and dumps as the tools that people use understand them."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.stack import find_go
from tests.support.gobuild import build

Stack = tuple[str, ...]
"""Frames, innermost first, each "function file:line"."""
_SAMPLE = re.compile(r" +(\d+): ([\d ]*)$")
_LOCATION = re.compile(r" +(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(.+?) s=\d+$")
_INLINED = re.compile(r" {10,}(\S.*?) s=\d+$")


class SelfDumping:
    """A running `dumped`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def write(self, kind: str, path: Path) -> Path:
        """Have it write its own "text" or "profile"; the file."""
        assert self._process.stdin and self._process.stdout
        print(f"{kind} {path}", file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "done\n"
        return path


@contextmanager
def self_dumping(go: str) -> Iterator[SelfDumping]:
    """One in which everything stands still; it ends with the block."""
    with subprocess.Popen(
        [build("dumped", go=go)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield SelfDumping(process)
        finally:
            process.kill()


def panicparsed(dump: Path) -> dict[int, dict[str, Any]]:
    """What the library panicparse understands of a dump, by goroutine id."""
    with dump.open("rb") as file:
        done = subprocess.run([build("panicparse")], stdin=file, capture_output=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return {goroutine["ID"]: goroutine for goroutine in found}


def go_tool_pprof(profile: Path, *arguments: str) -> str:
    """What `go tool pprof` prints of a profile."""
    command = [find_go(), "tool", "pprof", *arguments, str(profile)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def profile_stacks(profile: Path) -> Counter[Stack]:
    """How many goroutines a profile has of each stack, from `go tool pprof -raw`. Type arguments are left out."""
    locations: dict[int, list[str]] = {}
    samples: list[tuple[int, list[int]]] = []
    last = 0
    for line in go_tool_pprof(profile, "-raw").splitlines():
        sample, location, inlined = _SAMPLE.match(line), _LOCATION.match(line), _INLINED.match(line)
        if location:
            last = int(location[1])
            locations[last] = [_place(location[2])]
        elif sample:
            samples.append((int(sample[1]), [int(number) for number in sample[2].split()]))
        elif inlined:
            locations[last].append(_place(inlined[1]))
    found: Counter[Stack] = Counter()
    for number, places in samples:
        found[tuple(frame for place in places for frame in locations[place])] += number
    return found


def _place(text: str) -> str:
    """Without the column, which Go never knows, and with type arguments as a traceback has them."""
    return re.sub(r"\[go\.shape\..*?\](?= |\.|\()", "[...]", re.sub(r":\d+$", "", text))
