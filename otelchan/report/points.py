"""The points that a chart draws of its lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from otelchan.report.colours import badness
from otelchan.report.scales import SECOND, thinned

if TYPE_CHECKING:
    from matplotlib.patches import Polygon

    from otelchan.report.types import Line, Stretch


def known(line: Line) -> list[float]:
    """Its values without what is not known, and without infinities, which cannot be drawn."""
    return [value for value in line.values if value is not None and math.isfinite(value)]


def visible(line: Line, most: int) -> tuple[list[int], list[float]]:
    """Points of a line: a gap is not-a-number, and a moment between two gaps becomes a short dash, as a point without
    length would not be seen."""
    finite = [value if value is not None and math.isfinite(value) else None for value in line.values]
    times, values = thinned(line.times, finite, most)
    width = max(SECOND // 50, (line.times[-1] - line.times[0]) // 100)
    points: list[tuple[int, float]] = []
    for index, (time, value) in enumerate(zip(times, values, strict=True)):
        points.append((time, math.nan if value is None else value))
        neighbours = (*values[max(0, index - 1) : index], *values[index + 1 : index + 2])
        if value is not None and all(other is None for other in neighbours):
            points += [(time + width, value), (time + width, math.nan)]
    return [time for time, _ in points], [value for _, value in points]


def stacked(lines: Sequence[Line], most: int) -> tuple[list[int], list[list[float]]]:
    """Times, and the lines' edges upon each other: one more than lines, the first is 0 everywhere. Of each stretch of
    time the moment with the highest sum is kept."""
    rows = [[value if value is not None and math.isfinite(value) else 0.0 for value in line.values] for line in lines]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    size = math.ceil(len(sums) / most)
    kept = [max(range(at, min(at + size, len(sums))), key=sums.__getitem__) for at in range(0, len(sums), size)]
    if kept[-1] != len(sums) - 1:
        kept.append(len(sums) - 1)
    columns = [list(accumulate((row[index] for row in rows), initial=0.0)) for index in kept]
    return [lines[0].times[index] for index in kept], [list(edge) for edge in zip(*columns, strict=True)]


def band(times: Sequence[int], lower: Sequence[float], upper: Sequence[float], style: dict[str, Any]) -> Polygon:
    """The area between two edges."""
    from matplotlib.patches import Polygon

    corners = [*zip(times, upper, strict=True), *zip(reversed(times), reversed(lower), strict=True)]
    return Polygon(corners, closed=True, clip_on=False, **style)


def fewer(stretches: Sequence[Stretch], most: int) -> list[Stretch]:
    """At most so many stretches: where there are more, the time is cut into equal slots, and each shows the worst state
    that held in it, so that a short fault is not lost."""
    if len(stretches) <= most:
        return list(stretches)
    start, end = stretches[0].start, stretches[-1].end
    edges = [start + (end - start) * number // most for number in range(most + 1)]
    slots: list[Stretch] = []
    for left, right in pairwise(edges):
        held = [piece for piece in stretches if piece.start < right and piece.end > left]
        if held:
            slots.append(max(held, key=lambda piece: badness(piece.state))._replace(start=left, end=right))
    return slots
