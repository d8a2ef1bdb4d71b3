"""Names of element types, as reflect prints them, from the type descriptors in a program's memory.

Format: abi.Type and abi.Name in src/internal/abi/type.go, until Go 1.20 _type and name in src/runtime/type.go; the same
in Go 1.19 to 1.27.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.modules import Module, modules_of
from otelchan.memory.types import Reader

_KIND_NAMES = (
    "invalid bool int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr float32 float64 complex64 "
    "complex128 array chan func interface map ptr slice string struct unsafe.Pointer"
)
_KINDS = tuple(_KIND_NAMES.split())
_EXTRA_STAR = 2  # abi.TFlagExtraStar: the stored name has one "*" too many
_KIND_MASK = 31
_ALL_FLAGS = 0x0F  # of abi.Name: exported, has a tag, has a package path, embedded
_MOST_BYTES = 4096  # of a name
_REMEMBERED = 10_000

_names: WeakKeyDictionary[Reader, dict[int, str]] = WeakKeyDictionary()


class TypeRange(NamedTuple):
    """Live addresses [low, high) of the type descriptors that the linker wrote: moduledata.types and etypes.

    plugins: the same of each plugin.
    """

    low: int
    high: int
    plugins: tuple[tuple[int, int], ...] = ()

    def base(self, address: int) -> int:
        """What the offsets in the descriptor at that address are relative to; 0 for one that the program has made."""
        for low, high in ((self.low, self.high), *self.plugins):
            if low <= address < high:
                return low
        return 0


def type_range(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> TypeRange:
    """Of the executable and its plugins. Raises MemoryGone when it cannot be read."""
    return types_of(modules_of(reader, layout, globals_, bias))


def types_of(modules: tuple[Module, ...]) -> TypeRange:
    """Of these modules, of which the first is the executable."""
    return TypeRange(*modules[0].types, tuple(module.types for module in modules[1:]))


def type_name(reader: Reader, layout: Layout, types: TypeRange, address: int) -> str:
    """The type whose descriptor is at that live address: "int", "*main.Job", "struct {}"; "?" when it is unreadable.

    A type that the program made at run time (reflect.StructOf) has its name elsewhere: then its kind alone, "struct".
    Names are remembered as long as the reader lives.
    """
    known = _names.setdefault(reader, {})
    if address not in known:
        if len(known) >= _REMEMBERED:
            known.clear()
        try:
            known[address] = _read_name(reader, layout, types, address)
        except MemoryGone:
            return "?"
    return known[address]


def _read_name(reader: Reader, layout: Layout, types: TypeRange, address: int) -> str:
    descriptor = reader.read(address, layout["sizeof type"])
    base = types.base(address)
    if not base:
        kind = descriptor[layout["type.kind"]] & _KIND_MASK
        return _KINDS[kind] if kind < len(_KINDS) else "?"
    at = layout["type.str"]
    name = base + int.from_bytes(descriptor[at : at + 4], "little", signed=True)
    flags, low, high = reader.read(name, 3)  # the length is a varint, of a second byte only from 128 on
    size, used = (low, 2) if low < 0x80 else (low & 0x7F | high << 7, 3)
    if flags > _ALL_FLAGS or size > _MOST_BYTES:
        return "?"
    text = reader.read(name + used, size).decode(errors="replace") if size else ""
    return text[1:] if descriptor[layout["type.tflag"]] & _EXTRA_STAR else text
