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
from tests.support.gobuild import SUPPORTED_GO, WORKLOADS, build

SOURCE = WORKLOADS / "makes" / "main.go"
COMMENT = re.compile(r"// makes (.+)$")


class Made(NamedTuple):
    """A make in the source: its line, element type and capacity, "?" where unknown."""

    line: int
    element: str
    capacity: str


def expected() -> list[Made]:
    """What the comments in the source say."""
    lines = enumerate(SOURCE.read_text(encoding="utf-8").splitlines(), 1)
    said = [(number, match[1].split(", ")) for number, line in lines if (match := COMMENT.search(line))]
    return sorted(Made(number, *one.rsplit(" ", 1)) for number, several in said for one in several)


@cache
def makes(go: str, stripped: bool = False, flags: tuple[str, ...] = ()) -> GoImage:
    """The program, analysed."""
    return analyse(build("makes", go, stripped, flags=flags))


def found(image: GoImage) -> list[Made]:
    """What the executable's code says of the makes in that source."""
    made = []
    with Elf(image.path) as elf:
        module, memory = find_module(elf, image.layout), memory_of(elf)
        for site in image.make_sites:
            frame = image.functions.frames(site.return_address)[0]
            if frame.file == str(SOURCE):
                known = site.element_type
                types = TypeRange(module.types, module.etypes)
                name = type_name(memory, image.layout, types, known) if known else "?"
                made.append(Made(frame.line, name, str(site.capacity) if site.capacity >= 0 else "?"))
    return sorted(set(made))  # a generic function has several bodies


@pytest.mark.parametrize("go", SUPPORTED_GO)
@pytest.mark.parametrize(("stripped", "flags"), [(False, ()), (True, ()), (True, ("-buildmode=pie",))])
def test_every_make_is_found_with_what_is_certain(go: str, stripped: bool, flags: tuple[str, ...]) -> None:
    """Element types and constant capacities; nothing where a variable, another path or a table may decide."""
    image = makes(go, stripped, flags)

    assert len(expected()) > 15
    assert expected() == found(image)


@pytest.mark.parametrize("go", SUPPORTED_GO)
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
