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
from functools import partial

from otelchan import clock, costs
from otelchan.config import Config
from otelchan.errors import OtelchanError
from otelchan.findings.finders import Finders
from otelchan.findings.types import Assessment
from otelchan.kernel.footprint import Leftovers
from otelchan.kernel.links import require_bpf
from otelchan.kernel.session import Session
from otelchan.kernel.types import decode_record
from otelchan.model.observation import KernelState
from otelchan.model.tables import Tables
from otelchan.model.types import Snapshot
from otelchan.objectives import Objectives
from otelchan.plan.node import NodeGovernor
from otelchan.plan.types import Plane
from otelchan.programs import processes_of, room_for_parks, targets_of
from otelchan.records import Record
from otelchan.tap import NoTap, Tap
from otelchan.target.selection import Selection
from otelchan.watch import Watch
from otelchan.watches import Watches

log = logging.getLogger("otelchan")

TICK_S = 0.1
TRIAL_TICK_S = 0.01
SCAN_NS = 1_000_000_000
_LOOK_NS = 100_000_000  # no budget is unwatched for longer
_OVERDUE_NS = 2_000_000_000
_SHORT_NS = 30_000_000  # a round that a trial can do without being watched
# So many programs per tick are asked whether they are still the same; each in one of three ticks, all within a second.
_CLOSELY, _LEAST_ROUNDS, _MOST_ROUNDS = 20, 3, 10
Publish = Callable[[Snapshot, Assessment], None]
Report = Callable[["Agent"], None]
Refresh = Callable[[], None]


