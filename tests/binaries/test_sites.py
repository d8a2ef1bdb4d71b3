"""Probe sites in real executables, and how code that is not as it should be is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from otelchan.gobinary.code import CodeView
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.functions import Function
from otelchan.gobinary.image import analyse
from otelchan.gobinary.instructions import Instruction, decode
from otelchan.gobinary.sites import find_sites
from otelchan.gobinary.types import Condition, GoImage, Layout, MissingSite, Site, SiteKind
from tests.support.gobuild import SUPPORTED_GO, build

NOPS = {3: b"\x90" * 3, 5: b"\x90" * 5}
VARIANTS: tuple[tuple[bool, tuple[str, ...]], ...] = ((False, ()), (True, ()), (True, ("-buildmode=pie",)))
BUILDS = [(go, stripped, flags) for go in SUPPORTED_GO for stripped, flags in VARIANTS]
COMPLETE = {
    ("park", "chansend"): 2,
    ("park", "chanrecv"): 2,
    ("park", "selectgo"): 1,
    ("park", "block"): 1,
    ("wake", "send"): 1,
    ("wake", "recv"): 1,
    ("wake", "closechan"): 1,
    ("send", "chansend"): 1,
    ("recv", "chanrecv"): 1,
    ("recv_closed", "chanrecv"): 2,
    ("select", "selectgo"): 1,
    ("make", "makechan"): 1,
    ("close", "closechan"): 1,
}


def opcount(go: str, stripped: bool = False, flags: tuple[str, ...] = ()) -> GoImage:
    """The program that has all functions with probe sites."""
    return _analysed(build("opcount", go, stripped, flags=flags))


@cache
def _analysed(path: Path) -> GoImage:
    return analyse(path)


def the(image: GoImage, kind: SiteKind, function: str) -> Site:
    """The first such site."""
    return next(site for site in image.sites if (site.kind, site.function) == (kind, f"runtime.{function}"))


class Renamed:
    """A function table in which some functions have another name, or none."""

    def __init__(self, image: GoImage, names: Mapping[str, str | None]) -> None:
        self._functions, self._names = image.functions, names

    def find(self, name: str) -> Function | None:
        """The function, unless it is renamed away."""
        return None if name in self._names else self._functions.find(name)

    def at(self, pc: int) -> Function | None:
        """The function there, by its other name if it has one."""
        function = self._functions.at(pc)
        name = self._names.get(function.name, function.name) if function else None
        return function._replace(name=name) if function and name else None


def refused(
    image: GoImage,
    patches: Mapping[int, bytes] | None = None,
    layout: Layout | None = None,
    names: Mapping[str, str | None] | None = None,
) -> tuple[MissingSite, ...]:
    """What is missing once bytes of the code, the layout or names of functions are changed."""
    return sites(image, patches, layout, names)[1]


def sites(
    image: GoImage,
    patches: Mapping[int, bytes] | None = None,
    layout: Layout | None = None,
    names: Mapping[str, str | None] | None = None,
) -> tuple[tuple[Site, ...], tuple[MissingSite, ...]]:
    """What is found and what is missing then."""
    with Elf(image.path) as elf:

        def read(address: int, size: int) -> bytes:
            data = bytearray(elf.read(address, size))
            for place, new in (patches or {}).items():
                if address <= place < address + size:
                    data[place - address : place - address + len(new)] = new
            return bytes(data)

        code = CodeView(read, Renamed(image, names or {}), elf.segments)
        return find_sites(code, layout or image.layout)


@pytest.mark.parametrize(("go", "stripped", "flags"), BUILDS)
def test_all_sites_are_found(go: str, stripped: bool, flags: tuple[str, ...]) -> None:
    """With and without symbols, position independent or not: every kind in every function that has it."""
    image = opcount(go, stripped, flags)

    assert COMPLETE == Counter((site.kind, site.function.removeprefix("runtime.")) for site in image.sites)
    assert () == image.missing


@pytest.mark.parametrize(("go", "stripped", "flags"), BUILDS)
def test_every_site_is_one_instruction_that_the_kernel_emulates(
    go: str, stripped: bool, flags: tuple[str, ...]
) -> None:
    """Its bytes are those of the file, and it lies in the function that it names."""
    image = opcount(go, stripped, flags)
    file = Path(image.path).read_bytes()
    for site in image.sites:
        offset = image.file_offset(site.address)
        assert site.code == file[offset : offset + len(site.code)]
        (instruction,) = decode(site.code, site.address)
        assert instruction.emulated
        function = image.functions.at(site.address)
        assert function is not None and site.function == function.name


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_stripping_changes_no_site(go: str) -> None:
    """Symbols are not used."""
    assert opcount(go).sites == opcount(go, True).sites


@pytest.mark.parametrize(("go", "select_frame"), [("1.26.8", 0x128), ("1.27.3", 0x138)])
def test_facts_of_sites_are_those_read_off_by_hand(go: str, select_frame: int) -> None:
    """Registers, frames and slots of plain builds, as found in their disassembly."""
    image = opcount(go)
    wakes = {site.function: (site.frame, site.closure) for site in image.sites if site.kind is SiteKind.WAKE}
    locked, unlocked = (site for site in image.sites if site.kind is SiteKind.RECV_CLOSED)
    send, recv = the(image, SiteKind.SEND, "chansend"), the(image, SiteKind.RECV, "chanrecv")
    select, make = the(image, SiteKind.SELECT, "selectgo"), the(image, SiteKind.MAKE, "makechan")
    close = the(image, SiteKind.CLOSE, "closechan")

    assert {"runtime.send": (64, 40), "runtime.recv": (72, 48), "runtime.closechan": (88, 64)} == wakes
    assert ("rdx", Condition.NONE) == (send.register, send.condition)
    assert ("rax", Condition.NONE) == (recv.register, recv.condition)
    assert ("rax", image.layout["hchan.lock"], -1) == (locked.register, locked.channel_offset, locked.slot)
    assert "call runtime.unlock2" == locked.instruction
    assert ("", 0, 0x78) == (unlocked.register, unlocked.channel_offset, unlocked.slot)
    assert ("rcx", "rdx", select_frame) == (select.register, select.ok_register, select.frame)
    assert ("rcx", 56) == (make.register, make.frame)
    assert ("rax", "push rbp") == (close.register, close.instruction)


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_parks_that_never_end_are_told_from_the_others(go: str) -> None:
    """One in chansend and one in chanrecv, for a nil channel, and the one of `select {}`."""
    parks = [site for site in opcount(go).sites if site.kind is SiteKind.PARK]

    assert {"call runtime.gopark"} == {site.instruction for site in parks}
    assert ["runtime.block", "runtime.chanrecv", "runtime.chansend"] == sorted(
        site.function for site in parks if site.nil_channel
    )


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_without_optimisation_only_wakes_are_missing(go: str) -> None:
    """goready is no longer inlined into those who call it; the other rules hold there too."""
    image = opcount(go, False, ("-gcflags=all=-N -l",))

    assert {"runtime.send", "runtime.recv", "runtime.closechan"} == {missing.function for missing in image.missing}
    assert {(SiteKind.WAKE, "it calls runtime.goready, which is inlined there unless built with -gcflags=-l")} == {
        (missing.kind, missing.reason) for missing in image.missing
    }


def test_a_program_without_selects_lacks_nothing() -> None:
    """selectgo and block are linked in only where they are used; every other function must be there."""
    image = opcount("1.27.3")

    assert () == refused(image, names={"runtime.selectgo": None, "runtime.block": None})
    assert (MissingSite(SiteKind.MAKE, "runtime.makechan", "the executable has no function of that name"),) == refused(
        image, names={"runtime.makechan": None}
    )


@pytest.mark.parametrize(
    ("kind", "function", "first_bytes"),
    [
        (SiteKind.SEND, "chansend", b"\x0f\x82"),  # ja -> jb: the sides are exchanged
        (SiteKind.SEND, "chansend", b"\x0f\x85"),  # ja -> jne: not the question that is asked
        (SiteKind.RECV, "chanrecv", b"\x0f\x84"),  # jbe -> je: the same; so it is not refused
        (SiteKind.RECV, "chanrecv", b"\x0f\x87"),  # jbe -> ja: the sides are exchanged
    ],
)
def test_a_jump_that_asks_something_else_is_not_taken_for_the_buffer(
    kind: SiteKind, function: str, first_bytes: bytes
) -> None:
    """A condition or a side that does not fit is no site; another spelling of the same condition is."""
    image = opcount("1.27.3")
    jump = decision(image, the(image, kind, function))
    same = kind is SiteKind.RECV and first_bytes == b"\x0f\x84"
    reason = "expected one jump on the number of buffered elements, found 0"

    assert (() if same else (MissingSite(kind, f"runtime.{function}", reason),)) == refused(image, {jump: first_bytes})


def decision(image: GoImage, site: Site) -> int:
    """The address of the jump on the number of buffered elements: the one that leads to where the site is."""
    code = instructions(image, site.function)
    jumps = [instruction for instruction in code if instruction.is_jump]
    index = next(index for index, instruction in enumerate(code) if instruction.address == site.address)
    while not (coming := [jump.address for jump in jumps if jump.target == code[index].address]):
        index -= 1
        if code[index].is_jump:
            return code[index].address
    return coming[-1]


def instructions(image: GoImage, name: str) -> list[Instruction]:
    """The code of a function."""
    function = image.functions.find(name)
    assert function is not None
    with Elf(image.path) as elf:
        return decode(elf.read(function.entry, function.end - function.entry), function.entry)


def test_a_channel_that_cannot_be_followed_behind_the_jump_is_taken_at_the_jump() -> None:
    """One `mov` less between the jump and the instruction behind it: the site is the jump, whose flags tell."""
    image = opcount("1.27.3")
    send = the(image, SiteKind.SEND, "chansend")
    jump = decision(image, send)
    loads = [i for i in instructions(image, send.function) if i.text == "mov rdx, qword ptr [rsp + 0x70]"]
    load = max(i.address for i in loads if i.address < send.address)
    (found,) = (site for site in sites(image, {load: NOPS[5]})[0] if site.kind is SiteKind.SEND)

    assert (jump, "rcx", Condition.ABOVE) == (found.address, found.register, found.condition)


def test_a_register_that_does_not_hold_the_channel_is_refused() -> None:
    """One `mov` less before the jump also, and every register is anything."""
    image = opcount("1.27.3")
    code = instructions(image, "runtime.chansend")
    copies = [i.address for i in code if i.text == "mov rcx, rax"]
    loads = [i.address for i in code if i.text == "mov rdx, qword ptr [rsp + 0x70]"]
    assert copies and loads
    missing = refused(image, {address: NOPS[3] for address in copies} | {address: NOPS[5] for address in loads})

    assert [(SiteKind.SEND, "runtime.chansend")] == [(m.kind, m.function) for m in missing]


def test_another_releases_wait_reasons_are_noticed() -> None:
    """The numbers in the code must mean in the layout what the function does."""
    image = opcount("1.27.3")
    swapped = {**image.layout.wait_reasons, 19: "chan send", 20: "chan receive"}
    missing = refused(image, layout=replace(image.layout, wait_reasons=swapped))

    assert {(SiteKind.PARK, "runtime.chansend"), (SiteKind.PARK, "runtime.chanrecv")} == {m[:2] for m in missing}
    assert all("the layout is of another release" in m.reason for m in missing)


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"hchan.lock"}, {"park", "send", "recv", "recv_closed"}),
        ({"hchan.dataqsiz", "hchan.elemsize", "sudog.g"}, {"send", "make", "wake"}),
        ({"hchan.qcount"}, {"send", "recv"}),
    ],
)
def test_another_releases_offsets_are_noticed(fields: set[str], kinds: set[str]) -> None:
    """Every offset that a rule uses is checked by the code itself."""
    image = opcount("1.27.3")
    offsets = {**image.layout.offsets, **dict.fromkeys(fields, 1000)}
    missing = refused(image, layout=replace(image.layout, offsets=offsets))

    assert kinds == {str(site.kind) for site in missing}


def test_results_that_are_not_what_is_returned_are_refused() -> None:
    """selectgo returning another register than the one at the site: which case won is not known."""
    image = opcount("1.27.3")
    site = the(image, SiteKind.SELECT, "selectgo")
    with Elf(image.path) as elf:
        tail = elf.read(site.address, 64)
    returned = site.address + tail.index(bytes.fromhex("4889c8"))  # mov rax, rcx
    missing = refused(image, {returned: bytes.fromhex("4889f0")})  # mov rax, rsi

    assert (MissingSite(SiteKind.SELECT, site.function, "the results are not in registers there"),) == missing


def test_a_frame_whose_size_does_not_add_up_is_refused() -> None:
    """Where a return would not find its address, what lies where in the frame is not known either."""
    image = opcount("1.27.3")
    site = the(image, SiteKind.WAKE, "send")
    with Elf(image.path) as elf:
        tail = elf.read(site.address, 64)
    leave = site.address + tail.index(bytes.fromhex("4883c438"))  # add rsp, 56
    missing = refused(image, {leave: bytes.fromhex("4883c430")})

    reason = "the depth of the stack at `call runtime.systemstack` is not known"
    assert (MissingSite(SiteKind.WAKE, "runtime.send", reason),) == missing


def test_a_closure_that_does_not_ready_its_goroutine_is_no_wake() -> None:
    """The call of systemstack counts only when what it runs passes the sleeper to runtime.ready."""
    missing = refused(opcount("1.27.3"), names={"runtime.ready": "runtime.other"})

    assert {SiteKind.WAKE} == {m.kind for m in missing}
    assert {"expected one call of runtime.systemstack that readies a goroutine, found 0"} == {m.reason for m in missing}


@pytest.mark.parametrize(
    ("function", "caller", "kinds"),
    [
        ("runtime.chansend", "runtime.selectnbsend", {"park", "send"}),
        ("runtime.chanrecv", "runtime.chanrecv2", {"park", "recv", "recv_closed"}),
        ("runtime.send", "runtime.selectgo", {"wake"}),
        ("runtime.selectgo", "reflect.rselect", {"park", "select"}),
        ("runtime.makechan", "reflect.makechan", {"make"}),
    ],
)
def test_a_function_that_is_also_inlined_is_refused(function: str, caller: str, kinds: set[str]) -> None:
    """As profile-guided optimisation does: some of its operations would pass where no probe is."""
    image = opcount("1.27.3")
    calling = image.functions.find(caller)
    called = image.functions.find(function)
    assert calling is not None and called is not None
    with Elf(image.path) as elf:
        text = elf.read(calling.entry, calling.end - calling.entry)
    calls = [i.address for i in decode(text, calling.entry) if i.is_call and i.target == called.entry]
    missing = refused(image, {address: b"\x90" * 5 for address in calls})

    assert kinds == {str(m.kind) for m in missing if m.function == function}
    reason = f"{caller} does not call it but has it inlined, by profile-guided optimisation"
    assert {reason} == {m.reason for m in missing if m.function == function}
