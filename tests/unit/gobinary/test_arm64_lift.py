"""arm64 instructions as the steps that rules and values know."""

from __future__ import annotations

import struct

import pytest

from otelchan.gobinary.arm64.code import LiftedRoutine
from otelchan.gobinary.arm64.lift import decode
from otelchan.gobinary.flow import Values
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import Immediate, Memory, Register
from otelchan.gobinary.values import argument, constant

ENTRY = 0x1000
RET = 0xD65F03C0


def code(*words: int) -> bytes:
    """Instructions as they are in memory."""
    return struct.pack(f"<{len(words)}I", *words)


def values(*words: int) -> Values:
    """What a function of these instructions holds."""
    text = code(*words)
    return Values(LiftedRoutine(Function("main.f", ENTRY, ENTRY + len(text)), decode(text, ENTRY), {}))


def at_end(*words: int) -> dict[str | int, object]:
    """What is held before the `ret` that follows these instructions."""
    found = values(*words, RET)
    return dict(found.at(found.routine.returns[0]))


def test_a_compare_with_zero_and_branch_is_two_steps_at_one_address() -> None:
    """cbz x0: the jump has the bytes, and is what can be probed."""
    compare, jump = decode(code(0xB4000040), ENTRY)

    assert ("cmp", (Register("rax", 8), Immediate(0))) == (compare.mnemonic, compare.operands)
    assert ("je", ENTRY + 8) == (jump.mnemonic, jump.target)
    assert (ENTRY, ENTRY) == (compare.address, jump.address)
    assert (b"", code(0xB4000040)) == (compare.code, jump.code)
    assert (False, True) == (compare.emulated, jump.emulated)


@pytest.mark.parametrize(
    ("word", "emulated"),
    [
        (0x14000001, True),  # b
        (0x94000001, True),  # bl
        (0x54000021, True),  # b.ne
        (0x35000023, True),  # cbnz w3
        (0x36000023, True),  # tbz w3, #0
        (0x90000000, True),  # adrp
        (0xD63F0000, True),  # blr x0
        (RET, True),
        (0xF9400003, False),  # ldr x3, [x0]
        (0x58000040, False),  # ldr x0, from a literal
        (0xD503201F, False),  # nop
        (0xD4200000, False),  # brk
    ],
)
def test_what_the_kernel_simulates(word: int, emulated: bool) -> None:
    """Branches, calls, returns and addresses relative to the instruction, on every kernel since 4.10."""
    assert emulated == decode(code(word), ENTRY)[-1].emulated


def test_pairs_and_changed_bases_are_followed() -> None:
    """str x30, [sp, #-32]!; stp x0, x1, [sp, #8]; ldp x3, x4, [sp, #8]; ldr x30, [sp], #32."""
    state = at_end(0xF81E0FFE, 0xA90087E0, 0xA94093E3, 0xF84207FE)

    assert (argument("rax"), argument("rbx")) == (state["rdi"], state["rsi"])
    assert 0 == state["rsp"].offset  # type: ignore[attr-defined]


def test_a_pair_that_replaces_its_own_base_is_loaded_from_the_old_one() -> None:
    """ldp x0, x1, [x0]: both words are those that the first argument pointed to."""
    state = at_end(0xA9400400)

    assert [argument("rax"), argument("rax", 8)] == [state[name].symbol.of for name in ("rax", "rbx")]  # type: ignore[attr-defined]


def test_a_conditional_select_can_be_either() -> None:
    """mov x5, #43; mov x6, #20; csel x2, x5, x6, ne: two constants, none guessed."""
    found = values(0xD2800565, 0xD2800286, 0x9A8610A2, RET)
    end = found.routine.returns[0]

    assert {43, 20} == found.constants(found.at(end).get("rcx"))


def test_a_conditional_select_of_what_is_replaced_can_be_either() -> None:
    """mov x0, #1; mov x1, #2; csel x0, x0, x1, eq."""
    found = values(0xD2800020, 0xD2800041, 0x9A810000, RET)

    assert {1, 2} == found.constants(found.at(found.routine.returns[0]).get("rax"))


def test_a_constant_in_parts_is_put_together() -> None:
    """mov x1, #4464; movk x1, #1, lsl #16 is 70,000; a movk alone is nothing known."""
    assert constant(70000) == at_end(0xD2822E01, 0xF2A00021)["rbx"]
    assert constant(70000) != at_end(0xF2A00021)["rbx"]


def test_what_is_not_followed_is_no_longer_known() -> None:
    """An atomic swap changes both of its registers: casal w0, w1, [x2]; ldaddal x0, x1, [x2]."""
    for word in (0x88E0FC41, 0xF8E00041):
        state = at_end(word)
        assert argument("rax") != state["rax"] and argument("rbx") != state["rbx"]
        assert argument("rcx") == state["rcx"]


def test_a_compare_changes_no_register() -> None:
    """cmp sp, x16, with which functions check their stack; capstone 5 says that it writes sp."""
    (compare,) = decode(code(0xEB3063FF), ENTRY)

    assert frozenset() == compare.written


def test_a_shifted_register_is_not_taken_for_the_register() -> None:
    """add x0, x0, x7, lsl #4 and cmp x1, x2, lsl #3."""
    added, compared = decode(code(0x8B071000, 0xEB020C3F), ENTRY)

    assert added.mnemonic != "lea"
    assert (Register("rbx", 8), Register("", 8)) == compared.operands


def test_a_base_that_is_not_followed_is_no_constant_address() -> None:
    """ldr x0, [x12, #8]: x12 is none of the registers whose values are known."""
    (load,) = decode(code(0xF9400580), ENTRY)
    memory = load.operands[1]

    assert isinstance(memory, Memory) and memory.base
    assert values(0xF9400580, RET).address(0, memory) is None
