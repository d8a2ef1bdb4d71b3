"""What clients of a real server notice: windows with and without somebody watching, in turn."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.rounds import Progress
from benchmarks.serving import Pair, Window
from benchmarks.stats import Spread, ratios
from benchmarks.ways import BARE, Way
from otelchan.gobinary.types import GoImage


class Effort(NamedTuple):
    """rate: requests a second. ms: of a window. closed_ms: of one in which clients ask as fast as they can; 0: none."""

    rate: int
    ms: int
    closed_ms: int = 0


class Seen(NamedTuple):
    """One window of a way. throughput: answers a second, from closed_ms."""

    window: Window
    throughput: float = 0.0


def compared(
    pair: Pair, image: GoImage, ways: Sequence[Way], rounds: int, effort: Effort, say: Progress, first: int = 0
) -> dict[str, list[Seen]]:
    """By way, one of each in each round, in an order that is drawn anew. All windows of a round have the same schedule
    of requests. first: number of the first round, for more of them.
    """
    found: dict[str, list[Seen]] = {way.name: [] for way in ways}
    for number in range(first, first + rounds):
        say(f"server: round {number + 1}")
        for way in random.sample(ways, len(ways)):
            with way.watch(pair.server, image):
                window = pair.opened(effort.rate, effort.ms, number)
                throughput = pair.closed(effort.closed_ms) if effort.closed_ms else 0.0
            found[way.name].append(Seen(window, throughput))
    return found


def to_bare(found: Mapping[str, Sequence[Seen]], way: str, field: str) -> Spread:
    """Of a field of Window, round by round."""
    of, bare = ([getattr(seen.window, field) for seen in found[name]] for name in (way, BARE.name))
    return ratios(of, to=bare)
