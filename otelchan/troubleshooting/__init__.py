"""What to do about each thing that otelchan says has gone wrong: rows of tables, one file per topic.

A row has the message, its cause and what to do. In a message `…` stands for a value, and what comes before and after it
may be left out, so that it is found within a line of a log. Every text of the code has a row, and no row is about a
text that is gone (tests/unit/test_troubleshooting.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from otelchan.errors import UsageError

TOPICS = ("process", "executable", "files", "commands", "kernel", "configuration", "delivery", "running", "bugs")
"""The files, in the order in which they are shown."""
VALUE = "…"
_FOLDER = Path(__file__).parent
_CELLS = re.compile(r"(?<!\\) \| ")


class Row(NamedTuple):
    """One message and what is said of it, in Markdown. where: "" for an error, else such as "(warning)"."""

    topic: str
    message: str
    where: str
    cause: str
    remedy: str


def section(topic: str) -> str:
    """The text of a topic, in Markdown, with links as from the folder docs."""
    return (_FOLDER / f"{topic}.md").read_text(encoding="utf-8")


@cache
def rows() -> tuple[Row, ...]:
    """All there are, in the order in which they are shown."""
    return tuple(row for topic in TOPICS for row in _rows_of(topic))


def _rows_of(topic: str) -> Iterator[Row]:
    for line in section(topic).splitlines():
        if line.startswith("| `"):
            first, cause, remedy = (cell.replace(r"\|", "|") for cell in _CELLS.split(line[2:-2]))
            _, message, where = first.split("`", 2)
            yield Row(topic, message, where.strip(), cause, remedy)


def about(said: str) -> list[Row]:
    """The rows about a line that otelchan printed, or about some words of one; those that say most of it first.

    A row that is about no more than a piece of what another one quotes is left out. Raises UsageError if there is none.
    """
    line = " ".join(said.split())
    found = {row: span for row in rows() if (span := _span(row.message, line))}
    kept: list[Row] = []
    for row in sorted(found, key=_letters, reverse=True):
        if not any(_within(found[row], found[other]) for other in kept):
            kept.append(row)
    kept = kept or [row for row in rows() if line and line.lower() in row.message.lower()]
    if not kept:
        asked = line if len(line) <= 100 else f"{line[:100]}…"
        raise UsageError(
            f"no message with {asked!r} is known; give a line as it was printed, in quotes, or a few words of one"
        )
    return kept


def _span(message: str, line: str) -> tuple[int, int] | None:
    """Where a line has this message in it, the first time and the shortest. Not by a regular expression: of a page of a
    log that takes minutes."""
    begin, end = -1, 0
    for part in message.split(VALUE):
        at = line.find(part, end)
        if at < 0:
            return None
        begin, end = at if begin < 0 else begin, at + len(part)
    return begin, end


def _letters(row: Row) -> int:
    return len(row.message.replace(VALUE, ""))


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
