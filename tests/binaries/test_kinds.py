"""Every kind of executable that Go makes is read like the plain one, or refused by name."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.relocation import RelocationSection

from otelchan.errors import BinaryError
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.image import analyse
from otelchan.gobinary.pclntab import WRAPPER
from otelchan.gobinary.types import NOT_KNOWN, Frame
from tests.support.elfs import packed, with_version, without_sections
from tests.support.gobuild import build
from tests.support.kinds import KINDS, Kind
from tests.support.shapes import Shapes, as_decoded, decoded, shapes

NEWEST, OLDEST = "1.27.3", "1.19.13"
BUILDS = [
    *((kind, NEWEST) for kind in KINDS if kind.name not in ("plain", "stripped")),
    *((kind, OLDEST) for kind in KINDS if kind.name in ("cgo", "cgo stripped pie", "static", "race")),
    *((kind, "1.25.11") for kind in KINDS if kind.name == "cgo stripped pie"),
]
UNOPTIMISED = "unoptimised"
STRIPPED_CGO_PIE = next(kind for kind in KINDS if kind.name == "cgo stripped pie")
R_X86_64_RELATIVE = 8


@pytest.mark.parametrize(("kind", "go"), BUILDS, ids=[f"{kind.name}-{go}" for kind, go in BUILDS])
def test_every_kind_is_read_like_the_plain_one(kind: Kind, go: str) -> None:
    """Stacks are those that the program's own runtime says, variables those of the symbols, and no site is missing."""
    path = kind.build("shapes", go)
    program = Shapes(path, analyse(path))
    image = program.image
    for stack in program.truth["stacks"]:
        truth = [Frame(**frame) for frame in stack["frames"]]
        for position, pc in enumerate(stack["pcs"]):
            at = pc - program.bias
            pairs = zip(image.functions.frames(at), image.functions.func_ids(at), strict=True)
            frames = [frame for frame, func_id in pairs if func_id != WRAPPER]
            assert truth[position : position + len(frames)] == frames != []
    assert (image.position_independent, program.bias > 0) == ("pie" in kind.name,) * 2
    assert image.stripped == ("stripped" in kind.name)
    assert image.missing == ()
    if not image.stripped and kind.name != UNOPTIMISED:
        assert as_decoded(image.globals) == decoded(program)


def without_addends(source: Path, target: Path) -> Path:
    """A copy of an executable with zeros where the loader puts relocated words, as LLVM's linker leaves them."""
    data = bytearray(source.read_bytes())
    with Elf(source) as elf:
        relocations = elf.sections[".rela.dyn"]
        assert isinstance(relocations, RelocationSection)
        for entry in relocations.iter_relocations():
            if entry["r_info_type"] == R_X86_64_RELATIVE:
                offset = elf.offset(entry["r_offset"])
                data[offset : offset + 8] = bytes(8)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("go", [OLDEST, NEWEST])
def test_what_the_loader_fills_is_known_with_and_without_sections(go: str, tmp_path: Path) -> None:
    """The relocations say it where the file has zeros; the dynamic section says where they are, too."""
    path = STRIPPED_CGO_PIE.build("shapes", go)
    whole, zeros = analyse(path), without_addends(path, tmp_path / "zeros")
    for changed in (zeros, without_sections(zeros, tmp_path / "bare"), without_sections(path, tmp_path / "also")):
        image = analyse(changed)
        assert (whole.globals, whole.sites, whole.make_sites) == (image.globals, image.sites, image.make_sites)


def test_packed_relocations_are_read(tmp_path: Path) -> None:
    """With -z pack-relative-relocs the words are in place, and not in the table of relocations that is read here."""
    flags = ("-buildmode=pie", "-ldflags=-linkmode=external -s -w -extldflags=-Wl,-z,pack-relative-relocs")
    path = build("shapes", NEWEST, flags=flags, environment={"CGO_ENABLED": "1"})
    with Elf(path) as elf:
        assert elf.sections[".relr.dyn"]["sh_size"] > elf.sections[".rela.dyn"]["sh_size"]
    image, other = analyse(path), analyse(STRIPPED_CGO_PIE.build("shapes", NEWEST))
    for one in (image, other):
        assert one.missing == ()
    assert [site.code[:1] for site in other.sites] == [site.code[:1] for site in image.sites]
    assert len(other.make_sites) == len(image.make_sites)


LINKED = [(go, mode) for go in (OLDEST, NEWEST) for mode in ("external", "internal")]


