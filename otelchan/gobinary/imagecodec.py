"""A GoImage as bytes and back: how the child sends it, and how it is kept on disk.

MessagePack of typed structures: reading it runs no code, whoever wrote it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from otelchan.gobinary.functions import Function, FunctionTable
from otelchan.gobinary.pclntab import PclnTable
from otelchan.gobinary.types import BuildInfo, Globals, GoImage, Layout, MakeSite, MissingSite, Segment, Site


class _Functions(Struct, frozen=True, array_like=True):
    """Of a FunctionTable, where the tables are in the file, and what was looked up."""

    table: PclnTable
    found: dict[str, Function | None]


class _Packed(Struct, frozen=True, array_like=True):
    """The fields of GoImage, in its order."""

    path: str
    build_id: str
    build: BuildInfo
    position_independent: bool
    stripped: bool
    segments: tuple[Segment, ...]
    layout: Layout
    globals: Globals
    functions: _Functions
    sites: tuple[Site, ...]
    missing: tuple[MissingSite, ...]
    make_sites: tuple[MakeSite, ...]


FIELDS = _Packed.__struct_fields__
_DECODER = msgspec.msgpack.Decoder(_Packed)


def pack(image: GoImage) -> bytes:
    """The image as bytes."""
    functions = _Functions(image.functions.table, dict(image.functions.found))
    fields = {name: getattr(image, name) for name in FIELDS}
    return msgspec.msgpack.encode(_Packed(**{**fields, "functions": functions}))


def unpack(data: bytes, path: str, size: int, mtime_ns: int) -> GoImage:
    """The image again, of the file at `path`, which has that size and time of change and the same contents.

    Raises ValueError when the bytes are not a packed image.
    """
    try:
        packed = _DECODER.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(f"these bytes are no image: {error}") from None
    table = packed.functions.table._replace(size=size, mtime_ns=mtime_ns)
    fields = {name: getattr(packed, name) for name in FIELDS}
    fields |= {"path": path, "functions": FunctionTable(path, table, packed.functions.found)}
    return GoImage(**fields)