class Agent:
    """Watches the selected programs and publishes a snapshot of each, every interval."""

    def __init__(self, config: Config, selection: Selection, tap: Tap | None = None) -> None:
        """Loads the kernel side. Raises KernelError."""
        self._config = config
        self._selection = targets_of(selection, config)
        self.collect_ns: list[int] = []
        self.assess_ns: list[int] = []
        self.on_surge: Callable[[Watch], None] = lambda watch: None
        self._finders: dict[int, Finders] = {}
        self._last_scan_ns = self._last_look_ns = self._ticks = 0
        self._due_ns = self.rounds = 0
        self._node = NodeGovernor(config.node_budget)
        self._leftovers = Leftovers()
        self._publish: Publish
        self._report: Report
        self.fill: dict[str, tuple[int, int]] = {}
        require_bpf()
        room = room_for_parks(processes_of(selection, config))
        self._tap = tap or NoTap()
        session = Session(parked_entries=room, backend=config.backend, attach=config.attach)
        costs.measure(session)
        self.session = self._tap.session(session)
        log.info("the kernel side is loaded by %s, probes are attached as %s", self.session.backend, self.session.way)
        self.watches = Watches(config, self._selection, self.session, self._tap, self._counted)
        self.objectives = Objectives(config.objectives, self.session)

    # --- targets --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open what is selected now; nothing is attached before `run`, which watches over the budget.

        Raises OtelchanError when a named pid cannot be watched.
        """
        for pid in self._selection.pids:
            self.watches.open(pid)
        if not self._scan() and self._selection.searches:
            log.warning("no Go process runs that %s means; waiting for one", self._selection)

    def _scan(self) -> int:
        self._last_scan_ns = clock.monotonic_ns()
        return self.watches.scan()

    def _attach_next(self, target_id: int, watch: Watch) -> None:
        plane = watch.next_plane()
        if plane is not None and self._has_room(target_id, plane):
            watch.attach(plane, self._counted)

    def _has_room(self, target_id: int, plane: Plane) -> bool:
        heard = self.watches[target_id].governor.heard(plane, clock.monotonic_ns())
        return self._node.has_room(target_id, plane, heard)

    def attaching(self) -> set[int]:
        """Targets to which more is to be attached now, or what is attached is on trial."""
        next_planes = {target_id: watch.next_plane() for target_id, watch in self.watches.items()}
        return {
            target_id
            for target_id, plane in next_planes.items()
            if self.watches[target_id].governor.on_trial() or (plane is not None and self._has_room(target_id, plane))
        }

    def _counted(self, target_id: int) -> KernelState:
        """What the kernel side has counted of a target, and nothing else of it."""
        return self._tables().of(target_id, 0, {})

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
            self.watches.welcome(self._let_go)
            self._leftovers.tick(now)
            if end is not None and now >= end:
                break
            if self._is_time(now):
                self.collect()
                interval_ns = self._interval_ns()
                self._due_ns += interval_ns * max(1, (now - self._due_ns) // interval_ns + 1)
            if not self.watches and not self._selection.searches:
                log.info("every watched program has ended")
                return
        self.tick()
        self.collect()

    def reconfigure(self, config: Config) -> None:
        """These settings from now on, where they can change; nothing is attached anew."""
        self._config = config
        more = self._node.change_budget(config.node_budget)
        self._due_ns = min(self._due_ns, clock.monotonic_ns() + self._interval_ns())
        self.watches.reconfigure(config)
        self.objectives.reconfigure(config.objectives)
        for target_id, watch in self.watches.items():
            if more:
                watch.governor.retry_now()
            self._finder(target_id).reconfigure(config.findings)

    def _interval_ns(self) -> int:
        return int(self._config.interval_s * 1e9)

    def _pause_s(self) -> float:
        return TRIAL_TICK_S if self._on_trial() else TICK_S

    def _is_time(self, now: int) -> bool:
        """Whether a round is due. A trial lasts a second and must be watched closely, so a long round waits for its
        end; but where programs come all the time, there is always one."""
        if now < self._due_ns:
            return False
        short = 0 < sum(self.collect_ns) <= _SHORT_NS
        return short or not self._on_trial() or now >= self._due_ns + _OVERDUE_NS

    def _on_trial(self) -> bool:
        return any(watch.governor.on_trial() for watch in self.watches.values())

    def tick(self) -> None:
        """Drain, let go of programs that ended, keep to the budget, attach what is wanted."""
        self._drain()
        self._ticks += 1
        rounds = min(_LEAST_ROUNDS + len(self.watches) // _CLOSELY, _MOST_ROUNDS)
        for target_id, watch in list(self.watches.items()):
            closely = (self._ticks + target_id) % rounds == 0
            if not (watch.alive() if closely else watch.running()):
                log.info("pid %d has ended", watch.process.pid)
                self._let_go(target_id, watch)
        self._keep_to_budget()
        for target_id, watch in list(self.watches.items()):
            self._guarded(target_id, watch, partial(self._attach_next, target_id, watch))

    def _keep_to_budget(self) -> None:
        """Charge every program what it has paid, and take off what it cannot pay; look at what objectives are about."""
        self.objectives.tick(self.watches, self._finder)
        tallies, slices_room = self.session.tallies_of(self.watches), self._node.slices_room()
        for target_id, watch in list(self.watches.items()):
            self._guarded(target_id, watch, partial(watch.tick, tallies[target_id], slices_room))
        self._last_look_ns = clock.monotonic_ns()
        cost_ns = {i: watch.rationing.cost_ns for i, watch in self.watches.items()}
        verdict = self._node.judge(cost_ns, self._last_look_ns)
        if verdict is not None:
            watch = self.watches[verdict.target]
            self._guarded(verdict.target, watch, partial(watch.give_up, verdict.part, verdict.reason))
        self.watches.slices.tick({i: (watch.slicing, watch.rationing.purse) for i, watch in self.watches.items()})

    def _guarded(self, target_id: int, watch: Watch, action: Callable[[], None]) -> None:
        """Do something with a program that may end meanwhile."""
        try:
            action()
        except OtelchanError as error:
            alive = watch.alive()
            if alive:
                log.error("pid %d is not watched any more: %s", watch.process.pid, error)
            self._let_go(target_id, watch)
            if alive:
                self.watches.arrivals.pass_over(watch.process, error)

    def _drain(self) -> None:
        records: dict[int, list[Record]] = {}
        for record in map(decode_record, self.session.drain()):
            records.setdefault(record.target, []).append(record)
        for target_id, some in records.items():
            if target_id in self.watches:
                self.watches[target_id].records.add(some)

    def collect(self) -> None:
        """One snapshot of each program, published. With many programs that takes seconds: their budgets do not wait."""
        for target_id, watch in list(self.watches.items()):
            self._guarded(target_id, watch, watch.turn)
        self._drain()
        tables = self._tables()
        self.collect_ns, self.assess_ns = [], []
        for target_id, watch in list(self.watches.items()):
            before = clock.monotonic_ns()
            if before - self._last_look_ns > _LOOK_NS:
                self._drain()
                self._keep_to_budget()
            if target_id in self.watches:
                self._guarded(target_id, watch, partial(self._publish_one, target_id, watch, tables, ended=False))
                self.collect_ns.append(clock.monotonic_ns() - before)
        self.rounds += 1
        self._report(self)
        self._leftovers.round(clock.monotonic_ns())

    def _publish_one(self, target_id: int, watch: Watch, tables: Tables, ended: bool) -> None:
        kernel = tables.of(target_id, watch.probes.waits_epoch, self.session.losses(target_id))
        snapshot = watch.observe(kernel, ended)
        if not ended:
            self.objectives.look(target_id, watch, kernel, snapshot)
        began_ns = clock.monotonic_ns()
        assessment = self._finder(target_id).assess(snapshot)
        self.assess_ns.append(clock.monotonic_ns() - began_ns)
        self._publish(snapshot, assessment)
        if assessment.surged and not ended:
            self.on_surge(watch)

    def _finder(self, target_id: int) -> Finders:
        return self._finders.setdefault(target_id, Finders(self._config.findings))

    def _tables(self) -> Tables:
        # `channels` last: whatever was counted for a channel by then, it is known.
        tables = Tables(**{name: self.session.items(name) for name in reversed(Tables._fields)})
        self.fill = {
            name: (len(table[0]), self.session.limits[name]) for name, table in zip(Tables._fields, tables, strict=True)
        }
        return tables

    def _let_go(self, target_id: int, watch: Watch) -> None:
        """The last values, the end of the series, and the program is not ours any more."""
        try:
            self._drain()  # what it died of may have come since
            self._publish_one(target_id, watch, self._tables(), ended=True)
        except OtelchanError as error:
            log.error("pid %d: its last values are lost, those exported before are good: %s", watch.process.pid, error)
        self._close(target_id)

    def _close(self, target_id: int) -> None:
        self.watches.release(target_id)
        self._finders.pop(target_id, None)
        self.objectives.forget(target_id)

    def close(self) -> None:
        """Detach from everything."""
        self.watches.close()
        self.session.close()
