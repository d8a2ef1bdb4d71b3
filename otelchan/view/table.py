"""Tables: for a person at a terminal with rich, for a pipe as plain aligned text in which no value is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TextIO


class Column(NamedTuple):
    """A heading. number: aligned to the right. long: its values are folded first where a terminal is narrow."""

    heading: str
    number: bool = False
    long: bool = False


class Table(NamedTuple):
    """A title, columns and rows of text. A value with several lines is a stack; a pipe gets it in one, by " < "."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    note: str = ""


def print_table(table: Table, out: TextIO) -> None:
    """Write a table, then its note if it has one, then an empty line."""
    if out.isatty():
        _print_for_terminal(table, out)
    else:
        out.writelines(line + "\n" for line in plain_lines(table))
    if table.note:
        out.write(table.note + "\n")
    out.write("\n")


def plain_lines(table: Table) -> list[str]:
    """The table as aligned text: title, headings, one line per row; columns are two spaces apart."""
    rows = [[" < ".join(value.split("\n")) for value in row] for row in table.rows]
    widths = [
        max([len(column.heading), *(len(row[index]) for row in rows)]) for index, column in enumerate(table.columns)
    ]
    lines = [table.title]
    for row in [[column.heading for column in table.columns], *rows]:
        cells = [
            value.rjust(width) if column.number else value.ljust(width)
            for value, width, column in zip(row, widths, table.columns, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _print_for_terminal(table: Table, out: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    rich_table = RichTable(title=Text(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in table.columns:
        justify: Literal["left", "right"] = "right" if column.number else "left"
        rich_table.add_column(column.heading, justify=justify, overflow="fold", no_wrap=not column.long)
    for row in table.rows:
        rich_table.add_row(*(Text(value) for value in row))  # Text: "main.Push[...]" is no markup
    Console(file=out, highlight=False).print(rich_table)
