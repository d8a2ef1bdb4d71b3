"""A core file and the executable it is of, checked against each other and ready to be looked at.

Composition: joins target, gobinary and memory.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from otelchan.errors import BinaryError, TargetError
from otelchan.gobinary.analysis import analyse_cached
from otelchan.gobinary.types import GoImage
from otelchan.memory.census import take_census
from otelchan.memory.core import CoreReader
from otelchan.memory.elfcore import CoreFile, read_core
from otelchan.memory.readings import newest_reading
from otelchan.memory.selfcheck import problem_of
from otelchan.memory.types import Census
from otelchan.target.types import Process
from otelchan.view.types import Origin

_PAGE = 4096
_STRINGS = 32  # pages below the executed path: arguments and environment are there (copy_strings in fs/exec.c)
_SERVICE_NAME = b"\0OTEL_SERVICE_NAME="
_HEADER = struct.Struct("<16xHHIQQ")  # e_type, e_machine, e_version, e_entry, e_phoff
_SEGMENT = struct.Struct("<IIQQQQQQ")
_NOTES = 4  # PT_NOTE
_SHOWN = 24  # digits of a build id in a sentence


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a program. reader: its memory. bias: live minus link-time addresses. binary: path of the file
    that was taken for its executable."""

    core: CoreFile
    binary: str
    image: GoImage
    bias: int
    reader: CoreReader

    def process(self) -> Process:
        """The process, as far as the core knows it: its start is not known (0), nor its container."""
        name = self.core.executable or _executed(self.core) or self.binary
        service = _service_name(self.reader, self.core.execfn)
        return Process(self.core.pid, 0, 0, name, (0, 0), self.binary, (), service_name=service)

    def census(self) -> Census:
        """Its census, at the time when the core was written; ages count to the newest clock reading in its memory."""
        taken = take_census(self.reader, self.image, self.bias)
        stamps = [goroutine.wait_since_ns for goroutine in taken.goroutines]
        newest = newest_reading(self.reader, self.image.layout, self.image.globals, self.bias, stamps)
        return replace(taken, time_unix_ns=self.core.modified_unix_ns, monotonic_ns=newest)

    def origin(self) -> Origin:
        """What the document says about it."""
        return Origin("core", self.core.path, {"signal": self.core.signal, "binary": self.binary})


class _Headers(NamedTuple):
    """Of an executable: link-time addresses of its entry and program headers, and parts of it that differ between
    builds: the program headers and the notes with its build ids. Each part is (address, bytes)."""

    entry: int
    program_headers: int
    number: int
    parts: tuple[tuple[int, bytes], ...]


@contextmanager
def opened(path: str, binary: str = "") -> Iterator[Remains]:
    """A core file, with the executable at `binary`, else at the path that the core names.

    Raises TargetError and BinaryError: no core, cut off, of no Go program, or not of that executable.
    """
    core = read_core(path)
    given = binary or _executable(core)
    try:
        image = analyse_cached(given)
    except BinaryError as error:
        raise BinaryError(f"the core {path} is of {given}: {error}") from None
    headers = _headers(image)
    bias = _bias(core, image, headers)
    with CoreReader(core) as alone:
        _require_same_build(core, image, headers, bias, alone)
    with CoreReader(core, given, image.segments, bias) as reader:
        problem = problem_of(reader, image, bias)
        if problem:
            raise BinaryError(
                f"the memory in the core {path} is not laid out as {image.layout.release} does it: {problem}; report "
                "this with the output of `go version -m`"
            )
        yield Remains(core, given, image, bias, reader)


def _executable(core: CoreFile) -> str:
    path = core.executable or _executed(core)
    if not path.startswith("/"):
        raise TargetError(f"the core {core.path} does not name its executable; name it with --binary PATH")
    if not Path(path).exists():
        raise TargetError(
            f"the core {core.path} is of {path}, which is not on this machine; give the same build with --binary PATH"
        )
    return path


