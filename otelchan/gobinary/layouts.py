"""Which layout of the Go runtime an executable has: by its exact release, else by its own DWARF, else refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from otelchan.errors import BinaryError
from otelchan.gobinary import dwarf
from otelchan.gobinary.buildinfo import Release
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.types import Layout

TABLE = Path(__file__).with_name("layouts.json")
TABLES = {"amd64": TABLE, "arm64": TABLE.with_name("layouts-arm64.json")}
"""Written by `make offsets` (offsets.py) from executables of every release in them."""


@cache
def _entries(architecture: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(TABLES[architecture].read_text())["layouts"]
    return entries


@cache
def harmless_experiments(release: str, architecture: str = "amd64") -> frozenset[str]:
    """The experiments that, each alone, leave the layout of that release as it is."""
    entries = [entry for entry in _entries(architecture) if release in entry["releases"]]
    return frozenset(name for entry in entries for name in entry.get("experiments", ()))


@cache
def table(architecture: str = "amd64") -> Mapping[str, Layout]:
    """The shipped layouts by release ("go1.26.8")."""
    return {
        release: Layout(
            release=release,
            source="table",
            offsets=entry["offsets"],
            wait_reasons={int(number): text for number, text in entry["wait_reasons"].items()},
            architecture=architecture,
        )
        for entry in _entries(architecture)
        for release in entry["releases"]
    }


def own_layout(elf: Elf, release: Release) -> Layout:
    """The layout that the executable's own DWARF and symbols say.

    Raises IncompleteError when it lacks them. Raises BinaryError when it has other fields than the releases of that
    version of Go have: one that is called something else now must not be taken for one that does not exist.
    """
    layout = Layout(release.name, "dwarf", dwarf.measure(elf), dwarf.wait_reasons(elf), elf.architecture)
    like = [release.minor, release.minor - 1] if release.in_development else [release.minor]
    known = [frozenset(entry.offsets) for name, entry in table(elf.architecture).items() if _minor(name) in like]
    if frozenset(layout.offsets) not in known:
        odd = min((frozenset(layout.offsets) ^ keys for keys in known), key=len)
        raise BinaryError(
            f"{elf.path} is built with {_built(release)}, whose runtime has other fields than Go 1.{release.minor} "
            f"({', '.join(sorted(odd))}); build it with a release of Go, or update otelchan"
        )
    return layout


def layout_of(elf: Elf, release: Release) -> Layout:
    """The layout for an executable of that release. Raises BinaryError when nothing says it for sure.

    The table holds for every kind of build, -race too (tests), and with one experiment that was measured to change
    nothing. Not with others or several, nor for vendors' and developers' versions of Go, whatever number they carry.
    """
    known = {"", *harmless_experiments(release.name, elf.architecture)}
    if release.name in table(elf.architecture) and release.experiments in known:
        return table(elf.architecture)[release.name]
    try:
        return own_layout(elf, release)
    except dwarf.IncompleteError:
        raise BinaryError(
            f"{elf.path} is built with {_built(release)}{_doubt(release)}, and it has no debug information to learn "
            "its memory layout from; build it without -ldflags='-s -w'"
        ) from None


def _doubt(release: Release) -> str:
    if not release.released:
        return ", which is no release of the Go project's and may have changed the runtime's fields"
    if release.experiments:
        return ", an experiment of Go's that may move the runtime's fields"
    return ", which this otelchan does not know"


def _built(release: Release) -> str:
    return f"{release.name} X:{release.experiments}" if release.experiments else release.name


def _minor(name: str) -> int:
    return int(name.split(".")[1])
