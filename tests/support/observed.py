"""A whole agent in this process, on one program, looked at when a test wants to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from otelchan.config import Config
from otelchan.findings.types import Assessment
from otelchan.model.types import Snapshot
from otelchan.service import watch
from otelchan.target.selection import Selection

PATIENCE_S = 60
SETTLED = ("on", "not found", "not effective")


class Observed:
    """What the agent says of the program."""

    def __init__(self) -> None:
        self._new = threading.Condition()
        self._snapshots: list[Snapshot] = []
        self._failed: BaseException | None = None

    def publish(self, snapshot: Snapshot, findings: Assessment) -> None:
        """Called by the agent."""
        with self._new:
            self._snapshots.append(snapshot)
            self._new.notify_all()

    def now(self) -> Snapshot:
        """A snapshot of which every part was read after this call; the last one when the program has ended."""
        before = len(self._snapshots)
        return self._wait(lambda seen: seen[-1] if len(seen) >= before + 2 or (seen and seen[-1].ended) else None)

    def settled(self) -> Snapshot:
        """The first snapshot in which no plane is still to come."""

        def settled(seen: list[Snapshot]) -> Snapshot | None:
            return next((s for s in seen if all(state in SETTLED for state in s.planes.values())), None)

        return self._wait(settled)

    def all(self) -> list[Snapshot]:
        """Every one until now."""
        with self._new:
            return list(self._snapshots)

    def fail(self, error: BaseException) -> None:
        """Called when the agent ends by an error."""
        with self._new:
            self._failed = error
            self._new.notify_all()

    def _wait(self, found_in: Callable[[list[Snapshot]], Snapshot | None]) -> Snapshot:
        with self._new:
            self._new.wait_for(lambda: self._failed or found_in(self._snapshots), PATIENCE_S)
            if self._failed:
                raise self._failed
            found = found_in(self._snapshots)
            assert found, f"no such snapshot in {PATIENCE_S} s; the last is {self._snapshots[-1:]}"
            return found


@contextmanager
def observed(pid: int, config: Config | None = None) -> Iterator[Observed]:
    """An agent on that process, without a budget and with every span, that looks five times a second.

    What it raises when it begins, or while it works, is raised by whoever asks for a snapshot.
    """
    seen, stop = Observed(), threading.Event()
    settings = config or Config(
        interval_s=0.2,
        max_overhead=None,
        max_overhead_node=None,
        spans_per_second=10_000,
        spans_per_second_total=10_000,
    )

    def work() -> None:
        try:
            watch(settings, Selection(pids=(pid,)), stop, 24 * 3600, seen.publish)
        except BaseException as error:
            seen.fail(error)

    thread = threading.Thread(target=work, name="observed", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(PATIENCE_S)
