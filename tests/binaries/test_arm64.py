"""Executables built for arm64, told apart from what otelchan itself says of them by Go's own tools and source."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from otelchan.gobinary import dwarf
from otelchan.gobinary.arm64.code import Arm64Code
from otelchan.gobinary.arm64.globals import decode_globals
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.image import analyse
from otelchan.gobinary.layouts import table
from otelchan.gobinary.types import GoImage, Site, SiteKind
from tests.binaries.test_makesites import expected, found
from tests.support import require_kernel
from tests.support.gobuild import build
from tests.support.gosource import blocks, objdump
from tests.support.patched import COMPLETE

GO = ("1.19.13", "1.26.8", "1.27.3")
POLLS = {key: number for key, number in COMPLETE.items() if key[0] == "would_block"}
SIMULATED = re.compile(r"(CALL|JMP|B(EQ|NE|HI|LS|CS|CC|HS|LO|GE|LT|GT|LE)|CBN?ZW?|TBN?Z|ADRP?|RET)\b")
LINES = {  # by kind, function and number among those: text of the line in the source
    ("park", "block", 0): "gopark(nil, nil, waitReasonSelectNoCases",
    ("park", "chanrecv", 0): "gopark(nil, nil, waitReasonChanReceiveNilChan",
    ("park", "chanrecv", 1): "gopark(chanparkcommit, ",
    ("park", "chansend", 0): "gopark(nil, nil, waitReasonChanSendNilChan",
    ("park", "chansend", 1): "gopark(chanparkcommit, ",
    ("park", "selectgo", 0): "gopark(selparkcommit, nil, ",
    ("wake", "send", 0): "goready(gp, skip+1)",
    ("wake", "recv", 0): "goready(gp, skip+1)",
    ("wake", "closechan", 0): "goready(gp, 3)",
    ("close", "closechan", 0): "for {",
    ("make", "makechan", 0): "c.elemtype = elem",
    ("select", "selectgo", 0): "if caseReleaseTime > 0 {",
    ("select_default", "selectgo", 0): "selunlock(scases, lockorder)",
    ("panic", "selectgo", 0): 'panic(plainError("send on closed channel"))',
}
BLOCKS = {  # by kind and function: the blocks of the source in which they lie, by their first lines
    ("send", "chansend"): ("if c.qcount < c.dataqsiz {",),
    ("recv", "chanrecv"): ("if c.qcount > 0 {",),
    ("recv_closed", "chanrecv"): ("if c.closed != 0 {", "if empty(c) {"),
    ("would_block", "chansend"): ("if !block {", "if !block && c.closed == 0 && full(c) {"),
    ("would_block", "chanrecv"): ("if !block {", "if atomic.Load(&c.closed) == 0 {"),
}
Key = tuple[str, str]


def opcount(go: str, stripped: bool = False, flags: tuple[str, ...] = ()) -> GoImage:
    """The program that has all functions with probe sites."""
    return _analysed(build("opcount", go, stripped, flags=flags, goarch="arm64"))


@cache
def _analysed(path: Path) -> GoImage:
    return analyse(path)


def key(site: Site) -> Key:
    """Kind and function, as tests name them."""
    return str(site.kind), site.function.removeprefix("runtime.")


def source_of(image: GoImage, site: Site) -> tuple[Path, int]:
    """File and line of the statement in the function itself, whatever is inlined there."""
    frame = image.functions.frames(site.address, call=False)[-1]
    assert frame.function == site.function
    return Path(frame.file), frame.line


@pytest.mark.parametrize("go", GO)
def test_all_sites_are_found(go: str) -> None:
    """Every kind in every function that has it; but not those of the polls plane in releases before 1.25."""
    image = opcount(go)
    polled = go != "1.19.13"

    assert {key: n for key, n in COMPLETE.items() if polled or key not in POLLS} == Counter(map(key, image.sites))
    assert (set() if polled else set(POLLS)) == {
        (str(m.kind), m.function.removeprefix("runtime.")) for m in image.missing
    }
    assert "arm64" == image.architecture


@pytest.mark.parametrize("go", GO)
def test_every_site_is_an_instruction_that_the_kernel_simulates(go: str) -> None:
    """As Go's own disassembler calls it, at the same address."""
    image = opcount(go)
    for site in image.sites:
        instruction = objdump(Path(image.path), site.function)[site.address].instruction
        assert SIMULATED.match(instruction), instruction


