"""The modules of Go code in a process: its executable, and the plugins that it has opened.

Each has a runtime.moduledata; plugin.Open appends the plugin's to the list that begins with the executable's
(modulesinit in src/runtime/symtab.go, plugin_lastmoduleinit in plugin.go; Go 1.19 to 1.27).
"""

from __future__ import annotations

from typing import NamedTuple

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import Globals, Layout
from otelchan.memory.types import Reader

_MOST = 64
_MOST_NAME = 4096
_WORDS = ("text", "etext", "types", "etypes", "next")


class Module(NamedTuple):
    """Live addresses [low, high): of the code, and of the type descriptors that the linker wrote. plugin: what was
    built, "example.com/module/folder" or "plugin/unnamed-..."; "" for the executable."""

    text: tuple[int, int]
    types: tuple[int, int]
    plugin: str


def modules_of(reader: Reader, layout: Layout, globals_: Globals, bias: int) -> tuple[Module, ...]:
    """The executable, then its plugins. Raises MemoryGone when the first cannot be read."""
    address = globals_.moduledata + bias
    found: list[Module] = []
    while address and len(found) < _MOST:
        pieces = [(address + layout[f"moduledata.{name}"], 8) for name in _WORDS]
        words = reader.read_many(pieces) if found else [reader.read(*piece) for piece in pieces]
        if None in words:  # a plugin's
            break
        low, high, types, end, following = (int.from_bytes(word or b"", "little") for word in words)
        plugin = _text(reader, address + layout["moduledata.pluginpath"]) if found else ""
        found.append(Module((low, high), (types, end), plugin))
        address = following
    return tuple(found)


def _text(reader: Reader, header: int) -> str:
    """A Go string; "?" when it is not one."""
    try:
        data = reader.read(header, 16)
        size = int.from_bytes(data[8:], "little")
        if not 0 < size <= _MOST_NAME:
            return "?"
        return reader.read(int.from_bytes(data[:8], "little"), size).decode(errors="replace")
    except MemoryGone:
        return "?"
