"""The sites of what does not succeed, attempts that would block, default branches and panics, in real executables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.instructions import Instruction
from otelchan.gobinary.types import Condition, GoImage, MissingSite, Site, SiteKind
from tests.support.gobuild import SUPPORTED_GO
from tests.support.patched import instructions, opcount, refused, sites, the

NOP = b"\x90"


def of_kind(found: tuple[Site, ...], kind: SiteKind, function: str) -> list[Site]:
    """Those of a function, in order of address."""
    some = (site for site in found if (site.kind, site.function) == (kind, f"runtime.{function}"))
    return sorted(some, key=lambda site: site.address)


def instruction_at(image: GoImage, site: Site) -> int:
    """Its index in the code of its function."""
    return [i.address for i in instructions(image, site.function)].index(site.address)


def followed_by(code: list[Instruction], start: int, text: str) -> Instruction:
    """The next instruction of that text."""
    return next(instruction for instruction in code[start:] if instruction.text == text)


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_attempts_have_the_facts_read_off_by_hand(go: str) -> None:
    """The first look, the nil check and under the lock, as found in the disassembly of plain builds."""
    image = opcount(go)
    lock = image.layout["hchan.lock"]
    look, nil, locked = of_kind(image.sites, SiteKind.WOULD_BLOCK, "chansend")

    assert ("je", "rax", Condition.NOT_EQUAL) == (look.instruction.split()[0], look.register, look.condition)
    assert ("jne", "rax", Condition.EQUAL) == (nil.instruction.split()[0], nil.register, nil.condition)
    assert ("call runtime.unlock2", "rcx", 0) == (locked.instruction, locked.register, locked.channel_offset)

    look, nil, locked = of_kind(image.sites, SiteKind.WOULD_BLOCK, "chanrecv")
    assert ("je", "rax", Condition.EQUAL) == (look.instruction.split()[0], look.register, look.condition)
    assert ("jne", "rax", Condition.EQUAL) == (nil.instruction.split()[0], nil.register, nil.condition)
    assert ("call runtime.unlock2", "rax", lock) == (locked.instruction, locked.register, locked.channel_offset)


@pytest.mark.parametrize(("go", "frame"), [("1.26.8", 0x128), ("1.27.3", 0x138)])
def test_panics_and_defaults_have_the_facts_read_off_by_hand(go: str, frame: int) -> None:
    """What is wrong is said by the text, and the channel is where the disassembly has it; a select does not know it."""
    image = opcount(go)
    panics = [site for site in image.sites if site.kind is SiteKind.PANIC]

    assert {"call runtime.gopanic"} == {site.instruction for site in panics}
    assert [
        ("runtime.chansend", "send_on_closed", "rcx", -1, 0),
        ("runtime.chansend", "send_on_closed", "", 0x70, 0),
        ("runtime.selectgo", "send_on_closed", "", -1, frame),
        ("runtime.closechan", "close_of_closed", "", 0x60, 0),
        ("runtime.closechan", "close_of_nil", "", -1, 0),
    ] == [(site.function, site.error, site.register, site.slot, site.frame) for site in panics]
    default = the(image, SiteKind.SELECT_DEFAULT, "selectgo")
    assert ("call runtime.selunlock", frame) == (default.instruction, default.frame)


def test_panics_with_another_text_are_no_sites() -> None:
    """Go 1.24 also panics about channels of a synctest bubble; that is no error with a name here."""
    image = opcount("1.24.11", True)
    calls = [i for i in instructions(image, "runtime.chansend") if i.is_call and i.target == gopanic(image)]

    assert len(calls) == 3
    assert len(of_kind(image.sites, SiteKind.PANIC, "chansend")) == 2


def gopanic(image: GoImage) -> int:
    """Where runtime.gopanic begins."""
    function = image.functions.find("runtime.gopanic")
    assert function is not None
    return function.entry


def test_a_panic_whose_text_is_another_is_refused() -> None:
    """One byte of "close of nil channel" in the file is enough."""
    image = opcount("1.27.3")
    with Elf(image.path) as elf:
        data = elf.read(image.segments[1].address, image.segments[1].file_size)
        text = image.segments[1].address + data.index(b"close of nil channel")
    missing = refused(image, {text: b"C"})

    reason = "expected calls of runtime.gopanic for close_of_closed, close_of_nil, found close_of_closed"
    assert (MissingSite(SiteKind.PANIC, "runtime.closechan", reason),) == missing


def test_a_panic_with_something_computed_is_refused() -> None:
    """The text must be a constant; without the `lea rbx` before the call it is not known."""
    image = opcount("1.27.3")
    panic = the(image, SiteKind.PANIC, "selectgo")
    code = instructions(image, panic.function)
    load = code[instruction_at(image, panic) - 1]
    missing = refused(image, {load.address: NOP * len(load.code)})

    reason = "what `call runtime.gopanic` is called with is not a constant"
    assert (MissingSite(SiteKind.PANIC, "runtime.selectgo", reason),) == missing


def test_a_channel_that_no_register_holds_is_found_in_its_stack_slot() -> None:
    """As where the address in rax is not that of the lock: in another release's layout it is none that is known."""
    image = opcount("1.27.3")
    layout = replace(image.layout, offsets={**image.layout.offsets, "hchan.lock": 1000})
    locked = of_kind(sites(image, layout=layout)[0], SiteKind.WOULD_BLOCK, "chanrecv")[-1]

    assert ("call runtime.unlock2", "", 0x78) == (locked.instruction, locked.register, locked.slot)


