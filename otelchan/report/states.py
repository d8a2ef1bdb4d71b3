"""A state timeline: a bar for each row, in the colours of its states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from otelchan.report.canvas import LETTER_PX, WIDE, Canvas, Span
from otelchan.report.colours import STATES, state_colour
from otelchan.report.legend import chart, listed, nothing, square, words
from otelchan.report.points import fewer
from otelchan.report.scales import SECOND
from otelchan.report.text import amount, clean, shortened

if TYPE_CHECKING:
    from otelchan.report.types import Stretch, Timeline

_ROWS, _SLOTS = 24, 40
_ROW_PX, _LETTERS = 22, 36
_ABOVE, _BELOW = 0.14, 0.86  # of a row's height: the edges of its bar


def timeline(rows: Sequence[Timeline], title: str, span: Span | None = None) -> str:
    """One bar for each row, in the colours of its states; where nothing is known, nothing is drawn."""
    drawn = [row for row in rows if row.stretches][:_ROWS]
    if not drawn:
        return nothing(title)
    labels = [shortened(clean(row.label), _LETTERS) for row in drawn]
    left = 16 + int(max(map(len, labels)) * LETTER_PX)
    canvas = Canvas(WIDE, 34 + len(drawn) * _ROW_PX, left=left)
    for height, row in enumerate(drawn):
        _bar(canvas, row, height)
    canvas.axes.set_ylim(len(drawn), 0)
    starts, ends = [row.stretches[0].start for row in drawn], [row.stretches[-1].end for row in drawn]
    canvas.times(starts, ends, span)
    canvas.values([height + 0.5 for height in range(len(drawn))], labels, lines=False)
    states = dict.fromkeys(piece.state for row in drawn for piece in row.stretches)
    legend = [square(state_colour(state), state.replace("_", " ")) for state in sorted(states, key=_state_order)]
    more = [words(f"and {len(rows) - len(drawn)} more")] if len(rows) > len(drawn) else []
    return chart(canvas.svg(title), listed(legend + more), wide=True)


def _bar(canvas: Canvas, row: Timeline, height: int) -> None:
    shown = fewer(row.stretches, _SLOTS)
    for state in sorted({piece.state for piece in shown}):
        boxes = [(piece.start, height + _ABOVE, piece.end, height + _BELOW) for piece in shown if piece.state == state]
        whole = [piece for piece in row.stretches if piece.state == state]
        canvas.rectangles(boxes, state_colour(state), _stretch_words(row.label, state, whole))


def _state_order(state: str) -> int:
    return [*STATES, state].index(state)


def _stretch_words(label: str, state: str, stretches: Sequence[Stretch]) -> str:
    whole = sum(piece.end - piece.start for piece in stretches) / SECOND
    times = "" if len(stretches) == 1 else f", {len(stretches)} times"
    return f"{label}: {state.replace('_', ' ')}{times}, {amount(whole, 's')}{' in all' if times else ''}"
