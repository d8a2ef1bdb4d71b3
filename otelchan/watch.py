"""One program being watched: opened with care, attached plane by plane, governed, observed, let go.

A composition module, like agent: it joins the stages for one process.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial

import numpy as np

from otelchan import clock
from otelchan.arrivals import Arrival
from otelchan.beside import Beside
from otelchan.config import Config
from otelchan.errors import OtelchanError
from otelchan.executables import Counted, Executable
from otelchan.kernel.session import Session
from otelchan.looks import CENSUS_SHARE, Holding, Looks
from otelchan.memory.types import Census, ChannelMap, Held
from otelchan.model.observation import KernelState, Observation
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.opening import hold
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.planner import make_plan
from otelchan.plan.spanrate import Rate
from otelchan.plan.types import Extra, Part, Plane
from otelchan.probes import NOT_EFFECTIVE, OVER_BUDGET, SHARED, Probes
from otelchan.programs import pace_of, rules_of
from otelchan.rationing import Rationing
from otelchan.records import Records
from otelchan.slicing import Slices, Slicing
from otelchan.standing import overhead_of
from otelchan.tap import Tap

log = logging.getLogger("otelchan")

_FULL_SHARES = 5  # so many programs have each its full share of a core; more of them share that


class Watch:
    """One watched program. Raises OtelchanError when it must not be watched; then nothing was attached."""

    def __init__(
        self,
        arrival: Arrival,
        session: Session,
        target: int,
        config: Config,
        tap: Tap,
        counted: Counted,
        spans: Rate,
        slices: Slices,
    ) -> None:
        """counted: what the kernel side has counted of a target. spans: what all programs may send together. slices:
        those of all programs."""
        process, self.file = arrival.process, arrival.file
        self.process = process
        self._target_id = target
        self._session = session
        with ExitStack() as undo:
            self._handle, self.image, bias, reader = hold(arrival, undo)
            plan = make_plan(self.image, target, process.open_path, session.costs, config.planes)
            self._undo = undo.pop_all()
        entry = self.file.entry(bias) if self.file else None
        self.probes = Probes(session, process, self.image, bias, reader, plan, entry)
        beside = partial(Beside, process.pid, reader, self.image.layout, plan, bias)
        self.slicing = Slicing(target, process, plan, slices, beside)
        self.rationing = Rationing(self.probes, self.slicing, process.pid, config, spans)
        self.governor = self.rationing.governor
        self.image = tap.image(self.image)
        self._rules = rules_of(config)
        if self._rules.skip:  # what is passed over without is known already
            self.probes.skip(self._rules.skips)
        since_ns = arrival.birth.time_ns if arrival.birth else clock.monotonic_ns()
        since_unix_ns = since_ns + clock.unix_minus_monotonic_ns()
        self.world = tap.world(World(process, self.image, bias, since_unix_ns, self._rules))
        self._looks = Looks(tap.reader(reader), self.image, bias)
        self._holding = Holding(reader, self.image, bias)
        self.records = Records(self._looks, self.world)
        self.looked_ns = 0  # when memory was read last
        self._plugins: tuple[str, ...] = ()
        self.reconfigure(config)
        for left in plan.left_out:
            log.warning("pid %d: the %s plane is left out: %s", process.pid, left.what, left.reason)
        first = self._looks.census()
        if first is not None:
            self.world.look(first)
        if self.file is not None:
            try:
                self._join(self.file, since_ns, arrival.birth is not None, counted)
            except BaseException:
                self._undo.close()
                raise
        if first is not None:
            self._heed_plugins(first)

    def _join(self, file: Executable, since_ns: int, born: bool, counted: Counted) -> None:
        """Have what the processes of its file share, which counts a newborn already."""
        file.members[self._target_id] = self
        if not born:
            for plane, shared in file.planes.items():
                self.probes.expects(plane, shared.epoch)
            self.probes.join(file.number)
        self.rationing.forgive(self._session.tally(self._target_id))  # what it cost before is nobody's trial
        for plane, shared in file.planes.items():
            between = born and since_ns < shared.since_ns  # it was attached while the process began
            before = counted(self._target_id) if between else KernelState()
            since_unix_ns = self.world.attached_unix_ns if born and not between else clock.unix_ns()
            self.gains(plane, since_unix_ns, before)

    def reconfigure(self, config: Config) -> None:
        """These settings from now on."""
        rules = rules_of(config)
        if rules != self._rules:
            self._rules = rules
            self.world.rename(rules)
            self.probes.skip(rules.skips)
        self._holding.wait_ns = int(config.findings.wait_s * 1e9)
        self.world.ongoing.change(pace_of(config))
        self.probes.threshold_ns(int(config.span_threshold_ms * 1_000_000))
        self.rationing.reconfigure(config)

    def alive(self) -> bool:
        """Whether it is still the same running process."""
        return self._handle.alive()

    def one_of(self, number: int) -> None:
        """So many programs are watched: what looking at memory may take is shared among them."""
        self._looks.share = self._holding.share = CENSUS_SHARE * max(1, -(-number // _FULL_SHARES))

    def running(self) -> bool:
        """Whether the process runs, perhaps another program: cheaper than alive()."""
        return self._handle.running()

    # --- probes and their budget ----------------------------------------------------------------------------------

    def next_plane(self) -> Plane | None:
        """The plane that should be attached now, if any: one at a time, each on trial."""
        now = clock.monotonic_ns()
        wanted = (p for p in PLANE_ORDER if self.probes.possible(p) and self.governor.wanted(p, now))
        return next(wanted, None)

    def attach(self, plane: Plane, counted: Counted) -> None:
        """Attach a plane, on trial. counted: what the kernel side has counted of a target. Raises OtelchanError."""
        if self.file is not None and self.file.shares(plane) and plane not in self.file.planes:
            self.file.attach(plane, counted)
            return
        before, since_unix_ns = counted(self._target_id), clock.unix_ns()
        if self.file is not None and plane in self.file.planes:
            self.probes.expects(plane, self.file.planes[plane].epoch)
            self.gains(plane, since_unix_ns, before)
        elif self.probes.attach(plane):
            self._begin(plane, since_unix_ns, before)

    def _begin(self, plane: Plane, since_unix_ns: int, counted: KernelState) -> None:
        self.rationing.unsettle()
        self.world.plane_attached(plane, since_unix_ns, counted)
        self.governor.on_attach(plane, clock.monotonic_ns())
        log.info("pid %d: %s plane on trial, %d probes", self.process.pid, plane, len(self.probes.plan.planes[plane]))

    def expects(self, plane: Plane, epoch: int) -> bool:
        """As executables.Member."""
        try:
            self.probes.expects(plane, epoch)
        except OtelchanError as error:  # said when it tries to have the plane for itself
            log.debug("%s", error)
            return False
        return True

    def gains(self, plane: Plane, since_unix_ns: int, counted: KernelState) -> None:
        """As executables.Member."""
        try:
            effective = self.probes.shares(plane)
        except OtelchanError:  # it has just ended
            effective = True
        if effective:
            self._begin(plane, since_unix_ns, counted)

    def loses(self, plane: Plane) -> None:
        """As executables.Member."""
        if plane in self.probes.links:
            self.rationing.unsettle()
            self.world.plane_detached(plane)
            self.governor.on_loss(plane)
            self.probes.detach(plane)

    def detach(self, plane: Plane, state: str) -> None:
        """Take a plane's traps out; its series end."""
        if self.file is not None and self.probes.links.get(plane) == SHARED:
            self.file.part(plane, but=self)
        if plane in self.probes.links:
            self.rationing.unsettle()
            if plane in self.governor.attached:
                self.governor.on_detach(plane, clock.monotonic_ns())
            self.world.plane_detached(plane)
        self.probes.detach(plane, state)

    def tick(self, tally: np.ndarray, slices_room: float) -> None:
        """Every few tens of milliseconds: keep to the budget. For the arguments see Rationing.charge."""
        verdict = self.rationing.charge(tally, slices_room)
        if verdict is not None:
            if verdict.part in self.governor.trials():
                self.slicing.expect(verdict.share)
            self.give_up(verdict.part, verdict.reason)

    def give_up(self, part: Part, reason: str) -> None:
        """Do without something that is over a budget, and what means nothing without it, and say so."""
        if isinstance(part, Extra):
            self.rationing.give_up_extra(part, reason)
            return
        self.detach(part, OVER_BUDGET)
        log.warning("pid %d: the %s plane is detached: %s; it will be tried again", self.process.pid, part, reason)
        if part is Plane.WAITS and Plane.OPERATIONS in self.probes.plan.planes:
            self.governor.on_loss(Plane.OPERATIONS)
            self.detach(Plane.OPERATIONS, OVER_BUDGET)
            log.warning("pid %d: the operations plane needs the waits plane, so it is off too", self.process.pid)
        self.rationing.call_planes()

    # --- looking --------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """What blocks from now on belongs to the snapshot after the next one."""
        self.records.turn(self.probes.turn())

    def observe(self, kernel: KernelState, ended: bool = False) -> Snapshot:
        """Look at the program's memory and put it together with what the kernel counted."""
        if ended:
            self.records.before_the_end()
        self._looks.heed(kernel.losses.get("park", 0))
        held = Held() if ended else self._holding.held(self._looks.is_due())
        census = None if ended else self._looks.census()
        channels, registered = ChannelMap(()), None
        if census is not None:
            channels, self.looked_ns = ChannelMap(census.channels), census.monotonic_ns
            channels.update(self._looks.live_channels(kernel.made, skip=channels))
            registered = self._looks.registered(channels)
            if not self.alive():  # it ended, or became another program, while it was read: none of that is true
                census, channels = None, ChannelMap(())
            else:
                self._heed_plugins(census)
        seen = Observation(
            time_unix_ns=clock.unix_ns(),
            monotonic_ns=clock.monotonic_ns(),
            kernel=kernel,
            census=census,
            channels=channels,
            planes={plane.value: state for plane, state in self.probes.states.items()},
            ended=ended,
            registered=registered,
            held=held if census is not None else Held(),
            labels=self._looks.labels if census is not None else None,
            overhead=overhead_of(self),
            slices=self.slicing.take(),
            sampled=self.slicing.sampled(kernel.keys),
        )
        made = self.world.snapshot(seen)
        self.rationing.spans.charge(sum(span.ongoing for span in made.spans))
        self._holding.heed(made.blocked)
        self.records.after_snapshot()
        return made

    def _heed_plugins(self, census: Census) -> None:
        """Counts would be wrong, and silently so: a plugin's code has channel functions of its own, without probes."""
        if census.plugins == self._plugins:
            return
        self._plugins = census.plugins
        opened = (
            f"it has opened plugins ({', '.join(census.plugins)}), whose channel functions are copies without probes"
        )
        log.warning("pid %d: %s: all planes are off, and the census goes on", self.process.pid, opened)
        for plane in reversed(tuple(self.probes.plan.planes)):
            self.detach(plane, NOT_EFFECTIVE)

    def close(self) -> None:
        """Detach everything; the program runs on as if nobody had been there."""
        if self.file is not None:
            del self.file.members[self._target_id]
        self.slicing.close()
        self.probes.detach_all()
        self.abandon()

    def abandon(self) -> None:
        """Let go of the process when nothing is attached any more."""
        self.slicing.stop()
        self._undo.close()
