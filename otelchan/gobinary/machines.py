"""What of the analysis depends on the processor that an executable is built for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from otelchan.gobinary.arm64.code import Arm64Code
from otelchan.gobinary.arm64.globals import decode_globals as decode_arm64_globals
from otelchan.gobinary.arm64.makesites import find_make_sites as find_arm64_make_sites
from otelchan.gobinary.arm64.sites import find_sites as find_arm64_sites
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.globals import decode_globals
from otelchan.gobinary.makesites import find_make_sites
from otelchan.gobinary.sites import find_sites
from otelchan.gobinary.types import Globals, Layout, MakeSite, MissingSite, Site


class Machine(NamedTuple):
    """How its code is decoded, and how probe sites, the runtime's variables and make sites are found in it."""

    code: type[CodeView]
    find_sites: Callable[[CodeView, Layout], tuple[tuple[Site, ...], tuple[MissingSite, ...]]]
    decode_globals: Callable[[str, CodeView, Layout, int], Globals]
    find_make_sites: Callable[[CodeView, Layout], tuple[MakeSite, ...]]


MACHINES: Mapping[str, Machine] = {
    "amd64": Machine(CodeView, find_sites, decode_globals, find_make_sites),
    "arm64": Machine(Arm64Code, find_arm64_sites, decode_arm64_globals, find_arm64_make_sites),
}
"""By what Elf.architecture says."""
