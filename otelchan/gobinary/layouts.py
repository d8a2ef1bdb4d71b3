"""Which layout of the Go runtime an executable has: by its exact release, else by its own DWARF, else refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from otelchan.errors import BinaryError
from otelchan.gobinary import dwarf
from otelchan.gobinary.buildinfo import Release
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.types import Layout

TABLE = Path(__file__).with_name("layouts.json")
"""Written by `make offsets` (offsets.py) from executables of every release in it."""


@cache
def table() -> Mapping[str, Layout]:
    """The shipped layouts by release ("go1.26.8")."""
    return {
        release: Layout(
            release=release,
            source="table",
            offsets=entry["offsets"],
            wait_reasons={int(number): text for number, text in entry["wait_reasons"].items()},
        )
        for entry in json.loads(TABLE.read_text())["layouts"]
        for release in entry["releases"]
    }


def own_layout(elf: Elf, release: str) -> Layout:
    """The layout that the executable's own DWARF and symbols say. Raises BinaryError when it lacks them."""
    return Layout(release, "dwarf", dwarf.measure(elf), dwarf.wait_reasons(elf))


def layout_of(elf: Elf, release: Release) -> Layout:
    """The layout for an executable of that release. Raises BinaryError when nothing says it for sure.

    The table holds for -race builds too (measured equal for 1.26.8 and 1.27.3), not for GOEXPERIMENT builds.
    """
    if not release.experiments and release.name in table():
        return table()[release.name]
    try:
        return own_layout(elf, release.name)
    except BinaryError:
        built = f"{release.name} X:{release.experiments}" if release.experiments else release.name
        raise BinaryError(
            f"{elf.path} is built with {built}, whose memory layout otelchan does not know, and it has no debug "
            "information to learn that from; update otelchan, or build without -ldflags='-s -w'"
        ) from None
