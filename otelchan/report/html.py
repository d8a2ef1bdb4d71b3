"""HTML from strings that are escaped unless they are HTML already: what a program calls its channels stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from otelchan.report.text import escaped, shortened

MOST_LETTERS = 400  # of a name: what is longer is shown from both ends
_EMPTY = ("br", "col", "meta")


class Html(str):
    """Text that is HTML and goes into a page as it is."""

    __slots__ = ()


class Cell(NamedTuple):
    """Of a table. sort: what its column is sorted by, where that is not what is seen; numbers are right-aligned."""

    content: str
    sort: float | str | None = None

    @staticmethod
    def of(shown: str, number: float | None) -> Cell:
        """A number as it is shown; one that is not known is a dash, and is sorted as less than any."""
        return Cell("-", float("-inf")) if number is None else Cell(shown, number)


class Column(NamedTuple):
    """Of a table. meaning: shown when one asks what the heading means."""

    title: str
    meaning: str = ""
    number: bool = False


def text(content: str) -> Html:
    """As it is to be read, at most so long; HTML stays what it is."""
    return content if isinstance(content, Html) else Html(escaped(shortened(content, MOST_LETTERS)))


def tag(name: str, /, *content: str, **attributes: str) -> Html:
    """An element. content: text, or HTML. attributes: `class_` is class, `data_key` is data-key, "" is left out; None
    of them may name a script or a style."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(shortened(value, MOST_LETTERS))}"'
        for key, value in attributes.items()
        if value != ""
    )
    if name in _EMPTY:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{''.join(map(text, content))}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Several, one after another."""
    return Html(between.join(map(text, parts)))


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], note: str = "") -> Html:
    """With a caption; the script makes buttons of the headings, and without scripts it is a table. note: under it."""
    heads = [
        tag("th", column.title, scope="col", title=column.meaning, class_="number" if column.number else "")
        for column in columns
    ]
    body = [tag("tr", *map(_cell, columns, row)) for row in rows]
    made = tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *body))
    # A wide table scrolls by itself; who uses the keyboard must be able to go there.
    scrolled = tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return joined((scrolled, tag("p", note, class_="note"))) if note else scrolled


def _cell(column: Column, cell: Cell) -> Html:
    sort = "" if cell.sort is None else str(cell.sort)
    return tag("td", cell.content, class_="number" if column.number else "", data_sort=sort)


def definitions(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and what they stand for."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs))


def details(summary: str, *content: str) -> Html:
    """Closed at first."""
    return tag("details", tag("summary", summary), *content)
