"""Plugins of a process: their code, types and names."""

from __future__ import annotations

from otelchan.memory.census import take_census
from otelchan.memory.modules import modules_of
from otelchan.memory.typename import TypeRange, type_name, types_of
from tests.support.fabricated import LAYOUT, Fabricated

CODE, TYPES = 0x7F0000400000, 0x7F0000800000


def opened(program: Fabricated, name: bytes = b"example.com/plug", after: int = 0) -> int:
    """The moduledata of a plugin that the program has opened. after: that of the one before it."""
    address, text = program.allocate(LAYOUT["sizeof moduledata"]), program.allocate(len(name) + 1)
    program.memory.write(text, name)
    header = len(name).to_bytes(8, "little")
    program.memory.write(address + LAYOUT["moduledata.pluginpath"], text.to_bytes(8, "little") + header)
    bounds = {"text": CODE, "etext": CODE + 0x1000, "types": TYPES, "etypes": TYPES + 0x1000}
    for field, value in bounds.items():
        program.set("moduledata", address, field, value)
    program.set("moduledata", after or program.globals.moduledata + program.bias, "next", address)
    return address


def test_a_program_without_plugins_has_one_module() -> None:
    """Its executable."""
    program = Fabricated(0x1000)
    (module,) = modules_of(program.memory, LAYOUT, program.globals, program.bias)

    assert ("", program.types) == (module.plugin, module.types[0])


def test_plugins_come_in_the_order_in_which_they_were_opened() -> None:
    """With what they were built of; one whose name makes no sense is one all the same."""
    program = Fabricated()
    first = opened(program)
    second = opened(program, b"plugin/unnamed-1", after=first)
    opened(program, b"", after=second)
    modules = modules_of(program.memory, LAYOUT, program.globals, 0)

    assert ["", "example.com/plug", "plugin/unnamed-1", "?"] == [module.plugin for module in modules]
    assert ((CODE, CODE + 0x1000), (TYPES, TYPES + 0x1000)) == modules[1][:2]


def test_a_list_without_an_end_is_cut() -> None:
    """The last module leads back to itself."""
    program = Fabricated()
    address = opened(program)
    program.set("moduledata", address, "next", address)

    assert len(modules_of(program.memory, LAYOUT, program.globals, 0)) < 100


def test_a_module_that_is_gone_ends_the_list() -> None:
    """Its memory cannot be read."""
    program = Fabricated()
    program.set("moduledata", opened(program), "next", 0x123456789000)

    assert 2 == len(modules_of(program.memory, LAYOUT, program.globals, 0))


def test_the_name_of_a_plugins_type_lies_in_the_plugin() -> None:
    """Offsets in a descriptor are relative to the types of its own module."""
    program = Fabricated()
    opened(program)
    program.memory.write(TYPES, bytes(0x100))
    program.put_type(TYPES + 8, 16, 25, 0, 0x80)
    program.memory.write(TYPES + 0x80, b"\0\x0bmain.Parcel")
    types = types_of(modules_of(program.memory, LAYOUT, program.globals, 0))

    assert TypeRange(*types[:2], ((TYPES, TYPES + 0x1000),)) == types
    assert "main.Parcel" == type_name(program.memory, LAYOUT, types, TYPES + 8)


def test_a_stack_that_begins_in_a_plugin_is_complete() -> None:
    """It ends where the frame pointer is 0, in the plugin's copy of runtime.goexit; frames are named by the plugin."""
    program = Fabricated(0x5000)
    opened(program)
    g = program.goroutine(14)
    sp = program.put_stack(g, ("runtime.gopark", "runtime.chanrecv", "main.worker"))
    bases = [sp + 32 + 48 * i for i in range(3)]
    program.memory.word(bases[0] + 8, CODE + 0x10)
    program.memory.word(bases[2] + 8, CODE + 0x20)
    census = take_census(program.memory, program.image, program.bias)

    (goroutine,) = census.goroutines
    inside = [CODE + 0x10 - program.bias, CODE + 0x20 - program.bias]
    assert (True, inside) == (goroutine.stack_complete, [goroutine.stack[1], goroutine.stack[3]])
    assert ("example.com/plug",) == census.plugins
    names = [frame.function for pc in inside if (frame := program.functions.plugins.frame(pc))]
    assert ["unknown function (plugin example.com/plug)"] * 2 == names
