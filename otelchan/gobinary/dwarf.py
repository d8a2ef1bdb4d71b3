"""Where the Go runtime's fields are, from an executable's own DWARF.

Used for the shipped table (offsets.py) and for an executable of a release that the table does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from inspect import signature
from io import BytesIO

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

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
    "type": "internal/abi.Type runtime._type",
    "chantype": "internal/abi.ChanType runtime.chantype",
    "mheap": "runtime.mheap",
    "heapArena": "runtime.heapArena",
    "mspan": "runtime.mspan",
}
"""Our short name of a struct, and its names in DWARF, newest first (runtime._type and chantype until Go 1.20)."""

SIZED = ("g", "sudog", "hchan", "moduledata", "type")
"""The structs whose size is asked for. Those of others change in patch releases (m in 1.23, mspan in 1.19)."""

FIELDS: Mapping[str, str] = {
    "g": "stack.lo stack.hi m sched.sp sched.pc sched.bp syscallsp syscallpc param atomicstatus goid schedlink "
    "waitsince waitreason activeStackChans parkingOnChan trackingSeq lockedm parentGoid gopc startpc waiting labels "
    "selectDone coroarg",
    "m": "g0 gsignal procid curg p id",
    "p": "id status m goidcache goidcacheend gcMarkWorkerStartTime sysmontick.schedwhen",
    "sudog": "g next prev isSelect success waitlink",
    "hchan": "qcount dataqsiz buf elemsize closed timer elemtype sendx recvx recvq.first recvq.last sendq.first "
    "sendq.last bubble synctest lock",
    "schedt": "goidgen ngsys",
    "moduledata": "pcHeader funcnametab cutab filetab pctab pclntable ftab findfunctab minpc maxpc text etext "
    "noptrdata enoptrdata data edata bss ebss noptrbss enoptrbss types etypes rodata gofunc epclntab textsectmap "
    "pluginpath next",
    "mheap": "arenas allspans",
    "heapArena": "spans",
    "mspan": "startAddr npages freeindex nelems allocBits gcmarkBits sweepgen allocCount spanclass "
    "state elemsize limit",
}
"""Fields that keep their Go name in our keys."""

RENAMED: Mapping[str, tuple[str, ...]] = {
    "sudog.elem": ("elem.vu", "elem"),
    "sudog.c": ("c.maybeTraceablePtr.vu", "c"),
    "schedt.gFree.stack.count": ("gFree.stack.size",),
    "schedt.gFree.noStack.count": ("gFree.noStack.size",),
    "schedt.gFree.count": ("gFree.n",),
    "p.gFree.count": ("gFree.size", "gFree.n"),
    "g.bubble": ("bubble", "syncGroup"),
    "type.size": ("Size_", "size"),
    "type.hash": ("Hash", "hash"),
    "type.tflag": ("TFlag", "tflag"),
    "type.kind": ("Kind_", "kind"),
    "type.str": ("Str", "str"),
    "chantype.elem": ("Elem", "elem"),
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


_SECTIONS = (".debug_info", ".debug_abbrev", ".debug_str", ".debug_addr")

OPTIONAL = frozenset(
    {
        "g.parentGoid",  # since Go 1.21
        "g.coroarg",  # since 1.22
        "g.bubble",  # since 1.24
        "hchan.timer",  # since 1.23
        "hchan.synctest",  # in 1.24 only
        "hchan.bubble",  # since 1.25
        "moduledata.epclntab",  # since 1.26
        "schedt.gFree.count",  # until 1.24
        "schedt.gFree.stack.count",  # since 1.25
        "schedt.gFree.noStack.count",  # since 1.25
        "const.Gleaked",  # since 1.26
        "const.Gdeadextra",  # since 1.26
    }
)
"""Keys that some releases do not have; any other one that is missing means that the DWARF is not complete."""

WIDTHS = ("mspan.freeindex", "mspan.nelems")
"""Fields whose width differs: words until Go 1.21, 16 bits from 1.22 on. Keys are "width mspan.freeindex"."""


class IncompleteError(BinaryError):
    """The executable has no DWARF of Go's, or not all of it."""


def measure(elf: Elf) -> dict[str, int]:
    """Every offset, size and constant of this module: "g.goid", "sizeof g", "const.pageSize"; in bytes.

    Keys of what the release does not have are left out. Raises IncompleteError when the executable has no DWARF, or
    not all of it.
    """
    try:
        structs, constants = _collect(elf)
        found = dict(SELECT_CASE)
        found |= {f"sizeof {name}": _size(structs[name]) for name in SIZED}
        paths = {f"{name}.{field}": (field,) for name, fields in FIELDS.items() for field in fields.split()}
        for key, names in (paths | dict(RENAMED)).items():
            if (member := _first(structs[key.partition(".")[0]], names)) is not None:
                found[key] = member[0]
                if key in WIDTHS:
                    found[f"width {key}"] = _size(_underlying(member[1]))
        found |= {f"const.{name}": constants[full] for name, full in CONSTANTS.items() if full in constants}
        for key in (*paths, *RENAMED, *(f"const.{name}" for name in CONSTANTS)):
            if key not in found and key not in OPTIONAL:
                raise KeyError(key)
    except MemoryError:
        raise
    except Exception as error:  # pyelftools raises whatever damaged data leads to
        raise IncompleteError(
            f"{elf.path} has no complete debug information ({error!s} is missing); build it without -ldflags=-w"
        ) from None
    return found


