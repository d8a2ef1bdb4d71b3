"""Probes attached for a tenth of a second, to count what samples can only estimate. Composition: as probes and preview.

Every plane alone and one after the other, so that what one costs does not change what the next one counts. What `run`
checks before and after it attaches is checked here too, and nothing is left behind: not when the trial costs too much,
not when it is interrupted, not when this process is killed.
"""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise

import numpy as np

from otelchan import clock, costs
from otelchan.config import Config
from otelchan.errors import TargetError
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.memory.live import LiveReader
from otelchan.memory.modules import modules_of
from otelchan.memory.types import Reader
from otelchan.plan.planner import make_plan
from otelchan.plan.trial import STEP_NS, bursts_of, has_cost_enough
from otelchan.plan.types import Plane, PlannedSite, Tried
from otelchan.probes import Probes, cost_of
from otelchan.programs import room_for_parks
from otelchan.target.lock import lock
from otelchan.target.types import Process

_TARGET = 1
_TRAP = b"\xcc"  # int3, which the kernel puts where a uprobe is
_NO_SPANS = (1 << 64) - 1  # a threshold that no wait comes to


def try_planes(process: Process, image: GoImage, bias: int, config: Config, trial_ns: int) -> tuple[Tried, ...]:
    """Attach each plane of a program for so long, and take it out again. bias: live minus link-time address.

    Raises TargetError when another otelchan watches the program or it has plugins, BinaryError when its code in memory
    is not the file's, KernelError, MemoryGone when it has ended.
    """
    with (
        lock(process),
        closing(Session(room_for_parks([process]), backend=config.backend, attach=config.attach)) as session,
    ):
        costs.recall(session)
        entry = target_entry(image, bias)
        entry["span_threshold_ns"] = _NO_SPANS
        reader = LiveReader(process.pid)
        _require_no_plugins(reader, image, bias)
        plan = make_plan(image, _TARGET, process.open_path, session.costs, config.planes)
        trial = _Trial(session, Probes(session, process, image, bias, reader, plan, entry), reader, bias)
        return tuple(trial.of(plane, trial_ns, config.program_budget) for plane in plan.planes)


def _require_no_plugins(reader: Reader, image: GoImage, bias: int) -> None:
    plugins = [module.plugin for module in modules_of(reader, image.layout, image.globals, bias)[1:]]
    if plugins:
        raise TargetError(
            f"it has opened plugins ({', '.join(plugins)}), whose channel functions are copies without probes; `run` "
            "attaches none to it, and the census goes on"
        )


class _Trial:
    """Of one program."""

    def __init__(self, session: Session, probes: Probes, reader: Reader, bias: int) -> None:
        self._session, self._probes, self._reader, self._bias = session, probes, reader, bias

    def of(self, plane: Plane, trial_ns: int, budget: float | None) -> Tried:
        """One plane. budget: fraction of a core, None: whatever it costs."""
        sites = self._probes.plan.planes[plane]
        others = self._traps(sites)
        at_first, begin_ns = self._hits(), clock.monotonic_ns()
        if not self._probes.attach(plane):
            raise TargetError(
                f"the probes of the {plane} plane are not in the program's memory, so its code is not mapped from the "
                "file; only the census would work"
            )
        before, in_ns = self._hits(), clock.monotonic_ns()
        stopped, steps = False, [before]
        while not stopped and (left_ns := in_ns + trial_ns - clock.monotonic_ns()) > 0:
            clock.sleep_ns(min(left_ns, STEP_NS))
            steps.append(self._hits())
            stopped = has_cost_enough(self._cost(plane, steps[-1] - at_first)[1], budget)
        after, out_ns = self._hits(), clock.monotonic_ns()
        self._probes.detach(plane)
        end_ns = clock.monotonic_ns()
        hits, cost_ns = self._cost(plane, after - before)
        _, all_cost_ns = self._cost(plane, self._hits() - at_first)
        out = self._traps(sites) <= others
        bursts = bursts_of([self._cost(plane, late - early)[0] for early, late in pairwise(steps)])
        return Tried(plane, hits, out_ns - in_ns, cost_ns, all_cost_ns, end_ns - begin_ns, bursts, stopped, out)

    def _hits(self) -> np.ndarray:
        hits: np.ndarray = self._session.tally(_TARGET)["hits"]
        return hits.copy()

    def _cost(self, plane: Plane, hits: np.ndarray) -> tuple[int, int]:
        return cost_of(hits, self._probes.plan.costs)[plane]

    def _traps(self, sites: tuple[PlannedSite, ...]) -> set[int]:
        """Where one is now, ours or another tracer's."""
        addresses = {planned.site.address for planned in sites}
        return {address for address in addresses if self._reader.read(address + self._bias, 1) == _TRAP}
