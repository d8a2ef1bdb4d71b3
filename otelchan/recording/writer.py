"""Writes a recording: whole rounds only, bounded, in place only when it is complete. Composition, as recording."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec

from otelchan.errors import UsageError
from otelchan.memory.recorded import Read
from otelchan.recording.format import UNREADABLE, End, Event, Memory

_LEVEL = 5
_LINE_BYTES = 1 << 20  # of memory in a line
_END_BYTES = 1 << 12  # for the last line, beyond what was allowed
_OWNER_ONLY = 0o600
_GZIP = 31  # wbits: with a gzip header and trailer


class Full(Exception):
    """The recording may not become larger."""


class Written(NamedTuple):
    """What was written: bytes of the file, rounds in it."""

    size: int
    rounds: int


class Writer:
    """Writes a recording beside its place and moves it there when it is whole; readable by its owner only.

    Only whole rounds are kept: what came after the last one is dropped when there is no room for the next.
    Raises UsageError when the file cannot be written.
    """

    def __init__(self, path: str, most_bytes: int) -> None:
        self.path = path
        self.rounds = 0
        self._most = most_bytes
        self._partial = Path(f"{path}.{os.getpid()}.partial")
        self._contents: dict[tuple[int, int], tuple[int, int]] = {}
        self._next = 0
        self._kept = 0
        try:
            if Path(path).is_dir():
                raise IsADirectoryError(0, "it is a folder")
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
        except OSError as error:
            raise self._cannot(error) from None
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)  # not there any more when finish() moved it

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        return self._file.tell()

    def write(self, event: Event) -> None:
        """One line. Raises Full when the file would become too large."""
        self._put(self._packer.compress(msgspec.json.encode(event) + b"\n"))

    def write_reads(self, reads: Iterable[Read]) -> None:
        """What was read of the program's memory; contents that did not change are written once. Raises Full."""
        line, total = Memory([], [], [], [], []), 0
        for read in reads:
            if read.took:
                line.took.append((len(line.address), read.took))
            line.address.append(read.address)
            line.size.append(read.size)
            number, is_new = (UNREADABLE, False) if read.data is None else self._number_of(read, read.data)
            line.contents.append(number)
            if is_new and read.data is not None:
                line.new.append(read.data.hex())
                total += read.size
            if total >= _LINE_BYTES:
                self.write(line)
                line, total = Memory([], [], [], [], []), 0
        if line.address:
            self.write(line)

    def _number_of(self, read: Read, data: bytes) -> tuple[int, bool]:
        """The number of these contents, and whether they are new. Compared with what was there last, by a hash of 64
        bits with a key that differs from run to run."""
        key, digest = (read.address, read.size), hash(data)
        known = self._contents.get(key)
        if known is not None and known[1] == digest:
            return known[0], False
        number, self._next = self._next, self._next + 1
        self._contents[key] = (number, digest)
        return number, True

    def keep(self) -> None:
        """A round is whole: what was written so far stays."""
        self._put(self._packer.flush())
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)  # a gzip file may have several members
        self._kept = self.size
        self.rounds += 1

    def finish(self, reason: str) -> Written:
        """Drop what is no whole round, say why it ends, and put the file in its place."""
        self._most += _END_BYTES
        self._file.truncate(self._kept)
        self._file.seek(self._kept)
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        self.write(End(self.rounds, reason))
        self._put(self._packer.flush())
        size = self.size
        try:
            os.fsync(self._file.fileno())
            self._partial.replace(self.path)
        except OSError as error:
            raise self._cannot(error) from None
        return Written(size, self.rounds)

    def _put(self, data: bytes) -> None:
        if self.size + len(data) > self._most:
            raise Full
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> UsageError:
        return UsageError(f"the recording {self.path} cannot be written: {error.strerror}; give another path with -o")
