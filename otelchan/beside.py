"""What is looked at of a program that is counted in slices, beside the slices: no trap. A composition module."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from otelchan import clock
from otelchan.errors import OtelchanError
from otelchan.gobinary.types import Layout
from otelchan.kernel.cpusamples import PERIOD_NS, CpuSampler, Taken
from otelchan.memory.positions import Positions
from otelchan.memory.types import Reader
from otelchan.model.observation import MISSING, Sampled
from otelchan.plan.passages import LIKELY_NS, Passages, hit_ns
from otelchan.plan.slices import sample_every_ns
from otelchan.plan.types import AttachPlan

log = logging.getLogger("otelchan")


_TICKS = 3  # between two looks at positions, which are the dearest part


_CLOCKS_DIFFER = 0.03
"""What was not looked at is no more than this part when threads are asked one after the other, and the program last."""


class Beside:
    """Looks at one program from now on. What cannot be looked at is left out, which makes estimates less certain."""

    def __init__(
        self, pid: int, reader: Reader, layout: Layout, plan: AttachPlan, bias: int, allowed: float = 1.0
    ) -> None:
        """allowed: the share of one core that slices may take, of which this is a part."""
        self._pid = pid
        self._passages = Passages(plan, bias)
        self._hit_ns = hit_ns(plan.costs)
        self._positions = Positions(reader, layout)
        self._sampler: CpuSampler | None = None
        self._cpu_ns = self._ticks = 0
        self._begin_ns, self._cpu_ns = clock.monotonic_ns(), self._cpu()
        try:
            self._sampler = CpuSampler(pid, max(PERIOD_NS, sample_every_ns(allowed, _processors(pid))))
        except OtelchanError as error:
            self._without_samples(error)

    def tick(self) -> None:
        """Ten times a second or so."""
        if self._sampler is not None:
            try:
                self._sampler.drain()
            except OtelchanError as error:
                self._without_samples(error)
        self._ticks += 1
        if not self._ticks % _TICKS:
            self._positions.look()

    def take(self, keys: Mapping[int, int], busiest: Iterable[int]) -> Sampled:
        """What was seen since the last call. keys: name keys of live channels by address. busiest: name keys of the
        channels that matter, the busiest first; the positions of all but the first are looked
        at from now on."""
        before_ns, before_cpu_ns = self._begin_ns, self._cpu_ns
        self._begin_ns, self._cpu_ns = clock.monotonic_ns(), self._cpu()
        cpu_ns = max(self._cpu_ns - before_cpu_ns, 0)
        samples: dict[int, float] = {}
        if self._sampler is not None:
            try:
                seen = self._sampler.take()
                samples = {**self._passages.by_kind(seen.stacks)} | missing(seen, cpu_ns, self._sampler.period_ns)
            except OtelchanError as error:
                self._without_samples(error)
        moves = self._positions.take()
        self._positions.watch(keys, list(busiest)[1:])  # the busiest needs no proof that it is busy
        return Sampled(
            begin_ns=before_ns,
            end_ns=self._begin_ns,
            cpu_ns=cpu_ns,
            period_ns=self._sampler.period_ns if self._sampler else 0,
            samples=samples,
            passage_ns=LIKELY_NS,
            hit_ns=self._hit_ns,
            moves=moves,
        )

    def _without_samples(self, error: OtelchanError) -> None:
        log.info("pid %d: operations are estimated from slices alone: %s", self._pid, error)
        self.close()
        self._sampler = None

    def _cpu(self) -> int:
        try:
            return clock.process_cpu_ns(self._pid)
        except OSError:  # it has ended: nothing was added
            return self._cpu_ns

    def close(self) -> None:
        """No more looks."""
        if self._sampler is not None:
            self._sampler.close()


def missing(seen: Taken, cpu_ns: int, period_ns: int) -> dict[int, float]:
    """How many samples there should be besides those that were seen, of a program that had so much processor time.

    What was sampled was looked at, also of threads that ended before they could be asked, and where the kernel keeps no
    schedstat and says 0.
    """
    unseen_ns = cpu_ns - max(seen.cpu_ns, (seen.stacks.total() + seen.lost) * period_ns)
    number = seen.lost + (unseen_ns / period_ns if unseen_ns > _CLOCKS_DIFFER * cpu_ns else 0.0)
    return {MISSING: number} if number else {}


def _processors(pid: int) -> int:
    """How many a process may use at once."""
    with suppress(OSError):  # it has ended
        return len(os.sched_getaffinity(pid))
    return 1