@pytest.mark.parametrize("go", GO)
def test_lines_are_those_of_gos_own_tools(go: str) -> None:
    """Of every instruction of the functions with sites, also of what is inlined there."""
    image = opcount(go)
    for function in sorted({site.function for site in image.sites}):
        listed = objdump(Path(image.path), function)
        frames = {address: image.functions.frames(address, call=False)[0] for address in listed}
        assert len(listed) > 15
        assert {a: (line.file, line.number) for a, line in listed.items()} == {
            a: (Path(frame.file).name, frame.line) for a, frame in frames.items()
        }


@pytest.mark.parametrize("go", GO)
def test_every_site_is_in_the_statement_that_it_is_about(go: str) -> None:
    """In the source of that release of Go."""
    image = opcount(go)
    numbers: Counter[Key] = Counter()
    for site in sorted(image.sites, key=lambda site: source_of(image, site)[1]):
        file, number = source_of(image, site)
        kind, function = key(site)
        line = file.read_text(encoding="utf-8").splitlines()[number - 1]
        text = LINES.get((kind, function, numbers[key(site)]))
        numbers[key(site)] += 1
        if site.kind is SiteKind.PANIC:
            assert "panic(plainError(" in line and site.error.replace("_", " ") in line
        elif text is not None:
            assert text in line
        else:
            assert any(number in blocks(file, function, opening) for opening in BLOCKS[kind, function]), line


@pytest.mark.parametrize("go", GO)
def test_stripping_changes_no_site_and_no_address(go: str) -> None:
    """Without symbols the runtime's variables come from instructions: the same addresses as the symbols say."""
    image = opcount(go)
    with Elf(image.path) as elf:
        code = Arm64Code(elf.read, image.functions, elf.segments)
        decoded = decode_globals(image.path, code, image.layout, image.globals.moduledata)
    names = ("allglen", "allgptr", "allp", "sched", "mheap", "moduledata")

    assert "symbols" == image.globals.source
    assert [getattr(image.globals, name) for name in names] == [getattr(decoded, name) for name in names]


def test_a_stripped_position_independent_executable_has_all_sites() -> None:
    """What the loader relocates is found by the relocations of arm64."""
    image = opcount("1.27.3", True, ("-buildmode=pie",))

    assert (True, True, "code") == (image.position_independent, image.stripped, image.globals.source)
    assert COMPLETE == Counter(map(key, image.sites))
    assert () == image.missing


@pytest.mark.parametrize("go", GO)
def test_the_shipped_layout_is_that_of_the_executable(go: str) -> None:
    """Measured for arm64; but for two keys it is that of amd64."""
    with Elf(build("opcount", go, goarch="arm64")) as elf:
        measured, reasons = dwarf.measure(elf), dwarf.wait_reasons(elf)
    shipped = table("arm64")[f"go{go}"]

    assert measured == shipped.offsets and reasons == shipped.wait_reasons
    differing = {name for name, offset in measured.items() if table()[f"go{go}"][name] != offset}
    assert differing <= {"const.arenaBaseOffset", "mheap.arenas"}


def test_makes_are_found() -> None:
    """What is certain of them. A switch by a table hides an element type, a conditional select shows two capacities."""
    image = analyse(build("makes", "1.27.3", goarch="arm64"))
    wanted, made = expected(), found(image)
    unlike = {one.line for one in set(wanted) ^ set(made)}

    assert len(wanted) > 15 and len(unlike) == 2
    assert all("?" in (one.element, one.capacity) for one in set(wanted) - set(made))


def test_the_plan_for_a_file_says_that_nothing_can_be_attached() -> None:
    """With the architecture and every probe; and with the reason why it is refused."""
    path = build("opcount", "1.27.3", goarch="arm64")
    command = [sys.executable, "-m", "otelchan", "plan", "--file", str(path), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    (preview,) = json.loads(done.stdout)["processes"]

    assert "arm64" == preview["go"]["architecture"]
    assert ["makes", "waits", "operations", "polls"] == [plane["plane"] for plane in preview["planes"]]
    (reason,) = preview["would_be_refused"]
    assert reason.startswith("it is built for arm64")
    assert preview["attaching"] is None


def test_the_kernel_side_compiles_for_arm64(tmp_path: Path) -> None:
    """It reads that kernel's registers; whether it loads there is not known, for there is no such kernel here."""
    if shutil.which("clang") is None:
        require_kernel("clang is not installed: `make setup-test` installs it")
    flags = ["-O2", "-g", "-target", "bpf", "-D__TARGET_ARCH_arm64", f"-I/usr/include/{os.uname().machine}-linux-gnu"]
    source = Path(__file__).parents[2] / "bpf" / "otelchan.bpf.c"
    command = ["clang", *flags, "-Wall", "-Werror", "-c", str(source), "-o", str(tmp_path / "object.o")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    assert (0, "") == (done.returncode, done.stderr)
