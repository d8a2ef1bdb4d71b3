"""The program tests/workloads/shapes: what analyse() says of it, and what it says about itself."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from otelchan.gobinary.code import CodeView
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.globals import decode_globals
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import NOT_KNOWN, Globals, GoImage
from tests.support.gobuild import build


@dataclass(frozen=True)
class Shapes:
    """A build of shapes: where it is, and what analyse() says of it."""

    path: Path
    image: GoImage

    @cached_property
    def truth(self) -> dict[str, Any]:
        """What the program says of itself."""
        output = subprocess.run([self.path], check=True, capture_output=True, timeout=60).stdout
        return json.loads(output)  # type: ignore[no-any-return]

    @cached_property
    def bias(self) -> int:
        """The load bias of the process that said it."""
        main = self.image.functions.find("main.main")
        assert main is not None
        return int(self.truth["main"]) - main.entry


@cache
def shapes(go: str = "1.26.8", stripped: bool = False, *flags: str) -> Shapes:
    """One build of it; built, analysed and run once for all tests."""
    path = build("shapes", go, stripped, flags=flags)
    return Shapes(path, analyse(path))


def decoded(program: Shapes) -> Globals:
    """What the instructions of a program say."""
    image = program.image
    with Elf(program.path) as elf:
        code = CodeView(elf.read, image.functions, elf.segments)
        return decode_globals(image.path, code, image.layout, image.globals.moduledata)


def as_decoded(globals_: Globals) -> Globals:
    """The same, as they would come from instructions; those look for nothing outside of the runtime."""
    return replace(globals_, source="code", signal_map=NOT_KNOWN)
