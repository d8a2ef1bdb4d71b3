"""Reading an ELF executable by link-time address, as it will be after the loader has relocated it."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, cast

import numpy as np
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, Section

from otelchan.errors import BinaryError
from otelchan.gobinary.types import Segment
from otelchan.gobinary.unreadable import unreadable

_ARCHITECTURES = {"x64": "amd64", "AArch64": "arm64"}  # pyelftools' names, and those of GOARCH
# R_X86_64_RELATIVE, R_AARCH64_RELATIVE: the word at r_offset is the load bias plus r_addend
_RELATIVE = {"amd64": 8, "arm64": 1027}
_DT_RELA, _DT_RELASZ = 7, 8
_ENDS = 4096
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)


# What pyelftools raises on damaged files; ELFError is the only one that it documents.
_DAMAGES = (ELFError, struct.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, StopIteration)
_END = 1 << 64  # of all addresses


class NotInFile(ValueError):
    """The file does not hold what is at an address."""


class Symbol(NamedTuple):
    """Address and size in bytes of one entry of .symtab."""

    address: int
    size: int


class Elf:
    """One ELF executable, mapped; a context manager, because the mapping has an end.

    architecture: "amd64" or "arm64". segments: PT_LOAD by address. stripped: there is no .symtab. build_id: Go's, else
    GNU's in hex, else "".
    Raises BinaryError when the file cannot be read or is not a 64-bit little-endian ELF executable for one of the two.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            with Path(path).open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise unreadable(path, error) from None
        except ValueError:
            raise BinaryError(f"{path} is empty; give the path of a Go executable") from None
        try:
            self._parse()
        except BaseException:
            self._data.close()
            raise

    def __enter__(self) -> Elf:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.close()

    def _parse(self) -> None:
        if self._data[:4] != b"\x7fELF":
            raise BinaryError(f"{self.path} is not an ELF executable; give the path of a Go executable for Linux")
        try:
            self._parse_headers()
        except _DAMAGES as error:
            raise self._damaged(str(error)) from None
        for segment in self.segments:
            if segment.offset + segment.file_size > len(self._data) or segment.address + segment.memory_size > _END:
                raise self._damaged(f"the segment at {segment.address:#x} is not all in the file")

    def _damaged(self, how: str) -> BinaryError:
        return BinaryError(f"{self.path} is a damaged ELF file ({how}); copy or build it again")

    def _parse_headers(self) -> None:
        self.elf = ELFFile(cast(IO[bytes], self._data))
        machine = self.elf.get_machine_arch()
        if self.elf.elfclass != 64 or not self.elf.little_endian or machine not in _ARCHITECTURES:
            raise BinaryError(f"{self.path} is built for {machine}; otelchan supports amd64, and plans for arm64")
        self.architecture = _ARCHITECTURES[machine]
        self.position_independent = self.elf["e_type"] == "ET_DYN"
        self.segments = _segments(self.elf)
        self.sections = {section.name: section for section in self.elf.iter_sections()}
        self.stripped = ".symtab" not in self.sections
        self.build_id = _build_id(self.sections)
        self._relocations = self._relative_relocations()

    def _relative_relocations(self) -> np.ndarray:
        """Words that the loader fills, by address. Go's linker also writes them in place, others may leave zeros there.

        Those that a linker packs (RELR) are always in place.
        """
        areas = [
            (section["sh_offset"], section["sh_size"])
            for section in self.sections.values()
            if section["sh_type"] == "SHT_RELA" and section["sh_flags"] & 2
        ]
        if not self.sections:
            areas = self._dynamic_relocations()
        tables = [
            np.frombuffer(self._data, _RELA, size // _RELA.itemsize, offset)
            for offset, size in areas
            if self.position_independent
        ]
        table = np.concatenate(tables) if tables else np.empty(0, dtype=_RELA)
        relative = table[(table["info"] & 0xFFFFFFFF) == _RELATIVE[self.architecture]]
        ordered: np.ndarray = relative[np.argsort(relative["offset"], kind="stable")]
        return ordered

    def _dynamic_relocations(self) -> list[tuple[int, int]]:
        """Offset and size of the relocations that the loader reads, for executables without section headers."""
        found = []
        for segment in self.elf.iter_segments("PT_DYNAMIC"):
            words = np.frombuffer(self._data, "<u8", segment["p_filesz"] // 16 * 2, segment["p_offset"]).reshape(-1, 2)
            tags = dict(words.tolist())
            if _DT_RELA in tags and _DT_RELASZ in tags:
                found.append((self.offset(tags[_DT_RELA]), tags[_DT_RELASZ]))
        return found

    def section_bytes(self, section: Section) -> bytes:
        """Contents of a section as they are in the file."""
        offset, size = section["sh_offset"], section["sh_size"]
        return self._data[offset : offset + size]

    def offset(self, address: int) -> int:
        """Offset in the file of an address. Raises NotInFile when the file does not hold it."""
        for segment in self.segments:
            if segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.offset
        raise NotInFile(f"address {address:#x} is not in the file {self.path}")

    def end_offset(self, address: int) -> int:
        """Offset in the file where the part of it ends that holds an address. Raises ValueError when none does."""
        offset = self.offset(address)
        return next(s.offset + s.file_size for s in self.segments if s.offset <= offset < s.offset + s.file_size)

    def has_at_its_ends(self, data: bytes) -> bool:
        """Whether the file has these bytes near its start or its end, where packers leave their mark."""
        return data in self._data[:_ENDS] or data in self._data[-_ENDS:]

    def find(self, data: bytes) -> list[int]:
        """Addresses where the file has these bytes."""
        found = []
        for segment in self.segments:
            end = segment.offset + segment.file_size
            position = self._data.find(data, segment.offset, end)
            while position >= 0:
                found.append(position - segment.offset + segment.address)
                position = self._data.find(data, position + 1, end)
        return found

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at an address, relocated. Raises NotInFile when the file does not hold all of them."""
        start = self.offset(address)
        if self.offset(address + size - 1) != start + size - 1:
            raise NotInFile(f"{size} bytes at address {address:#x} are not in one piece in the file {self.path}")
        data = self._data[start : start + size]
        if not len(self._relocations):
            return data
        first, last = np.searchsorted(self._relocations["offset"], [address, address + size - 7])
        patched = bytearray(data)
        for offset, _, addend in self._relocations[first:last].tolist():
            struct.pack_into("<q", patched, offset - address, addend)
        return bytes(patched)

    def find_pointers(self, value: int) -> list[int]:
        """Addresses of the aligned words in writable segments that hold this value, once relocated."""
        found = set(self._relocations["offset"][self._relocations["addend"] == value].tolist())
        for segment in self.segments:
            if segment.writable:
                words = np.frombuffer(self._data, "<u8", segment.file_size // 8, segment.offset)
                found.update((np.flatnonzero(words == value) * 8 + segment.address).tolist())
        return sorted(found)

    def symbols(self, names: list[str], within: Sequence[tuple[int, int]] = ()) -> dict[str, Symbol]:
        """The symbols of those names. Names that .symtab lacks, or has several times, are left out.

        within: address ranges [start, end) to which they must belong; C code may have static variables of any name.
        A large program has half a million symbols, so their names are searched, not decoded.
        """
        if self.stripped:
            return {}
        section = self.sections[".symtab"]
        data = self.section_bytes(section)
        table = np.frombuffer(data, _SYMBOL, len(data) // _SYMBOL.itemsize)
        try:
            strings = self.section_bytes(self.elf.get_section(section["sh_link"]))
        except _DAMAGES as error:
            raise self._damaged(f"no names of its symbols: {error}") from None
        found = {}
        for name in names:
            entries = table[np.isin(table["name"], _string_offsets(strings, name.encode()))]
            entries = entries[entries["section"] != 0]
            if within:
                inside = [(entries["value"] >= start) & (entries["value"] < end) for start, end in within]
                entries = entries[np.any(inside, axis=0)]
            if len(entries) == 1:
                found[name] = Symbol(int(entries[0]["value"]), int(entries[0]["size"]))
        return found


def _string_offsets(strings: bytes, name: bytes) -> list[int]:
    """Where a name starts in a string table; a table may share endings, so what is before it does not matter."""
    offsets, position = [], strings.find(name + b"\0")
    while position >= 0:
        offsets.append(position)
        position = strings.find(name + b"\0", position + 1)
    return offsets


def _segments(elf: ELFFile) -> tuple[Segment, ...]:
    loads = [segment.header for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
    return tuple(
        Segment(
            address=load["p_vaddr"],
            offset=load["p_offset"],
            file_size=load["p_filesz"],
            memory_size=load["p_memsz"],
            executable=bool(load["p_flags"] & 1),
            writable=bool(load["p_flags"] & 2),
        )
        for load in sorted(loads, key=lambda load: int(load["p_vaddr"]))
    )


def _build_id(sections: dict[str, Section]) -> str:
    notes = {}
    for name in (".note.go.buildid", ".note.gnu.build-id"):
        section = sections.get(name)
        if isinstance(section, NoteSection):
            notes[name] = next(section.iter_notes())["n_desc"]
    go = notes.get(".note.go.buildid", b"")
    text = go.decode(errors="replace") if isinstance(go, bytes) else str(go)
    return text or str(notes.get(".note.gnu.build-id", ""))
