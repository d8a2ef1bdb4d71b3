"""What the axes of charts say, and fewer points where there are more than can be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

SECOND = 1_000_000_000
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_TIMES_S = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600,
            7200, 21600, 43200, 86400, 172800, 604800)  # fmt: skip


def time_ticks(start: int, end: int, most: int) -> list[tuple[int, str]]:
    """Round moments between two Unix times in nanoseconds, with the time of day in UTC; days where they matter."""
    span_s = max(1, (end - start) // SECOND)
    step = next((step for step in _STEPS_S if span_s / step <= most), 86400 * math.ceil(span_s / 86400 / most))
    layout = "%H:%M:%S" if step < 60 else "%H:%M" if span_s < 86400 else "%d %b %H:%M" if step < 86400 else "%d %b"
    first = -(-start // (step * SECOND)) * step
    seconds = range(first, end // SECOND + 1, step)
    return [(second * SECOND, datetime.fromtimestamp(second, UTC).strftime(layout)) for second in seconds]


def value_ticks(highest: float, unit: str, most: int = 4) -> list[float]:
    """Round values from 0 up to the first that is not below `highest`: what the axis ends with."""
    if not highest > 0:
        return [0.0, 1.0]
    step = _round_step(highest / most, unit)
    return [number * step for number in range(max(1, math.ceil(highest / step - 1e-9)) + 1)]


def _round_step(least: float, unit: str) -> float:
    if unit == "s" and least >= 1:  # minutes and hours, not thousands of seconds
        return next((step for step in _TIMES_S if step >= least), math.ceil(least / 86400) * 86400.0)
    size = 10.0 ** math.floor(math.log10(least))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= least * (1 - 1e-9))
    whole = unit not in ("s", "") and not unit.endswith("/s")
    return float(max(1, math.ceil(step))) if whole else step


def thinned(times: Sequence[int], values: Sequence[float | None], most: int) -> tuple[list[int], list[float | None]]:
    """At most about so many points: of each stretch of time its lowest and highest value, so that no peak is lost, and
    a gap where nothing is known."""
    if len(times) <= most:
        return list(times), list(values)
    size = math.ceil(len(times) / (most // 3))  # a stretch keeps up to three: lowest, highest, and a gap
    kept = sorted({index for first in range(0, len(times), size) for index in _telling(values, first, size)})
    return [times[index] for index in kept], [values[index] for index in kept]


def _telling(values: Sequence[float | None], first: int, size: int) -> set[int]:
    known = [(value, index) for index, value in enumerate(values[first : first + size], first) if value is not None]
    gap = next((index for index, value in enumerate(values[first : first + size], first) if value is None), None)
    return ({min(known)[1], max(known)[1]} if known else set()) | ({gap} if gap is not None else set())
