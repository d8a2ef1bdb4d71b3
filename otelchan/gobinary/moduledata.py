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
from otelchan.gobinary.pclntab import PclnTable
from otelchan.gobinary.types import Layout

_HEADER = struct.Struct(
    "<IBBBBQQQQQQQQ"
)  # magic pad pad minLC ptrSize nfunc nfiles - names units files values functions
_MAGIC = 0xFFFFFFF1  # abi.Go120PCLnTabMagic
_START = struct.pack("<IBBBB", _MAGIC, 0, 0, 1, 8)
_TWO_BRACKETS_SINCE = 27


class ModuleData(NamedTuple):
    """Addresses. pclntab: of the pcHeader."""

    address: int
    pclntab: int
    text: int
    etext: int
    types: int
    etypes: int
    gofunc: int
    epclntab: int


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
    status = Path(elf.path).stat()
    return PclnTable(
        offset=base,
        end=base + module.epclntab - module.pclntab,
        text=module.text,
        total=header[5],
        names=base + header[8],
        units=base + header[9],
        files=base + header[10],
        values=base + header[11],
        functions=base + header[12],
        gofunc=elf.offset(module.gofunc),
        two_brackets=minor >= _TWO_BRACKETS_SINCE,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def _tables(elf: Elf) -> list[int]:
    """Addresses of what may be a pcHeader: the section's start, else every place with its first eight bytes."""
    section = elf.sections.get(".gopclntab")
    if section:
        return [int(section["sh_addr"])]
    found = []
    for segment in elf.segments:
        data = elf.read(segment.address, segment.file_size) if segment.file_size else b""
        position = data.find(_START)
        while position >= 0:
            found.append(segment.address + position)
            position = data.find(_START, position + 1)
    return found


def _read(elf: Elf, layout: Layout, address: int, table: int) -> ModuleData | None:
    """The moduledata at an address if what it says agrees with the pcHeader, else None."""
    try:
        data = elf.read(address, layout["sizeof moduledata"])
        header = _HEADER.unpack(elf.read(table, _HEADER.size))

        def word(name: str) -> int:
            return int.from_bytes(data[layout[f"moduledata.{name}"] :][:8], "little")

        module = ModuleData(
            address, table, *(word(name) for name in ("text", "etext", "types", "etypes", "gofunc", "epclntab"))
        )
        for location in (module.text, module.types, module.gofunc, module.epclntab - 1):
            elf.offset(location)
    except ValueError:
        return None
    valid = (
        header[:5] == (_MAGIC, 0, 0, 1, 8)
        and word("pcHeader") == table
        and word("funcnametab") == table + header[8]
        and word("pclntable") == table + header[12]
        and module.text <= word("minpc") < word("maxpc") <= module.etext
        and module.types < module.etypes
        and list(header[8:]) == sorted(header[8:])
        and table + header[12] + 8 * header[5] < module.gofunc <= module.epclntab
    )
    return module if valid else None