def test_an_outcome_that_is_not_known_is_refused() -> None:
    """One return of something else than true or false: the others may be taken for what they are not."""
    image = opcount("1.27.3")
    code = instructions(image, "runtime.chansend")
    result = followed_by(code, 0, "xor eax, eax")
    missing = refused(image, {result.address: bytes.fromhex("89d0")})  # mov eax, edx

    reason = "what it returns is not known at every return"
    assert (MissingSite(SiteKind.WOULD_BLOCK, "runtime.chansend", reason),) == missing


def test_a_condition_that_the_kernel_side_does_not_know_is_refused() -> None:
    """jl reads flags that it does not look at."""
    image = opcount("1.27.3")
    look = of_kind(image.sites, SiteKind.WOULD_BLOCK, "chanrecv")[0]
    missing = refused(image, {look.address: b"\x7c"})  # jl

    assert [(SiteKind.WOULD_BLOCK, "runtime.chanrecv")] == [m[:2] for m in missing if m.kind is SiteKind.WOULD_BLOCK]
    assert all("neither `jl " in m.reason for m in missing if m.kind is SiteKind.WOULD_BLOCK)


def test_a_default_branch_whose_cases_are_not_in_the_registers_is_refused() -> None:
    """The number of cases is what was added up of the arguments, not any number."""
    image = opcount("1.27.3")
    default = the(image, SiteKind.SELECT_DEFAULT, "selectgo")
    code = instructions(image, default.function)
    index = instruction_at(image, default)
    number = next(i for i in reversed(code[:index]) if i.text == "mov rbx, r8")
    missing = refused(image, {number.address: bytes.fromhex("4889f3")})  # mov rbx, rsi

    reason = "rbx does not hold the number of cases there"
    assert (MissingSite(SiteKind.SELECT_DEFAULT, "runtime.selectgo", reason),) == missing


def test_a_call_after_which_a_case_is_returned_is_no_default_branch() -> None:
    """The others of runtime.selunlock lead to the same return, with the case that was chosen."""
    image = opcount("1.27.3")
    default = the(image, SiteKind.SELECT_DEFAULT, "selectgo")
    code = instructions(image, default.function)
    none = followed_by(code, instruction_at(image, default), "mov rcx, 0xffffffffffffffff")
    missing = refused(image, {none.address: bytes.fromhex("48c7c100000000")})  # mov rcx, 0

    reason = "expected one call of runtime.selunlock that is followed by the return of -1, found 0"
    assert (MissingSite(SiteKind.SELECT_DEFAULT, "runtime.selectgo", reason),) == missing


@pytest.mark.parametrize(
    ("place", "code", "reason"),
    [
        (0, b"\x0f\x84", "it returns without having found the channel open"),  # jne -> je: the sides are exchanged
        (0, b"\x0f\x87", "expected one jump on whether the channel is closed, found 0"),  # jne -> ja
        (-1, b"\x83\x79\x20", "expected one jump on whether the channel is closed, found 0"),  # another field
        (-1, b"\x83\x79\x1c\x01", "expected one jump on whether the channel is closed, found 0"),  # compared with 1
        (-2, b"\x90" * 5, "expected one jump on whether the channel is closed, found 0"),  # mov rcx, [rsp+0x60]
    ],
)
def test_a_close_that_does_not_look_whether_it_is_the_first_is_refused(place: int, code: bytes, reason: str) -> None:
    """Another condition, side, field, number or register at the jump, the comparison and what loads the channel."""
    image = opcount("1.27.3")
    close = the(image, SiteKind.CLOSE, "closechan")
    changed = instructions(image, close.function)[instruction_at(image, close) + place]
    missing = refused(image, {changed.address: code})

    assert (MissingSite(SiteKind.CLOSE, "runtime.closechan", reason),) == tuple(
        site for site in missing if site.kind is SiteKind.CLOSE
    )


def test_a_close_that_does_not_lock_the_channel_first_is_refused() -> None:
    """Without the call whatever it finds may change before it closes."""
    image = opcount("1.27.3")
    close = the(image, SiteKind.CLOSE, "closechan")
    code = instructions(image, close.function)
    lock = next(i for i in reversed(code[: instruction_at(image, close)]) if i.is_call)
    missing = refused(image, {lock.address: NOP * 5})

    reason = "expected one call that locks the channel, found 0"
    assert (MissingSite(SiteKind.CLOSE, close.function, reason),) == missing
