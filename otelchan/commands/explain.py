"""`otelchan explain`: what a finding means and what to do about it, or what to do about something that went wrong."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from otelchan.arguments import add_json
from otelchan.commands.common import FINE, Help, print_json

if TYPE_CHECKING:
    from otelchan.troubleshooting import Row

HELP = Help(
    "say what a finding means, or an error, and what to do about it",
    "Print the page of a finding: what it means, how it is computed, how it can be wrong, and what to do. Without an "
    "id, list the findings there are. With --error, print what is behind a message of otelchan's, and what to do.",
    "otelchan explain F1",
)
_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which finding, or which message."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("finding", metavar="FINDING", nargs="?", help="its id, such as F1 (default: list them)")
    what.add_argument("--error", metavar="TEXT", help="a message as it was printed, or a few words of it, in quotes")
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises UsageError when there is no such finding, or no such message."""
    if arguments.error is not None:
        _explain_error(arguments.error, arguments.json)
    elif arguments.finding is None:
        _list(arguments.json)
    else:
        _explain(arguments.finding, arguments.json)
    return FINE


def _list(as_json: bool) -> None:
    from otelchan.findings.pages import TITLES, page_ids, summary
    from otelchan.view.table import Column, Table, print_table

    found = [(id_, TITLES[id_], summary(id_)) for id_ in page_ids()]
    if as_json:
        print_json({"findings": [dict(zip(("id", "title", "summary"), row, strict=True)) for row in found]})
        return
    columns = [Column("id"), Column("finding"), Column("what it says", long=True)]
    print_table(Table("Findings", columns, found, "`otelchan explain F1` says more about F1, and so on"), sys.stdout)


def _explain(finding: str, as_json: bool) -> None:
    from otelchan.findings.pages import TITLES, page

    text = page(finding)
    if as_json:
        print_json({"id": finding.upper(), "title": TITLES[finding.upper()], "markdown": text})
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        sys.stdout.write(text)


def _explain_error(said: str, as_json: bool) -> None:
    from otelchan.troubleshooting import about

    found = about(said)
    if as_json:
        print_json({"messages": [row._asdict() for row in found]})
    else:
        sys.stdout.write("\n".join(map(_in_words, found)))


def _in_words(row: Row) -> str:
    """A row on three lines; links are said as paths in the repository."""
    cause, remedy = (_LINK.sub(r"\1 (docs/\2)", cell) for cell in (row.cause, row.remedy))
    where = f" {row.where}" if row.where else ""
    return f"{row.message}{where}\n  cause:      {cause}\n  what to do: {remedy}\n"
