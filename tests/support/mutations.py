"""Real executables with a few bytes changed, and what a reader makes of them, in a process of its own.

A Mutation says where and how in words that hold for every executable, so that hypothesis can make it smaller.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from otelchan.errors import OtelchanError
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.types import GoImage

CPU_SECONDS = 2
MEMORY_BYTES = 300 << 20
WORDS = (0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 47, 1 << 63, (1 << 64) - 1)
_LONGEST = 64  # bytes that are changed at once
_RUNTIME = (
    "chansend chanrecv selectgo makechan closechan send recv gopark selectnbsend selectnbrecv newproc1 allgadd "
    "mallocinit stackalloc procresize"
)


class Range(NamedTuple):
    """Offsets in the file, [start, end)."""

    start: int
    end: int


class Mutation(NamedTuple):
    """region: a name of regions_of(). where: how far into it, out of 65,536. how: see changed()."""

    region: str
    where: int
    how: str
    value: int
    length: int


class Outcome(NamedTuple):
    """kind: "result", "error" (an OtelchanError), "crash" (any other exception) or "ended" (by a signal)."""

    kind: str
    value: object


def regions_of(path: Path, image: GoImage) -> dict[str, Range]:
    """Headers, sections, and the smaller places that much depends on."""
    with Elf(path) as elf:
        header, size = elf.elf.header, path.stat().st_size
        regions = {
            "header": Range(0, 64),
            "program headers": Range(header["e_phoff"], header["e_phoff"] + 56 * header["e_phnum"]),
            "section headers": Range(header["e_shoff"], header["e_shoff"] + 64 * header["e_shnum"]),
            "anywhere": Range(0, size),
        }
        for name, section in elf.sections.items():
            if section["sh_type"] != "SHT_NOBITS" and section["sh_size"]:
                regions[name or "null"] = Range(section["sh_offset"], section["sh_offset"] + section["sh_size"])
        module = elf.offset(image.globals.moduledata)
    table = image.functions.table
    regions["module data"] = Range(module, module + image.layout["sizeof moduledata"])
    regions["pclntab header"] = Range(table.offset, table.offset + 72)
    regions["function index"] = Range(table.functions, table.functions + 8 * table.total)
    for name in _RUNTIME.split():
        function = image.functions.find(f"runtime.{name}")
        if function:
            start = image.file_offset(function.entry)
            regions[f"runtime.{name}"] = Range(start, start + function.end - function.entry)
    return {name: found for name, found in regions.items() if found.end > found.start}


def mutations(regions: Sequence[str], most: int = 4) -> st.SearchStrategy[list[Mutation]]:
    """A few changes in these regions."""
    return st.lists(
        st.builds(
            Mutation,
            region=st.sampled_from(list(regions)),
            where=st.integers(0, 65535),
            how=st.sampled_from(("flip", "byte", "half", "word", "zeros", "copy", "end")),
            value=st.one_of(st.sampled_from(WORDS), st.integers(0, (1 << 64) - 1)),
            length=st.integers(1, _LONGEST),
        ),
        min_size=1,
        max_size=most,
    )


def changed(data: bytes, regions: Mapping[str, Range], changes: Sequence[Mutation]) -> bytes:
    """The file with these changes. "end" cuts it off there; all others keep its length and stay within the region."""
    result = bytearray(data)
    for change in changes:
        start, end = regions[change.region]
        at = start + (end - start) * change.where // 65536
        if change.how == "end":
            return bytes(result[:at])
        result[at:end] = _within(result, at, end, change)[: end - at].ljust(end - at, b"\0")
    return bytes(result)


def _within(data: bytearray, at: int, end: int, change: Mutation) -> bytes:
    """What is in a region from `at` on, once changed."""
    rest = bytes(data[at:end])
    match change.how:
        case "flip":
            return bytes([rest[0] ^ 1 << change.value % 8]) + rest[1:]
        case "byte":
            return bytes([change.value % 256]) + rest[1:]
        case "half":
            return (change.value % (1 << 32)).to_bytes(4, "little") + rest[4:]
        case "word":
            return change.value.to_bytes(8, "little") + rest[8:]
        case "zeros":
            return bytes(change.length) + rest[change.length :]
        case _:  # "copy": from elsewhere in the file
            source = change.value % max(len(data) - change.length, 1)
            return bytes(data[source : source + change.length]) + rest[change.length :]


def outcome(read: Callable[[], object]) -> Outcome:
    """What `read` gives in a child that has CPU_SECONDS of processor time and MEMORY_BYTES more than it begins with."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _limit()
        with os.fdopen(writing, "wb") as out:
            pickle.dump(_tried(read), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Outcome("ended", signal.Signals(os.WTERMSIG(status)).name)
    found: Outcome = pickle.loads(said)
    return found


def _tried(read: Callable[[], object]) -> Outcome:
    try:
        return Outcome("result", read())
    except OtelchanError as error:
        return Outcome("error", f"{type(error).__name__}: {error}")
    except BaseException:
        return Outcome("crash", traceback.format_exc())


def _limit() -> None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            most = int(line.split()[1]) * 1024 + MEMORY_BYTES
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
