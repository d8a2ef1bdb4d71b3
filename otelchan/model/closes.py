"""What is known of the closed channels of one name, and of what was done wrong with them: facts that few have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import DELAY_BOUNDS_NS, PANICS
from otelchan.model.observation import Baseline, Counts, KernelState, Rare
from otelchan.model.types import Counter, Histogram

_LAST_BOUND_NS = 1 << 63  # what is longer than the last bound

Place = Callable[[int], Frame | None]
"""Where a person wrote the call with that live return address."""


def close_facts(
    keys: Collection[int],
    kernel: KernelState,
    baselines: Mapping[str, Baseline],
    closes: Counts,
    unix_offset_ns: int,
    place: Place,
) -> dict[str, Any]:
    """Fields of a ChannelView. closes: what was counted since the makes plane was attached.

    Closes and panics are complete with the makes plane. What comes after a close is seen by the operations plane too.
    """
    makes, operations = baselines.get("makes"), baselines.get("operations")
    if makes is None:
        return {}
    rare = _since(keys, kernel, makes)
    facts: dict[str, Any] = {
        "closes": Counter(closes.closes, makes.time_unix_ns),
        "residue": Counter(closes.residue, makes.time_unix_ns),
        "panics": {
            error: Counter(number, makes.time_unix_ns)
            for error, number in zip(PANICS, rare.panics, strict=True)
            if number
        },
    }
    if closes.closes and rare.closed_ns:
        facts["closed_unix_ns"] = rare.closed_ns + unix_offset_ns
        facts["closed_by"] = place(rare.closed_by)
    if operations is not None:
        later = max(makes, operations, key=lambda baseline: baseline.time_unix_ns)
        after = _since(keys, kernel, later)
        facts["drained"] = Counter(after.drained, later.time_unix_ns)
        facts["read_delay"] = _histogram(after)
        facts["read_delay_start_unix_ns"] = later.time_unix_ns
    return facts


def _since(keys: Collection[int], kernel: KernelState, base: Baseline) -> Rare:
    total, zero = Rare(), Rare()
    for key in keys:
        if key in kernel.rare:
            total = total.plus(kernel.rare[key].minus(base.rare.get(key, zero)))
    return total


def _histogram(rare: Rare) -> Histogram:
    bounded = zip((*DELAY_BOUNDS_NS, _LAST_BOUND_NS), rare.delays, strict=True)
    return Histogram(sum(rare.delays), rare.delay_sum_ns, tuple((bound, count) for bound, count in bounded if count))
