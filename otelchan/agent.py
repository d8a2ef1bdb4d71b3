"""The loop: find targets, attach, drain, observe, export. Joins every stage; what belongs to one target is in watch.

    target -> gobinary -> plan -> kernel -> model -> findings -> telemetry
       |                                      ^
       +------------> memory (census) --------+

One thread drains, reads and keeps the model, on its own clock; another one exports (telemetry; joined in service).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from otelchan import clock
from otelchan.arrivals import Arrivals
from otelchan.config import Config
from otelchan.errors import OtelchanError, TargetError
from otelchan.findings.leak import LeakFinder
from otelchan.findings.types import Finding
from otelchan.kernel.links import require_bpf
from otelchan.kernel.session import Session
from otelchan.kernel.types import TARGETS, decode_block
from otelchan.model.tables import Tables
from otelchan.model.types import Snapshot
from otelchan.plan.node import NodeGovernor
from otelchan.programs import room_for_parks
from otelchan.tap import NoTap, Tap
from otelchan.target.process import by_executable, by_pid
from otelchan.target.selection import Selection
from otelchan.target.types import Process
from otelchan.watch import Watch

log = logging.getLogger("otelchan")

TICK_S = 0.1
TRIAL_TICK_S = 0.01
SCAN_NS = 1_000_000_000
Publish = Callable[[Snapshot, list[Finding]], None]
Report = Callable[["Agent"], None]
Refresh = Callable[[], None]


class Agent:
    """Watches the selected programs and publishes a snapshot of each, every interval."""

    def __init__(self, config: Config, selection: Selection, tap: Tap | None = None) -> None:
        """Loads the kernel side. Raises KernelError."""
        self._config = config
        self._selection = selection
        self.watches: dict[int, Watch] = {}
        self.collect_ns: list[int] = []
        self._finders: dict[int, LeakFinder] = {}
        self._arrivals = Arrivals(selection.exe)
        self._last_scan_ns = 0
        self._due_ns = 0
        self._node = NodeGovernor(config.node_budget)
        self._publish: Publish
        self._report: Report
        self.fill: dict[str, tuple[int, int]] = {}
        require_bpf()
        room = self._room_for_parks()
        self._tap = tap or NoTap()
        session = Session(parked_entries=room, backend=config.backend, attach=config.attach)
        self.session = self._tap.session(session)
        log.info("the kernel side is loaded by %s, probes are attached as %s", self.session.backend, self.session.way)

    # --- targets --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open what is selected now; nothing is attached before `run`, which watches over the budget.

        Raises OtelchanError when a named pid cannot be watched.
        """
        for pid in self._selection.pids:
            self._watch(by_pid(pid))
        if not self._scan() and self._selection.exe:
            log.warning("no process runs an executable that matches %s yet; waiting for one", self._selection.exe)

    def _room_for_parks(self) -> int:
        pids, exe = self._selection.pids, self._selection.exe
        return room_for_parks([by_pid(pid) for pid in pids] if pids else by_executable(exe))

    def _welcome(self) -> None:
        """Watch what has arrived meanwhile."""
        for process in self._arrivals.ready():
            try:
                self._watch(process)
            except OtelchanError as error:
                self._arrivals.refuse(process)
                log.error("%s", error)

    def _scan(self) -> int:
        self._last_scan_ns = clock.monotonic_ns()
        return self._arrivals.scan({watch.process.pid for watch in self.watches.values()})

    def _watch(self, process: Process) -> None:
        target_id = next((i for i in range(TARGETS) if i not in self.watches), None)
        if target_id is None:
            raise TargetError(f"pid {process.pid}: {TARGETS} programs are watched already; run another otelchan for it")
        watch = Watch(process, self.session, target_id, self._config, self._tap)
        self.watches[target_id] = watch
        self._finders[target_id] = LeakFinder(self._config.findings)
        log.info("watching pid %d (%s, %s)", process.pid, process.executable, watch.image.build.go_version)

    def _attach_next(self, target_id: int, watch: Watch) -> None:
        plane = watch.next_plane()
        if plane is not None and self._node.has_room(target_id, plane):
            watch.attach(plane, self._tables().of(target_id, watch.probes.waits_epoch, {}))

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(
        self,
        stop: threading.Event,
        duration_s: float | None,
        publish: Publish,
        report: Report,
        refresh: Refresh = lambda: None,
    ) -> None:
        """Until `stop`, until the duration has passed, or until every named process has ended.

        publish: takes each snapshot. report: called after each round, to say what the agent itself does. refresh:
        called all the time, for what may come from outside, such as other settings.
        """
        self._publish, self._report = publish, report
        start = clock.monotonic_ns()
        self._due_ns = start + self._interval_ns()
        end = start + int(duration_s * 1e9) if duration_s else None
        while not stop.wait(self._pause_s()):
            refresh()
            self.tick()
            now = clock.monotonic_ns()
            if now - self._last_scan_ns >= SCAN_NS:
                self._scan()
            self._welcome()
            if end is not None and now >= end:
                break
            if now >= self._due_ns and not self._on_trial():  # a trial lasts a second, and must be watched closely
                self.collect()
                interval_ns = self._interval_ns()
                self._due_ns += interval_ns * max(1, (now - self._due_ns) // interval_ns + 1)
            if not self.watches and not self._selection.exe:
                log.info("every watched program has ended")
                return
        self.tick()
        self.collect()

    def reconfigure(self, config: Config) -> None:
        """These settings from now on, where they can change; nothing is attached anew."""
        self._config = config
        more = self._node.change_budget(config.node_budget)
        self._due_ns = min(self._due_ns, clock.monotonic_ns() + self._interval_ns())
        for target_id, watch in self.watches.items():
            watch.reconfigure(config)
            if more:
                watch.governor.retry_now()
            self._finders[target_id].reconfigure(config.findings)

    def _interval_ns(self) -> int:
        return int(self._config.interval_s * 1e9)

    def _pause_s(self) -> float:
        return TRIAL_TICK_S if self._on_trial() else TICK_S

    def _on_trial(self) -> bool:
        return any(watch.governor.on_trial() for watch in self.watches.values())

    def tick(self) -> None:
        """Drain, keep to the budget, let go of programs that ended."""
        self._drain()
        for target_id, watch in list(self.watches.items()):
            if not watch.alive():
                log.info("pid %d has ended", watch.process.pid)
                self._let_go(target_id, watch)
                continue
            try:
                watch.tick()
                self._attach_next(target_id, watch)
            except OtelchanError as error:
                if watch.alive():
                    log.error("pid %d is not watched any more: %s", watch.process.pid, error)
                self._let_go(target_id, watch)
        verdict = self._node.judge({i: watch.cost_ns for i, watch in self.watches.items()}, clock.monotonic_ns())
        if verdict is not None:
            self.watches[verdict.target].give_up(verdict.plane, verdict.reason)

    def _drain(self) -> None:
        for data in self.session.drain():
            record = decode_block(data)
            watch = self.watches.get(record.target)
            if watch is not None:
                watch.add_block(record)

    def collect(self) -> None:
        """One snapshot of each program, published."""
        self._drain()
        tables = self._tables()
        self.collect_ns = []
        for target_id, watch in list(self.watches.items()):
            before = clock.monotonic_ns()
            self._publish_one(target_id, watch, tables, ended=False)
            self.collect_ns.append(clock.monotonic_ns() - before)
        self._report(self)

    def _publish_one(self, target_id: int, watch: Watch, tables: Tables, ended: bool) -> None:
        snapshot = watch.observe(tables.of(target_id, watch.probes.waits_epoch, watch.losses()), ended)
        findings = self._finders[target_id].find(snapshot)
        self._publish(snapshot, findings)

    def _tables(self) -> Tables:
        tables = Tables(*(self.session.items(name) for name in Tables._fields))
        self.fill = {
            name: (len(table[0]), self.session.limits[name]) for name, table in zip(Tables._fields, tables, strict=True)
        }
        return tables

    def _let_go(self, target_id: int, watch: Watch) -> None:
        """The last values, the end of the series, and the program is not ours any more."""
        self._publish_one(target_id, watch, self._tables(), ended=True)
        self._close(target_id)

    def _close(self, target_id: int) -> None:
        self.watches.pop(target_id).close()
        del self._finders[target_id]

    def close(self) -> None:
        """Detach from everything."""
        self._arrivals.close()
        for target_id in list(self.watches):
            self._close(target_id)
        self.session.close()