def _executed(core: CoreFile) -> str:
    """The path that the kernel was asked to execute, when the mapped files are not listed; it may be a relative one."""
    with CoreReader(core) as reader:
        (page,) = reader.read_many([(core.execfn, _PAGE - core.execfn % _PAGE)]) if core.execfn else (None,)
    return (page or b"").split(b"\0", 1)[0].decode(errors="replace")


def _headers(image: GoImage) -> _Headers:
    with Path(image.path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _, _, _, entry, offset = _HEADER.unpack_from(data)
        size, count = struct.unpack_from("<HH", data, 54)
        at = _address(image, offset)
        parts = [(at, data[offset : offset + size * count])]
        for number in range(count):
            kind, _, begin, address, _, length, _, _ = _SEGMENT.unpack_from(data, offset + number * size)
            if kind == _NOTES:
                parts.append((address, data[begin : begin + length]))
        return _Headers(entry, at, count, tuple(parts))


def _address(image: GoImage, offset: int) -> int:
    for segment in image.segments:
        if segment.offset <= offset < segment.offset + segment.file_size:
            return segment.address + offset - segment.offset
    raise BinaryError(f"{image.path} does not load its own program headers; build it again with go build")


def _bias(core: CoreFile, image: GoImage, headers: _Headers) -> int:
    """From where the kernel told the program that its program headers and its entry are."""
    if not core.program_headers or not core.entry:
        raise TargetError(
            f"the core {core.path} does not say where its executable was loaded (NT_AUXV); take one that the kernel or "
            "gcore writes"
        )
    found = {core.program_headers - headers.program_headers, core.entry - headers.entry}
    bias = found.pop()
    if found or bias < 0 or bias % _PAGE or (bias and not image.position_independent):
        raise _other_build(core, image)
    return bias


def _require_same_build(core: CoreFile, image: GoImage, headers: _Headers, bias: int, alone: CoreReader) -> None:
    """The first page of an executable, with its build id, is in a core (coredump_filter bit 4), else NT_FILE says how
    large the parts of the file were."""
    seen = alone.read_many([(address + bias, len(data)) for address, data in headers.parts])
    compared = [live == data for live, (_, data) in zip(seen, headers.parts, strict=True) if live is not None]
    if len(compared) < len(headers.parts):
        compared.append(_parts_of(image, bias) <= {(m.start, m.end, m.offset) for m in core.mapped})
    if headers.number != core.program_header_count or not all(compared):
        raise _other_build(core, image)


def _parts_of(image: GoImage, bias: int) -> set[tuple[int, int, int]]:
    """How its read-only segments are mapped: start, end, offset in the file."""
    return {
        (
            (s.address + bias) // _PAGE * _PAGE,
            -(-(s.address + bias + s.file_size) // _PAGE) * _PAGE,
            s.offset // _PAGE * _PAGE,
        )
        for s in image.segments
        if not s.writable
    }


def _other_build(core: CoreFile, image: GoImage) -> TargetError:
    shown = f"build id {image.build_id[:_SHOWN]}…" if image.build_id else "no build id"
    return TargetError(
        f"the core {core.path} is not of {image.path} ({shown}) but of another build; name the one that ran with "
        "--binary PATH"
    )


def _service_name(reader: CoreReader, executed: int) -> str:
    """OTEL_SERVICE_NAME of the environment that the process was started with, else ""; nothing else is looked at."""
    pages = []
    for page in range(executed // _PAGE, executed // _PAGE - _STRINGS, -1):
        (data,) = reader.read_many([(page * _PAGE, _PAGE)]) if page > 0 else (None,)
        if data is None:
            break
        pages.append(data)
    text = b"".join(reversed(pages))
    _, found, rest = text.partition(_SERVICE_NAME)
    return rest.split(b"\0", 1)[0].decode(errors="replace") if found else ""
