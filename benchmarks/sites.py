"""Where probes are put that are not ours: as published recipes place them. Pure but for reading the executable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.loads import NAIVE_FUNCTIONS, RECIPE_FUNCTIONS
from otelchan.gobinary.instructions import Instruction, decode
from otelchan.gobinary.types import GoImage
from otelchan.plan.types import AttachPlan

RETURN = 32  # in the cookie, as in bpf/recipe.bpf.c


class Place(NamedTuple):
    """One instruction. cookie: what its hits are counted under; label: what that is. emulated: by the kernel."""

    offset: int
    cookie: int
    label: str
    emulated: bool


def ours(plan: AttachPlan) -> list[Place]:
    """Every site of every plane; the cookie is the kind."""
    found = []
    for planned in (planned for sites in plan.planes.values() for planned in sites):
        number = planned.cookie >> 16 & 0xFF
        found.append(Place(planned.file_offset, number, planned.site.kind.value, True))
    return found


def recipe(image: GoImage) -> list[Place]:
    """The entry and each return instruction of the three functions that compiled code calls for `c <- v` and `<-c`.

    So OpenTelemetry's eBPF instrumentation places them. A return probe (uretprobe) would rewrite return addresses on
    stacks that Go moves, and crash the program: nobody careful uses one.
    """
    found = []
    for function, label in RECIPE_FUNCTIONS.items():
        number = _number(RECIPE_FUNCTIONS, label)
        code = _instructions(image, function)
        found.append(_place(image, code[0], number, label))
        returns = (instruction for instruction in code if instruction.mnemonic == "ret")
        found += [_place(image, instruction, number | RETURN, f"{label} return") for instruction in returns]
    return found


def called(image: GoImage) -> list[Place]:
    """Of recipe() the entries alone."""
    return [place for place in recipe(image) if not place.cookie & RETURN]


def naive(image: GoImage) -> list[Place]:
    """The first instruction of the functions that do the work, as `uprobe:...:runtime.chansend` places it."""
    return [
        _place(image, _instructions(image, function)[0], _number(NAIVE_FUNCTIONS, label), label)
        for function, label in NAIVE_FUNCTIONS.items()
    ]


def _number(functions: Mapping[str, str], label: str) -> int:
    return list(dict.fromkeys(functions.values())).index(label)


def _place(image: GoImage, instruction: Instruction, cookie: int, label: str) -> Place:
    return Place(image.file_offset(instruction.address), cookie, label, instruction.emulated)


def _instructions(image: GoImage, function: str) -> list[Instruction]:
    found = image.functions.find(function)
    assert found, f"{function} is not in {image.path}"
    start = image.file_offset(found.entry)
    code = Path(image.path).read_bytes()[start : start + found.end - found.entry]
    return decode(code, found.entry)
