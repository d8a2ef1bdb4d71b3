"""Whether a file is a Go executable, at a glance: for looking at everything that runs, most of which is not Go."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_HEADER, _SEGMENT, _SECTION = (struct.Struct(f"<{form}") for form in ("16sHHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ"))
_NOTE_SEGMENT = 4  # PT_NOTE
_MOST = 1 << 16  # bytes of notes, and of names of sections
_GO_NOTE = b"Go\0\0"  # owner of the note with Go's build ID (cmd/link/internal/ld/elf.go)
_GO_SECTIONS = (b".go.buildinfo\0", b".gopclntab\0", b".data.rel.ro.gopclntab\0")


def is_go(path: str | Path) -> bool:
    """Whether it has what Go's linker leaves behind: its note, or one of its sections; reads a few hundred bytes.

    False also when the file cannot be read. One that was packed or stripped of both is not recognised.
    """
    try:
        with Path(path).open("rb") as file:
            return _is_go(file)
    except (OSError, struct.error, ValueError):
        return False


def _is_go(file: BinaryIO) -> bool:
    header = _HEADER.unpack(file.read(_HEADER.size))
    ident, segments_at, sections_at = header[0], header[5], header[6]
    segments, section_size, sections, names = header[10:14]
    if ident[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return False
    for number in range(segments):
        segment = _read(file, segments_at + number * _SEGMENT.size, _SEGMENT.size)
        kind, _, offset, _, _, size, *_ = _SEGMENT.unpack(segment)
        if kind == _NOTE_SEGMENT and _GO_NOTE in _read(file, offset, min(size, _MOST)):
            return True
    if not sections_at or names >= sections or section_size != _SECTION.size:
        return False
    table = _SECTION.unpack(_read(file, sections_at + names * _SECTION.size, _SECTION.size))
    text = _read(file, table[4], min(table[5], _MOST))
    return any(name in text for name in _GO_SECTIONS)


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
