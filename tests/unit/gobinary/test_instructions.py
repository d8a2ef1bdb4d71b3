"""Decoded instructions."""

from __future__ import annotations

import pytest

from otelchan.gobinary.instructions import Immediate, Memory, Register, decode

BASE = 0x401000


def test_operands_have_full_names_and_absolute_addresses() -> None:
    """Registers by their 64-bit names with the bytes used, addresses relative to rip resolved, constants signed."""
    code = "88 4c 24 f0  44 0f b6 c1  48 8d 05 40 00 00 00  49 c7 c1 ff ff ff ff  b4 01  64 48 8b 3c 25 f8 ff ff ff"
    spill, extend, address, negative, high, segment = decode(bytes.fromhex(code), BASE)

    assert spill.operands == (Memory("rsp", "", -16, 1, "", True), Register("rcx", 1))
    assert extend.operands == (Register("r8", 4), Register("rcx", 1))
    assert address.operands[1] == Memory("", "", BASE + 15 + 0x40, 8, "", False)
    assert negative.operands == (Register("r9", 8), Immediate(-1))
    assert (high.operands[0], high.written) == (Register("", 1), frozenset({"rax"}))
    assert segment.operands[1] == Memory("", "", -8, 8, "fs", False)


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("44 0f 11 3c 24", True),  # movups [rsp], xmm15
        ("66 44 0f d6 3c 24", True),  # movq [rsp], xmm15
        ("0f 92 04 24", True),  # setb [rsp]
        ("f0 0f b1 0c 24", True),  # lock cmpxchg [rsp], ecx
        ("48 ff 04 24", True),  # inc [rsp]
        ("48 89 04 24", True),  # mov [rsp], rax
        ("48 83 3c 24 00", False),  # cmp [rsp], 0
        ("84 04 24", False),  # test [rsp], al
        ("48 f7 24 24", False),  # mul [rsp]
        ("ff 34 24", False),  # push [rsp]
        ("48 8b 04 24", False),  # mov rax, [rsp]
    ],
)
def test_an_instruction_says_whether_it_changes_memory(code: str, writes: bool) -> None:
    """Also those of which the disassembler library says otherwise."""
    (instruction,) = decode(bytes.fromhex(code), BASE)
    assert [writes] == [operand.written for operand in instruction.operands if isinstance(operand, Memory)]


@pytest.mark.parametrize(
    ("code", "emulated"),
    [
        ("55", True),  # push rbp
        ("41 54", True),  # push r12
        ("e8 00 00 00 00", True),  # call
        ("e9 00 00 00 00", True),  # jmp
        ("eb 00", True),  # jmp short
        ("75 00", True),  # jne short
        ("0f 85 00 00 00 00", True),  # jne
        ("c3", False),  # ret
        ("ff d0", False),  # call rax
        ("ff e0", False),  # jmp rax
        ("ff 30", False),  # push [rax]
        ("66 e8 00 00 00 00", False),  # call with a prefix
        ("48 89 c3", False),  # mov rbx, rax
        ("e3 00", False),  # jrcxz
        ("0f 94 c0", False),  # sete al
    ],
)
def test_an_instruction_says_whether_the_kernel_emulates_it(code: str, emulated: bool) -> None:
    """Calls and jumps with a relative target and pushes of a register, without a prefix."""
    (instruction,) = decode(bytes.fromhex(code), BASE)
    assert emulated is instruction.emulated
