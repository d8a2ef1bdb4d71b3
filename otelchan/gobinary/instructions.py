"""Machine instructions, decoded (amd64).

Registers have their 64-bit names ("al" is rax of size 1), addresses relative to rip are absolute.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import capstone  # type: ignore[import-untyped]
from capstone import x86

REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)))


def _names() -> dict[str, str]:
    """Every name of a register's low bytes, and the register; ah, bh, ch and dh are not low bytes."""
    names = {f"r{n}{suffix}": f"r{n}" for n in range(8, 16) for suffix in ("", "d", "w", "b")}
    for letter in "abcd":
        names |= {name: f"r{letter}x" for name in (f"r{letter}x", f"e{letter}x", f"{letter}x", f"{letter}l")}
    for pair in ("si", "di", "bp", "sp"):
        names |= {name: f"r{pair}" for name in (f"r{pair}", f"e{pair}", pair, f"{pair}l")}
    return names


_FULL_NAME = _names()
_HIGH_BYTES = {"ah": "rax", "bh": "rbx", "ch": "rcx", "dh": "rdx"}


class Register(NamedTuple):
    """A register operand. name: "" for anything but the low bytes of a general register. size: bytes used."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory operand. base, index: registers, "" for none; segment: "fs", "gs" or "". size: bytes used.

    written: the instruction changes this memory. scale: the index is multiplied by it.
    """

    base: str
    index: str
    displacement: int
    size: int
    segment: str
    written: bool
    scale: int = 1


class Immediate(NamedTuple):
    """A constant operand, sign-extended."""

    value: int


Operand = Register | Memory | Immediate


class Instruction(NamedTuple):
    """One decoded instruction.

    target: where a direct jump or call goes, else None. written: registers that it changes, named or implied.
    """

    address: int
    code: bytes
    mnemonic: str
    text: str
    operands: tuple[Operand, ...]
    written: frozenset[str]
    target: int | None

    @property
    def end(self) -> int:
        """Address of the instruction after it."""
        return self.address + len(self.code)

    @property
    def is_call(self) -> bool:
        """A call, direct or not."""
        return self.mnemonic == "call"

    @property
    def is_jump(self) -> bool:
        """A jump, conditional or not."""
        return self.mnemonic.startswith("j")

    @property
    def is_conditional(self) -> bool:
        """A conditional jump."""
        return self.is_jump and self.mnemonic != "jmp"

    @property
    def emulated(self) -> bool:
        """Whether the kernel emulates it at a uprobe, rather than stepping it out of line, which costs a second trap.

        Source: branch_setup_xol_ops and push_setup_xol_ops in arch/x86/kernel/uprobes.c of Linux 5.15 to 6.18: calls,
        jumps and conditional jumps with a relative target, and pushes of a register, without prefixes.
        """
        first, second = self.code[0], self.code[1] if len(self.code) > 1 else 0
        near = first == 0x0F and 0x80 <= second <= 0x8F
        push = 0x50 <= first <= 0x57 or (first == 0x41 and 0x50 <= second <= 0x57)
        return first in (0xE8, 0xE9, 0xEB) or 0x70 <= first <= 0x7F or near or push


@cache
def decoder(*, detail: bool = False, skipdata: bool = False) -> capstone.Cs:
    """One of each kind: making one takes a quarter of a millisecond. Not for several threads at once."""
    made = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    made.detail = detail
    made.skipdata = skipdata
    return made


_known: dict[bytes, Instruction] = {}
_MOST_KNOWN = 1 << 16


def decode(code: bytes, address: int) -> list[Instruction]:
    """The instructions in `code`, which lies at `address`, up to the first bytes that are none.

    Asking capstone what an instruction does takes ten times as long as decoding it, so the answer is kept by its bytes:
    they say everything but what depends on the place, where a jump or call goes and what is relative to rip.
    """
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    details = decoder(detail=True)
    found = []
    for place, size, mnemonic, operands in decoder().disasm_lite(code, address):
        raw = code[place - address : place - address + size]
        instruction = _known.get(raw)
        if instruction is None:
            instruction = _instruction(next(details.disasm(raw, place, 1)))
            if "rip" not in operands:
                _known[raw] = instruction
        found.append(_moved(instruction, place, f"{mnemonic} {operands}".strip()))
    return found


def _moved(instruction: Instruction, address: int, text: str) -> Instruction:
    """The same bytes at another address."""
    if instruction.target is None:
        return instruction._replace(address=address, text=text)
    target = instruction.target - instruction.address + address
    return instruction._replace(address=address, text=text, operands=(Immediate(target),), target=target)


def _instruction(decoded: capstone.CsInsn) -> Instruction:
    _, changed = decoded.regs_access()
    written = {decoded.reg_name(number) for number in changed}
    operands = tuple(_operand(decoded, position) for position in range(len(decoded.operands)))
    branch = decoded.mnemonic == "call" or decoded.mnemonic.startswith("j")
    target = operands[0].value if branch and operands and isinstance(operands[0], Immediate) else None
    return Instruction(
        address=decoded.address,
        code=bytes(decoded.bytes),
        mnemonic=decoded.mnemonic,
        text=f"{decoded.mnemonic} {decoded.op_str}".strip(),
        operands=operands,
        written=frozenset(_FULL_NAME.get(name) or _HIGH_BYTES.get(name, "") for name in written) - {""},
        target=target,
    )


# Instructions that only read their first operand. capstone 5 says of too many others that they only read memory:
# movups, movq, setb, cmpxchg.
_READING = frozenset(("cmp", "test", "bt", "nop", "push", "jmp", "call", "mul", "imul", "div", "idiv"))


def _operand(decoded: capstone.CsInsn, position: int) -> Operand:
    operand = decoded.operands[position]
    if operand.type == x86.X86_OP_REG:
        return Register(_FULL_NAME.get(decoded.reg_name(operand.reg), ""), operand.size)
    if operand.type == x86.X86_OP_IMM:
        return Immediate(operand.imm)
    memory = operand.mem
    base, index, segment = (decoded.reg_name(number) or "" for number in (memory.base, memory.index, memory.segment))
    displacement = memory.disp
    if base == "rip":
        base, displacement = "", displacement + decoded.address + decoded.size
    written = bool(operand.access & capstone.CS_AC_WRITE) or (position == 0 and decoded.mnemonic not in _READING)
    segment = segment if segment in ("fs", "gs") else ""
    return Memory(base, index, displacement, operand.size, segment, written, memory.scale)
