"""One program being watched: opened with care, attached plane by plane, governed, observed, let go.

A composition module, like agent: it joins the stages for one process.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

import numpy as np

from otelchan import clock
from otelchan.config import Config
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.types import BlockRecord, Loss
from otelchan.looks import Looks
from otelchan.memory.live import LiveReader
from otelchan.memory.selfcheck import check
from otelchan.memory.types import ChannelMap
from otelchan.model.observation import KernelState, Observation
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.governor import Governor
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from otelchan.probes import NOT_FOUND, OVER_BUDGET, Probes, cost_of
from otelchan.programs import image_of
from otelchan.tap import Tap
from otelchan.target.handle import Handle
from otelchan.target.lock import lock
from otelchan.target.process import load_bias
from otelchan.target.types import Process

log = logging.getLogger("otelchan")


class Watch:
    """One watched program. Raises OtelchanError when it must not be watched; then nothing was attached."""

    def __init__(self, process: Process, session: Session, target_id: int, config: Config, tap: Tap) -> None:
        self.process = process
        self._target_id = target_id
        self._session = session
        with ExitStack() as undo:
            self._handle = undo.enter_context(Handle(process))
            undo.enter_context(lock(process))
            self.image: GoImage = image_of(process)
            bias = load_bias(process, self.image.segments)
            reader = LiveReader(process.pid)
            check(reader, self.image, bias)
            plan = make_plan(self.image, target_id, process.open_path)
            self._undo = undo.pop_all()
        self.probes = Probes(session, process, self.image, bias, reader, plan)
        self.governor = Governor(config.program_budget)
        self.image = tap.image(self.image)
        self.world = tap.world(World(process, self.image, bias, clock.unix_ns()))
        self.hits = np.zeros(16, dtype=np.uint64)
        self.cost_ns: dict[Plane, int] = {}  # of the attached planes, since the tick before
        self._looks = Looks(tap.reader(reader), self.image, bias)
        self._settled = False
        self.reconfigure(config)
        self._allowance = self._span_rate
        self._last_tick_ns = clock.monotonic_ns()
        for left in plan.left_out:
            log.warning("pid %d: the %s plane is left out: %s", process.pid, left.what, left.reason)
        first = self._looks.census()
        if first is not None:
            self.world.look(first)

    def reconfigure(self, config: Config) -> None:
        """These settings from now on."""
        self._span_rate = config.spans_per_second
        self.probes.threshold_ns(int(config.span_threshold_ms * 1_000_000))
        if self.governor.budget != config.program_budget:
            self.governor.change_budget(config.program_budget)

    def alive(self) -> bool:
        """Whether it is still the same running process."""
        return self._handle.alive()

    # --- probes and their budget ----------------------------------------------------------------------------------

    def next_plane(self) -> Plane | None:
        """The plane that should be attached now, if any: one at a time, each on trial."""
        now = clock.monotonic_ns()
        wanted = (p for p in PLANE_ORDER if self.probes.possible(p) and self.governor.wanted(p, now))
        return next(wanted, None)

    def attach(self, plane: Plane, counted: KernelState) -> None:
        """Attach a plane, on trial. counted: what the kernel side has counted before. Raises OtelchanError."""
        before_unix_ns = clock.unix_ns()
        if not self.probes.attach(plane):
            return
        self.world.plane_attached(plane, before_unix_ns, counted)
        self.governor.on_attach(plane, clock.monotonic_ns())
        log.info("pid %d: %s plane on trial, %d probes", self.process.pid, plane, len(self.probes.plan.planes[plane]))

    def detach(self, plane: Plane, state: str) -> None:
        """Take a plane's traps out; its series end."""
        if plane in self.probes.links:
            self.governor.on_detach(plane, clock.monotonic_ns())
            self.world.plane_detached(plane)
        self.probes.detach(plane, state)

    def tick(self) -> None:
        """Every few tens of milliseconds: charge the hits to the budget, give spans their rate."""
        now = clock.monotonic_ns()
        tally = self._session.tally(self._target_id)
        new, self.hits = tally["hits"] - self.hits, tally["hits"].copy()
        self._allow_spans(int(tally["spans"]), now)
        cost_ns = {plane: cost for plane, (_, cost) in cost_of(new).items()}
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

    def _allow_spans(self, used: int, now: int) -> None:
        earned = self._span_rate * (now - self._last_tick_ns) / 1e9
        self._last_tick_ns = now
        self._allowance = min(self._allowance + earned, used + self._span_rate)
        self.probes.allow_spans(int(self._allowance))

    # --- looking --------------------------------------------------------------------------------------------------

    def add_block(self, record: BlockRecord) -> None:
        """A ring-buffer record of this program."""
        channel = None
        if not self.world.is_named(record.name_key):
            channel = self._looks.channels([record.channel]).get(record.channel)
        self.world.add_block(record, clock.unix_minus_monotonic_ns(), channel)

    def observe(self, kernel: KernelState, ended: bool = False) -> Snapshot:
        """Look at the program's memory and put it together with what the kernel counted."""
        census = None if ended else self._looks.census()
        channels = ChannelMap(())
        if census is not None:
            channels = ChannelMap(census.channels)
            channels.update(self._looks.live_channels(kernel.made, skip=channels))
            if not self.alive():  # it ended, or became another program, while it was read: none of that is true
                census, channels = None, ChannelMap(())
        seen = Observation(
            time_unix_ns=clock.unix_ns(),
            monotonic_ns=clock.monotonic_ns(),
            kernel=kernel,
            census=census,
            channels=channels,
            planes={plane.value: state for plane, state in self.probes.states.items()},
            ended=ended,
        )
        return self.world.snapshot(seen)

    def losses(self) -> dict[str, int]:
        """Losses by name, cumulative."""
        lost = self._session.tally(self._target_id)["lost"]
        return {loss.name.lower(): int(lost[loss]) for loss in Loss}

    def close(self) -> None:
        """Detach everything; the program runs on as if nobody had been there."""
        for plane in reversed(PLANE_ORDER):
            self.probes.detach(plane)
        self._session.clear_target(self._target_id)
        self._undo.close()
