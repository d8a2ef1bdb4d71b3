"""Where the Go runtime's fields are, from an executable's own DWARF.

Used for the shipped table (offsets.py) and for an executable of a release that the table does not have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE

from otelchan.errors import BinaryError
from otelchan.gobinary.elf import Elf

STRUCTS: Mapping[str, str] = {
    "g": "runtime.g",
    "m": "runtime.m",
    "p": "runtime.p",
    "sudog": "runtime.sudog",
    "hchan": "runtime.hchan",
    "schedt": "runtime.schedt",
    "moduledata": "runtime.moduledata",
    "type": "internal/abi.Type",
    "chantype": "internal/abi.ChanType",
    "mheap": "runtime.mheap",
    "heapArena": "runtime.heapArena",
    "mspan": "runtime.mspan",
}
"""Our short name of a struct, and its name in DWARF."""

FIELDS: Mapping[str, str] = {
    "g": "stack.lo stack.hi m sched.sp sched.pc sched.bp syscallsp syscallpc param atomicstatus goid schedlink "
    "waitsince waitreason activeStackChans parkingOnChan trackingSeq lockedm parentGoid gopc startpc waiting labels "
    "selectDone bubble",
    "m": "g0 gsignal procid curg p id",
    "p": "id status m goidcache goidcacheend gcMarkWorkerStartTime sysmontick.schedwhen",
    "sudog": "g next prev isSelect success waitlink",
    "hchan": "qcount dataqsiz buf elemsize closed timer elemtype sendx recvx recvq.first recvq.last sendq.first "
    "sendq.last bubble lock",
    "schedt": "goidgen ngsys",
    "moduledata": "pcHeader funcnametab cutab filetab pctab pclntable ftab findfunctab minpc maxpc text etext "
    "noptrdata enoptrdata data edata bss ebss noptrbss enoptrbss types etypes rodata gofunc epclntab textsectmap next",
    "mheap": "arenas allspans",
    "heapArena": "spans",
    "mspan": "startAddr npages freeindex nelems freeIndexForScan allocBits gcmarkBits sweepgen allocCount spanclass "
    "state elemsize limit",
}
"""Fields that keep their Go name in our keys."""

RENAMED: Mapping[str, tuple[str, ...]] = {
    "sudog.elem": ("elem.vu", "elem"),
    "sudog.c": ("c.maybeTraceablePtr.vu", "c"),
    "schedt.gFree.stack.count": ("gFree.stack.size",),
    "schedt.gFree.noStack.count": ("gFree.noStack.size",),
    "p.gFree.count": ("gFree.size",),
    "type.size": ("Size_",),
    "type.hash": ("Hash",),
    "type.tflag": ("TFlag",),
    "type.kind": ("Kind_",),
    "type.str": ("Str",),
    "chantype.elem": ("Elem",),
}
"""Our key, and the paths of the field in Go, newest first; the first one that exists is meant.

