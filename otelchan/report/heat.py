"""A heat map: how often something took how long, over time. Fewer columns where there are more than can be seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from otelchan.report.canvas import WIDE, Canvas, Rectangle, Span
from otelchan.report.colours import LEVELS
from otelchan.report.legend import chart, nothing, scale
from otelchan.report.text import amount

if TYPE_CHECKING:
    from otelchan.report.types import HeatMap

_CELLS, _COLUMNS = 1300, 120  # at most; of high maps the columns are wider
_ROW_PX, _LEAST_ROWS, _LABELS = 16, 4, 10
_UNKNOWN = "unknown"


def heat_map(heat: HeatMap, title: str, span: Span | None = None) -> str:
    """Time from left to right, buckets from bottom to top, the colour is the rate in steps of equal ratio. A cell
    without colour: nothing; grey: not known."""
    cells = cells_of(heat, min(_COLUMNS, _CELLS // max(1, len(heat.rows))))
    bounds = levels_of(cells.rows)
    if not bounds:
        return nothing(title, known=any(rate is not None for row in cells.rows for rate in row))
    tall = max(_LEAST_ROWS, len(cells.rows))
    canvas = Canvas(WIDE, 40 + tall * _ROW_PX, left=58)
    shapes = _shapes(cells, bounds)
    for colour, rectangles in sorted(shapes.items()):
        canvas.rectangles(rectangles, colour, _level_words(colour, bounds))
    canvas.axes.set_ylim(0, tall)
    canvas.times(cells.edges[:1], cells.edges[-1:], span)
    labels = [amount(bound, "s") for bound in heat.bounds[cells.first : cells.first + len(cells.rows)]]
    step = math.ceil(len(cells.rows) / _LABELS)
    canvas.values(range(1, len(labels) + 1)[::step], labels[::step])
    return chart(canvas.svg(title), scale(bounds, _UNKNOWN in shapes), wide=True)


class Cells(NamedTuple):
    """edges: one more than columns. first: the bucket of the lowest row. rows: rates, the lowest bucket first."""

    edges: Sequence[int]
    first: int
    rows: Sequence[Sequence[float | None]]


def cells_of(heat: HeatMap, most: int) -> Cells:
    """At most so many columns, each with the mean rate over its time; rows from the first to the last bucket in which
    there was anything, or all when there was nothing."""
    size = math.ceil(max(1, len(heat.edges) - 1) / most)
    edges = [*heat.edges[:-1:size], *heat.edges[-1:]]
    used = [index for index, row in enumerate(heat.rows) if any(row)]
    first, last = (used[0], used[-1]) if used else (0, len(heat.rows) - 1)
    return Cells(edges, first, [_joined(row, heat.edges, size) for row in heat.rows[first : last + 1]])


def _joined(row: Sequence[float | None], edges: Sequence[int], size: int) -> list[float | None]:
    if size == 1:
        return list(row)
    lengths = [right - left for left, right in pairwise(edges)]
    return [_mean(row[at : at + size], lengths[at : at + size]) for at in range(0, len(row), size)]


def _mean(rates: Sequence[float | None], lengths: Sequence[int]) -> float | None:
    known = [(rate, length) for rate, length in zip(rates, lengths, strict=True) if rate is not None and length > 0]
    time = sum(length for _, length in known)
    return sum(rate * length for rate, length in known) / time if time else None


def levels_of(rows: Sequence[Sequence[float | None]]) -> list[float]:
    """Upper bounds of the levels, ascending, equal in ratio from the lowest to the highest rate; at most LEVELS. Empty
    when nothing happened."""
    rates = [rate for row in rows for rate in row if rate]
    if not rates:
        return []
    lowest, highest = min(rates), max(rates)
    count = min(LEVELS, len(set(rates)))
    return [lowest * (highest / lowest) ** (number / count) for number in range(1, count)] + [highest]


def level_of(rate: float, bounds: Sequence[float]) -> int:
    """1 to LEVELS: the highest rate has the strongest colour, also when there are few levels."""
    index = next((index for index, bound in enumerate(bounds) if rate <= bound), len(bounds) - 1)
    return LEVELS - len(bounds) + index + 1


def _shapes(cells: Cells, bounds: Sequence[float]) -> dict[str, list[Rectangle]]:
    shapes: dict[str, list[Rectangle]] = {}
    for height, row in enumerate(cells.rows):
        for colour, left, right in _runs(row, cells.edges, bounds):
            shapes.setdefault(colour, []).append((left, height, right, height + 1))
    return shapes


def _runs(row: Sequence[float | None], edges: Sequence[int], bounds: Sequence[float]) -> Iterator[tuple[str, int, int]]:
    """Neighbours of one colour as one cell: (colour, start, end). Nothing for a rate of 0."""
    colours = [_colour(rate, bounds) for rate in row]
    for colour, run in groupby(range(len(row)), key=colours.__getitem__):
        if colour:
            columns = list(run)
            yield colour, edges[columns[0]], edges[columns[-1] + 1]


def _colour(rate: float | None, bounds: Sequence[float]) -> str:
    if rate is None:
        return _UNKNOWN
    return f"h{level_of(rate, bounds)}" if rate > 0 else ""


def _level_words(colour: str, bounds: Sequence[float]) -> str:
    if colour == _UNKNOWN:
        return "not known"
    index = int(colour[1:]) - LEVELS + len(bounds) - 1
    above = f"over {amount(bounds[index - 1], '/s')}, " if index else ""
    return f"{above}up to {amount(bounds[index], '/s')}"
