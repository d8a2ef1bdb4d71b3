"""The workload `shop`, driven line by line, and what it says about itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Truths = dict[str, dict[str, Any]]


class Shop:
    """A running shop. `seed` is what it drew its numbers from; print it when a test fails."""

    def __init__(self, process: subprocess.Popen[str], seed: int, pprof: str) -> None:
        self._process = process
        self.pid = process.pid
        self.seed = seed
        self.pprof = pprof

    def go(self) -> None:
        """Trade, and return when everything that finishes has finished."""
        self.start()
        self.finish()

    def start(self) -> None:
        """Begin to trade."""
        self._say("go")

    def finish(self) -> None:
        """Return when everything that finishes has finished."""
        assert self._hear() == "DONE"

    def report(self) -> dict[str, Any]:
        """What it did, by itself; "channels" by the place of the make, "trade.go:43"."""
        self._say("report")
        answer: dict[str, Any] = json.loads(self._hear())
        return answer

    def end(self) -> None:
        """Close its input: it exits."""
        assert self._process.stdin
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait(10)

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")


@contextmanager
def shop(binary: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Shop]:
    """A shop that is READY, with `env` added to its environment; it ends with the block."""
    process = subprocess.Popen(
        [binary, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    try:
        yield _ready(process)
    finally:
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout
        process.stdout.close()


def _ready(process: subprocess.Popen[str]) -> Shop:
    assert process.stdout
    facts: dict[str, str] = {}
    for line in process.stdout:
        key, _, value = line.rstrip("\n").partition(" ")
        if key == "READY":
            return Shop(process, int(facts["seed"]), facts.get("pprof", ""))
        facts[key] = value
    raise AssertionError(f"shop ended before it was READY: {facts}")
