"""How fast a program really is, from slices that slow it down and from samples that do not. Pure arithmetic.

Every uncertainty is a logarithm of a factor; two that have nothing to do with each other add as squares.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.kernel.types import Kind, SliceCounts
from otelchan.memory.types import Moves
from otelchan.model.observation import MISSING, Sampled

NORMAL_95 = 1.959964
_STUDENT_95 = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 14: 2.14, 19: 2.09}
"""By degrees of freedom; between two of them the larger, which is that of the fewer."""
_WORST = math.log(20)  # by chance, of what was seen: below that nothing is said

# Samples: docs/overhead.md, "What `otelchan plan` costs". A passage takes 7 to 13 ns in loops, whatever else they do,
# and up to six times that when a program comes there seldom and finds cold caches.
_HOT_PER_S, _COLD_PER_S = 3e5, 1e4
_HOT_SIGMA, _COLD_SIGMA = 0.3, 0.9
# Slices: costs are calibrated on loops, and a quarter is added for the budget; a slice's hits do less than others. And
# a slower program is not the same one: who never had to wait for the other side may have to wait for it then.
_HIT_PART, _HIT_SIGMA, _OTHER_SIGMA = 0.8, 0.05, 3.0
_SPARE = 2.5  # a fifth of the time in traps leaves some, two fifths may be all that it had
_MOST_SLOWED = 0.75  # of the time went to traps: from there on a small error of their cost is a large one of the rest
_MANY_BURSTS = 400
_USUAL_HIT_NS = 1000.0
_FASTEST_NS = 5.0  # of an operation, on the fastest processor
_NEVER_FASTER_NS = 1.0  # on any: nothing that little is known of is said to be more
_FAR_OFF = 20.0  # times as much as samples say: then they do not say either when it was
_LEAST_SEEN = 0.02  # of the processor time: from less than that nothing is concluded for the rest
_FEWEST = 0.1  # samples: of what is older half counts, again and again, until there is as good as none


class Rate(NamedTuple):
    """Operations per nanosecond. seen: in slices. below, above: logarithms of the factors to the bounds of a 95 %
    interval, chance left out. slowed: what part of the slices' time went to traps. of_slices: how much of it is known
    from slices, 0 to 1; the rest is known from samples. of_a_sample: by kind of site, operations that one sample of the
    program in the extent of such a site means; none where more is known from slices."""

    per_ns: float
    seen_per_ns: float
    below: float
    above: float
    slowed: float
    of_slices: float
    of_a_sample: Mapping[int, float] = {}

    def operations(self, sampled: Sampled) -> float:
        """In that interval."""
        if not self.of_a_sample:
            return self.per_ns * (sampled.end_ns - sampled.begin_ns)
        seen = sum(sampled.samples.get(kind, 0) * each for kind, each in self.of_a_sample.items())
        return seen / part_seen(sampled)


def part_seen(of: Sampled | Evidence) -> float:
    """Of its processor time, the part that samples tell about."""
    in_all = of.cpu_ns / of.period_ns if of.period_ns else 0.0
    return max(1 - of.samples.get(MISSING, 0.0) / in_all, _LEAST_SEEN) if in_all else 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was sampled lately: sums in which what is older counts less."""

    wall_ns: float = 0.0
    cpu_ns: float = 0.0
    samples: Mapping[int, float] = field(default_factory=dict)
    period_ns: int = 0
    passage_ns: Mapping[int, float] = field(default_factory=dict)
    hit_ns: Mapping[int, float] = field(default_factory=dict)
    moves: dict[int, Moves] = field(default_factory=dict)

    def later(self, sampled: Sampled, half_ns: int, used: Collection[int] = ()) -> Evidence:
        """With what was seen since. half_ns: what is so old counts half. used: name keys of which positions are still
        of interest, besides those that were looked at now."""
        wall_ns = sampled.end_ns - sampled.begin_ns
        kept = 0.5 ** (wall_ns / half_ns)
        kinds = self.samples.keys() | sampled.samples.keys()
        kept_moves = {key: moves for key, moves in self.moves.items() if key in used}
        return Evidence(
            wall_ns=self.wall_ns * kept + wall_ns,
            cpu_ns=self.cpu_ns * kept + sampled.cpu_ns,
            samples={kind: self.samples.get(kind, 0.0) * kept + sampled.samples.get(kind, 0) for kind in kinds},
            period_ns=sampled.period_ns,
            passage_ns=sampled.passage_ns,
            hit_ns=sampled.hit_ns,
            moves=kept_moves | {new.name_key: _added(self.moves.get(new.name_key), new) for new in sampled.moves},
        )

    @property
    def busy(self) -> float:
        """Processors that the program uses."""
        return self.cpu_ns / self.wall_ns if self.wall_ns else 0.0


