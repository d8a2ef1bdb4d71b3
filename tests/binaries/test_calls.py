"""Shortcuts of the analysis, compared with the long way, on real executables."""

from __future__ import annotations

import pytest

from otelchan.gobinary import instructions
from otelchan.gobinary.calls import CALL_SIZE, Calls
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.instructions import decode
from tests.support.shapes import shapes

PIECE = 4096


@pytest.mark.parametrize("flags", [(), ("-buildmode=pie",)])
def test_the_calls_of_a_function_are_those_that_a_decoder_sees(flags: tuple[str, ...]) -> None:
    """All of them, for the functions that are called most and least; more only where bytes look like a call."""
    program = shapes("1.27.3", False, *flags)
    functions = program.image.functions
    first = functions.table.text
    truth: dict[int, list[int]] = {}
    with Elf(program.path) as elf:
        code = CodeView(elf.read, functions, elf.segments)
        calls = Calls(code)
        entry = first
        while (function := functions.at(entry)) is not None:
            for instruction in decode(elf.read(function.entry, function.end - function.entry), function.entry):
                if instruction.is_call and instruction.target is not None and len(instruction.code) == CALL_SIZE:
                    truth.setdefault(instruction.target, []).append(instruction.address)
            entry = function.end
        found = {target: calls.of(target) for target in truth}

    assert len(truth) > 1000
    assert truth == {target: [place for place in found[target] if place in set(truth[target])] for target in truth}
    extra = sum(len(found[target]) - len(truth[target]) for target in truth)
    assert extra < sum(map(len, truth.values())) / 100


def test_what_is_known_of_an_instruction_holds_for_it_elsewhere() -> None:
    """Decoded with what earlier ones told, and anew each time: the same, over half a megabyte of code."""
    program = shapes("1.27.3")
    total = 0
    with Elf(program.path) as elf:
        text = next(segment for segment in elf.segments if segment.executable)
        for at in range(0, min(text.file_size, 128 * PIECE) - PIECE, PIECE):
            address = text.address + at
            data = elf.read(address, PIECE)
            with_memory = decode(data, address)
            known, instructions._known = instructions._known, {}
            assert with_memory == decode(data, address)
            instructions._known = known
            total += len(with_memory)
    assert total > 50_000
