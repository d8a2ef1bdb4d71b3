"""What stands under a chart: names with their colours, as a list that a browser breaks into lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otelchan.report.colours import LEVELS
from otelchan.report.text import amount, escaped

DASHES = ("", "", "", "", "5 2", "5 2", "2 2", "2 2")
"""Of line 1 to 8: the later ones differ by more than their colour."""


def chart(svg: str, legend: str, wide: bool = False) -> str:
    """A picture with its legend. wide: it is not made smaller than can be read, but scrolls sideways."""
    return f'<div class="chart{" wide" if wide else ""}"><div class="canvas">{svg}</div>{legend}</div>'


def nothing(title: str, known: bool = False) -> str:
    """In place of a picture with nothing in it. known: there are values, all of them 0."""
    words = "0 all the time" if known else "nothing was recorded"
    return f'<div class="chart"><p class="nothing">{escaped(title)}: {words}.</p></div>'


def listed(items: Iterable[str]) -> str:
    """The items, each made by one of the functions below."""
    return f'<ul class="legend">{"".join(items)}</ul>'


def stroke(number: int, label: str) -> str:
    """Line `number`, from 1."""
    dash = f' stroke-dasharray="{DASHES[number - 1]}"' if DASHES[number - 1] else ""
    return _item(f'<path d="M0 5H16" stroke="var(--s{number})" stroke-width="2.5" fill="none"{dash}/>', label)


def square(colour: str, label: str) -> str:
    """What is drawn in a colour of colours.LIGHT."""
    return _item(f'<rect width="16" height="10" rx="2" fill="var(--{colour})"/>', label)


def frame(kind: str, label: str) -> str:
    """A node of a graph by its class."""
    return _item(f'<rect class="{kind}" x="1" y="1" width="14" height="8" rx="{3 if "round" in kind else 0}"/>', label)


def words(text: str) -> str:
    """Without a colour."""
    return f"<li>{escaped(text)}</li>"


def scale(bounds: Sequence[float], unknown: bool) -> str:
    """The levels of a heat map in their order with the rates at both ends; what is not known, where there is such."""
    first = LEVELS - len(bounds) + 1
    steps = [f'<rect width="24" height="12" fill="var(--h{level})"/>' for level in range(first, LEVELS + 1)]
    said = [amount(bound, "/s") for bound in bounds]
    items = [
        f"<li>{'fewer ' if not index and len(bounds) > 1 else ''}"
        f'<svg viewBox="0 0 24 12" aria-hidden="true">{step}</svg>'
        f"{said[index] if index == len(bounds) - 1 else ''}</li>"
        for index, step in enumerate(steps)
    ]
    apart = [square("unknown", "not known").replace("<li>", '<li class="apart">')] if unknown else []
    return f'<ul class="legend scale">{"".join(items + apart)}</ul>'


def _item(shape: str, label: str) -> str:
    return f'<li><svg viewBox="0 0 16 10" aria-hidden="true">{shape}</svg><span>{escaped(label)}</span></li>'
