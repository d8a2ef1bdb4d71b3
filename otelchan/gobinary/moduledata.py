"""runtime.firstmoduledata, which says where everything of a Go executable is: text, types, function tables.

Found without symbols: it is the only word in writable data that points to the pclntab and has the shape of a
moduledata. Source: moduledata and pcHeader in src/runtime/symtab.go, moduledataverify1 for what must hold.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from otelchan.errors import BinaryError
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.pclntab import MAGIC, MAGIC_OLD, PclnTable
from otelchan.gobinary.types import Layout

_HEADER = struct.Struct(
    "<IBBBBQQQQQQQQ"
)  # magic pad pad minLC ptrSize nfunc nfiles textStart names units files values functions
_STARTS = {
    architecture: tuple(struct.pack("<IBBBB", magic, 0, 0, quantum, 8) for magic in (MAGIC, MAGIC_OLD))
    for architecture, quantum in (("amd64", 1), ("arm64", 4))
}
_SECTIONS = (".gopclntab", ".data.rel.ro.gopclntab")
"""The second one in position independent executables of Go 1.25 and older. GNU's linker puts it into others."""


class ModuleData(NamedTuple):
    """Addresses. pclntab: of the pcHeader. epclntab: its end, which Go 1.26 and newer say, and others imply.

    variables: the address ranges [start, end) of Go's variables; between them may lie those of C.
    """

    address: int
    pclntab: int
    text: int
    etext: int
    types: int
    etypes: int
    gofunc: int
    epclntab: int
    variables: tuple[tuple[int, int], ...] = ()


def find_module(elf: Elf, layout: Layout) -> ModuleData:
    """The main module's data. Raises BinaryError when there is no pclntab, or not exactly one valid moduledata."""
    tables = _tables(elf)
    if not tables:
        raise BinaryError(
            f"{elf.path} has no function table (pclntab) that otelchan can find; build it again with go build"
        )
    found = [
        module
        for table in tables
        for address in elf.find_pointers(table)
        if (module := _read(elf, layout, address, table)) is not None
    ]
    if len(found) != 1:
        raise BinaryError(
            f"{elf.path} has {len(found)} places that look like the runtime's module data, not one; "
            "build it again with go build, not packed or changed afterwards"
        )
    return found[0]


def function_table(elf: Elf, module: ModuleData, minor: int) -> PclnTable:
    """Where the function tables are in the file. minor: 27 for Go 1.27."""
    header = _HEADER.unpack(elf.read(module.pclntab, _HEADER.size))
    base = elf.offset(module.pclntab)
    end = base + module.epclntab - module.pclntab
    within = module.pclntab <= module.gofunc < module.epclntab
    status = Path(elf.path).stat()
    return PclnTable(
        offset=base,
        end=end,
        text=module.text,
        total=header[5],
        names=base + header[8],
        units=base + header[9],
        files=base + header[10],
        values=base + header[11],
        functions=base + header[12],
        gofunc=elf.offset(module.gofunc),
        gofunc_end=end if within else elf.end_offset(module.gofunc),
        minor=minor,
        old=header[0] == MAGIC_OLD,
        quantum=header[3],
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def _tables(elf: Elf) -> list[int]:
    """Addresses of what may be a pcHeader: the section's start, else every place with its first eight bytes.

    Raises BinaryError when the section has something else.
    """
    for name in _SECTIONS:
        if section := elf.sections.get(name):
            address = int(section["sh_addr"])
            if elf.read(address, 8) not in _STARTS[elf.architecture]:
                raise BinaryError(
                    f"{elf.path} is obfuscated as by garble: its function table does not have the format of a Go "
                    "release; build it without garble"
                )
            return [address]
    return [address for start in _STARTS[elf.architecture] for address in elf.find(start)]


def _read(elf: Elf, layout: Layout, address: int, table: int) -> ModuleData | None:
    """The moduledata at an address if what it says agrees with the pcHeader, else None."""
    try:
        data = elf.read(address, layout["sizeof moduledata"])
        header = _HEADER.unpack(elf.read(table, _HEADER.size))

        def word(name: str, index: int = 0) -> int:
            return int.from_bytes(data[layout[f"moduledata.{name}"] + 8 * index :][:8], "little")

        newer = layout.get("moduledata.epclntab") is not None
        end = word("epclntab") if newer else word("pclntable") + word("pclntable", 1)
        module = ModuleData(
            address=address,
            pclntab=table,
            **{name: word(name) for name in ("text", "etext", "types", "etypes", "gofunc")},
            epclntab=end,
            variables=tuple((word(name), word(f"e{name}")) for name in ("noptrdata", "data", "bss", "noptrbss")),
        )
        for location in (module.text, module.types, module.gofunc, table, module.epclntab - 1):
            elf.offset(location)
    except ValueError:
        return None
    tables = table + header[12] + 8 * header[5]
    valid = (
        elf.read(table, 8) in _STARTS[elf.architecture]
        and word("pcHeader") == table
        and word("funcnametab") == table + header[8]
        and word("pclntable") == table + header[12]
        and module.text <= word("minpc") < word("maxpc") <= module.etext
        and module.types < module.etypes
        and list(header[8:]) == sorted(header[8:])
        and tables < module.epclntab
        and (not newer or tables < module.gofunc <= module.epclntab)
    )
    return module if valid else None
