"""Workloads that say where each of their channels is, all watched by one agent in this process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from otelchan.config import Config, Naming
from otelchan.findings.types import Assessment
from otelchan.model.types import Blocked, Snapshot
from otelchan.service import watch
from otelchan.target.selection import Selection
from tests.support import eventually
from tests.support.gobuild import WORKLOADS

PATIENCE_S = 90
SETTLED = ("on", "not found", "not effective")


class Labelled:
    """A running program. older: addresses of the channels that it made at once, by label; newer: of those that it made
    once it was attached."""

    def __init__(self, binary: Path, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "READY\n"
        self.pid = self._process.pid
        self.older = self.make()
        self.newer: dict[str, int] = {}

    def make(self) -> dict[str, int]:
        """One of each, and a goroutine waits for it."""
        assert self._process.stdin and self._process.stdout
        print("make", file=self._process.stdin, flush=True)
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


class Seen:
    """What the agent says of each program."""

    def __init__(self) -> None:
        self.last: dict[int, Snapshot] = {}
        self.failed: list[BaseException] = []

    def publish(self, snapshot: Snapshot, _findings: Assessment) -> None:
        """Called by the agent."""
        self.last[snapshot.process.pid] = snapshot

    def _wait(self, ready: Callable[[Snapshot], bool], pid: int) -> Snapshot:
        def done() -> bool:
            if self.failed:
                raise self.failed[0]
            return pid in self.last and ready(self.last[pid])

        eventually(done, PATIENCE_S)
        return self.last[pid]

    def settled(self, program: Labelled) -> None:
        """Until every plane of it is in."""
        self._wait(lambda snapshot: all(state in SETTLED for state in snapshot.planes.values()), program.pid)

    def waits(self, program: Labelled) -> dict[str, dict[str, Blocked]]:
        """Who waits for the channels that are "older" and "newer", by label, once all are seen."""
        wanted = {"older": program.older, "newer": program.newer}
        everywhere = {address for labels in wanted.values() for address in labels.values()}

        def all_seen(snapshot: Snapshot) -> bool:
            return everywhere <= {blocked.channel_address for blocked in snapshot.blocked}

        found = {blocked.channel_address: blocked for blocked in self._wait(all_seen, program.pid).blocked}
        return {when: {label: found[at] for label, at in labels.items()} for when, labels in wanted.items()}

    def sources(self, program: Labelled) -> dict[str, str]:
        """channel.name.source by name."""
        return {channel.name: channel.source for channel in self.last[program.pid].channels}


@contextmanager
def labelled(programs: Sequence[Labelled], naming: Naming | None = None) -> Iterator[Seen]:
    """One agent on all of them, which was there before each made its newer channels. All of them end with the block."""
    seen, stop = Seen(), threading.Event()
    config = Config(interval_s=0.3, max_overhead=None, max_overhead_node=None, naming=naming or Naming())
    selection = Selection(pids=tuple(program.pid for program in programs))

    def work() -> None:
        try:
            watch(config, selection, stop, 3600, seen.publish)
        except BaseException as error:
            seen.failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for program in programs:
            seen.settled(program)
        for program in programs:
            program.newer = program.make()
        yield seen
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        for program in programs:
            program.close()


def marked(workload: str, word: str) -> dict[str, str]:
    """The places that the comments in a workload's source mark with that word, by label: "file.go:12"."""
    found = {}
    for path in sorted((WORKLOADS / workload).rglob("*.go")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for said in line.partition(" // ")[2].split(", "):
                if match := re.fullmatch(rf"{word} (.+)", said):
                    found[match[1]] = f"{path.name}:{number}"
    return found
