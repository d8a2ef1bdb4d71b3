"""Names of types, in the bytes of real executables."""

from __future__ import annotations

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.moduledata import find_module
from otelchan.memory.typename import TypeRange, type_name
from tests.support.elfs import memory_of
from tests.support.shapes import shapes


@pytest.mark.parametrize("go", ["1.26.8", "1.27.3"])
@pytest.mark.parametrize(("stripped", "flags"), [(False, ()), (True, ()), (True, ("-buildmode=pie",))])
def test_names_are_those_of_reflect(go: str, stripped: bool, flags: tuple[str, ...]) -> None:
    """Every kind of element type, in memory as it is loaded, named as the program's own reflect.Type.String()."""
    program = shapes(go, stripped, *flags)
    layout = program.image.layout
    truth = {entry["address"] - program.bias: entry["name"] for entry in program.truth["types"]}
    assert len(truth) > 30
    with Elf(program.path) as elf:
        module = find_module(elf, layout)
        types, memory = TypeRange(module.types, module.etypes), memory_of(elf)
    assert truth == {address: type_name(memory, layout, types, address) for address in truth}
