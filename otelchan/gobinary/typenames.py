"""Names of Go types, as reflect prints them, from their descriptors.

Format: abi.Type and abi.Name in src/internal/abi/type.go; equal in Go 1.26 and 1.27.
"""

from __future__ import annotations

from collections.abc import Callable

from otelchan.gobinary.pclntab import uvarint
from otelchan.gobinary.types import Layout

_KIND_NAMES = (
    "invalid bool int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr float32 float64 complex64 "
    "complex128 array chan func interface map ptr slice string struct unsafe.Pointer"
)
KINDS = tuple(_KIND_NAMES.split())
"""reflect.Kind by number."""

_EXTRA_STAR = 2  # abi.TFlagExtraStar: the stored name has one "*" too many
_KIND_MASK = 31
_HEAD = 16  # longer than any flag byte and length


def type_name(read: Callable[[int, int], bytes], layout: Layout, types: tuple[int, int], address: int) -> str:
    """The type whose descriptor is at `address`: "int", "*main.Job", "struct {}".

    read: (address, size) -> bytes, of the file (Elf.read) or of a process. types: moduledata.types and etypes, in the
    same addresses. A type that the program made at run time lies outside of them and its name cannot be resolved:
    then its kind alone ("struct"). Raises what `read` raises.
    """
    descriptor = read(address, layout["sizeof type"])
    if not types[0] <= address < types[1]:
        return kind_name(descriptor[layout["type.kind"]])
    at = layout["type.str"]
    name = types[0] + int.from_bytes(descriptor[at : at + 4], "little", signed=True)
    length, used = uvarint(read(name, _HEAD), 1)
    text = read(name + used, length).decode(errors="replace") if length else ""
    return text[1:] if descriptor[layout["type.tflag"]] & _EXTRA_STAR else text


def kind_name(kind: int) -> str:
    """Text of an abi.Type's Kind_ byte."""
    number = kind & _KIND_MASK
    return KINDS[number] if number < len(KINDS) else f"kind{number}"
