"""`otelchan explain`: what a finding means, how it is computed, how it can be wrong, what to do."""

from __future__ import annotations

import argparse
import sys

from otelchan.arguments import add_json
from otelchan.commands.common import FINE, Help, print_json

HELP = Help(
    "say what a finding means and what to do about it",
    "Print the page of a finding: what it means, how it is computed, how it can be wrong, and what to do. Without an "
    "id, list the findings there are.",
    "otelchan explain F1",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which finding."""
    parser.add_argument("finding", metavar="FINDING", nargs="?", help="its id, such as F1 (default: list them)")
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises UsageError when there is no such finding."""
    if arguments.finding is None:
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
