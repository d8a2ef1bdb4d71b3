"""Kernel headers for BCC, which brings none of its own.

The program reads registers (struct pt_regs) and no structure of the kernel, so headers of any Linux version serve as
well as the running kernel's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SOURCE, _BUILD = Path("include/linux/kconfig.h"), Path("include/generated/autoconf.h")
_GENERATED = ("arch/x86/include/generated", "include", "arch/x86/include/generated/uapi", "include/generated/uapi")


class Headers(NamedTuple):
    """source: the tree with what is written by hand. build: with what is generated; Debian has two trees, others one.
    release: of which kernel."""

    source: Path
    build: Path
    release: str

    @property
    def flags(self) -> list[str]:
        """What the compiler needs besides `source`, in which BCC has it run."""
        return [] if self.build == self.source else [f"-I{self.build / folder}" for folder in _GENERATED]


def find_headers(
    running: str, modules: Path = Path("/lib/modules"), sources: Path = Path("/usr/src")
) -> Headers | None:
    """Those of the running kernel, else the newest there are. running: its release, as uname says."""
    newest_first = sorted(_list(modules), key=_version, reverse=True)
    for folder in sorted(newest_first, key=lambda folder: folder.name != running):
        if found := _headers((folder / "source", folder / "build"), folder / "build", folder.name):
            return found
    for build in sorted(_list(sources), key=_version, reverse=True):
        common = build.with_name(build.name.rpartition("-")[0] + "-common")  # Debian: linux-headers-6.1.0-9-common
        if found := _headers((build, common), build, build.name.removeprefix("linux-headers-")):
            return found
    return None


def _headers(sources: tuple[Path, ...], build: Path, release: str) -> Headers | None:
    if not (build / _BUILD).is_file():
        return None
    # A whole tree needs no other one, and then its own files must win.
    for source in sorted(sources, key=lambda source: source != build):
        if (source / _SOURCE).is_file():
            return Headers(source.resolve(), build.resolve(), release)
    return None


def _list(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.name)]