def _added(before: Moves | None, new: Moves) -> Moves:
    """Of both; old ones are forgotten by halves."""
    if before is None or before.capacity != new.capacity:
        return new
    old = [value // 2 if before.bursts > _MANY_BURSTS else value for value in before[2:]]
    return Moves(new.name_key, new.capacity, *(a + b for a, b in zip(old, new[2:], strict=True)))


class _Guess(NamedTuple):
    """sigma: standard deviation of the logarithm."""

    per_ns: float
    sigma: float


def blend(slices: Sequence[SliceCounts], evidence: Evidence) -> Rate:
    """The rate of all operations, from the slices taken lately and from samples."""
    gate_ns = sum(each.end_ns - each.begin_ns for each in slices)
    hits = _sum_of_hits(slices)
    done = sum(sum(sides) for each in slices for sides in each.counts.values())
    seen = done / gate_ns
    slowed = _slowed(slices, evidence)
    corrected, passed = _corrected(seen, slowed, evidence.busy, _chance(slices)), _passed(hits, done, evidence)
    guesses = [guess for guess in (corrected, passed) if guess is not None and guess.per_ns > 0]
    if not guesses:
        return _between(seen, evidence, slowed)
    weights = [1 / guess.sigma**2 for guess in guesses]
    of_slices = weights[0] / sum(weights) if guesses[0] is corrected else 0.0
    middle = sum(w * math.log(g.per_ns) for w, g in zip(weights, guesses, strict=True)) / sum(weights)
    misfit = sum(w * (math.log(g.per_ns) - middle) ** 2 for w, g in zip(weights, guesses, strict=True))
    sigma = (max(misfit, 1.0) / sum(weights)) ** 0.5  # where they do not agree, both may be wrong by more (R. T. Birge)
    per_ns = max(math.exp(middle), seen)
    of_a_sample: dict[int, float] = {}
    if passed is not None and of_slices < 0.5 and passed.per_ns * _FAR_OFF > per_ns:
        of_a_sample = {k: each * per_ns / passed.per_ns for k, each in _of_a_sample(hits, done, evidence).items()}
    above = min(NORMAL_95 * sigma, max(math.log(max(evidence.busy, 1.0) / _NEVER_FASTER_NS / per_ns), 0.0))
    return Rate(per_ns, seen, NORMAL_95 * sigma, above, slowed, of_slices, of_a_sample)


def _slowed(slices: Sequence[SliceCounts], evidence: Evidence) -> float:
    """What part of the program's time went to traps, as a hit sees it: slices in which the program did not run, because
    it had nothing to do or others had its processor, are not what others are like."""

    def trapped_ns(each: SliceCounts) -> float:
        return _HIT_PART * sum(count * evidence.hit_ns.get(kind, _USUAL_HIT_NS) for kind, count in each.hits.items())

    parts = [(trapped_ns(each), max(each.end_ns - each.begin_ns, 1)) for each in slices]
    in_all = sum(part for part, _ in parts)
    if not in_all:
        return 0.0
    return min(sum(part * part / gate for part, gate in parts) / in_all / max(evidence.busy, 1.0), 1.0)


def _chance(slices: Sequence[SliceCounts]) -> float:
    """Standard deviation of the logarithm of what slices saw, by how much they differ."""
    done = [float(sum(sum(sides) for sides in each.counts.values())) for each in slices]
    return by_chance(done, [float(each.end_ns - each.begin_ns) for each in slices]) / NORMAL_95


def _corrected(seen: float, slowed: float, busy: float, chance: float) -> _Guess | None:
    """From slices. chance: as _chance. A program that waits for something else most of the time catches up while it
    would have waited."""
    if slowed > _MOST_SLOWED:
        return None
    factor = -min(busy, 1.0) * math.log(1 - slowed)
    no_spare = min(max(busy, (_SPARE * slowed) ** 2), 1.0)  # with time to spare it stays the same program
    other = _OTHER_SIGMA * slowed * no_spare
    sigma = math.hypot(_HIT_SIGMA, chance, other, (1 - min(busy, 1.0)) * math.log(1 - slowed) / 2)
    return _Guess(seen * math.exp(factor), sigma)


def _passed(hits: Mapping[int, int], done: int, evidence: Evidence) -> _Guess | None:
    """From samples: time in the extents of sites by that of one passage."""
    of_each = _of_a_sample(hits, done, evidence)
    in_all = sum(evidence.samples.get(kind, 0) for kind in of_each)
    if in_all < _FEWEST or not evidence.wall_ns:
        return None
    seen = part_seen(evidence)
    passages = sum(evidence.samples.get(kind, 0) * each for kind, each in of_each.items()) / seen
    per_ns = passages / evidence.wall_ns
    per_cpu_s = 1e9 * passages / max(evidence.cpu_ns, 1.0)
    cold = (math.log(_HOT_PER_S) - math.log(max(per_cpu_s, 1.0))) / math.log(_HOT_PER_S / _COLD_PER_S)
    sigma = _HOT_SIGMA + (_COLD_SIGMA - _HOT_SIGMA) * min(max(cold, 0.0), 1.0)
    return _Guess(per_ns, math.hypot(sigma, in_all**-0.5, _unseen(in_all, seen, evidence)))


def _unseen(in_all: float, seen: float, evidence: Evidence) -> float:
    """What was not sampled is taken to be like the rest; but it may have done nothing on channels, or nothing else."""
    missing = evidence.samples.get(MISSING, 0.0)
    if not missing:
        return 0.0
    least, most = in_all, in_all + missing
    return max(math.log(in_all / seen / least), math.log(most * seen / in_all), 0.0) / NORMAL_95


def _of_a_sample(hits: Mapping[int, int], done: int, evidence: Evidence) -> dict[int, float]:
    """Operations that were done in the processor time that a sample stands for, by kind of site."""
    of_a_hit = operations_of_a_hit(hits, done)
    return {
        kind: evidence.period_ns / passage_ns * of_a_hit.get(kind, 0.0)
        for kind, passage_ns in evidence.passage_ns.items()
    }


def operations_of_a_hit(hits: Mapping[int, int], done: int) -> dict[int, float]:
    """Operations that a hit of each kind of site means. A wake ends two; a select counts unless a wake did it."""
    found = {Kind.WAKE: 2.0, Kind.SEND: 1.0, Kind.RECV: 1.0, Kind.RECV_CLOSED: 1.0}
    rest = done - sum(each * hits.get(kind, 0) for kind, each in found.items())
    selects = hits.get(Kind.SELECT, 0)
    found[Kind.SELECT] = min(max(rest / selects, 0.0), 1.0) if selects else 1.0
    return {int(kind): each for kind, each in found.items()}


def _between(seen: float, evidence: Evidence, slowed: float) -> Rate:
    """Nobody could look at what the program executes, and slices hardly let it go on: anything between their rate and
    the fastest there is."""
    if slowed <= _MOST_SLOWED or not seen:
        return Rate(seen, seen, 0.0, 0.0, slowed, 1.0)
    most = max(evidence.busy, 0.01) / _FASTEST_NS
    half = max(math.log(most / seen) / 2, 0.0)
    return Rate(seen * math.exp(half), seen, half, half, slowed, 1.0)


def _sum_of_hits(slices: Sequence[SliceCounts]) -> dict[int, int]:
    hits: dict[int, int] = {}
    for each in slices:
        for kind, count in each.hits.items():
            hits[kind] = hits.get(kind, 0) + count
    return hits


def by_chance(counts: Sequence[float], weights: Sequence[float]) -> float:
    """Logarithm of the factor to the bounds of a 95 % interval for sum(counts) / sum(weights), by how much the parts
    differ: each is one slice. Of few slices little can be said."""
    total = sum(counts)
    if not total:
        return _WORST
    rate = total / sum(weights)
    number = len(counts)
    if number < 2:
        return _WORST
    squares = sum((count - rate * weight) ** 2 for count, weight in zip(counts, weights, strict=True))
    spread = math.sqrt(max(squares * number / (number - 1), total)) / total
    spread *= 1 + 1 / total  # of very few the lower bound of a Poisson count is further away than its root says
    times = min(t for freedom, t in _STUDENT_95.items() if freedom < number)
    return min(times * spread, _WORST)
