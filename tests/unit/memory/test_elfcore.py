"""What the headers and notes of core files say, of files made by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from otelchan.errors import TargetError
from otelchan.memory.elfcore import Load, Mapped, read_core
from tests.support import cores
from tests.support.cores import Part, write_core
from tests.support.elfs import write_elf


def test_everything_that_is_asked_for_is_found(tmp_path: Path) -> None:
    """Process, signal, loaded memory by address, mapped files, and where the executable was loaded."""
    notes = [
        cores.thread(6),
        cores.process(4711),
        cores.auxiliary(phdr=0x400040, phnum=7, entry=0x401000, execfn=0x7FFE0000),
        cores.files((0x400000, 0x402000, 0, "/srv/shop"), (0x7F0000, 0x7F1000, 0x3000, "/lib/libc.so")),
        cores.note(1, bytes(336), b"LINUX\0"),
    ]
    path = write_core(tmp_path / "core", [Part(0x9000, b"later"), Part(0x1000, b"first"), Part(0x5000, b"", 64)], notes)
    core = read_core(str(path))

    assert (4711, "SIGABRT", 0x400040, 7, 0x401000, 0x7FFE0000) == core[4:]
    assert [(0x1000, 5), (0x9000, 5)] == [(load.address, load.size) for load in core.loads]
    assert b"first" == path.read_bytes()[core.loads[0].offset :][:5]
    assert Mapped(0x7F0000, 0x7F1000, 0x3000, "/lib/libc.so") == core.mapped[1]
    assert "/srv/shop" == core.executable
    assert path.stat().st_mtime_ns == core.modified_unix_ns


def test_the_first_thread_is_the_one_that_died(tmp_path: Path) -> None:
    """The others have a signal too when the runtime sent them one to print their stacks."""
    core = read_core(str(write_core(tmp_path / "core", notes=[cores.thread(11), cores.thread(6), cores.process(1)])))
    assert "SIGSEGV" == core.signal


def test_notes_without_an_owner_count_as_the_cores_own(tmp_path: Path) -> None:
    """Delve writes them like that; those of others do not count."""
    notes = [cores.note(3, cores.process(4711)[20:], b""), cores.note(3, bytes(136), b"LINUX\0")]
    assert 4711 == read_core(str(write_core(tmp_path / "core", notes=notes))).pid


def test_a_snapshot_of_a_living_process_has_no_signal(tmp_path: Path) -> None:
    """As gcore writes it."""
    assert "" == read_core(str(write_core(tmp_path / "core", notes=[cores.thread(0)]))).signal


def test_the_executable_is_the_file_with_the_program_headers(tmp_path: Path) -> None:
    """Not the first mapping, which may be anything; a deleted file has its path; without auxiliary vector none is."""
    mapped = cores.files((0x1000, 0x2000, 0, "/lib/ld.so"), (0x400000, 0x401000, 0, "/srv/shop (deleted)"))
    with_vector = write_core(tmp_path / "a", notes=[mapped, cores.auxiliary(phdr=0x400040, entry=0x1100)])
    without = write_core(tmp_path / "b", notes=[mapped])

    assert ["/srv/shop", ""] == [read_core(str(path)).executable for path in (with_vector, without)]


def test_more_segments_than_the_header_can_count(tmp_path: Path) -> None:
    """The count is then in the first section header (PN_XNUM)."""
    path = write_core(tmp_path / "core", [Part(0x1000, b"data")])
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, 56, 0xFFFF)
    struct.pack_into("<Q", data, 40, len(data))
    path.write_bytes(bytes(data) + bytes(44) + struct.pack("<I", 2) + bytes(16))

    (load,) = read_core(str(path)).loads
    assert Load(0x1000, load.offset, 4) == load


def cut(path: Path) -> Path:
    """Without its last byte."""
    path.write_bytes(path.read_bytes()[:-1])
    return path


def written(path: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path, "the core .* cannot be read: No such file or directory; give the path"),
        (lambda path: written(path, b""), "is empty; the disk or the limit"),
        (lambda path: written(path, b"#!/bin/sh\n"), "is not a core file; give one that the kernel or gcore wrote"),
        (lambda path: written(path, b"\x28\xb5\x2f\xfd rest"), "is compressed; unpack it first, with `zstd -d`"),
        (lambda path: written(path, b"\x7fELF\x02\x01\x01"), "lead outside of it; it is damaged"),
        (lambda path: write_elf(path, b"data"), "is an executable, not a core file; give the core"),
        (lambda path: write_core(path, machine=183), "a program for another processor"),
        (lambda path: cut(write_core(path, [Part(0x1000, bytes(64))])), r"is cut off after \d+ of \d+ bytes"),
        (lambda path: write_core(path, notes=[cores.note(3, b"short")]), "lead outside of it; it is damaged"),
        (
            lambda path: write_core(path, notes=[cores.note(0x46494C45, struct.pack("<QQ", 1 << 60, 4096))]),
            "lead outside of it; it is damaged",
        ),
    ],
)  # fmt: skip
def test_what_is_no_whole_core_is_refused_in_a_sentence(tmp_path: Path, make, expected: str) -> None:  # type: ignore[no-untyped-def]
    """With the file's name and what to do."""
    path = make(tmp_path / "file")
    with pytest.raises(TargetError, match=expected) as refused:
        read_core(str(path))
    assert str(path) in str(refused.value)
