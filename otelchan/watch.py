"""One program being watched: opened with care, attached plane by plane, governed, observed, let go.

A composition module, like agent: it joins the stages for one process.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

import numpy as np

from otelchan import clock
from otelchan.arrivals import Arrival
from otelchan.config import Config
from otelchan.errors import OtelchanError
from otelchan.executables import Counted, Executable
from otelchan.kernel.rounds import Rounds
from otelchan.kernel.session import Session
from otelchan.kernel.types import BlockRecord, PanicRecord
from otelchan.looks import CENSUS_SHARE, Holding, Looks
from otelchan.memory.types import Census, ChannelMap, Held
from otelchan.model.observation import KernelState, Observation
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.opening import hold
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.governor import Governor
from otelchan.plan.planner import make_plan
from otelchan.plan.spanrate import Rate, SpanRate
from otelchan.plan.types import Plane
from otelchan.probes import NOT_EFFECTIVE, NOT_FOUND, OVER_BUDGET, SHARED, Probes, cost_of
from otelchan.programs import pace_of, rules_of
from otelchan.tap import Tap

log = logging.getLogger("otelchan")

_FULL_SHARES = 5  # so many programs have each its full share of a core; more of them share that
_NOTHING = 1e-6  # of a core: a program that does nothing is not judged, which with hundreds of them takes time


class Watch:
    """One watched program. Raises OtelchanError when it must not be watched; then nothing was attached."""

    def __init__(
        self, arrival: Arrival, session: Session, target: int, config: Config, tap: Tap, counted: Counted, spans: Rate
    ) -> None:
        """counted: what the kernel side has counted of a target. spans: what all programs may send together."""
        process, self.file = arrival.process, arrival.file
        self.process = process
        self._target_id = target
        self._session = session
        with ExitStack() as undo:
            self._handle, self.image, bias, reader = hold(arrival, undo)
            plan = make_plan(self.image, target, process.open_path, session.costs)
            self._undo = undo.pop_all()
        entry = self.file.entry(bias) if self.file else None
        self.probes = Probes(session, process, self.image, bias, reader, plan, entry)
        self.governor = Governor(config.program_budget)
        self.image = tap.image(self.image)
        self._rules = rules_of(config)
        if self._rules.skip:  # what is passed over without is known already
            self.probes.skip(self._rules.skips)
        since_ns = arrival.birth.time_ns if arrival.birth else clock.monotonic_ns()
        since_unix_ns = since_ns + clock.unix_minus_monotonic_ns()
        self.world = tap.world(World(process, self.image, bias, since_unix_ns, self._rules))
        self.hits = np.zeros(16, dtype=np.uint64)
        self.cost_ns: dict[Plane, int] = {}  # of the attached planes, since the tick before
        self._looks = Looks(tap.reader(reader), self.image, bias)
        self._holding = Holding(reader, self.image, bias)
        self.looked_ns = 0  # when memory was read last
        self._settled = False
        self._plugins: tuple[str, ...] = ()
        self._rate = SpanRate(config.spans_per_second, spans, clock.monotonic_ns())
        self._rounds = Rounds()
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
        self.hits = self._session.tally(self._target_id)["hits"].copy()  # what it cost before is nobody's trial
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
        self._rate.own.per_second = config.spans_per_second
        self.probes.threshold_ns(int(config.span_threshold_ms * 1_000_000))
        if self.governor.budget != config.program_budget:
            self.governor.change_budget(config.program_budget)

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
        self._settled = False
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
            self._settled = False
            self.world.plane_detached(plane)
            self.governor.on_loss(plane)
            self.probes.detach(plane)

    def detach(self, plane: Plane, state: str) -> None:
        """Take a plane's traps out; its series end."""
        if self.file is not None and self.probes.links.get(plane) == SHARED:
            self.file.part(plane, but=self)
        if plane in self.probes.links:
            self._settled = False
            self.governor.on_detach(plane, clock.monotonic_ns())
            self.world.plane_detached(plane)
        self.probes.detach(plane, state)

    def tick(self, tally: np.ndarray) -> None:
        """Every few tens of milliseconds: charge the hits to the budget, give spans their rate. tally: its own."""
        now = clock.monotonic_ns()
        new, self.hits = tally["hits"] - self.hits, tally["hits"].copy()
        self.probes.allow_spans(self._rate.allowed(int(tally["spans"]), now))
        if self._settled and self.governor.share < _NOTHING and not new.any():
            self.cost_ns = dict.fromkeys(self.probes.links, 0)
            return
        cost_ns = {plane: cost for plane, (_, cost) in cost_of(new, self.probes.plan.costs).items()}
        self.cost_ns = {plane: cost_ns[plane] for plane in self.probes.links}
        verdict = self.governor.judge(cost_ns, now)
        if verdict is None:
            self._say_when_settled()
        else:
            self.give_up(verdict.plane, verdict.reason)

    def give_up(self, plane: Plane, reason: str) -> None:
        """Take a plane off that is over a budget, and what means nothing without it, and say so."""
        self.detach(plane, OVER_BUDGET)
        log.warning("pid %d: the %s plane is detached: %s; it will be tried again", self.process.pid, plane, reason)
        if plane is Plane.WAITS and self.probes.states[Plane.OPERATIONS] != NOT_FOUND:
            self.detach(Plane.OPERATIONS, OVER_BUDGET)
            log.warning("pid %d: the operations plane needs the waits plane, so it is off too", self.process.pid)

    def _say_when_settled(self) -> None:
        """One line when every plane of the plan is in for good."""
        links = self.probes.links
        settled = set(links) == set(self.probes.plan.planes) and not self.governor.on_trial()
        if settled and not self._settled:
            log.info("pid %d: all planes are attached: %s", self.process.pid, ", ".join(links))
        self._settled = settled

    # --- looking --------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """What blocks from now on belongs to the snapshot after the next one."""
        self._rounds.turn(self.probes.turn())

    def add(self, record: BlockRecord | PanicRecord) -> None:
        """A ring-buffer record of this program."""
        if self._rounds.keeps(record):
            return
        channel = None
        if not self.world.is_named(record.name_key):
            channel = self._looks.channels([record.channel]).get(record.channel)
        if isinstance(record, BlockRecord):
            self.world.add_block(record, clock.unix_minus_monotonic_ns(), channel)
        else:
            self.world.add_panic(record, clock.unix_minus_monotonic_ns(), channel)

    def observe(self, kernel: KernelState, ended: bool = False) -> Snapshot:
        """Look at the program's memory and put it together with what the kernel counted."""
        for record in self._rounds.take() if ended else ():
            self.add(record)
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
        )
        made = self.world.snapshot(seen)
        self._rate.charge(sum(span.ongoing for span in made.spans))
        self._holding.heed(made.blocked)
        for record in self._rounds.take():
            self.add(record)
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
        for plane in reversed(PLANE_ORDER):
            self.probes.detach(plane)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the process when nothing is attached any more."""
        self._undo.close()
