"""Latency objectives while the agent runs: what is read every 100 ms for those channels that have one (F11).

Composition: joins kernel, model and findings. The kernel side keeps finer histograms only where an entry was made here,
so without rules nothing is made, read or counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from otelchan import clock
from otelchan.aims import Ages, Aims, Room, Rules, aims_of
from otelchan.config import Objective
from otelchan.findings.finders import Finders
from otelchan.findings.objective_track import Reading
from otelchan.kernel.session import Session
from otelchan.kernel.types import PARK, UNNAMED
from otelchan.model.channels import Resolved
from otelchan.model.observation import KernelState
from otelchan.model.types import Snapshot
from otelchan.plan.types import Plane
from otelchan.watch import Watch

log = logging.getLogger("otelchan")

MOST = 200  # objectives, each of a channel name and an operation, over all programs
MOST_KEYS = 500  # places where their channels are made, and channels of which no make was seen; the kernel has 512
_STEP_NS = 100_000_000
_PARKS_SHARE = 100  # reading who is parked takes one part in this many of a core,
_PARKS_LATEST_NS = 1_000_000_000  # unless it would be done less often than this
_FineKey = tuple[int, int, int]  # target, name key, operation
_Ended = dict[int, list[tuple[int, int]]]
_NOBODY = np.zeros(0, PARK)


class Objectives:
    """Those of all watched programs. tick_ns: what the last step took."""

    def __init__(self, rules: Sequence[Objective], session: Session) -> None:
        self._rules = Rules(rules)
        self._session = session
        self._programs: dict[int, Aims] = {}
        self._last: dict[_FineKey, NDArray[np.uint64]] = {}
        self._parks: dict[int, np.ndarray] = {}
        self._step = self._parks_ns = self._parks_due_ns = self._parks_took_ns = self.tick_ns = 0

    def reconfigure(self, rules: Sequence[Objective]) -> None:
        """These rules from now on: at the next round of each program."""
        if tuple(rules) != self._rules.rules:
            self._rules = Rules(rules)

    @property
    def over(self) -> int:
        """Objectives and places for which there is no room: they are not looked at."""
        return sum(aims.over for aims in self._programs.values())

    def look(self, target: int, watch: Watch, kernel: KernelState, snapshot: Snapshot) -> None:
        """A round of a program: its channels by their names now, and who waits."""
        before = self._programs.get(target, Aims())
        if not self._rules.rules and not before.aims:
            return
        others = [aims for number, aims in self._programs.items() if number != target]
        room = Room(MOST - sum(len(o.aims) for o in others), MOST_KEYS - sum(len(o.of_key) for o in others))
        aims = self._programs[target] = aims_of(_known(watch, kernel, snapshot), self._rules, room, before.of_key)
        if aims.over and not before.over:
            log.warning(
                "pid %d: %d more operations on channels have an objective than there is room for, which is for %d by "
                "their names and %d by the places where they are made; let the globs in `objectives` fit fewer",
                watch.process.pid,
                aims.over,
                MOST,
                MOST_KEYS,
            )
        if before.of_key.keys() != aims.of_key.keys():
            self._enter(target, before.of_key, aims.of_key)
            watch.probes.objectives(len(aims.of_key))
        if aims.aims:
            aims.look(kernel, snapshot, watch.looked_ns)

    def _enter(self, target: int, before: Iterable[tuple[int, int]], now: Collection[tuple[int, int]]) -> None:
        """Make the kernel side count these, and no others."""
        for gone in set(before) - set(now):
            self._session.fine_remove(target, *gone)
            self._last.pop((target, *gone), None)
        for new in now:
            self._session.fine_add(target, *new)

    def forget(self, target: int) -> None:
        """The program is not watched any more."""
        aims = self._programs.pop(target, None)
        if aims is not None:
            self._enter(target, aims.of_key, ())
            self._parks.pop(target, None)

    def tick(self, watches: Mapping[int, Watch], finders_of: Callable[[int], Finders]) -> None:
        """At most once per step, whenever it comes: what ended since the last time, and who still waits. First what
        ended: so nobody is there twice, and who is woken in between is counted at the next step."""
        began_ns = clock.monotonic_ns()
        if not self._programs or began_ns // _STEP_NS == self._step:
            return
        epochs = {
            target: watches[target].probes.waits_epoch
            for target, aims in self._programs.items()
            if aims.aims and target in watches and Plane.WAITS in watches[target].probes.links
        }
        ended: dict[int, _Ended] = {}
        if epochs:
            ended = self._ended()
            self._read_parks(epochs)
        now_ns = clock.monotonic_ns()
        self._step = now_ns // _STEP_NS
        for target, aims in self._programs.items():
            if target not in epochs:  # nobody knows
                finders_of(target).objectives.step(now_ns, ())
                continue
            blocks = ended.get(target, {})
            ages = aims.ages(self._parks.get(target, _NOBODY), self._parks_ns)
            readings = [
                Reading(aim.key, aim.source, aim.rule, blocks.get(n, ()), *ages.get(n, Ages()))
                for n, aim in enumerate(aims.aims)
            ]
            finders_of(target).objectives.step(now_ns, readings)
        self.tick_ns = clock.monotonic_ns() - began_ns

    def _ended(self) -> dict[int, _Ended]:
        """What ended since the step before: by target and number of the aim, as (bucket, number)."""
        found: dict[int, _Ended] = {}
        keys, values = self._session.fine()
        for (target, name_key, operation), row in zip(keys.tolist(), values["buckets"], strict=True):
            aims, key = self._programs.get(target), (target, name_key, operation)
            number = aims.of_key.get((name_key, operation)) if aims else None
            if number is None:
                continue
            new = row - self._last[key] if key in self._last else row
            buckets = np.flatnonzero(new)
            if len(buckets):
                self._last[key] = row.copy()
                blocks = zip(buckets.tolist(), new[buckets].tolist(), strict=True)
                found.setdefault(target, {}).setdefault(number, []).extend(blocks)
        return found

    def _read_parks(self, epochs: Mapping[int, int]) -> None:
        """As often as it may be: with tens of thousands of goroutines once a second, which is often enough to notice
        that a wait goes on. Two readings that took long are needed for that, because one may have been disturbed."""
        self._parks = {target: parks for target, parks in self._parks.items() if target in epochs}
        began_ns = clock.monotonic_ns()
        if began_ns < self._parks_due_ns:
            return
        self._parks = {target: values for target, (_, values) in self._session.parks_of(epochs).items()}
        self._parks_ns = clock.monotonic_ns()
        took_ns, before_ns = self._parks_ns - began_ns, self._parks_took_ns
        self._parks_took_ns = took_ns
        self._parks_due_ns = began_ns + min(_PARKS_SHARE * min(took_ns, before_ns), _PARKS_LATEST_NS)


def _known(watch: Watch, kernel: KernelState, snapshot: Snapshot) -> dict[int, Resolved]:
    """What the name keys are: of all places where channels are made, and of single channels that there are."""
    alive = {*kernel.keys.values(), *kernel.counts}
    alive.update(address | UNNAMED for address in snapshot.live.columns.address.tolist())
    return {key: what for key, what in watch.world.known().items() if not key & UNNAMED or key in alive}
