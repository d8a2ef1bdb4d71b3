"""Charts of a report as HTML: one <svg>, drawn by matplotlib, and its legend as a list under it.

matplotlib comes with the extra `report` and is imported by the first chart only, not by the agent. A sparkline needs
none: a page may have a hundred of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from otelchan.errors import UsageError
from otelchan.report.canvas import LETTER_PX, Canvas, Span
from otelchan.report.colours import SERIES
from otelchan.report.heat import heat_map
from otelchan.report.legend import DASHES, chart, listed, nothing, square, stroke, words
from otelchan.report.points import band, known, stacked, visible
from otelchan.report.scales import value_ticks
from otelchan.report.sparks import sparkline
from otelchan.report.states import timeline
from otelchan.report.svg import sentinel
from otelchan.report.text import amount

if TYPE_CHECKING:
    from otelchan.report.types import Line

__all__ = ["areas", "check", "heat_map", "lines", "sparkline", "timeline"]
_WIDTH, _HEIGHT = 380, 190
_POINTS = 240
_OTHERS = "others"


def check() -> None:
    """Raises UsageError without matplotlib."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "the charts of a report need matplotlib, which is not installed; run `pip install 'otelchan[report]'`"
        )


def lines(lines: Sequence[Line], unit: str, title: str, span: Span | None = None) -> str:
    """Values over time, from 0. unit: "s" is written as durations, "…/s" as rates. title: the accessible name.
    span: show all of this time, also where there is nothing, so that several charts can be compared.

    Of more lines than colours the highest are drawn, and the legend says how many were not.
    """
    highest = sorted((line for line in lines if known(line)), key=lambda line: -max(known(line)))
    drawn = highest[:SERIES]
    if not drawn:
        return nothing(title)
    canvas = _over_time(drawn, max(known(drawn[0])), unit, span)
    for number, line in enumerate(drawn, 1):
        times, values = visible(line, _POINTS)
        (artist,) = canvas.axes.plot(times, values, color=sentinel(f"s{number}"), linewidth=1.8, clip_on=False)
        if DASHES[number - 1]:
            artist.set_dashes([float(length) / 1.8 for length in DASHES[number - 1].split()])
        else:
            artist.set_solid_capstyle("round")
        canvas.explain(artist, _said(line, unit))
    legend = [stroke(number, line.label) for number, line in enumerate(drawn, 1)]
    more = [words(f"and {len(highest) - SERIES} more, lower")] if len(highest) > SERIES else []
    return chart(canvas.svg(title), listed(legend + more))


def areas(lines: Sequence[Line], unit: str, title: str, span: Span | None = None) -> str:
    """Values over time upon each other, the largest at the bottom; all lines have the same times. What is not known
    adds nothing. Of more lines than colours the smallest are summed up as others."""
    largest = sorted((line for line in lines if any(known(line))), key=lambda line: -sum(known(line)))
    if not largest:
        return nothing(title, known=any(known(line) for line in lines))
    if len(largest) > SERIES:
        rest = largest[SERIES - 1 :]
        sums = [sum(value or 0 for value in column) for column in zip(*(line.values for line in rest), strict=True)]
        largest = [*largest[: SERIES - 1], rest[0]._replace(label=f"{len(rest)} {_OTHERS}", values=sums)]
    times, edges = stacked(largest, _POINTS // 2)
    canvas = _over_time(largest, max(edges[-1]), unit, span)
    for number, line in enumerate(largest, 1):
        style = {"facecolor": sentinel(f"s{number}"), "edgecolor": sentinel("panel"), "linewidth": 0.6, "alpha": 0.85}
        area = canvas.axes.add_patch(band(times, edges[number - 1], edges[number], style))
        canvas.explain(area, _said(line, unit))
    legend = [square(f"s{number}", line.label) for number, line in enumerate(largest, 1)]
    return chart(canvas.svg(title), listed(legend))


def _over_time(lines: Sequence[Line], highest: float, unit: str, span: Span | None) -> Canvas:
    ticks = value_ticks(highest, unit)
    labels = [amount(tick, unit) for tick in ticks]
    canvas = Canvas(_WIDTH, _HEIGHT, left=14 + int(max(map(len, labels)) * LETTER_PX))
    canvas.times([line.times[0] for line in lines], [line.times[-1] for line in lines], span)
    canvas.axes.set_ylim(0, ticks[-1])
    canvas.values(ticks, labels)
    return canvas


def _said(line: Line, unit: str) -> str:
    values = known(line)
    return f"{line.label}: {amount(min(values), unit)} to {amount(max(values), unit)}, last {amount(values[-1], unit)}"
