"""Executables with changed bytes: every reader says what is wrong, or gives a result, within 2 s and 300 MB.

`make fuzz` tries more of them, and prints the seed; so does a failure here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otelchan.errors import BinaryError
from otelchan.gobinary import dwarf
from otelchan.gobinary.elf import Elf, NotInFile
from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.image import analyse
from otelchan.gobinary.imagecodec import pack
from otelchan.gobinary.moduledata import find_module
from otelchan.gobinary.types import GoImage
from otelchan.memory.typename import TypeRange, type_name
from tests.support.elfs import memory_of
from tests.support.gobuild import build
from tests.support.mutations import Mutation, Outcome, Range, changed, mutations, outcome, regions_of

MANY = os.environ.get("OTELCHAN_FUZZ_EXAMPLES", "")  # `make fuzz` sets it
EXAMPLES = int(MANY or "30")
PHASES = set(Phase) - (set() if MANY else {Phase.shrink, Phase.explain})  # a smaller example takes minutes
PCS = 40


class Corpus(NamedTuple):
    """A real executable, whole."""

    data: bytes
    image: GoImage
    regions: dict[str, Range]
    packed: bytes


def _fuzzed(part: int = 1) -> Callable[..., Callable[..., None]]:
    """part: of the examples of the others, for what takes longer."""
    return settings(
        max_examples=max(1, EXAMPLES // part),
        deadline=None,
        phases=PHASES,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )


BUILDS = {
    "1.19": ("everyop", "1.19.13", ("-ldflags=-compressdwarf=false",)),
    "1.27": ("everyop", "1.27.3", ("-ldflags=-compressdwarf=false",)),
    "1.27 stripped": ("everyop", "1.27.3", ("-ldflags=-s -w",)),
    "1.26 stripped PIE": ("everyop", "1.26.8", ("-ldflags=-s -w", "-buildmode=pie")),
}


@cache
def corpus(name: str) -> Corpus:
    """One of BUILDS."""
    workload, go, flags = BUILDS[name]
    path = build(workload, go, flags=flags)
    image = analyse(path)
    packed = packed_of(image)  # before more is looked up in it
    return Corpus(path.read_bytes(), image, regions_of(path, image), packed)


def packed_of(image: GoImage) -> bytes:
    """The image without what says which file it is of."""
    table = image.functions.table._replace(mtime_ns=0)
    return pack(replace(image, path="", functions=FunctionTable("", table, image.functions.found)))


def whole(path: Path) -> bytes:
    """Everything that the agent asks of an executable: the analysis, then functions and lines all over the text."""
    image = analyse(path)
    packed = packed_of(image)
    functions, table = image.functions, image.functions.table
    functions.open()
    functions.find_all(["main.main", "runtime.gopark", "there is none"])
    first, last = functions._entries[0], functions._entries[-1]
    for number in range(PCS):
        pc = table.text + first + (last - first) * number // PCS
        functions.at(pc)
        functions.frames(pc)
        functions.func_ids(pc)
    return packed


def debug_data(path: Path) -> object:
    """What the executable's own DWARF says."""
    with Elf(path) as elf:
        try:
            return dwarf.measure(elf), dwarf.wait_reasons(elf)
        except NotInFile as error:  # as analyse() does
            raise BinaryError(str(error)) from None


def types_of(path: Path) -> object:
    """Names of the types at 500 places, of which many are no types."""
    image = corpus("1.27 stripped").image
    with Elf(path) as elf:
        module = find_module(elf, image.layout)
        memory = memory_of(elf)
    types = TypeRange(module.types, module.etypes)
    step = max(8, (module.etypes - module.types) // 500 & ~7)
    return [type_name(memory, image.layout, types, at) for at in range(module.types, module.etypes, step)]


def assert_survived(found: Outcome) -> None:
    """An error or a result."""
    assert found.kind in ("result", "error"), f"{found.kind}: {found.value}"


def written(path: Path, data: bytes) -> Path:
    """Always the same name and time, so that results can be compared."""
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    return path


@pytest.mark.parametrize("name", BUILDS)
def test_the_unchanged_executable_is_read(name: str, tmp_path: Path) -> None:
    """Else the others show nothing."""
    whole_one = written(tmp_path / "app", corpus(name).data)
    assert Outcome("result", corpus(name).packed) == outcome(lambda: whole(whole_one))
    if "stripped" not in name:
        assert outcome(lambda: debug_data(whole_one)).kind == "result"


@pytest.mark.parametrize("name", BUILDS)
def test_changed_executables_are_read_or_refused(name: str, tmp_path: Path) -> None:
    """Bytes of headers, of sections, of the function table and of the runtime's own code."""
    known = corpus(name)

    @_fuzzed()
    @given(mutations(sorted(known.regions)))
    def each(changes: list[Mutation]) -> None:
        path = written(tmp_path / "app", changed(known.data, known.regions, changes))
        assert_survived(outcome(lambda: whole(path)))

    each()


@pytest.mark.parametrize("name", ["1.19", "1.27"])
def test_changed_debug_data_is_read_or_refused(name: str, tmp_path: Path) -> None:
    """The DWARF sections, symbols and headers."""
    known = corpus(name)
    names = [region for region in known.regions if region.startswith((".debug", ".symtab", ".strtab", "section"))]
    assert len(names) > 5

    @_fuzzed()
    @given(mutations(sorted(names)))
    def each(changes: list[Mutation]) -> None:
        path = written(tmp_path / "app", changed(known.data, known.regions, changes))
        assert_survived(outcome(lambda: debug_data(path)))

    each()


def test_changed_types_have_names_or_none(tmp_path: Path) -> None:
    """Type descriptors and what they point to."""
    known = corpus("1.27 stripped")
    names = [region for region in known.regions if region in (".go.type", ".typelink", ".rodata", "module data")]
    assert len(names) > 1

    @_fuzzed()
    @given(mutations(sorted(names), most=30))
    def each(changes: list[Mutation]) -> None:
        path = written(tmp_path / "app", changed(known.data, known.regions, changes))
        assert_survived(outcome(lambda: types_of(path)))

    each()


UNREAD = (".debug_", ".typelink", ".itablink", ".gosymtab", ".comment", ".go.fipsinfo", ".interp", ".dynstr")


@pytest.mark.parametrize("name", BUILDS)
def test_what_is_not_read_changes_nothing(name: str, tmp_path: Path) -> None:
    """Debug data, where the layout comes from the table, and sections that only the loader or a debugger reads."""
    known = corpus(name)
    names = [region for region in known.regions if region.startswith(UNREAD)]
    assert names

    @_fuzzed(part=3)
    @given(st.lists(mutations(sorted(names)), min_size=1, max_size=20))
    def each(changes: list[list[Mutation]]) -> None:
        flat = [change for some in changes for change in some if change.how != "end"]
        path = written(tmp_path / "app", changed(known.data, known.regions, flat))
        assert Outcome("result", known.packed) == outcome(lambda: whole(path))

    each()
