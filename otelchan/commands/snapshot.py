"""`otelchan snapshot`: keep what a program's goroutines do now, to be compared later."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from otelchan.arguments import add_json
from otelchan.commands.common import FINE, Help, print_json
from otelchan.commands.looking import Look, add_sources, look_at
from otelchan.errors import UsageError

if TYPE_CHECKING:
    from otelchan.view.snapshot import Snapshot

HELP = Help(
    "keep what all goroutines do now, for `otelchan diff`",
    "Read one program's memory, without stopping it and without probes, and write where each of its goroutines waits "
    "to a file. `otelchan diff` compares two of them. Or the same of a core file, or of a recording.",
    "otelchan snapshot 4711 -o before.snap",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, core or recording, and where to."""
    add_sources(parser)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the snapshot; must not exist")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_json(parser)


def main(arguments: argparse.Namespace) -> int:
    """Raises OtelchanError."""
    if not arguments.force and _is_there(arguments.output):  # before the program is read
        raise _exists(arguments.output)
    snapshot = snapshot_of(look_at(arguments))
    size = _write(snapshot, arguments.output, arguments.force)
    head = snapshot.head
    pid, goroutines, groups = head["process"]["pid"], head["goroutines"], len(snapshot.groups)
    if arguments.json:
        said = {"file": arguments.output, "size": size, "pid": pid, "goroutines": goroutines, "groups": groups}
        print_json({**said, "time_unix_ns": head["time_unix_ns"]})
    else:
        from otelchan.view.words import count

        many = f"{count(goroutines, 'goroutine')} of pid {pid} in {count(groups, 'group')}"
        sys.stdout.write(f"{arguments.output}: {many}, {size / 1000:.0f} kB\n")
    return FINE


def _is_there(path: str) -> bool:
    from pathlib import Path

    try:
        return Path(path).exists()
    except OSError:  # it will be said why when it cannot be written
        return False


def snapshot_of(look: Look) -> Snapshot:
    """What was seen, as a snapshot. Raises BinaryError."""
    from otelchan.model.names import names_for_census
    from otelchan.view.snapshot import take_snapshot

    names = names_for_census(look.image, look.census)
    return take_snapshot(look.process, look.image, look.census, names, look.origin)


def _write(snapshot: Snapshot, path: str, force: bool) -> int:
    """The size of the file."""
    from otelchan.files import whole_file
    from otelchan.view.snapshot_file import write_snapshot

    try:
        with whole_file(path, replace=force, mode=0o600) as file:
            write_snapshot(snapshot, file)
            return file.tell()
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another path after -o") from None


def _exists(path: str) -> UsageError:
    return UsageError(f"{path} exists, and a snapshot cannot be taken again; give another path, or --force")
