"""Probe sites in real executables, and how code that is not as it should be is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.instructions import decode
from otelchan.gobinary.types import Condition, GoImage, MissingSite, Site, SiteKind
from tests.support.gobuild import SUPPORTED_GO
from tests.support.kinds import Kind
from tests.support.patched import BUILDS, COMPLETE, built, guided, instructions, named, opcount, refused, sites, the

NOPS = {3: b"\x90" * 3, 5: b"\x90" * 5}


@pytest.mark.parametrize("build", BUILDS, ids=named)
def test_all_sites_are_found(build: tuple[Kind, str]) -> None:
    """In every version, with and without symbols, optimised or not: every kind in every function that has it."""
    image = built(build)

    assert COMPLETE == Counter((site.kind, site.function.removeprefix("runtime.")) for site in image.sites)
    assert () == image.missing


@pytest.mark.parametrize("build", BUILDS, ids=named)
def test_every_site_is_one_instruction_that_the_kernel_emulates(build: tuple[Kind, str]) -> None:
    """Its bytes are those of the file, and it lies in the function that it names."""
    image = built(build)
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
    assert ("rcx", Condition.EQUAL, 88) == (close.register, close.condition, close.frame)


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_parks_that_never_end_are_told_from_the_others(go: str) -> None:
    """One in chansend and one in chanrecv, for a nil channel, and the one of `select {}`."""
    parks = [site for site in opcount(go).sites if site.kind is SiteKind.PARK]

    assert {"call runtime.gopark"} == {site.instruction for site in parks}
    assert ["runtime.block", "runtime.chanrecv", "runtime.chansend"] == sorted(
        site.function for site in parks if site.nil_channel
    )


@pytest.mark.parametrize(("go", "stripped"), [("1.19.13", False), ("1.20.14", True)])
def test_older_releases_call_goready_and_have_smaller_frames(go: str, stripped: bool) -> None:
    """The sleeper is in rax there, as read off their disassembly."""
    image = opcount(go, stripped)
    wakes = [site for site in image.sites if site.kind is SiteKind.WAKE]
    close = the(image, SiteKind.CLOSE, "closechan")

    assert [("call runtime.goready", "rax", -1)] * 3 == [(w.instruction, w.register, w.closure) for w in wakes]
    assert {"runtime.send": 40, "runtime.recv": 48, "runtime.closechan": 56} == {w.function: w.frame for w in wakes}
    assert ("rdi", Condition.EQUAL, 56) == (close.register, close.condition, close.frame)


@pytest.mark.parametrize("go", ["1.20.14", "1.27.3"])
def test_without_optimisation_goready_is_called(go: str) -> None:
    """It is inlined in optimised code only, since Go 1.21."""
    wakes = [site for site in opcount(go, flags=("-gcflags=all=-N -l",)).sites if site.kind is SiteKind.WAKE]

    assert [("call runtime.goready", "rax")] * 3 == [(wake.instruction, wake.register) for wake in wakes]


def test_a_park_that_is_inlined_is_found_where_it_ends() -> None:
    """At the call of mcall with park_m, the channel in a register or slot, and none in a select; told by its reason."""
    image = built((guided(), "1.27.3"))
    parks = [site for site in image.sites if site.kind is SiteKind.PARK]

    assert {("call runtime.mcall", True)} == {(park.instruction, park.inlined) for park in parks}
    known = {park.function: bool(park.register) or park.slot >= 0 for park in parks if not park.nil_channel}
    assert {"runtime.chansend": True, "runtime.chanrecv": True, "runtime.selectgo": False} == known


def test_an_inlined_park_without_its_reason_is_refused() -> None:
    """Nothing else tells whether it ends; and a switch to anything else than park_m is no park."""
    image = built((guided(), "1.27.3"))
    field = f" + {image.layout['g.waitreason']:#x}]"
    (store,) = (i for i in instructions(image, "runtime.selectgo") if i.text.startswith("mov byte") and field in i.text)
    unstored = refused(image, {store.address: b"\x90" * len(store.code)})
    elsewhere = refused(image, names={"runtime.park_m": "runtime.other"})

    assert [(SiteKind.PARK, "runtime.selectgo")] == [m[:2] for m in unstored]
    assert unstored[0].reason == "expected one store of the wait reason before `call runtime.mcall`, found 0"
    assert {SiteKind.PARK} == {m.kind for m in elsewhere}


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
        ({"hchan.lock"}, {"park", "send", "recv", "recv_closed", "close"}),
        ({"hchan.closed"}, {"close"}),
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

    reason = "the results are not in registers there"  # on which that of the default branch relies, too
    kinds = (SiteKind.SELECT, SiteKind.SELECT_DEFAULT)
    assert tuple(MissingSite(kind, site.function, reason) for kind in kinds) == missing


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
    assert {"expected one call of runtime.systemstack that readies a goroutine, or of runtime.goready, found 0"} == {
        m.reason for m in missing
    }


@pytest.mark.parametrize(
    ("function", "caller", "kinds"),
    [
        ("runtime.chansend", "runtime.selectnbsend", {"park", "send", "panic", "would_block"}),
        ("runtime.chanrecv", "runtime.chanrecv2", {"park", "recv", "recv_closed", "would_block"}),
        ("runtime.send", "runtime.selectgo", {"wake"}),
        ("runtime.selectgo", "reflect.rselect", {"park", "select", "panic", "select_default"}),
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
