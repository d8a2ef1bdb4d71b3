"""A whole agent in this process that looks for programs, and all that it says of each of them.

with gathering(Selection(exe=(str(binary),))) as agent:
    agent.wait_ready(binary)
    with swift(binary) as program: ...
    assert agent.counted(program.pid) == program.truth
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from otelchan import service
from otelchan.agent import Agent
from otelchan.config import Config
from otelchan.findings.types import Assessment
from otelchan.model.observation import KernelState, Observation
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.tap import NoTap
from otelchan.target.selection import Selection
from tests.support import eventually
from tests.support.everyop import Truth, counted

NO_BUDGET = Config(interval_s=0.5, max_overhead=None, max_overhead_node=None)
PATIENCE_S = 60


class Seen(NamedTuple):
    """The last that was seen of one program: before it was let go, when `snapshot.ended`."""

    world: World
    snapshot: Snapshot
    kernel: KernelState


class _World:
    """A World that remembers what it was shown."""

    def __init__(self, inner: World, seen: list[Seen]) -> None:
        self._inner = inner
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def snapshot(self, observation: Observation) -> Snapshot:
        """As the world."""
        made = self._inner.snapshot(observation)
        now = Seen(self._inner, made, observation.kernel)
        places = [place for place, seen in enumerate(self._seen) if seen.world is self._inner]
        for place in places:
            self._seen[place] = now
        if not places:
            self._seen.append(now)
        return made


class _Tap(NoTap):
    def __init__(self, seen: list[Seen]) -> None:
        self._seen = seen

    def world(self, world: World) -> World:
        return _World(world, self._seen)  # type: ignore[return-value]


class Gathering:
    """A running agent."""

    def __init__(self, agent: Agent, seen: list[Seen], log: list[str], failed: list[BaseException]) -> None:
        self.agent = agent
        self._failed = failed
        self._seen = seen
        self._log = log

    @property
    def log(self) -> str:
        """What it has logged."""
        return "\n".join(self._log)

    def wait_for(self, pattern: str, count: int = 1) -> None:
        """Until that many lines of the log match."""

        def enough() -> bool:
            if self._failed:
                raise RuntimeError("the agent has failed") from self._failed[0]
            found = re.findall(pattern, self.log, re.M)
            assert len(found) >= count, f"{pattern!r} is {len(found)} times in the log, not {count}:\n{self.log}"
            return True

        eventually(enough, PATIENCE_S, 0.05)

    def wait_ready(self, binary: Path) -> None:
        """Until whoever starts that executable is counted from the beginning."""
        self.wait_for(f"ready for processes that run {re.escape(str(binary))}$")

    def wait_shared(self, binary: Path) -> None:
        """Until nobody runs the executable any more, so that whoever starts it is counted from the beginning again."""
        self.wait_for(f"probes of {re.escape(str(binary))} are shared again$")

    def all(self) -> list[Seen]:
        """Every program, in the order in which they were first seen."""
        return list(self._seen)

    def latest(self, pid: int) -> Seen:
        """What is seen of a program, all of it after this call."""
        seen: list[Seen] = []

        def twice() -> Seen | None:
            found = self.of(pid)
            if not found:
                return None  # its first round is still to come
            (now,) = found
            if not seen or seen[-1] is not now:
                seen.append(now)
            return seen[-1] if len(seen) > 2 else None

        latest = eventually(twice, PATIENCE_S, 0.02)
        assert latest is not None
        return latest

    def of(self, pid: int) -> list[Seen]:
        """Every program that has had that process id, in the order in which they were first seen."""
        return [seen for seen in list(self._seen) if seen.snapshot.process.pid == pid]

    def ended(self, pid: int, number: int = 1) -> list[Seen]:
        """The same, when so many of them have ended."""

        def found() -> list[Seen]:
            gone = [seen for seen in self.of(pid) if seen.snapshot.ended]
            assert len(gone) >= number, f"{len(gone)} programs with pid {pid} have ended:\n{self.log}"
            return gone

        return eventually(found, PATIENCE_S, 0.05)


def truth_in(seen: Seen) -> Truth:
    """What was counted, as the program itself would say it."""
    return counted(seen.world.image, seen.kernel, seen.world.bias)


def exported(seen: Seen) -> dict[str, dict[str, int]]:
    """What is exported of the channels that the user's code makes: by place, (operation, status) as "send_ok"."""
    return {
        view.name.split()[-1]: {"_".join(key): value.value for key, value in view.processed.items() if value.value}
        for view in seen.snapshot.channels
        if view.source == "make" and not view.name.startswith("runtime.")
    }


@contextmanager
def gathering(selection: Selection, config: Config = NO_BUDGET) -> Iterator[Gathering]:
    """An agent that looks for programs until the block ends. It must not fail."""
    seen: list[Seen] = []
    log: list[str] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.append(record.getMessage())

    def publish(snapshot: Snapshot, findings: Assessment) -> None:
        pass

    logger, listener = logging.getLogger("otelchan"), Listener()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    try:
        with service.opened(config, selection, _Tap(seen)) as agent:

            def work() -> None:
                try:
                    agent.run(stop, None, publish, lambda agent: None)
                except BaseException as error:
                    failed.append(error)

            thread = threading.Thread(target=work, name="agent")
            thread.start()
            try:
                yield Gathering(agent, seen, log, failed)
            finally:
                stop.set()
                thread.join()
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
    for error in failed:
        raise error


class Swift(NamedTuple):
    """A `swift` that has ended, by what it has said: of each program that it has been."""

    pid: int
    truths: list[Truth]


def start(*command: str | Path) -> subprocess.Popen[str]:
    """Start a `swift`; `finish` waits for it."""
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Swift:
    """Its own words, when it has ended."""
    text, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, text
    lines = text.splitlines()
    pids = {int(line.split()[1]) for line in lines if line.startswith("READY ")}
    truths = [
        {site: +Counter(done) for site, done in json.loads(line).items()} for line in lines if line.startswith("{")
    ]
    assert len(pids) == 1, text
    return Swift(pids.pop(), truths)


def swift(*command: str | Path) -> Swift:
    """One that starts now and has ended."""
    return finish(start(*command))
