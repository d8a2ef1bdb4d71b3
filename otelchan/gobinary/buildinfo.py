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

OLDEST = 26
NEWEST = 27

_MAGIC = b"\xff Go buildinf:"
_HEADER = 32
_FRAME = 16  # a sentinel of 16 bytes before and after the module text
_RELEASE = re.compile(r"go1\.(\d+)(?:\.\d+)?")
_RELEASED = re.compile(r"go1\.\d+\.\d+")


class Release(NamedTuple):
    """An exact Go release. name: "go1.26.8". experiments: of GOEXPERIMENT, as in "go1.26.8 X:simd", without "X:"."""

    name: str
    minor: int
    experiments: str


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
        raise BinaryError(f"{elf.path} is not a Go executable; give the path of a Go executable") from None
    return _parse(version.decode(errors="replace"), modules[_FRAME:-_FRAME].decode(errors="replace"))


def supported_release(path: str, go_version: str) -> Release:
    """The release in a version string. Raises BinaryError when otelchan does not know that release."""
    known = f"otelchan supports Go 1.{OLDEST} and 1.{NEWEST}"
    version, _, experiments = go_version.partition(" X:")
    match = _RELEASE.match(version)
    minor = int(match[1]) if match else 0
    if match and minor < OLDEST:
        raise BinaryError(f"{path} is built with {go_version}; {known}, so build it with one of those")
    if match and minor > NEWEST:
        raise BinaryError(
            f"{path} is built with {go_version}; {known}, so update otelchan or build it with one of those"
        )
    if not _RELEASED.fullmatch(version):
        raise BinaryError(f"{path} is built with {go_version!r}; {known} as released, so build it with a release of Go")
    return Release(version, minor, experiments)


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
