"""Reading ELF executables by address."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elftools.elf.sections import SymbolTableSection

from otelchan.errors import BinaryError
from otelchan.gobinary.elf import Elf
from tests.support.elfs import ADDRESS, Relocation, write_elf
from tests.support.gobuild import build


def refusal(path: Path) -> str:
    """What opening the file says."""
    with pytest.raises(BinaryError) as error:
        Elf(path)
    return str(error.value)


def test_a_file_that_is_no_elf_is_refused_by_name(tmp_path: Path) -> None:
    """A script, an empty file, a folder and a path without a file each get their own sentence."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    empty = tmp_path / "empty"
    empty.touch()
    assert refusal(script) == f"{script} is not an ELF executable; give the path of a Go executable for Linux"
    assert refusal(empty) == f"{empty} is empty; give the path of a Go executable"
    assert (
        refusal(tmp_path) == f"{tmp_path} cannot be opened: Is a directory; give the path of a readable Go executable"
    )
    gone = tmp_path / "gone"
    assert (
        refusal(gone)
        == f"{gone} cannot be opened: No such file or directory; give the path of a readable Go executable"
    )


def test_another_machine_is_refused_by_name(tmp_path: Path) -> None:
    """Code for another one is not misread as amd64 or arm64."""
    path = write_elf(tmp_path / "riscv", bytes(64), machine=243)
    assert refusal(path) == f"{path} is built for RISC-V; otelchan supports amd64, and plans for arm64"


@pytest.mark.parametrize("size", [20, 100, 200])
def test_a_truncated_file_is_refused(tmp_path: Path, size: int) -> None:
    """Wherever it is cut, the answer is a sentence and not a traceback."""
    whole = write_elf(tmp_path / "whole", bytes(64), section=".data").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[:size])
    assert refusal(path).startswith(f"{path} is a damaged ELF file (")


def test_bytes_are_read_by_address_and_only_where_the_file_has_them(tmp_path: Path) -> None:
    """An address maps into its segment; one byte outside of it is an error."""
    with Elf(write_elf(tmp_path / "it", bytes(range(100)))) as elf:
        assert bytes(range(10, 30)) == elf.read(ADDRESS + 10, 20)
        assert elf.offset(ADDRESS + 10) == 64 + 56 + 10
        for address, size in ((ADDRESS - 1, 2), (ADDRESS + 99, 2), (ADDRESS + 100, 1)):
            with pytest.raises(ValueError, match="is not in the file"):
                elf.read(address, size)


def test_relocated_words_are_read_as_the_loader_leaves_them(tmp_path: Path) -> None:
    """The file has zeros where GNU's linker leaves the value to the relocation; a read sees the value."""
    relocations = (Relocation(ADDRESS + 16, 0x401234), Relocation(ADDRESS + 40, 0x405678))
    path = write_elf(tmp_path / "pie", bytes(64), relocations=relocations, position_independent=True)
    with Elf(path) as elf:
        assert elf.position_independent
        assert struct.unpack("<4Q", elf.read(ADDRESS + 8, 32)) == (0, 0x401234, 0, 0)
        assert elf.read(ADDRESS + 40, 8) == struct.pack("<Q", 0x405678)
        assert elf.read(ADDRESS + 17, 8) == bytes(8), "a word that is cut by the read is left alone"
        assert elf.find_pointers(0x405678) == [ADDRESS + 40]


def test_pointers_in_the_data_are_found(tmp_path: Path) -> None:
    """Every aligned word with the value, and no unaligned one."""
    data = struct.pack("<4Q", 7, 0x401000, 8, 0x401000) + b"\0\0\0\0" + struct.pack("<Q", 0x401000) + bytes(4)
    with Elf(write_elf(tmp_path / "it", data)) as elf:
        assert elf.find_pointers(0x401000) == [ADDRESS + 8, ADDRESS + 24]


@pytest.mark.parametrize("go", ["1.19.13", "1.26.8", "1.27.3"])
def test_symbols_are_those_that_pyelftools_decodes(go: str) -> None:
    """Names are searched as bytes; the answer is the one of decoding every symbol, for a sample of them."""
    with Elf(build("shapes", go)) as elf:
        section = elf.sections[".symtab"]
        assert isinstance(section, SymbolTableSection)
        decoded = {s.name: (s["st_value"], s["st_size"]) for s in section.iter_symbols()}
        names = [name for name in sorted(decoded) if name.startswith(("runtime.a", "runtime.s", "main."))]
        assert len(names) > 100
        assert {name: decoded[name] for name in names} == elf.symbols([*names, "runtime.nothing", "untime.sched"])
        assert not elf.stripped


def test_a_stripped_executable_has_no_symbols() -> None:
    """`-ldflags "-s -w"` leaves no .symtab, and that is what stripped means."""
    with Elf(build("shapes", stripped=True)) as elf:
        assert elf.stripped
        assert {} == elf.symbols(["runtime.sched"])


def test_the_build_id_is_the_one_that_go_prints() -> None:
    """Go's own build ID, which has four parts."""
    with Elf(build("shapes")) as elf:
        assert elf.build_id.count("/") == 3
