"""`otelchan diff`: compare two snapshots, or one with a program as it is now."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from otelchan.arguments import add_json, number_from_one, row_count
from otelchan.commands.common import FINE, FOUND, Help, config_of, keep_images, one_process, print_json
from otelchan.target.selection import Selection

if TYPE_CHECKING:
    from otelchan.view.snapshot import Snapshot

HELP = Help(
    "compare two snapshots: new, gone and long-lived goroutines",
    "Compare two snapshots by `otelchan snapshot`, or one with a program as it is now, and say at which lines there "
    "are more goroutines or fewer, how fast they grow, and which wait since before the first one. Exit status 1 when a "
    "group is new or has grown.",
    "otelchan diff before.snap 4711",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to compare with what."""
    words = "a snapshot, or the id of a process, which is read now"
    parser.add_argument("before", metavar="BEFORE", help=words)
    parser.add_argument("after", metavar="AFTER", help=words)
    parser.add_argument(
        "--least",
        type=number_from_one,
        metavar="N",
        default=10,
        help="goroutines by which a group must have grown or shrunk to be told (default: 10)",
    )
    parser.add_argument("--limit", type=row_count, metavar="N", default=50, help="rows per table, 0: all (default: 50)")
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 1 when there is more of something. Raises OtelchanError."""
    from otelchan.view.diff import diff_document, grew
    from otelchan.view.diff_text import print_diff

    before, after = (_snapshot(name, arguments) for name in (arguments.before, arguments.after))
    document = diff_document(before, after, arguments.least)
    if arguments.json:
        print_json(document)
    else:
        print_diff(document, sys.stdout, arguments.limit)
    return FOUND if grew(document) else FINE


def _snapshot(name: str, arguments: argparse.Namespace) -> Snapshot:
    """A file of that name goes first; then a number is a process."""
    from otelchan.commands.looking import look_at_process
    from otelchan.commands.snapshot import snapshot_of
    from otelchan.view.snapshot_file import read_snapshot

    if not name.isdecimal() or Path(name).exists():
        return read_snapshot(name)
    config = keep_images(config_of(arguments))
    return snapshot_of(look_at_process(one_process(Selection(pids=(int(name),)), config)))
