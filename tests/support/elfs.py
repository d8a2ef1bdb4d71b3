"""Small ELF executables made by hand, for what no compiler here would make; and what an executable is in memory."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from otelchan.gobinary.elf import Elf
from otelchan.testing import MemoryImage

ADDRESS = 0x400000
_HEADER = 64
_SECTION = struct.Struct("<IIQQQQIIQQ")
_RELATIVE = 8  # R_X86_64_RELATIVE
_NULL, _PROGBITS, _STRTAB, _RELA = 0, 1, 3, 4
_ALLOCATED = 2


class Relocation(NamedTuple):
    """The loader puts `addend` (plus the load bias) at `address`."""

    address: int
    addend: int


def write_elf(
    path: Path,
    data: bytes,
    *,
    section: str = "",
    machine: int = 62,
    relocations: tuple[Relocation, ...] = (),
    position_independent: bool = False,
) -> Path:
    """An executable with one writable segment that holds `data` at ADDRESS, and that as a section if it has a name."""
    names = b"\0.shstrtab\0.rela\0" + section.encode() + b"\0"
    table = b"".join(struct.pack("<QQq", r.address, _RELATIVE, r.addend) for r in relocations)
    start = _HEADER + 56
    rela = start + len(data)
    strings = rela + len(table)
    sections = [(0, _NULL, 0, 0, 0, 0), (names.index(b".shstrtab"), _STRTAB, 0, 0, strings, len(names))]
    if table:
        sections.append((names.index(b".rela"), _RELA, _ALLOCATED, 0, rela, len(table)))
    if section:
        sections.append((names.index(section.encode()), _PROGBITS, _ALLOCATED, ADDRESS, start, len(data)))
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    kind = 3 if position_independent else 2
    counts = (_HEADER, 56, 1, 64, len(sections), 1)
    header = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, ADDRESS, 64, strings + len(names), 0, *counts)
    segment = struct.pack("<IIQQQQQQ", 1, 6, start, ADDRESS, ADDRESS, len(data), len(data), 4096)
    rows = b"".join(
        _SECTION.pack(name, type_, flags, address, offset, size, 0, 0, 8, 24 if type_ == _RELA else 0)
        for name, type_, flags, address, offset, size in sections
    )
    path.write_bytes(header + segment + data + table + names + rows)
    return path


def without_sections(source: Path, target: Path) -> Path:
    """A copy of an executable whose section headers are gone: more than strip does, as some packers do."""
    data = bytearray(source.read_bytes())
    data[40:48] = bytes(8)  # e_shoff
    data[60:64] = bytes(4)  # e_shnum, e_shstrndx
    target.write_bytes(data)
    target.chmod(0o755)
    return target


def with_version(source: Path, target: Path, version: str) -> Path:
    """A copy of an executable that says another version of Go built it, without its modules where that is longer."""
    data = bytearray(source.read_bytes())
    with Elf(source) as elf:
        section = elf.sections[".go.buildinfo"]
        start, room = section["sh_offset"], section["sh_size"]
    old = data[start : start + room]
    modules = bytes(old[33 + old[32] :])  # 32 bytes of header, the length in one byte, the version, then the modules
    new = bytes(old[:32]) + bytes([len(version)]) + version.encode() + modules
    new = new[:room] if len(version) <= old[32] else new[: 33 + len(version)] + b"\0"
    assert len(new) <= room, f"there is no room for {version!r}"
    data[start : start + room] = new.ljust(room, b"\0")
    target.write_bytes(data)
    target.chmod(0o755)
    return target


def packed(source: Path, target: Path) -> Path:
    """What UPX makes of an executable, as far as one can tell from outside.

    Two segments without sections, the first with compressed contents behind an l_info and a p_info header, the second
    empty in the file; and a pack header at the end. Source: src/p_lx_elf.h, src/stub/src/include/linux.h and
    src/packhead.cpp of UPX 4; `upx` itself is not to be had from Debian 12.
    """
    whole = source.read_bytes()
    body = zlib.compress(whole, 1)
    info = struct.pack("<I4sHBB", 0, b"UPX!", 0x900, 14, 22) + struct.pack("<III", 0, len(whole), len(whole))
    end = b"UPX!" + struct.pack("<BBBBIIIIIBBBB", 14, 22, 8, 1, 0, 0, len(whole), len(body), len(whole), 0, 0, 0, 0)
    text = info + body + end
    start = _HEADER + 2 * 56
    ident = b"\x7fELF\x02\x01\x01\x03" + bytes(8)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, ADDRESS + start, 64, 0, 0, _HEADER, 56, 2, 64, 0, 0)
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, ADDRESS, ADDRESS, start + len(text), start + len(text), 4096)
    segments += struct.pack("<IIQQQQQQ", 1, 6, 0, 0x8000000, 0x8000000, 0, len(whole), 4096)
    target.write_bytes(header + segments + text)
    return target


def memory_of(elf: Elf) -> MemoryImage:
    """What the loader makes of it, at its link-time addresses."""
    return MemoryImage({s.address: elf.read(s.address, s.file_size) for s in elf.segments if s.file_size})
