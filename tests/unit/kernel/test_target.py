"""What the kernel side is told about a program, and what it makes of it for one that has just begun."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from otelchan.kernel.entry import TARGET
from otelchan.kernel.target import moved

ROOT = Path(__file__).parents[3]


def test_a_program_that_was_loaded_further_up_has_its_addresses_there() -> None:
    """Ranges of code move, everything else stays."""
    entry = np.zeros((), TARGET)
    for number, name in enumerate(TARGET.names or ()):
        entry[name] = number + 1
    there = moved(entry, 0x1000)

    for name in TARGET.names or ():
        expected = entry[name] + 0x1000 if name.endswith(("_low", "_high")) else entry[name]
        assert np.array_equal(there[name], expected), name
    assert moved(entry, 0) == entry


def test_the_kernel_side_moves_the_same_fields_each_once() -> None:
    """oc_move of bpf/processes.h is to a newborn what `moved` is to the others."""
    text = (ROOT / "bpf" / "processes.h").read_text()
    body = re.search(r"void oc_move\(.*?\n}", text, re.S)
    assert body
    fields = re.findall(r"t->(\w+)(?:\[i\])? \+= bias;", body[0])

    assert sorted(fields) == sorted(name for name in TARGET.names or () if name.endswith(("_low", "_high")))
