"""Which channels the operations of a program are on, by what slices counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from otelchan.kernel.types import Kind, SliceCounts
from otelchan.memory.types import Moves
from otelchan.model.blended import Evidence, Rate, by_chance

_SIDES = range(3)
_SLOW, _HOT = 0.05, 0.3  # of the operations in slices
_MUCH_SLOWED = 1.5
_HANDED = 0.2  # of all, from goroutine to goroutine, past the buffer
_BURSTS = 12  # of looks at positions
_MOVED_MORE = 4.0


class Share(NamedTuple):
    """Operations per nanosecond of one kind on the channels of a name key; side: as in SliceCounts.counts.

    seen_per_ns: in slices. below, above: logarithms of the factors to the bounds, that of the whole rate left out.
    chance: of the slices' counts alone. paced: it goes on as in slices, whatever the others do, so that what is
    uncertain about the rate of all has nothing to do with it.
    """

    name_key: int
    side: int
    per_ns: float
    seen_per_ns: float
    below: float
    above: float
    chance: float
    paced: bool = False


def shares(slices: Sequence[SliceCounts], rate: Rate, evidence: Evidence) -> Iterator[Share]:
    """What of the rate is whose.

    A slice slows a loop of operations down by 20 to 50 times, and a goroutine that does a few now and then not at all.
    So what is rare in slices may be as rare without them, or as much quicker as the rest: the bounds hold both, and the
    value is the first for what is a twentieth of all, the second for a third.
    """
    gates = [float(each.end_ns - each.begin_ns) for each in slices]
    keys = {(key, side) for each in slices for key, sides in each.counts.items() for side in _SIDES if sides[side]}
    of_key = {key: sum(sum(each.counts.get(key, (0, 0, 0))) for each in slices) for key, _ in keys}
    totals = [float(sum(sum(sides) for sides in each.counts.values())) for each in slices]
    done, gate_ns, lost = sum(of_key.values()), sum(gates), sum(each.lost for each in slices)
    if not done:
        return
    times = rate.per_ns / rate.seen_per_ns
    handed = 2 * sum(each.hits.get(Kind.WAKE, 0) for each in slices) / done
    most = {
        key: _most(evidence.moves.get(key), count / gate_ns, times, handed) if count / done < _HOT else times
        for key, count in of_key.items()
    }
    paced = {key for key, count in of_key.items() if count / done < _HOT and times > _MUCH_SLOWED}
    quicker = {key: times / _slower(of_key[key] / done, times) for key in paced}
    rest = rate.per_ns * gate_ns - sum(of_key[key] * quicker[key] for key in paced)
    plain = sum(count for key, count in of_key.items() if key not in paced)
    for key, side in sorted(keys):
        counts = [float(each.counts.get(key, (0, 0, 0))[side]) for each in slices]
        seen = sum(counts) / gate_ns
        missed = math.log1p(2 * lost / sum(counts))  # all of it may have been on these; a wake is two operations
        if key in paced:
            chance, by = by_chance(counts, gates), min(quicker[key], most[key])
            above = math.log(most[key] / by) + (rate.above if most[key] == times else 0.0) + chance + missed
            yield Share(key, side, seen * by, seen, math.hypot(math.log(by), chance), above, chance, True)
        else:
            chance = rate.of_slices * by_chance(counts, gates) + (1 - rate.of_slices) * by_chance(counts, totals)
            yield Share(key, side, seen * max(rest / plain, 1.0), seen, chance, chance + missed, chance)


def _most(moves: Moves | None, seen_per_ns: float, times: float, handed: float) -> float:
    """Times by which a channel is used more often than in slices, at most: by the positions of its buffer, where these
    prove anything.

    They are read while the program may not run, because we do, so more is allowed than they say. Nothing is proved
    where a position may have gone round between two reads, where few were read, and where it did not move as often
    as slices saw the channel used: then goroutines hand over past the buffer.
    """
    if moves is None or moves.bursts < _BURSTS or handed > _HANDED or not moves.looked_ns:
        return times
    per_ns = (moves.sent + moves.received) / moves.looked_ns
    lag_ns = moves.looked_ns / moves.reads
    if seen_per_ns * times * lag_ns > moves.capacity / 2 or per_ns < seen_per_ns / 2:
        return times
    return min(times, max(_MOVED_MORE * per_ns / seen_per_ns, _MOVED_MORE))


def _slower(part: float, times: float) -> float:
    """Times by which what is such a part of the operations is taken to be slowed down less than the rest."""
    if part >= _HOT or times <= _MUCH_SLOWED:
        return 1.0
    if part <= _SLOW:
        return times
    return float(times ** (math.log(_HOT / part) / math.log(_HOT / _SLOW)))
