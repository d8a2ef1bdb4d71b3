"""The format of core files: what the headers and notes of one say, without its memory.

Sources: fs/binfmt_elf.c and include/uapi/linux/elfcore.h of Linux 6.1 (elf_core_dump, fill_note_info, fill_files_note),
struct elf_prstatus and elf_prpsinfo for x86-64; bfd/elf.c for what gdb's gcore writes, pkg/elfwriter for Delve's dump.
Nothing in a core is trusted: every count is bounded by the bytes that are there.
"""

from __future__ import annotations

import mmap
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from otelchan.errors import TargetError

_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_NOTE = struct.Struct("<III")
_CORE, _AMD64 = 4, 62  # ET_CORE, EM_X86_64
_LOAD, _NOTES = 1, 4  # PT_LOAD, PT_NOTE
_MANY = 0xFFFF  # PN_XNUM: the number of segments is in sh_info of the first section header
_PRSTATUS, _PRPSINFO, _AUXV, _FILE = 1, 3, 6, 0x46494C45
_AT_PHDR, _AT_PHNUM, _AT_ENTRY, _AT_EXECFN = 3, 5, 9, 31
_PACKED = {
    b"\x28\xb5\x2f\xfd": "zstd -d",
    b"\x04\x22\x4d\x18": "lz4 -d",
    b"\x1f\x8b": "gunzip",
    b"\xfd7zXZ": "unxz",
}
_DELETED = " (deleted)"


class Load(NamedTuple):
    """Memory that is in the file: bytes [address, address + size) are at `offset`."""

    address: int
    offset: int
    size: int


class Mapped(NamedTuple):
    """Of NT_FILE: [start, end) was mapped from byte `offset` of the file on."""

    start: int
    end: int
    offset: int
    path: str


class CoreFile(NamedTuple):
    """What a core says of its process. Addresses are live ones; 0 and "" where it does not say.

    pid: process id. signal: name of the signal that ended it, "SIGABRT"; "" when none did, as in a snapshot by gcore.
    modified_unix_ns: when the file was last written. program_headers, program_header_count: of the executable, in its
    memory (AT_PHDR, AT_PHNUM). entry: AT_ENTRY. execfn: address of the path that was executed (AT_EXECFN).
    """

    path: str
    modified_unix_ns: int
    loads: tuple[Load, ...]
    mapped: tuple[Mapped, ...]
    pid: int
    signal: str
    program_headers: int
    program_header_count: int
    entry: int
    execfn: int

    @property
    def executable(self) -> str:
        """Path of the file that the program headers or the entry lie in, as the process saw it; "" when unknown."""
        for address in (self.program_headers, self.entry):
            for part in self.mapped:
                if part.start <= address < part.end:
                    return part.path
        return ""


def read_core(path: str) -> CoreFile:
    """What is in a core's headers. Raises TargetError when the file is not a whole core of an amd64 program."""
    try:
        with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            modified = Path(path).stat().st_mtime_ns
            return _parse(path, modified, data)
    except OSError as error:
        raise TargetError(f"the core {path} cannot be read: {error.strerror}; give the path of a core file") from None
    except ValueError:
        raise TargetError(f"{path} is empty; the disk or the limit (`ulimit -c`) left no room for a core") from None
    except (struct.error, IndexError):
        raise TargetError(f"the headers of {path} lead outside of it; it is damaged, take another core") from None


def _parse(path: str, modified_unix_ns: int, data: mmap.mmap) -> CoreFile:
    for magic, unpack in _PACKED.items():
        if data[: len(magic)] == magic:
            raise TargetError(f"{path} is compressed; unpack it first, with `{unpack}` or `coredumpctl dump`")
    if data[:4] != b"\x7fELF":
        raise TargetError(f"{path} is not a core file; give one that the kernel or gcore wrote")
    _, bits, _, kind, machine, _, _, offset, sections, _, _, size, count, _, _, _ = _HEADER.unpack_from(data)
    if kind != _CORE:
        raise TargetError(f"{path} is an executable, not a core file; give the core, and this as --binary if need be")
    if bits != 2 or machine != _AMD64:
        raise TargetError(f"{path} is the core of a program for another processor; otelchan supports amd64, so far")
    if count == _MANY:
        (count,) = struct.unpack_from("<I", data, sections + 44)
    segments = [_SEGMENT.unpack_from(data, offset + size * number) for number in range(count)]
    end = max((offset + length for _, _, offset, _, _, length, _, _ in segments), default=0)
    if end > len(data):
        raise TargetError(
            f"the core {path} is cut off after {len(data)} of {end} bytes; raise the limit (`ulimit -c unlimited`) and "
            "check that the disk has room"
        )
    loads = [Load(address, at, length) for type_, _, at, address, _, length, _, _ in segments if type_ == _LOAD]
    mapped: list[Mapped] = []
    pid, ended_by, auxiliary = 0, "", dict[int, int]()
    for type_, _, at, _, _, length, _, _ in segments:
        for number, note in _notes(data[at : at + length]) if type_ == _NOTES else ():
            if number == _PRSTATUS and not ended_by:  # the first thread is the one that died
                ended_by = _signal(struct.unpack_from("<H", note, 12)[0])
            elif number == _PRPSINFO:
                (pid,) = struct.unpack_from("<i", note, 24)
            elif number == _AUXV:
                auxiliary = dict(struct.iter_unpack("<QQ", note[: len(note) // 16 * 16]))
            elif number == _FILE:
                mapped = list(_files(note))
    return CoreFile(
        path=path,
        modified_unix_ns=modified_unix_ns,
        loads=tuple(sorted(load for load in loads if load.size)),
        mapped=tuple(mapped),
        pid=pid,
        signal=ended_by,
        program_headers=auxiliary.get(_AT_PHDR, 0),
        program_header_count=auxiliary.get(_AT_PHNUM, 0),
        entry=auxiliary.get(_AT_ENTRY, 0),
        execfn=auxiliary.get(_AT_EXECFN, 0),
    )


def _notes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and contents of the notes of the owner CORE, whose name Delve leaves empty."""
    at = 0
    while at + _NOTE.size <= len(data):
        name_size, size, number = _NOTE.unpack_from(data, at)
        name = at + _NOTE.size
        begin = name + (name_size + 3 & ~3)
        if data[name : name + name_size].rstrip(b"\0") in (b"CORE", b""):
            yield number, data[begin : begin + size]
        at = begin + (size + 3 & ~3)


def _files(note: bytes) -> Iterator[Mapped]:
    count, page = struct.unpack_from("<QQ", note)
    paths = note[16 + 24 * count :].split(b"\0")
    for number in range(count):
        start, end, offset = struct.unpack_from("<QQQ", note, 16 + 24 * number)
        yield Mapped(start, end, offset * page, paths[number].decode(errors="replace").removesuffix(_DELETED))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name if number else ""
    except ValueError:
        return f"signal {number}"
