"""A line as small as a word, for a row of a table: no axes, no library, half a kilobyte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelchan.report.points import known, visible
from otelchan.report.text import amount, escaped

if TYPE_CHECKING:
    from otelchan.report.types import Line

_WIDTH, _HEIGHT, _POINTS = 112, 24, 60
_EDGE = 2.5


def sparkline(line: Line, title: str) -> str:
    """From 0 to the highest value, with a dot at the last one. Its words: title, lowest to highest, last."""
    values = known(line)
    if not values:
        return (
            f'<svg class="spark" role="img" aria-label="{escaped(title)}: not known" viewBox="0 0 {_WIDTH} {_HEIGHT}"/>'
        )
    said = escaped(f"{title}: {amount(min(values), '')} to {amount(max(values), '')}, last {amount(values[-1], '')}")
    start, span = line.times[0], max(1, line.times[-1] - line.times[0])
    highest = max(values) or 1.0
    way, pen_down = [], False
    x = y = 0.0
    for time, value in zip(*visible(line, _POINTS), strict=True):
        if value != value:  # a gap
            pen_down = False
            continue
        x = _EDGE + (_WIDTH - 2 * _EDGE) * min(1.0, (time - start) / span)
        y = _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * max(0.0, value) / highest
        way.append(f"{'L' if pen_down else 'M'}{x:.0f} {y:.1f}".removesuffix(".0"))
        pen_down = True
    return (
        f'<svg class="spark" role="img" aria-label="{said}" viewBox="0 0 {_WIDTH} {_HEIGHT}"><title>{said}</title>'
        f'<path d="{"".join(way)}" fill="none" stroke="var(--accent)" stroke-width="1.5" stroke-linejoin="round" '
        f'stroke-linecap="round"/><circle cx="{x:.0f}" cy="{y:.1f}" r="2.2" fill="var(--accent)"/></svg>'
    )
