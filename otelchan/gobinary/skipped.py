"""Code that makes channels for its callers: where a return address in it does not name a channel."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from otelchan.gobinary.functions import Function
from otelchan.gobinary.types import GoImage

MOST_RANGES = 16  # OC_SKIPS in bpf/otelchan.h
_MOST_FUNCTIONS = 300  # looked at: up to a few seconds, for large ones


class Skipped(NamedTuple):
    """ranges: of return addresses, [low, high), ascending. left_out: functions for which there was no room."""

    ranges: tuple[tuple[int, int], ...]
    left_out: tuple[str, ...] = ()


def skip_ranges(image: GoImage, skips: Callable[[str], bool]) -> Skipped:
    """Return addresses in the functions that `skips` says, where what is inlined there is passed over as well.

    Functions side by side, such as all of a package, are one range. Those that make channels themselves come first.
    Raises BinaryError when the executable has changed since it was analysed.
    """
    functions = image.functions.matching(skips)
    makes = sorted(site.return_address for site in image.make_sites)
    order = sorted(functions, key=lambda f: bisect_right(makes, f.entry) == bisect_right(makes, f.end))
    within = {function: _within(image, function, skips) for function in order[:_MOST_FUNCTIONS]}
    ranges = _joined(pair for pairs in within.values() for pair in pairs)
    left_out = [function.name for function in order[_MOST_FUNCTIONS:]]
    if len(ranges) > MOST_RANGES:
        ranges, no_room = _first(within)
        left_out = no_room + left_out
    return Skipped(ranges, tuple(left_out))


def _first(within: Mapping[Function, list[tuple[int, int]]]) -> tuple[tuple[tuple[int, int], ...], list[str]]:
    """The ranges of as many functions as there is room for, and the names of the others."""
    ranges: tuple[tuple[int, int], ...] = ()
    left_out = []
    for function, inside in within.items():
        more = _joined([*ranges, *inside])
        if len(more) <= MOST_RANGES:
            ranges = more
        else:
            left_out.append(function.name)
    return ranges, left_out


def _within(image: GoImage, function: Function, skips: Callable[[str], bool]) -> list[tuple[int, int]]:
    """A return address may be the first one past the function: behind a call that does not return."""
    spans = image.functions.spans(function)
    inside = [(low + 1, high + 1) for low, high in spans if _all_skipped(image, low, skips)]
    return list(_joined(inside))


def _all_skipped(image: GoImage, pc: int, skips: Callable[[str], bool]) -> bool:
    return all(skips(frame.function) for frame in image.functions.frames(pc, call=False))


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
