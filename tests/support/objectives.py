"""The program F11 of the workload `faults`, with its latency objective, told to be slow and fast under an agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

from otelchan.config import Config, Objective
from otelchan.findings.types import Assessment, Finding, ObjectiveView
from otelchan.model.types import Snapshot
from otelchan.service import watch
from otelchan.target.selection import Selection
from tests.support.faults import Fault, fault, places

SHORTENED = {"short_window_s": 2, "long_window_s": 10, "long_step_s": 0.5, "cool_down_s": 3, "close_steps": 15}


def objective(**settings: float) -> Objective:
    """For the receivers of the program."""
    return Objective(channel=f"*{places()['F11 made']}", operation="recv", **settings)  # type: ignore[arg-type]


class Seen(NamedTuple):
    """One round. time_ns: Unix time."""

    time_ns: int
    view: ObjectiveView
    findings: tuple[Finding, ...]


class Watched:
    """The program and what is said of its objective."""

    def __init__(self, program: Fault) -> None:
        self.program = program
        self.rounds: list[Seen] = []
        self._attached = False
        self._failed: BaseException | None = None
        self._new = threading.Condition()

    def publish(self, snapshot: Snapshot, assessment: Assessment) -> None:
        """Called by the agent."""
        with self._new:
            self._attached = all(state in ("on", "not found") for state in snapshot.planes.values())
            for view in assessment.objectives:
                self.rounds.append(Seen(snapshot.time_unix_ns, view, tuple(assessment.findings)))
            self._new.notify_all()

    def fail(self, error: BaseException) -> None:
        """Called when the agent ends by an error."""
        with self._new:
            self._failed = error
            self._new.notify_all()

    def attached(self) -> None:
        """Wait until every plane is on."""
        with self._new:
            assert self._new.wait_for(lambda: self._failed or self._attached, 60)
            if self._failed:
                raise self._failed

    def until(self, found: Callable[[ObjectiveView], bool], most_s: float) -> Seen:
        """The first round from now on in which this is so."""
        with self._new:
            begin = len(self.rounds)

            def first() -> Seen | None:
                return next((seen for seen in self.rounds[begin:] if found(seen.view)), None)

            self._new.wait_for(lambda: self._failed or first(), most_s)
            if self._failed:
                raise self._failed
            seen = first()
            assert seen, f"not so in {most_s} s; the last rounds are {self.rounds[-3:]}"
            return seen

    def becomes(self, state: str, most_s: float) -> Seen:
        """The next round in which the objective is in that state."""
        return self.until(lambda view: view.state == state, most_s)

    def rests(self, seconds: float) -> Seen:
        """The first round after so much time."""
        end_ns = (self.rounds[-1].time_ns if self.rounds else time.time_ns()) + seconds * 1e9
        self.until(lambda view: self.rounds[-1].time_ns >= end_ns, seconds + 60)
        return self.rounds[-1]

    @property
    def states(self) -> list[str]:
        """All that it was in, one after the other."""
        return [state for state, _ in groupby(seen.view.state for seen in self.rounds)]


@contextmanager
def watched(rule: Objective, interval_s: float, name: str = "F11", first: str = "fast") -> Iterator[Watched]:
    """The program, which is told that word and begins when an agent watches it."""
    stop = threading.Event()
    with fault(name, "bad") as program:
        seen = Watched(program)
        config = Config(interval_s=interval_s, objectives=(rule,), max_overhead=None, max_overhead_node=None)

        def work() -> None:
            try:
                watch(config, Selection(pids=(program.pid,)), stop, 24 * 3600, seen.publish)
            except BaseException as error:
                seen.fail(error)

        thread = threading.Thread(target=work, name="watched", daemon=True)
        thread.start()
        try:
            seen.attached()
            program.say(first)
            program.go()
            yield seen
        finally:
            stop.set()
            thread.join(60)


def told(program: Fault) -> Mapping[str, int]:
    """What its workers have measured since they were last asked, added to what they said before."""
    before = program.state().numbers.get("waits", 0)
    program.say("tell")
    for _ in range(100):
        time.sleep(0.1)
        now = program.state().numbers
        if now.get("waits", 0) > before:
            return {"waits": 0, "p999_ns": 0, **now}
    raise AssertionError(f"it did not tell: {program.state()}")
