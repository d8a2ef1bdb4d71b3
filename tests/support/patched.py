"""The program tests/workloads/opcount, analysed as it is and with bytes of its code, its layout or names changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from otelchan.gobinary.code import CodeView
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.functions import Function
from otelchan.gobinary.image import analyse
from otelchan.gobinary.instructions import Instruction, decode
from otelchan.gobinary.sites import find_sites
from otelchan.gobinary.types import GoImage, Layout, MissingSite, Site, SiteKind
from scripts.stack import cache_dir
from tests.support.gobuild import EVERY_GO, build
from tests.support.kinds import KINDS, Kind

COMPLETE = {
    ("park", "chansend"): 2,
    ("park", "chanrecv"): 2,
    ("park", "selectgo"): 1,
    ("park", "block"): 1,
    ("wake", "send"): 1,
    ("wake", "recv"): 1,
    ("wake", "closechan"): 1,
    ("send", "chansend"): 1,
    ("recv", "chanrecv"): 1,
    ("recv_closed", "chanrecv"): 2,
    ("select", "selectgo"): 1,
    ("make", "makechan"): 1,
    ("close", "closechan"): 1,
    ("panic", "chansend"): 2,
    ("panic", "selectgo"): 1,
    ("panic", "closechan"): 2,
    ("would_block", "chansend"): 3,
    ("would_block", "chanrecv"): 3,
    ("select_default", "selectgo"): 1,
}
"""How many sites of each kind are in each function of an executable that does everything, by kind and name."""
_KINDS = {kind.name: kind for kind in KINDS}
_INLINING = "chansend", "chanrecv", "selectgo", "block"


def guided() -> Kind:
    """Built with a profile in which every call of gopark is hot, so that it is inlined into the channel operations.

    The profile is in the form that the compiler reads (cmd/internal/pgo, since Go 1.23): caller, callee, then the
    call's line from the function's first one and its weight. Lines on which there is no such call mean nothing.
    """
    edges = (f"runtime.{caller}\nruntime.gopark\n{line} 1000\n" for caller in _INLINING for line in range(1, 500))
    profile = cache_dir() / "workloads" / "gopark.pgo"  # its path is part of what is built, so it stays the same
    if not profile.exists():
        profile.parent.mkdir(parents=True, exist_ok=True)
        written = profile.with_suffix(f".{os.getpid()}")
        written.write_text("GO PREPROFILE V1\n" + "".join(edges))
        written.rename(profile)
    return Kind("guided", "by a profile", (f"-gcflags=runtime=-pgoprofile={profile}",))


BUILDS = (
    *((_KINDS["stripped" if number % 2 else "plain"], go) for number, go in enumerate(EVERY_GO)),
    *((_KINDS[name], "1.27.3") for name in ("pie", "race", "unoptimised", "v3")),
    (_KINDS["unoptimised"], "1.20.14"),
    (guided(), "1.27.3"),
)
"""What the rules for sites are tested on: each version once, and each kind that has other code in the runtime."""


def built(of: tuple[Kind, str]) -> GoImage:
    """The program that has all functions with probe sites, of that kind and release."""
    kind, go = of
    return _analysed(kind.build("opcount", go))


def named(of: tuple[Kind, str]) -> str:
    """What a test calls such a build."""
    return f"{of[0].name}-{of[1]}"


def opcount(go: str, stripped: bool = False, flags: tuple[str, ...] = ()) -> GoImage:
    """The same, plain or stripped, with more flags."""
    return _analysed(build("opcount", go, stripped, flags=flags))


@cache
def _analysed(path: Path) -> GoImage:
    return analyse(path)


def the(image: GoImage, kind: SiteKind, function: str) -> Site:
    """The first such site."""
    return next(site for site in image.sites if (site.kind, site.function) == (kind, f"runtime.{function}"))


class Renamed:
    """A function table in which some functions have another name, or none."""

    def __init__(self, image: GoImage, names: Mapping[str, str | None]) -> None:
        self._functions, self._names = image.functions, names

    def find(self, name: str) -> Function | None:
        """The function, unless it is renamed away."""
        return None if name in self._names else self._functions.find(name)

    def at(self, pc: int) -> Function | None:
        """The function there, by its other name if it has one."""
        function = self._functions.at(pc)
        name = self._names.get(function.name, function.name) if function else None
        return function._replace(name=name) if function and name else None


def refused(
    image: GoImage,
    patches: Mapping[int, bytes] | None = None,
    layout: Layout | None = None,
    names: Mapping[str, str | None] | None = None,
) -> tuple[MissingSite, ...]:
    """What is missing once bytes of the code, the layout or names of functions are changed."""
    return sites(image, patches, layout, names)[1]


def sites(
    image: GoImage,
    patches: Mapping[int, bytes] | None = None,
    layout: Layout | None = None,
    names: Mapping[str, str | None] | None = None,
) -> tuple[tuple[Site, ...], tuple[MissingSite, ...]]:
    """What is found and what is missing then."""
    with Elf(image.path) as elf:

        def read(address: int, size: int) -> bytes:
            data = bytearray(elf.read(address, size))
            for place, new in (patches or {}).items():
                if address <= place < address + size:
                    data[place - address : place - address + len(new)] = new
            return bytes(data)

        code = CodeView(read, Renamed(image, names or {}), elf.segments)
        return find_sites(code, layout or image.layout)


def instructions(image: GoImage, name: str) -> list[Instruction]:
    """The code of a function."""
    function = image.functions.find(name)
    assert function is not None
    with Elf(image.path) as elf:
        return decode(elf.read(function.entry, function.end - function.entry), function.entry)
