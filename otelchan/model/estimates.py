"""How many operations a program does, from samples of its time: where counting each of them would cost too much.

Two things are known. Slices count every operation for some milliseconds; but a trap costs as much as thirty operations
of a hot loop, so a slice shows a slower program than the real one. Where it is slowed by less than four times, its
rates are corrected by what its traps cost. And samples of what the program executes show how much time it spends on
operations; that time by what one takes bare is their number. In a hot loop that is known within a factor of two; in a
program that seldom comes there it is not, but then slices are hardly slowed. Each is weighted by what it is worth, and
the slices say which channels the operations were on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.kernel.types import SliceCounts
from otelchan.model.blended import Evidence, Rate, blend
from otelchan.model.observation import Observation, Sampled
from otelchan.model.shares import Share, shares
from otelchan.model.types import NO_NAME, ChannelView, Estimate

_STATUSES = (("send", "ok"), ("recv", "ok"), ("recv", "closed"))  # in the order of SliceCounts.counts
_SLICES = 40  # that are looked at together
_FEW = 3
_PATIENCE_NS = 15_000_000_000
_OLDEST_NS = 120_000_000_000
_FORGET_NS = 60_000_000_000  # samples count half after so long

NameOf = Callable[[int], tuple[str, str]]
"""Name and source of its name, of the channels with a name key; no source: as before, when none is alive any more."""


class _Total(NamedTuple):
    value: float = 0.0
    lower: float = 0.0
    upper: float = 0.0

    def plus(self, value: float, below: float, above: float) -> _Total:
        """below, above: logarithms of the factors from the value to its bounds. What makes one interval too high makes
        others too, so bounds add up and do not average out."""
        lower, upper = value * math.exp(-below), value * math.exp(above)
        return _Total(self.value + value, self.lower + lower, self.upper + upper)


@dataclass(slots=True)
class Estimates:
    """Totals of one program since it was first looked at in slices."""

    start_unix_ns: int
    _slices: deque[SliceCounts] = field(default_factory=lambda: deque(maxlen=_SLICES))
    _evidence: Evidence = field(default_factory=Evidence)
    _pending: list[Sampled] = field(default_factory=list)
    _seen_until_ns: int = 0
    _totals: dict[tuple[str, str, str], _Total] = field(default_factory=dict)
    _sources: dict[str, str] = field(default_factory=dict)

    def add(self, slices: Iterable[SliceCounts], sampled: Sampled | None, name_of: NameOf) -> None:
        """What was seen since the last call."""
        self._slices.extend(slices)
        if sampled is None:
            return
        self._forget(sampled.end_ns)
        sampled = self._without_gap(sampled)
        used = {key for each in self._slices for key in each.counts}
        self._evidence = self._evidence.later(sampled, _FORGET_NS, used)
        self._pending.append(sampled)
        self._pending = [_joined(self._pending)]
        (since,) = self._pending
        wall_ns = since.end_ns - since.begin_ns
        if not self._slices or (len(self._slices) < _FEW and wall_ns < _PATIENCE_NS):
            return  # what there is until then is shared out as the first slices say: from one alone little is known
        rate = blend(self._slices, self._evidence)
        found = tuple(shares(self._slices, rate, self._evidence))
        if not found:  # what comes next is not shared out over what was before all slices that it is known from
            self._pending = [_after(self._slices[0].begin_ns, since)]
            return
        self._pending.clear()
        times = rate.operations(since) / (rate.per_ns * wall_ns) if wall_ns else 0.0
        for share in found:
            operation, status = _STATUSES[share.side]
            name, source = name_of(share.name_key)
            self._sources[name] = source or self._sources.get(name, "use")
            key = name, operation, status
            value = share.per_ns * wall_ns * (1.0 if share.paced else times)
            self._totals[key] = self._totals.get(key, _Total()).plus(value, *_bounds(share, rate))

    def _forget(self, now_ns: int) -> None:
        while len(self._slices) > _FEW and self._slices[0].end_ns < now_ns - _OLDEST_NS:
            self._slices.popleft()

    def _without_gap(self, sampled: Sampled) -> Sampled:
        """While everything was counted, on trial, nobody sampled: it is taken to have been as it is now."""
        until_ns, self._seen_until_ns = self._seen_until_ns, sampled.end_ns
        took_ns = sampled.end_ns - sampled.begin_ns
        if not 0 < until_ns < sampled.begin_ns or took_ns <= 0:
            return sampled
        times = (sampled.end_ns - until_ns) / took_ns
        samples = {kind: count * times for kind, count in sampled.samples.items()}
        return sampled._replace(begin_ns=until_ns, cpu_ns=round(sampled.cpu_ns * times), samples=samples)

    def now(self) -> tuple[Estimate, ...]:
        """All totals, by name."""
        return tuple(
            Estimate(
                name,
                self._sources[name],
                operation,
                status,
                value=round(total.value),
                lower=math.floor(total.lower),
                upper=math.ceil(total.upper),
                start_unix_ns=self.start_unix_ns,
            )
            for (name, operation, status), total in sorted(self._totals.items())
        )


class Estimating:
    """The estimates of one program: there are some while its operations are counted in slices."""

    def __init__(self) -> None:
        self._estimates: Estimates | None = None

    def forget(self) -> None:
        """Channels have other names: totals begin anew."""
        self._estimates = None

    def look(
        self, seen: Observation, name_of: Callable[[int], str | None], channels: Sequence[ChannelView]
    ) -> tuple[Estimate, ...]:
        """The totals now, of what is not counted. name_of: what a name key stands for, if that is known. channels: as
        in the snapshot."""
        if seen.planes.get("operations") != "sliced":
            self._estimates = None
            return ()
        if self._estimates is None and seen.sampled is not None:
            self._estimates = Estimates(seen.time_unix_ns - seen.monotonic_ns + seen.sampled.begin_ns)
        if self._estimates is None:
            return ()

        sources = {channel.name: channel.source for channel in channels}
        counted = {(channel.name, *what) for channel in channels for what in channel.processed}

        def named(key: int) -> tuple[str, str]:
            name = name_of(key) or NO_NAME
            return name, sources.get(name, "")

        self._estimates.add(seen.slices, seen.sampled, named)
        every = self._estimates.now()
        return tuple(each for each in every if (each.channel, each.operation, each.status) not in counted)


def _bounds(share: Share, rate: Rate) -> tuple[float, float]:
    """Logarithms of the factors from the value to its bounds."""
    if share.paced:
        return share.below, share.above
    below = math.hypot(rate.below, share.below)
    floor = max(math.log(share.per_ns / share.seen_per_ns), 0.0)  # no less than slices saw: probes make nothing quicker
    return min(below, math.hypot(floor, share.chance)), math.hypot(rate.above, share.above)


def _after(begin_ns: int, seen: Sampled) -> Sampled:
    """The part of it since then."""
    if begin_ns <= seen.begin_ns or begin_ns >= seen.end_ns:
        return seen
    part = (seen.end_ns - begin_ns) / (seen.end_ns - seen.begin_ns)
    samples = {kind: count * part for kind, count in seen.samples.items()}
    return seen._replace(begin_ns=begin_ns, cpu_ns=round(seen.cpu_ns * part), samples=samples)


def _joined(parts: list[Sampled]) -> Sampled:
    def sums(counts: Iterable[Mapping[int, float]]) -> dict[int, float]:
        found: dict[int, float] = {}
        for each in counts:
            for kind, number in each.items():
                found[kind] = found.get(kind, 0) + number
        return found

    return parts[-1]._replace(
        begin_ns=parts[0].begin_ns,
        cpu_ns=sum(part.cpu_ns for part in parts),
        samples=sums(part.samples for part in parts),
    )
