"""Where channels are made, with what is known of them from the code alone."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.image import analyse
from otelchan.gobinary.moduledata import find_module
from otelchan.gobinary.types import GoImage
from otelchan.memory.typename import TypeRange, type_name
from tests.support.elfs import memory_of
from tests.support.gobuild import EVERY_GO, WORKLOADS
from tests.support.kinds import KINDS

SOURCE = WORKLOADS / "makes" / "main.go"
COMMENT = re.compile(r"// makes (.+)$")


class Made(NamedTuple):
    """A make in the source: its line, element type and capacity, "?" where unknown."""

    line: int
    element: str
    capacity: str


def expected(go: str = "", unoptimised: bool = False) -> list[Made]:
    """What the comments in the source say for a Go version."""
    lines = enumerate(SOURCE.read_text(encoding="utf-8").splitlines(), 1)
    said = [(number, match[1]) for number, line in lines if (match := COMMENT.search(line))]
    chosen = [(number, _of(text, go, unoptimised).split(", ")) for number, text in said]
    return sorted(Made(number, *one.rsplit(" ", 1)) for number, several in chosen for one in several)


def _of(text: str, go: str, unoptimised: bool) -> str:
    usual, *others = text.split("; ")
    for other in others:
        when, _, then = other.partition(" ")
        if (when == "-N" and unoptimised) or (when.startswith("go") and f"go{go}.".startswith(f"{when}.")):
            return then
    return usual


@cache
def makes(go: str, kind: str = "plain") -> GoImage:
    """The program, analysed. kind: of tests.support.kinds."""
    (found,) = [each for each in KINDS if each.name == kind]
    return analyse(found.build("makes", go))


def found(image: GoImage) -> list[Made]:
    """What the executable's code says of the makes in that source."""
    made = []
    with Elf(image.path) as elf:
        module, memory = find_module(elf, image.layout), memory_of(elf)
        for site in image.make_sites:
            frame = image.functions.frames(site.return_address)[0]
            if frame.file in (str(SOURCE), "example.com/makes/main.go"):
                known = site.element_type
                types = TypeRange(module.types, module.etypes)
                name = type_name(memory, image.layout, types, known) if known else "?"
                made.append(Made(frame.line, name, str(site.capacity) if site.capacity >= 0 else "?"))
    return sorted(set(made))  # a generic function has several bodies


@pytest.mark.parametrize("go", EVERY_GO)
def test_every_make_is_found_with_what_is_certain(go: str) -> None:
    """Element types and constant capacities; nothing where a variable, another path or a table may decide."""
    assert len(expected(go)) > 15
    assert expected(go) == found(makes(go))


@pytest.mark.parametrize("go", (EVERY_GO[0], "1.20.14", EVERY_GO[-1]))
@pytest.mark.parametrize("kind", ("stripped", "pie", "cgo stripped pie", "race", "trimpath", "unoptimised", "v3"))
def test_however_it_was_built(go: str, kind: str) -> None:
    """Stripped, position independent, linked by the C linker, with the race detector, for a debugger: the same."""
    assert expected(go, kind == "unoptimised") == found(makes(go, kind))


@pytest.mark.parametrize("go", EVERY_GO)
def test_make_sites_are_the_addresses_after_the_calls(go: str) -> None:
    """In order, each behind a call of runtime.makechan, or of reflect.makechan, which may make anything."""
    image = makes(go)
    text = Path(image.path).read_bytes()
    makechan, reflected = (image.functions.find(name) for name in ("runtime.makechan", "reflect.makechan"))
    assert makechan is not None
    assert reflected is not None
    addresses = [site.return_address for site in image.make_sites]

    assert sorted(addresses) == addresses
    anything = [site for site in image.make_sites if site.element_type == 0 and site.capacity == -1]
    for address in addresses:
        call = image.file_offset(address - 5)
        assert text[call] == 0xE8
        target = address + int.from_bytes(text[call + 1 : call + 5], "little", signed=True)
        function = image.functions.at(address)
        assert function is not None
        assert target == (reflected if function.name == "reflect.MakeChan" else makechan).entry
        assert function.name != "reflect.makechan"
    assert ["reflect.MakeChan"] == [image.functions.frames(site.return_address)[0].function for site in anything]
