"""Snapshots as files: gzip of JSON lines, and back."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from otelchan.errors import UsageError
from otelchan.gobinary.types import Frame
from otelchan.view.snapshot import FORMAT, Channels, Group, Member, Place, Snapshot, snapshot_values

_MOST_BYTES = 1 << 31  # of a line, unpacked: what is longer is no snapshot of ours


def write_snapshot(snapshot: Snapshot, file: BinaryIO) -> None:
    """Raises OSError."""
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0, filename="") as packed:
        for value in snapshot_values(snapshot):
            packed.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")


def read_snapshot(path: str) -> Snapshot:
    """Raises UsageError when it is no snapshot, not whole, or of a format that this otelchan does not know."""
    try:
        with gzip.open(path, "rb") as file:
            return _read(path, _lines(file))
    except (gzip.BadGzipFile, UnicodeDecodeError, json.JSONDecodeError):
        raise UsageError(f"{path} is not a snapshot; give a file that `otelchan snapshot` wrote, or a PID") from None
    except OSError as error:
        why = f"the snapshot {path} cannot be read: {error.strerror}"
        raise UsageError(f"{why}; give the path of one, or a PID") from None
    except (EOFError, zlib.error, KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
        raise UsageError(f"the snapshot {path} is damaged or was cut short; copy it again") from None


def _lines(file: Any) -> Iterator[Any]:
    while line := file.readline(_MOST_BYTES):
        yield json.loads(line)


def _read(path: str, lines: Iterator[Any]) -> Snapshot:
    head = next(lines, None)
    if not isinstance(head, dict) or "otelchan_snapshot" not in head:
        raise UsageError(f"{path} is not a snapshot; give a file that `otelchan snapshot` wrote, or a PID")
    form = head.pop("otelchan_snapshot")
    if form != FORMAT:
        raise UsageError(
            f"the snapshot {path} has format {form}, and this otelchan reads format {FORMAT}; compare it "
            "with the version that wrote it"
        )
    _check(head)
    second: Any = next(lines, {})
    stacks = [tuple(_frame(values) for values in frames) for frames in second["stacks"]]
    groups: dict[Place, Group] = {}
    channels: dict[str, Channels] = {}
    for value in lines:
        if "end" in value:
            if value["end"] != len(groups) + len(channels):
                raise ValueError
            return Snapshot(head, groups, stacks, channels)
        if "members" in value:
            texts = value["wait_reason"], *value["channels"]
            _typed(texts, [str] * len(texts))
            place = Place(value["wait_reason"], _maybe(value["site"]), _maybe(value["created_by"]))
            members = [Member(id_, since, tuple(park), stack) for id_, since, park, stack in value["members"]]
            numbers = [number for member in members for number in (member.id, member.since_ns, member.stack)]
            _typed(numbers, [int] * len(numbers))
            if not members or not all(0 <= member.stack < len(stacks) for member in members):
                raise IndexError
            groups[place] = Group(place, set(value["channels"]), members)
        else:
            of_name = Channels(**value["channels"])
            _typed(of_name, [str] * 3 + [int] * 6)
            channels[of_name.name] = of_name
    raise EOFError


def _check(head: dict[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError when not all is there that a comparison asks for."""
    process, go = head["process"], head["go"]
    numbers = [head[name] for name in ("time_unix_ns", "monotonic_ns", "goroutines", "unread")]
    numbers += [process["pid"], process["created_unix_ns"] or 0]
    if not all(isinstance(number, int) and 0 <= number < 1 << 63 for number in numbers):
        raise ValueError
    _ = head["source"], process["start_ticks"], go["build_id"], go["version"]


def _frame(values: Sequence[Any]) -> Frame:
    function, file, line = _typed(values, (str, str, int))
    return Frame(function, file, line)


def _typed(values: Sequence[Any], types: Sequence[type]) -> Sequence[Any]:
    """These, when each is of its type. Raises TypeError or ValueError."""
    if not all(isinstance(value, kind) for value, kind in zip(values, types, strict=True)):
        raise TypeError
    return values


def _maybe(values: Sequence[Any] | None) -> Frame | None:
    return None if values is None else _frame(values)
