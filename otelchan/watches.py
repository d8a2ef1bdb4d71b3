"""All programs that are watched: who comes, who goes, which target each has. Composition: joins watch and arrivals."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from otelchan import clock
from otelchan.arrivals import Arrival, Arrivals
from otelchan.births import Births
from otelchan.config import Config
from otelchan.errors import OtelchanError, TargetError
from otelchan.executables import Counted
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.types import TARGETS
from otelchan.plan.spanrate import Rate
from otelchan.probes import newborn_entry
from otelchan.sharing import Executables
from otelchan.slicing import Slices
from otelchan.tap import Tap
from otelchan.target.proc import in_initial_pid_namespace
from otelchan.target.process import PROC, by_pid
from otelchan.target.selection import Selection
from otelchan.watch import Watch

log = logging.getLogger("otelchan")

_WELCOME_NS = 200_000_000  # so long may opening programs keep the loop from those that are watched already

LetGo = Callable[[int, Watch], None]


class Watches(dict[int, Watch]):
    """Watches by target id. arrivals: who is not watched yet. slices: those of all of them."""

    def __init__(self, config: Config, selection: Selection, session: Session, tap: Tap, counted: Counted) -> None:
        super().__init__()
        self._config, self._session, self._tap, self._counted = config, session, tap, counted
        self._spans = Rate(config.spans_per_second_total, clock.monotonic_ns())
        self.slices = Slices(session)
        self._executables: Executables | None = None
        births: Births | None = None
        if selection.searches and in_initial_pid_namespace(PROC):
            self._executables = Executables(session, self._newborn, config.planes)
            births = Births(session.processes)
        elif selection.searches:
            log.warning(
                "this agent has process ids of its own (a pid namespace), so programs that start later are not seen "
                "from their first make, but within a second; run it with the ids of the host (Kubernetes: hostPID)"
            )
        self.arrivals = Arrivals(selection, self._executables, births)

    def open(self, pid: int) -> None:
        """Watch a process that was named by its id. Raises OtelchanError."""
        process = self.arrivals.named(by_pid(pid))
        self._open(Arrival(process))

    def welcome(self, let_go: LetGo) -> None:
        """Watch what has arrived meanwhile; what takes long is done the next time. let_go: ends a watch."""
        begin = clock.monotonic_ns()
        while clock.monotonic_ns() - begin < _WELCOME_NS:
            arrival = self.arrivals.next()
            if arrival is None:
                return
            for target, watch in [item for item in self.items() if item[1].process.pid == arrival.process.pid]:
                let_go(target, watch)  # what the process was before it became another program
            try:
                self._open(arrival)
            except OtelchanError as error:
                self.arrivals.refuse(arrival, error)

    def _open(self, arrival: Arrival) -> None:
        process = arrival.process
        target = arrival.birth.target if arrival.birth else None
        if target is None:
            target = self._session.processes.take()
        if target is None:
            if arrival.handle is not None:
                arrival.handle.close()
            raise TargetError(f"pid {process.pid}: {TARGETS} programs are watched already; run another otelchan for it")
        try:
            given = self._session, target, self._config, self._tap, self._counted, self._spans, self.slices
            watch = Watch(arrival, *given)
        except BaseException:
            if arrival.file is not None:
                arrival.file.members.pop(target, None)
            self._session.release(process.pid, target)
            raise
        self[target] = watch
        self._share()
        log.info("watching pid %d (%s, %s)", process.pid, process.executable, watch.image.build.go_version)

    def release(self, target: int) -> Watch:
        """Let go of a program, and of what was counted of it."""
        watch = self.pop(target)
        alive = watch.alive()
        watch.close()
        self._session.release(watch.process.pid, target)
        self._share()
        if alive and watch.file is not None:
            watch.file.turn_away(watch.process.pid)
        return watch

    def _share(self) -> None:
        for watch in self.values():
            watch.one_of(len(self))

    def scan(self) -> int:
        """Look for programs to watch; returns how many are on their way."""
        return self.arrivals.scan({watch.process.pid for watch in self.values()})

    def _newborn(self, image: GoImage) -> np.ndarray:
        return newborn_entry(image, self._config)

    def reconfigure(self, config: Config) -> None:
        """These settings from now on, for those that are watched and those that come."""
        self._config = config
        self._spans.per_second = config.spans_per_second_total
        for watch in self.values():
            watch.reconfigure(config)
        if self._executables is not None:
            self._executables.reconfigure(self._newborn)

    def close(self) -> None:
        """Detach from everything."""
        self.arrivals.close()
        self.slices.close()
        self._session.detach_all()
        for watch in self.values():
            watch.abandon()
        self.clear()
        if self._executables is not None:
            self._executables.close()
