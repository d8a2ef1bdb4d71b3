"""Addresses of the runtime's variables, with and without symbols."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary.image import analyse
from tests.support.elfs import without_sections
from tests.support.gobuild import EVERY_GO
from tests.support.shapes import as_decoded, decoded, shapes


@pytest.mark.parametrize(
    ("go", "flags"),
    [
        *((go, ()) for go in EVERY_GO),
        *((go, ("-buildmode=pie",)) for go in ("1.19.13", "1.26.8", "1.27.3")),
        ("1.27.3", ("-race",)),
    ],
)
def test_instructions_and_symbols_say_the_same(go: str, flags: tuple[str, ...]) -> None:
    """Each address decoded from code equals that of the symbol."""
    program = shapes(go, False, *flags)
    assert program.image.globals.source == "symbols"
    assert as_decoded(program.image.globals) == decoded(program)


@pytest.mark.parametrize("go", EVERY_GO)
def test_an_executable_without_any_section_is_still_understood(go: str, tmp_path: Path) -> None:
    """Function table and module data are found by what they look like, variables by the code: same addresses."""
    program = shapes(go)
    image = analyse(without_sections(program.path, tmp_path / "bare"))
    assert image.stripped
    assert replace(program.image.globals, source="code") == image.globals
    assert (program.image.sites, program.image.make_sites) == (image.sites, image.make_sites)
    for stack in program.truth["stacks"]:
        assert [program.image.functions.frames(pc) for pc in stack["pcs"]] == [
            image.functions.frames(pc) for pc in stack["pcs"]
        ]


@pytest.mark.parametrize("go", EVERY_GO)
def test_a_stripped_executable_is_decoded(go: str) -> None:
    """All addresses lie in writable memory, and none is another's."""
    image = shapes(go, True).image
    assert image.globals.source == "code"
    found = [getattr(image.globals, name) for name in ("allglen", "allgptr", "allp", "sched", "mheap", "moduledata")]
    writable = [segment for segment in image.segments if segment.writable]
    assert all(any(s.address <= address < s.address + s.memory_size for s in writable) for address in found)
    assert len(set(found)) == len(found)


def test_unoptimized_code_without_symbols_is_refused() -> None:
    """Its instructions do not have the shapes that are known, and nothing is guessed."""
    program = shapes("1.27.3", False, "-gcflags=all=-N -l")
    with pytest.raises(BinaryError) as error:
        decoded(program)
    assert str(error.value) == (
        f"{program.path} has no symbols and its code leaves 0 places for runtime.allglen; build it without -ldflags=-s"
    )