def wait_reasons(elf: Elf) -> dict[int, str]:
    """Number and text of each wait reason, from runtime.waitReasonStrings. Raises IncompleteError without that."""
    symbol = elf.symbols(["runtime.waitReasonStrings"]).get("runtime.waitReasonStrings")
    if symbol is None:
        raise IncompleteError(f"{elf.path} has no one symbol runtime.waitReasonStrings; build it without -ldflags=-s")
    texts = {}
    try:
        for number in range(symbol.size // 16):
            header = elf.read(symbol.address + 16 * number, 16)
            address, length = int.from_bytes(header[:8], "little"), int.from_bytes(header[8:], "little")
            texts[number] = elf.read(address, length).decode() if length else ""
    except ValueError:
        texts.clear()
    if "chan receive" not in texts.values():
        raise IncompleteError(f"what {elf.path} calls runtime.waitReasonStrings is something else; build it again")
    return texts


def _collect(elf: Elf) -> tuple[dict[str, DIE], dict[str, int]]:
    """The structs by our name, and the constants by theirs. Raises KeyError when a struct is missing."""
    if ".debug_info" not in elf.sections:
        raise KeyError(".debug_info")
    sections = {name: elf.sections[name].data() for name in _SECTIONS if name in elf.sections}
    dwarf, data = _reader(sections), sections[".debug_info"]
    structs = {name: _struct(dwarf, data, names.split()) for name, names in STRUCTS.items()}
    found = {full: _find(dwarf, data, "DW_TAG_constant", full) for full in CONSTANTS.values()}
    constants = {full: die.attributes["DW_AT_const_value"].value for full, die in found.items() if die is not None}
    return structs, constants


def _reader(sections: Mapping[str, bytes]) -> DWARFInfo:
    """A reader of these sections only: those of lines and variables are large, and are not asked for anything."""

    def section(name: str) -> DebugSectionDescriptor | None:
        data = sections.get(name)
        return None if data is None else DebugSectionDescriptor(BytesIO(data), name, 0, len(data), 0)

    others = signature(DWARFInfo).parameters.keys() - {"config"}
    given = {f"{name[1:]}_sec": section(name) for name in _SECTIONS}
    return DWARFInfo(DwarfConfig(True, "x64", 8), **{name: given.get(name) for name in others})


def _struct(dwarf: DWARFInfo, data: bytes, names: list[str]) -> DIE:
    for name in names:
        if (die := _find(dwarf, data, "DW_TAG_structure_type", name)) is not None:
            return die
    raise KeyError(names[0])


def _find(dwarf: DWARFInfo, data: bytes, tag: str, name: str) -> DIE | None:
    """The entry of that kind and name. Looks for the name, since a large program has a million entries.

    Go writes an entry as one byte that says which kind it is, and then the name (putattr in cmd/internal/dwarf). Where
    the name is the end of another one, the byte before it is a letter, and what follows is not such an entry.
    """
    position = data.find(name.encode() + b"\0")
    while position > 0:
        with suppress(Exception):  # what is no entry leads anywhere
            die = dwarf.get_DIE_from_refaddr(position - 1)
            if die.tag == tag and _raw_name(die) == name.encode() and _is_whole(die):
                return die
        position = data.find(name.encode() + b"\0", position + 1)
    return None


def _is_whole(die: DIE) -> bool:
    return not die.has_children or all(child.tag == "DW_TAG_member" for child in die.iter_children())


def _raw_name(die: DIE) -> bytes:
    name = die.attributes.get("DW_AT_name")
    return bytes(name.value) if name else b""


def _size(type_: DIE) -> int:
    return int(type_.attributes["DW_AT_byte_size"].value)


def _first(struct: DIE, paths: tuple[str, ...]) -> tuple[int, DIE] | None:
    for path in paths:
        if (member := _member(struct, path)) is not None:
            return member
    return None


def _member(struct: DIE, path: str) -> tuple[int, DIE] | None:
    """Offset and description of a field, which may lie in structs within the struct ("stack.lo"); None without it."""
    field, _, rest = path.partition(".")
    for member in struct.iter_children():
        if member.tag == "DW_TAG_member" and _raw_name(member) == field.encode():
            offset = int(member.attributes["DW_AT_data_member_location"].value)
            if not rest:
                return offset, member
            inner = _member(_underlying(member), rest)
            return None if inner is None else (offset + inner[0], inner[1])
    return None


def _underlying(die: DIE) -> DIE:
    target = die.get_DIE_from_attribute("DW_AT_type")
    return _underlying(target) if target.tag == "DW_TAG_typedef" else target
