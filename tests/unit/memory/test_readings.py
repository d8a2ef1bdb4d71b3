"""The newest clock reading in a program's memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otelchan.memory.readings import newest_reading
from tests.support.fabricated import LAYOUT, Fabricated

P = {"p.gcMarkWorkerStartTime": 64, "p.sysmontick.schedwhen": 72}


def newest(program: Fabricated, stamps: list[int], *processors: tuple[int, int]) -> int:
    """With Ps that have these readings."""
    layout = replace(LAYOUT, offsets={**LAYOUT.offsets, **P})
    addresses = []
    for readings in processors:
        addresses.append(program.allocate(80))
        for offset, value in zip(P.values(), readings, strict=True):
            program.memory.word(addresses[-1] + offset, value)
    array = program.allocate(8 * max(len(addresses), 1))
    program.memory.write(array, np.array(addresses, np.uint64).tobytes())
    for index, value in enumerate((array, len(addresses), len(addresses))):
        program.memory.word(program.globals.allp + program.bias + 8 * index, value)
    return newest_reading(program.memory, layout, program.globals, program.bias, stamps)


def test_it_is_the_largest_of_all() -> None:
    """Of the stamps of waits and of what each P has, in any of them."""
    assert 9 == newest(Fabricated(), [3, 9, 0], (5, 1), (2, 8))
    assert 9 == newest(Fabricated(), [3], (5, 1), (9, 8))
    assert 9 == newest(Fabricated(bias=0x10000), [], (5, 9), (0, 0))


def test_without_any_it_is_zero() -> None:
    """A program in which nothing has happened yet."""
    assert 0 == newest(Fabricated(), [], (0, 0))
    assert 0 == newest(Fabricated(), [0, 0])