@pytest.mark.parametrize(("go", "mode"), LINKED)
def test_names_like_those_of_the_runtime_do_not_confuse(go: str, mode: str) -> None:
    """A package called runtime has another path. C may have static functions and variables of any name.

    Go's own linker, which takes C in as if it were Go, puts it before the runtime, and its variables among Go's.
    """
    path = build("vendored", go, flags=(f"-ldflags=-linkmode={mode}",), environment={"CGO_ENABLED": "1"})
    _, other_chansend, other_sched = map(int, subprocess.run([path], check=True, capture_output=True).stdout.split())
    image = analyse(path)
    for name in ("chansend", "chanrecv", "gopark"):
        own = image.functions.find(f"runtime.{name}")
        copy = image.functions.find(f"example.com/vendored/runtime.{name}")
        assert own is not None
        assert copy is not None
        assert own.entry not in (copy.entry, other_chansend)
        (frame,) = image.functions.frames(own.entry, call=False)[-1:]
        assert frame.file.endswith(f"/src/runtime/{'proc' if name == 'gopark' else 'chan'}.go")
    assert image.missing == ()
    with Elf(path) as elf:
        assert elf.symbols(["runtime.sched", "runtime.mheap_"]).keys() == {"runtime.mheap_"}, "C's sched must be there"
        found = image.globals
    assert other_sched not in (found.sched, found.allp, found.allglen)
    assert replace(found, source="code", signal_map=NOT_KNOWN) == decoded(Shapes(path, image))


@pytest.mark.parametrize("version", ["go1.24.11-microsoft", "devel go1.24-0f1e2d3c", "go1.24.11 (Red Hat 1.24)"])
def test_a_vendors_or_developers_build_is_read_by_its_own_debug_information(version: str, tmp_path: Path) -> None:
    """No such toolchain is to be had here: the version in a real executable is changed to what theirs say."""
    plain = shapes("1.24.11")
    image = analyse(with_version(plain.path, tmp_path / "app", version))
    assert (image.build.go_version, image.layout.source) == (version, "dwarf")
    assert image.layout.offsets == plain.image.layout.offsets
    assert (image.sites, image.globals) == (plain.image.sites, plain.image.globals)
    pcs = [pc for stack in plain.truth["stacks"] for pc in stack["pcs"]]
    assert [image.functions.frames(pc) for pc in pcs] == [plain.image.functions.frames(pc) for pc in pcs]


def test_a_vendors_build_without_debug_information_is_refused(tmp_path: Path) -> None:
    """Its number says nothing about what the vendor changed."""
    path = with_version(build("shapes", "1.24.11", stripped=True), tmp_path / "app", "go1.24.11-microsoft")
    with pytest.raises(BinaryError) as error:
        analyse(path)
    assert str(error.value) == (
        f"{path} is built with go1.24.11-microsoft, which is no release of the Go project's and may have changed the "
        "runtime's fields, and it has no debug information to learn its memory layout from; build it without "
        "-ldflags='-s -w'"
    )


def test_a_packed_executable_is_refused_by_name(tmp_path: Path) -> None:
    """Not as something that is no Go program, which it is."""
    path = packed(build("shapes", stripped=True), tmp_path / "app")
    with pytest.raises(BinaryError) as error:
        analyse(path)
    assert str(error.value) == (
        f"{path} is packed with UPX, which hides what is in it; unpack the file (upx -d) and start it from there"
    )


def refusal(path: Path) -> str:
    """What analysing the file says."""
    with pytest.raises(BinaryError) as error:
        analyse(path)
    return str(error.value)


def test_an_obfuscated_executable_is_refused_by_name(tmp_path: Path) -> None:
    """Garble has the version say "unknown", and gives the function table a magic number of its own.

    It also gives functions other names. All three are made here on a real executable, as garble 0.16.0 was seen to make
    the first two; building garble and a program with it takes half a minute.
    """
    path, data = build("shapes", stripped=True), bytearray(build("shapes", stripped=True).read_bytes())
    unknown = with_version(path, tmp_path / "unknown", "unknown")
    assert refusal(unknown) == (
        f"{unknown} is obfuscated as by garble: it does not say which Go built it; build it without garble"
    )
    with Elf(path) as elf:
        table = elf.sections[".gopclntab"]["sh_offset"]
    scrambled = tmp_path / "scrambled"
    scrambled.write_bytes(bytes(data[:table] + b"\x8e\x41\x0a\xa7" + data[table + 4 :]))
    assert refusal(scrambled) == (
        f"{scrambled} is obfuscated as by garble: its function table does not have the format of a Go release; "
        "build it without garble"
    )
    renamed = tmp_path / "renamed"
    renamed.write_bytes(bytes(data).replace(b"\0runtime.goexit\0", b"\0sB6pQxNnVzrT3q\0"))
    assert refusal(renamed) == f"{renamed} has obfuscated function names, as garble makes them; build it without garble"
