"""`otelchan census`: goroutines and channels of a program, a core file or a recording, from memory, without probes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from otelchan.arguments import add_json, row_count
from otelchan.commands.common import FINE, Help, print_json
from otelchan.commands.looking import Look, add_sources, look_at, look_at_core, look_at_recording

HELP = Help(
    "print goroutines and channels as they are now, without probes",
    "Read one program's memory, without stopping it and without probes, and print its goroutines by wait reason, its "
    "channels, and who is blocked on them since when and where. Or the same of a core file, or of a recording.",
    "otelchan census 4711 --json | jq '.goroutines'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, core or recording, how much of it."""
    add_sources(parser)
    parser.add_argument("--limit", type=row_count, metavar="N", default=50, help="rows per table, 0: all (default: 50)")
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    document = _document(look_at(arguments))
    if arguments.json:
        print_json(document)
    else:
        from otelchan.view.census_text import print_census

        print_census(document, sys.stdout, arguments.limit)
    return FINE


def census_of_core(path: str, binary: str = "") -> dict[str, Any]:
    """The census document of a core file. binary: its executable; "": where the core says. Raises OtelchanError."""
    return _document(look_at_core(path, binary))


def census_of_recording(path: str, number: int | None = None) -> dict[str, Any]:
    """The census document of a round of a recording, from 1; None: the last with a census. Raises OtelchanError."""
    return _document(look_at_recording(path, number))


def _document(look: Look) -> dict[str, Any]:
    from otelchan.model.names import names_for_census
    from otelchan.view.census import census_document

    names = names_for_census(look.image, look.census)
    return census_document(look.process, look.image, look.census, names, look.origin)
