"""The files of a report: what each is, and what is in them."""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from otelchan.errors import UsageError
from otelchan.report.history import OURS, History
from otelchan.report.otlp_form import Content, attributes_of, content_of
from otelchan.report.series import resource_text
from otelchan.report.types import Source
from otelchan.view.snapshot import Snapshot
from otelchan.view.snapshot_file import read_snapshot

MOST_LINE_BYTES = 1 << 28
MOST_RESOURCES = 1000
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_OTLP = b'{"resource'  # as every line of OTLP JSON begins that we or the Collector write
_FIRST_LINES = 100  # of a file, to see when it begins


class Read(NamedTuple):
    """What was in the files. histories: processes and agents, in the order in which they appear. more: resources that
    were left out, as there are too many."""

    sources: Sequence[Source]
    histories: Sequence[History]
    snapshots: Sequence[tuple[str, Snapshot]]
    more: int


def read(paths: Sequence[str]) -> Read:
    """Read files by `otelchan run --otlp-file`, by the Collector's file exporter, and by `otelchan snapshot`; those of
    OTLP in the order of what they tell of.

    Raises UsageError when one cannot be read, is of no such kind, or none tells of a program.
    """
    snapshots = [(path, read_snapshot(path)) for path in dict.fromkeys(paths) if _magic(path).startswith(_GZIP)]
    recorded = [path for path in dict.fromkeys(paths) if path not in dict(snapshots)]
    reading = _Reading()
    sources = [Source(path, "snapshot", len(snapshot.groups)) for path, snapshot in snapshots]
    sources += [reading.file(path) for path in (sorted(recorded, key=_begins) if len(recorded) > 1 else recorded)]
    for history in reading.histories.values():
        history.finish()
    if not snapshots and not any(history.is_program for history in reading.histories.values()):
        names = ", ".join(paths)
        raise UsageError(
            f"no program that otelchan watched is in {names}; give a file that `otelchan run --otlp-file` wrote while "
            "it watched one"
        )
    return Read(sources, list(reading.histories.values()), snapshots, reading.more)


class _Reading:
    def __init__(self) -> None:
        self.histories: dict[tuple[str, ...], History] = {}
        self.more = 0

    def file(self, path: str) -> Source:
        """Take what is in a file. Raises UsageError."""
        lines = foreign = damaged = 0
        torn = False
        with _opened(path) as file:
            for line in _lines(file):
                if not line.strip():
                    continue
                lines += 1
                content = content_of(line)
                if content is None:
                    torn = not line.endswith(b"\n")  # only the last one can be so
                    damaged += not torn
                else:
                    foreign += self._take(content)
        if lines and lines == damaged + torn:
            raise UsageError(
                f"{path} is neither OTLP JSON lines nor a snapshot; give what `otelchan run --otlp-file` or `otelchan "
                "snapshot` wrote"
            )
        return Source(path, "OTLP", lines, foreign, damaged, torn)

    def _take(self, content: Content) -> int:
        foreign = content.others
        for telemetry in (*(content.resource_metrics or ()), *(content.resource_spans or ())):
            scopes = [scope.scope.name for scope in (*telemetry.scope_metrics, *telemetry.scope_spans)]
            if OURS not in scopes:
                foreign += 1
                continue
            resource = attributes_of(telemetry.resource.attributes)
            instance = resource_text(resource, "service.instance.id", "process.pid")
            key = resource_text(resource, "service.name"), instance, resource_text(resource, "host.name")
            if key not in self.histories and len(self.histories) >= MOST_RESOURCES:
                self.more += 1
                continue
            foreign += self.histories.setdefault(key, History(resource)).add(telemetry)
        return foreign


def _begins(path: str) -> int:
    """The first time that a file tells of, so that rotated files are read in their order."""
    with _opened(path) as file:
        for _, line in zip(range(_FIRST_LINES), _lines(file), strict=False):
            times = _times(content_of(line) or Content())
            if times:
                return min(times)
    return 0


def _times(content: Content) -> list[int]:
    points = (
        point.time_unix_nano
        for telemetry in content.resource_metrics or ()
        for scope in telemetry.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    )
    spans = (
        span.end_time_unix_nano
        for telemetry in content.resource_spans or ()
        for scope in telemetry.scope_spans
        for span in scope.spans
    )
    return [*points, *spans]


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MOST_LINE_BYTES):
        yield line


def _magic(path: str) -> bytes:
    with _opened(path) as file:
        magic = file.read(4)
    if magic == _ZSTD:
        raise UsageError(f"{path} is compressed with zstd; unpack it with `zstd -d` first")
    if magic.startswith(_GZIP) and _unpacked(path).startswith(_OTLP):
        raise UsageError(f"{path} is compressed with gzip; unpack it with `gunzip` first")
    return magic


def _unpacked(path: str) -> bytes:
    """The first bytes of what is compressed with gzip; b"" when it is damaged."""
    with _opened(path) as file, suppress(OSError, EOFError, zlib.error):
        return gzip.GzipFile(fileobj=file).read(len(_OTLP))
    return b""


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Raises UsageError."""
    try:
        # Of a pipe, what was looked at is gone when it is read.
        if not (Path(path).is_dir() or stat.S_ISREG(Path(path).stat().st_mode)):
            raise UsageError(f"{path} is not a regular file; write what comes from it to one, and give that")
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; give the path of a recording or snapshot") from None