sudog.elem and sudog.c have been pairs {pointer, word} since Go 1.26: the runtime clears the pointer to hide it from
leak detection, the word holds at all times.
"""

SELECT_CASE: Mapping[str, int] = {"scase.c": 0, "scase.elem": 8, "sizeof scase": 16}
"""A case of a select: two words, fixed by scasetype in src/cmd/compile/internal/walk/select.go. Not measured, because
an executable has the type only when it has a select of several cases."""

CONSTANTS: Mapping[str, str] = {
    "pageSize": "runtime.pageSize",
    "pagesPerArena": "runtime.pagesPerArena",
    "heapArenaBytes": "runtime.heapArenaBytes",
    "arenaL1Bits": "runtime.arenaL1Bits",
    "arenaL2Bits": "runtime.arenaL2Bits",
    "arenaBaseOffset": "runtime.arenaBaseOffsetUintptr",
    "mSpanInUse": "runtime.mSpanInUse",
    "Gidle": "runtime._Gidle",
    "Grunnable": "runtime._Grunnable",
    "Grunning": "runtime._Grunning",
    "Gsyscall": "runtime._Gsyscall",
    "Gwaiting": "runtime._Gwaiting",
    "Gdead": "runtime._Gdead",
    "Gcopystack": "runtime._Gcopystack",
    "Gpreempted": "runtime._Gpreempted",
    "Gleaked": "runtime._Gleaked",
    "Gdeadextra": "runtime._Gdeadextra",
    "Gscan": "runtime._Gscan",
}
"""Constants of the runtime; keys are "const.pageSize" and so on. arenaBaseOffset is negative."""


def measure(elf: Elf) -> dict[str, int]:
    """Every offset, size and constant of this module: "g.goid", "sizeof g", "const.pageSize"; in bytes.

    Raises BinaryError when the executable has no DWARF, or not all of it.
    """
    try:
        structs, constants = _collect(elf)
        found = dict(SELECT_CASE)
        found |= {f"sizeof {name}": _size(structs[full]) for name, full in STRUCTS.items()}
        for name, fields in FIELDS.items():
            found.update({f"{name}.{field}": _offset(structs[STRUCTS[name]], field) for field in fields.split()})
        for key, paths in RENAMED.items():
            found[key] = _first(structs[STRUCTS[key.partition(".")[0]]], paths)
        found.update({f"const.{name}": constants[full] for name, full in CONSTANTS.items()})
    except (KeyError, ELFError, DWARFError, ValueError) as error:
        raise BinaryError(
            f"{elf.path} has no complete debug information ({error!s} is missing); build it without -ldflags=-w"
        ) from None
    return found


def wait_reasons(elf: Elf) -> dict[int, str]:
    """Number and text of each wait reason, from runtime.waitReasonStrings. Raises BinaryError without its symbol."""
    symbol = elf.symbols(["runtime.waitReasonStrings"]).get("runtime.waitReasonStrings")
    if symbol is None:
        raise BinaryError(f"{elf.path} has no symbol runtime.waitReasonStrings; build it without -ldflags=-s")
    texts = {}
    for number in range(symbol.size // 16):
        header = elf.read(symbol.address + 16 * number, 16)
        address, length = int.from_bytes(header[:8], "little"), int.from_bytes(header[8:], "little")
        texts[number] = elf.read(address, length).decode() if length else ""
    return texts


def _collect(elf: Elf) -> tuple[dict[str, DIE], dict[str, int]]:
    """The structs and constants that are asked for. Go's linker puts every type into a unit of package runtime."""
    wanted = {name.encode(): name for name in (*STRUCTS.values(), *CONSTANTS.values())}
    structs: dict[str, DIE] = {}
    constants: dict[str, int] = {}
    if not elf.elf.has_dwarf_info():
        raise KeyError(".debug_info")
    for unit in _runtime_units(elf):
        for die in unit.iter_DIEs():
            if die.tag not in ("DW_TAG_structure_type", "DW_TAG_constant"):
                continue
            name = wanted.get(_raw_name(die))
            if name is None:
                continue
            if die.tag == "DW_TAG_structure_type":
                structs[name] = die
            else:
                constants[name] = die.attributes["DW_AT_const_value"].value
            if len(structs) + len(constants) == len(wanted):
                return structs, constants
    return structs, constants


def _runtime_units(elf: Elf) -> Iterator[CompileUnit]:
    for unit in elf.elf.get_dwarf_info(follow_links=False).iter_CUs():
        if _raw_name(unit.get_top_DIE()) == b"runtime":
            yield unit


def _raw_name(die: DIE) -> bytes:
    name = die.attributes.get("DW_AT_name")
    return bytes(name.value) if name else b""


def _size(struct: DIE) -> int:
    return int(struct.attributes["DW_AT_byte_size"].value)


def _first(struct: DIE, paths: tuple[str, ...]) -> int:
    for path in paths:
        try:
            return _offset(struct, path)
        except KeyError:
            continue
    raise KeyError(f"{_raw_name(struct).decode()}.{paths[0]}")


def _offset(struct: DIE, path: str) -> int:
    """Offset of a field, which may lie in structs within the struct ("stack.lo")."""
    field, _, rest = path.partition(".")
    for member in struct.iter_children():
        if member.tag == "DW_TAG_member" and _raw_name(member) == field.encode():
            offset = int(member.attributes["DW_AT_data_member_location"].value)
            return offset + _offset(_underlying(member), rest) if rest else offset
    raise KeyError(f"{_raw_name(struct).decode()}.{path}")


def _underlying(die: DIE) -> DIE:
    target = die.get_DIE_from_attribute("DW_AT_type")
    return _underlying(target) if target.tag == "DW_TAG_typedef" else target
