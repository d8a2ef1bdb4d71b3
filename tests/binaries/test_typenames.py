"""Names of types."""

from __future__ import annotations

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.layouts import table
from otelchan.gobinary.moduledata import find_module
from otelchan.gobinary.typenames import kind_name, type_name
from tests.support.shapes import shapes


@pytest.mark.parametrize("go", ["1.26.8", "1.27.3"])
@pytest.mark.parametrize(("stripped", "flags"), [(False, ()), (True, ()), (True, ("-buildmode=pie",))])
def test_names_are_those_of_reflect(go: str, stripped: bool, flags: tuple[str, ...]) -> None:
    """Every kind of element type, read from the file alone, named as the program's own reflect.Type.String()."""
    program = shapes(go, stripped, *flags)
    layout = program.image.layout
    truth = {entry["address"] - program.bias: entry["name"] for entry in program.truth["types"]}
    assert len(truth) > 30
    with Elf(program.path) as elf:
        module = find_module(elf, layout)
        types = (module.types, module.etypes)
        assert truth == {address: type_name(elf.read, layout, types, address) for address in truth}


def test_a_type_made_at_run_time_is_named_by_its_kind() -> None:
    """Its name cannot be resolved from outside, because its offset is an index into a map of the runtime."""
    layout = table()["go1.27.3"]
    descriptor = bytearray(layout["sizeof type"])
    descriptor[layout["type.kind"]] = 25 | 1 << 5
    memory = {0xC000123000: bytes(descriptor)}
    name = type_name(lambda address, size: memory[address][:size], layout, (0x500000, 0x510000), 0xC000123000)
    assert name == "struct"


def test_kinds_have_the_names_of_reflect() -> None:
    """By number, flags above the low five bits left out; a number that Go does not have stays a number."""
    assert ["bool", "chan", "struct", "unsafe.Pointer"] == [kind_name(kind) for kind in (1, 18, 25, 26)]
    assert ["kind27", "int"] == [kind_name(kind) for kind in (27, 32 + 2)]
