"""Names of types from their descriptors in memory."""

import pytest

from otelchan.memory.typename import TypeRange, type_name, type_range
from tests.support.fabricated import LAYOUT, Fabricated


def name_at(program: Fabricated, address: int) -> str:
    """Its name."""
    types = type_range(program.memory, LAYOUT, program.globals, program.bias)
    return type_name(program.memory, LAYOUT, types, address)


@pytest.mark.parametrize(
    "name", ["int", "main.Pair[string,int]", "struct { A uint16; B uint16 }", "T" * 127, "T" * 128, "T" * 2000]
)
def test_names_are_read_whatever_their_length(name: str) -> None:
    """The length is one byte or two."""
    program = Fabricated()

    assert name == name_at(program, program.type(name))


def test_an_extra_star_is_removed() -> None:
    """The linker keeps one name for T and *T."""
    program = Fabricated()

    assert "main.Price" == name_at(program, program.type("*main.Price", flag=2))


def test_a_pointer_keeps_its_star() -> None:
    """Without the flag the star is its own."""
    program = Fabricated()

    assert "*main.Price" == name_at(program, program.type("*main.Price", flag=1 | 4))


@pytest.mark.parametrize(("kind", "name"), [(25, "struct"), (22 | 32, "ptr"), (2, "int"), (31, "?")])
def test_a_type_made_at_run_time_has_its_kind_for_a_name(kind: int, name: str) -> None:
    """reflect keeps its name in a map of the program."""
    program = Fabricated()
    address = program.allocate(LAYOUT["sizeof type"])
    program.put_type(address, 8, kind)

    assert name == name_at(program, address)


def test_an_unreadable_type_is_unknown() -> None:
    """Instead of an error: it is only a name."""
    assert "?" == name_at(Fabricated(), 0x12345000)


def test_names_are_remembered_as_long_as_the_reader() -> None:
    """A descriptor is read once, and never for another program."""
    program, other = Fabricated(), Fabricated()
    address = program.type("int")
    assert address == other.type("string")
    assert ["int", "string"] == [name_at(program, address), name_at(other, address)]
    program.memory.unmap(address)

    assert "int" == name_at(program, address)


def test_the_range_of_types_is_that_of_the_module() -> None:
    """Live addresses."""
    program = Fabricated(0x1000)
    types = type_range(program.memory, LAYOUT, program.globals, program.bias)

    assert TypeRange(0x701000, 0x702000) == types
