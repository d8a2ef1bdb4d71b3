"""The loop: find targets, attach, drain, observe, export. Joins every stage; what belongs to one target is in watch.

    target -> gobinary -> plan -> kernel -> model -> findings -> telemetry
       |                                      ^
       +------------> memory (census) --------+

One thread drains, reads and keeps the model, on its own clock; another one exports (telemetry).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from otelchan import clock
from otelchan.arrivals import Arrivals
from otelchan.config import Config
from otelchan.errors import KernelError, OtelchanError, TargetError
from otelchan.findings.leak import LeakFinder
from otelchan.findings.types import Finding
from otelchan.kernel.features import probe_features
from otelchan.kernel.session import Session
from otelchan.kernel.types import TARGETS, decode_block
from otelchan.model.tables import Tables
from otelchan.model.types import Snapshot
from otelchan.probes import cost_of
from otelchan.programs import goroutines_in
from otelchan.target.process import by_executable, by_pid
from otelchan.target.selection import Selection
from otelchan.target.types import Process
from otelchan.telemetry import Telemetry
from otelchan.telemetry.own import AgentMetrics
from otelchan.watch import Watch

log = logging.getLogger("otelchan")

TICK_S = 0.1
TRIAL_TICK_S = 0.01
SCAN_NS = 1_000_000_000
PARKED_ENTRIES = 65536  # at least: 6 MB of kernel memory
Publish = Callable[[Snapshot, list[Finding]], None]
Report = Callable[["Agent"], None]


class Agent:
    """Watches the selected programs and publishes a snapshot of each, every interval."""

    def __init__(self, config: Config, selection: Selection) -> None:
        """Loads the kernel side. Raises KernelError."""
        self._config = config
        self._selection = selection
        self.watches: dict[int, Watch] = {}
        self.collect_ns: list[int] = []
        self._finders: dict[int, LeakFinder] = {}
        self._arrivals = Arrivals(selection.exe)
        self._last_scan_ns = 0
        self._publish: Publish
        self._report: Report
        self.fill: dict[str, tuple[int, int]] = {}
        _require_features()
        self.session = Session(parked_entries=self._room_for_parks())

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
        """A power of two, and twice as many goroutines as there are now: each takes an entry when it first parks."""
        pids, exe = self._selection.pids, self._selection.exe
        processes = [by_pid(pid) for pid in pids] if pids else by_executable(exe)
        return max(PARKED_ENTRIES, 1 << (2 * goroutines_in(processes)).bit_length())

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
        watch = Watch(process, self.session, target_id, self._config)
        self.watches[target_id] = watch
        self._finders[target_id] = LeakFinder(self._config.findings)
        log.info("watching pid %d (%s, %s)", process.pid, process.executable, watch.image.build.go_version)

    def _attach_next(self, target_id: int, watch: Watch) -> None:
        plane = watch.next_plane()
        if plane is not None:
            watch.attach(plane, self._tables().of(target_id, watch.probes.waits_epoch, {}))

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event, duration_s: float | None, publish: Publish, report: Report) -> None:
        """Until `stop`, until the duration has passed, or until every named process has ended.

        publish: takes each snapshot. report: called after each round, to say what the agent itself does.
        """
        self._publish, self._report = publish, report
        start = clock.monotonic_ns()
        interval_ns = int(self._config.interval_s * 1e9)
        due = start + interval_ns
        end = start + int(duration_s * 1e9) if duration_s else None
        while not stop.wait(self._pause_s()):
            self.tick()
            now = clock.monotonic_ns()
            if now - self._last_scan_ns >= SCAN_NS:
                self._scan()
            self._welcome()
            if end is not None and now >= end:
                break
            if now >= due and not self._on_trial():  # a trial lasts a second at most, and must be watched closely
                self.collect()
                due += interval_ns * max(1, (now - due) // interval_ns + 1)
            if not self.watches and not self._selection.exe:
                log.info("every watched program has ended")
                return
        self.tick()
        self.collect()

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


def _require_features() -> None:
    features = probe_features()
    for name in ("libbpf", "object", "bpf_allowed", "uprobe_multi", "uprobe_multi_thread_filter"):
        if not getattr(features, name):
            raise KernelError(features.reasons[name])


@contextmanager
def opened(config: Config, selection: Selection) -> Iterator[Agent]:
    """An Agent that is attached, and detaches whatever happens."""
    agent = Agent(config, selection)
    try:
        agent.open()
        yield agent
    finally:
        agent.close()


def run(config: Config, selection: Selection, stop: threading.Event, duration_s: float | None = None) -> None:
    """Attach and export until told to stop. Raises OtelchanError for what the user can fix."""
    with ExitStack() as undo, opened(config, selection) as agent:
        # The programs are let go first, whatever the network does; then telemetry may take its time.
        telemetry = Telemetry(config)
        undo.callback(telemetry.close)

        def report(agent: Agent) -> None:
            _describe(agent, telemetry.own)
            telemetry.flush()

        agent.run(stop, duration_s, telemetry.publish, report)


def _describe(agent: Agent, own: AgentMetrics) -> None:
    """What the probes cost, and how full the kernel's maps are."""
    for watch in agent.watches.values():
        source = f"{watch.process.pid}/{watch.process.start_ticks}"
        for plane, (hits, cost_ns) in cost_of(watch.hits).items():
            own.total("otelchan.probe.hit", hits, {"otelchan.plane": plane}, source)
            own.total("otelchan.probe.time", cost_ns / 1e9, {"otelchan.plane": plane}, source)
    own.set("otelchan.overhead.measured", max((w.governor.share for w in agent.watches.values()), default=0.0))
    for duration_ns in agent.collect_ns:
        own.add("otelchan.collect.duration", duration_ns / 1e9)
    for name, (entries, limit) in agent.fill.items():
        own.set("otelchan.map.entry.count", entries, {"otelchan.map.name": name})
        own.set("otelchan.map.entry.limit", limit, {"otelchan.map.name": name})


def watch(config: Config, selection: Selection, stop: threading.Event, duration_s: float, publish: Publish) -> None:
    """Attach and hand snapshots and findings to `publish`, without exporting anything."""
    with opened(config, selection) as agent:
        agent.run(stop, duration_s, publish, lambda agent: None)
