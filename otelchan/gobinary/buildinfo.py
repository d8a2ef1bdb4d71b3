"""Which Go built an executable, and what for; and whether that Go is one we know.

Format: debug/buildinfo and runtime/debug.ParseBuildInfo of Go 1.26.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from otelchan.errors import BinaryError
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.pclntab import uvarint
from otelchan.gobinary.types import BuildInfo

OLDEST = 19
NEWEST = 27

_MAGIC = b"\xff Go buildinf:"
_UPX = b"UPX!"  # UPX_MAGIC_LE32 in src/conf.h of UPX, in its headers at the start and at the end of a file
_GARBLED = "unknown"  # what mvdan.cc/garble 0.16.0 has the linker write in place of the version
_HEADER = 32
_FRAME = 16  # a sentinel of 16 bytes before and after the module text
_VERSION = re.compile(r"(?:devel )?go1\.(\d+)")
_RELEASED = re.compile(r"go1\.(?:(?:19|20)|\d+\.\d+)")  # Go 1.21 and newer begin with .0
_EXPERIMENTS = re.compile(r"[ -]X:(\S+)")  # a blank before Go 1.26, a dash since then


class Release(NamedTuple):
    """The Go that built an executable.

    name: the version without experiments: "go1.26.8", or that of a Go that was never released in this form, such as
        "devel go1.27-0f1e2d3c" or "go1.24.11-microsoft".
    minor: 26 for Go 1.26.
    experiments: of GOEXPERIMENT, as in "go1.26.8-X:simd", without "X:".
    """

    name: str
    minor: int
    experiments: str = ""

    @property
    def released(self) -> bool:
        """Whether the Go project released it under this name: no candidate, developer's or vendor's build."""
        return _RELEASED.fullmatch(self.name) is not None

    @property
    def in_development(self) -> bool:
        """Whether it is from before the first release of its version, so that it may be like the version before."""
        return not self.released and re.match(r"devel |go1\.\d+(?:-devel|rc|beta)", self.name) is not None


def read_build_info(elf: Elf) -> BuildInfo:
    """Build information of a Go executable. Raises BinaryError when it has none."""
    address = _find(elf)
    header = elf.read(address, _HEADER) if address else b""
    try:
        if not header:
            raise ValueError
        if header[15] & 2:
            version, end = _inline_string(elf, address + _HEADER)
            modules, _ = _inline_string(elf, end)
        else:  # Go 1.17 and older
            version, modules = (_string_at(elf, int.from_bytes(header[at : at + 8], "little")) for at in (16, 24))
    except ValueError:
        if elf.has_at_its_ends(_UPX):
            unpack = "unpack the file (upx -d) and start it from there"
            raise BinaryError(f"{elf.path} is packed with UPX, which hides what is in it; {unpack}") from None
        raise BinaryError(f"{elf.path} is not a Go executable; give the path of a Go executable") from None
    return _parse(version.decode(errors="replace"), modules[_FRAME:-_FRAME].decode(errors="replace"))


def supported_release(path: str, go_version: str) -> Release:
    """The release in a version string. Raises BinaryError when otelchan does not know that version of Go."""
    known = f"otelchan supports Go 1.{OLDEST} to 1.{NEWEST}"
    match = _VERSION.match(go_version)
    if go_version == _GARBLED:
        raise BinaryError(
            f"{path} is obfuscated as by garble: it does not say which Go built it; build it without garble"
        )
    if not match:
        raise BinaryError(f"{path} is built with {go_version!r}; {known}, so build it with one of those")
    minor = int(match[1])
    if minor < OLDEST:
        raise BinaryError(f"{path} is built with {go_version}; {known}, so build it with one of those")
    if minor > NEWEST:
        raise BinaryError(
            f"{path} is built with {go_version}; {known}, so update otelchan or build it with one of those"
        )
    experiments = _EXPERIMENTS.search(go_version)
    name = _EXPERIMENTS.sub("", go_version).strip()
    return Release(name, minor, experiments[1] if experiments else "")


def _find(elf: Elf) -> int:
    """Address of the blob: in its own section, else on 16 bytes in the writable segments. 0 when there is none."""
    section = elf.sections.get(".go.buildinfo")
    areas = [(section["sh_addr"], section["sh_size"])] if section else []
    areas += [(segment.address, segment.file_size) for segment in elf.segments if segment.writable]
    for address, size in areas:
        data = elf.read(address, size) if size else b""
        position = data.find(_MAGIC)
        while position >= 0:
            if (address + position) % 16 == 0:
                return int(address) + position
            position = data.find(_MAGIC, position + 1)
    return 0


def _inline_string(elf: Elf, address: int) -> tuple[bytes, int]:
    try:
        length, used = uvarint(elf.read(address, 4), 0)
    except IndexError:
        raise ValueError("the length has no end") from None
    return (elf.read(address + used, length) if length else b""), address + used + length


def _string_at(elf: Elf, address: int) -> bytes:
    header = elf.read(address, 16)
    length = int.from_bytes(header[8:], "little")
    return elf.read(int.from_bytes(header[:8], "little"), length) if length else b""


def _parse(version: str, modules: str) -> BuildInfo:
    package, module, module_version, settings = "", "", "", {}
    for line in modules.splitlines():
        kind, _, rest = line.partition("\t")
        if kind == "path":
            package = rest
        elif kind == "mod":
            module, module_version = (*rest.split("\t"), "")[:2]
        elif kind == "build":
            match = re.match(r'("(?:[^"\\]|\\.)*"|[^=]*)=(.*)', rest)
            if match:
                settings[_unquote(match[1])] = _unquote(match[2])
    return BuildInfo(version, package, module, settings, module_version)


def _unquote(text: str) -> str:
    """Undoes strconv.Quote, which Go uses for settings with blanks or quotes in them."""
    if not text.startswith(('"', "`")):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text.strip('"`')
