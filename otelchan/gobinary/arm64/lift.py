"""arm64 instructions in the terms of instructions.py, so that the rules for probe sites hold for them as they are.

Rules speak of registers by what Go's calling convention uses them for, in the names of amd64: "rax" is the first
argument, "rsp" the stack pointer. A machine instruction that does more than one such step becomes several, all at its
address: `cbz` a compare and a jump, `ldp` two loads, `csel` a jump round one of two moves. The last one has the bytes.

Sources: abi-internal.md of Go 1.26 (src/cmd/compile); Arm Architecture Reference Manual; capstone 5.0.7, which says of
`cmp` and of atomic instructions wrongly what they write, so that is not taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import capstone  # type: ignore[import-untyped]
from capstone import arm64

from otelchan.gobinary.instructions import Immediate, Instruction, Memory, Operand, Register

ROLES = {
    **{
        "x0": "rax",
        "x1": "rbx",
        "x2": "rcx",
        "x3": "rdi",
        "x4": "rsi",
        "x5": "r8",
        "x6": "r9",
        "x7": "r10",
        "x8": "r11",
    },
    **{"x9": "r12", "x27": "r13", "x20": "r15", "x26": "rdx", "x28": "r14", "x29": "rbp", "sp": "rsp"},
}
"""The registers that are followed, by their role: arguments 0 to 9; the assembler's scratch register, which each use
sets anew; the one in which a large frame is made; the closure's context, the current g, frame and stack pointer."""

_ALIASES = {"fp": "x29", "lr": "x30", "wsp": "sp"}
_CONDITIONS = {
    **{"eq": "e", "ne": "ne", "hi": "a", "ls": "be", "hs": "ae", "cs": "ae", "lo": "b", "cc": "b"},
    **{"ge": "ge", "lt": "l", "gt": "g", "le": "le", "mi": "s", "pl": "ns", "vs": "o", "vc": "no"},
}
_PAIRS = (("e", "ne"), ("a", "be"), ("ae", "b"), ("ge", "l"), ("g", "le"), ("s", "ns"), ("o", "no"))
_OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
# By capstone's number of a condition.
_CODES = ("", "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
_LOADS = {"ldr": 0, "ldur": 0, "ldar": 0, "ldrb": 1, "ldurb": 1, "ldarb": 1, "ldrh": 2, "ldurh": 2, "ldarh": 2}
_STORES = {"str": 0, "stur": 0, "stlr": 0, "strb": 1, "sturb": 1, "stlrb": 1, "strh": 2, "sturh": 2, "stlrh": 2}
_COMPARES = ("cmp", "cmn", "tst", "ccmp", "ccmn", "fcmp", "fcmpe", "fccmp", "fccmpe")
_ATOMICS = ("cas", "swp", "ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin")
_BRANCHES = ("b", "br", "bl", "blr", "ret", "cbz", "cbnz", "tbz", "tbnz")
_NO_INSTRUCTION = ("udf", "brk", "hlt")
_VECTOR_SIZES = {"b": 1, "h": 2, "s": 4, "d": 8, "q": 16}
_ZERO = Immediate(0)
_UNKNOWN = "?"  # a register that is not followed, as base or index: "" would mean that there is none


class Lifted(Instruction):
    """One step of a machine instruction. code: b"" for all but the last one."""

    @property
    def emulated(self) -> bool:
        """Whether the kernel simulates it at a uprobe, rather than stepping it out of line, which costs a second trap.

        Source: arm_probe_decode_insn in arch/arm64/kernel/probes/decode-insn.c of Linux 4.10 to 6.18: b, bl, b.cond,
        cbz, cbnz, tbz, tbnz, adr, adrp, br, blr and ret. (nop too since 6.14; a load from a literal is refused since
        6.13. Go emits such loads nowhere where a site could be, so neither is counted on.)
        """
        word = int.from_bytes(self.code, "little")
        return bool(self.code) and (
            word & 0x7C000000 == 0x14000000  # b, bl
            or word & 0xFF000010 == 0x54000000  # b.cond
            or word & 0x7C000000 == 0x34000000  # cbz, cbnz, tbz, tbnz
            or word & 0x1F000000 == 0x10000000  # adr, adrp
            or word & 0xFF9FFC1F == 0xD61F0000  # br, blr, ret
        )


_Step = tuple[str, tuple[Operand, ...], frozenset[str], int | None]  # mnemonic, operands, written, target


def decode(code: bytes, address: int) -> list[Instruction]:
    """The steps of the instructions in `code`, which lies at `address`, up to the first bytes that are none."""
    decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    decoder.detail = True
    found: list[Instruction] = []
    for decoded in decoder.disasm(code, address):
        steps = list(_steps(decoded))
        if decoded.mnemonic == "movk" and found:
            steps = _completed(decoded, found[-1]) or steps
        text = f"{decoded.mnemonic} {decoded.op_str}".strip()
        for position, (mnemonic, operands, written, target) in enumerate(steps):
            own = bytes(decoded.bytes) if position == len(steps) - 1 else b""
            found.append(Lifted(decoded.address, own, mnemonic, text, operands, written - {""}, target))
    return found


def _steps(decoded: capstone.CsInsn) -> Iterator[_Step]:
    mnemonic = decoded.mnemonic
    operands = [_operand(decoded, operand) for operand in decoded.operands]
    if mnemonic in _NO_INSTRUCTION:
        yield _plain("ud2")
    elif mnemonic in _BRANCHES or mnemonic.startswith("b."):
        yield from _branch(mnemonic, operands)
    elif mnemonic in _LOADS or mnemonic in _STORES or mnemonic in ("ldp", "stp"):
        yield from _transfer(decoded, operands)
    elif mnemonic == "csel":
        yield from _choice(decoded, operands)
    elif mnemonic in _COMPARES:
        yield _plain(mnemonic, *operands)
    elif (move := _move(mnemonic, operands)) is not None:
        yield move
    else:
        yield _other(decoded, operands)


def _plain(mnemonic: str, *operands: Operand, target: int | None = None) -> _Step:
    return mnemonic, operands, frozenset(), target


def _set(mnemonic: str, to: Operand, *sources: Operand) -> _Step:
    """Writes its first operand."""
    return mnemonic, (to, *sources), frozenset({to.name} if isinstance(to, Register) else ()), None


def _branch(mnemonic: str, operands: list[Operand]) -> Iterator[_Step]:
    last = operands[-1] if operands else None
    target = last.value if isinstance(last, Immediate) else None
    if mnemonic.startswith("cb"):
        yield _plain("cmp", operands[0], _ZERO)
    elif mnemonic.startswith("tb"):
        assert isinstance(operands[1], Immediate)
        yield _plain("test", operands[0], Immediate(1 << operands[1].value))
    if mnemonic.startswith("b."):
        yield _plain("j" + _CONDITIONS[mnemonic[2:]], target=target)
    elif mnemonic.startswith(("cb", "tb")):
        yield _plain("jne" if mnemonic[2] == "n" else "je", target=target)
    else:
        yield _plain({"b": "jmp", "br": "jmp", "bl": "call", "blr": "call"}.get(mnemonic, mnemonic), target=target)


def _transfer(decoded: capstone.CsInsn, operands: list[Operand]) -> Iterator[_Step]:
    """Loads and stores of one register or two; with the base register changed before or after."""
    position = 2 if decoded.mnemonic in ("ldp", "stp") else 1
    memory = operands[position]
    if isinstance(memory, Immediate):  # a literal in the code
        memory = Memory("", "", memory.value, 8, "", False)
    assert isinstance(memory, Memory)
    store = decoded.mnemonic.startswith("st")
    after = operands[position + 1] if len(operands) > position + 1 else None
    if decoded.writeback and after is None:
        yield _moved(memory.base, memory.displacement)
        memory = _at(memory, 0, memory.size)
    yield from _accesses(decoded, operands[:position], memory, store)
    if isinstance(after, Immediate):
        yield _moved(memory.base, after.value)


def _accesses(decoded: capstone.CsInsn, registers: list[Operand], memory: Memory, store: bool) -> list[_Step]:
    fixed = _LOADS.get(decoded.mnemonic, 0) or _STORES.get(decoded.mnemonic, 0)
    steps = []
    for number, register in enumerate(registers):
        width = register.size if isinstance(register, Register) else _width(decoded, number)
        size = fixed or width
        place = _at(memory, memory.displacement + number * size, size, written=store)
        if store:
            steps.append(_plain("mov", place, register))
        else:
            to = register if isinstance(register, Register) else Register("", width)
            steps.append(_set("movzx" if fixed else "mov", to, place))
    overwrites_base = [memory.base in step[2] for step in steps]
    return steps[::-1] if overwrites_base[0] else steps


def _at(memory: Memory, displacement: int, size: int, written: bool = False) -> Memory:
    return Memory(memory.base, memory.index, displacement, size, memory.segment, written, memory.scale)


def _moved(base: str, distance: int) -> _Step:
    return _set("lea", Register("" if base == _UNKNOWN else base, 8), Memory(base, "", distance, 8, "", False))


def _choice(decoded: capstone.CsInsn, operands: list[Operand]) -> Iterator[_Step]:
    """csel: the second operand if the condition holds, else the third."""
    to, if_so, if_not = operands
    condition, behind = _CONDITIONS[_CODES[decoded.cc]], decoded.address + decoded.size
    if to == if_so:
        yield _plain("j" + condition, target=behind)
        yield _set("mov", to, if_not)
    else:
        yield _set("mov", to, if_not)
        yield _plain("j" + _OPPOSITE[condition], target=behind)
        yield _set("mov", to, if_so)


def _move(mnemonic: str, operands: list[Operand]) -> _Step | None:
    """What puts a register, a constant or a sum of them into a register; None for anything else."""
    match mnemonic, operands:
        case (("mov" | "movz"), [Register() as to, Register() | Immediate() as source]):
            return _set("mov", to, source)
        case "orr", [Register() as to, Immediate(0), Register() | Immediate() as source]:
            return _set("mov", to, source)
        case (("adr" | "adrp"), [Register() as to, Immediate(address)]):
            return _set("lea", to, Memory("", "", address, 8, "", False))
        case (("add" | "sub"), [Register(_, 8) as to, Register(base, 8), Immediate(number)]) if base:
            return _set("lea", to, Memory(base, "", number if mnemonic == "add" else -number, 8, "", False))
        case "add", [Register(_, 8) as to, Register(base, 8), Register(index, 8)] if base and index:
            return _set("lea", to, Memory(base, index, 0, 8, "", False))
    return None


def _completed(decoded: capstone.CsInsn, before: Instruction) -> list[_Step]:
    """A constant of which one instruction loads a part, and movk right after it 16 more bits: one to the assembler."""
    to, part = (_operand(decoded, operand) for operand in decoded.operands)
    match before.mnemonic, before.operands:
        case "mov", (Register() as known, Immediate(number)) if known == to and known.name:
            assert isinstance(part, Immediate)
            mask = 0xFFFF << decoded.operands[1].shift.value
            return [_set("mov", to, Immediate(number & ~mask | part.value))]
    return []


def _other(decoded: capstone.CsInsn, operands: list[Operand]) -> _Step:
    """Anything else: what it may write is no longer known."""
    mnemonic = decoded.mnemonic
    registers = [operand.name for operand in operands if isinstance(operand, Register)]
    store = mnemonic.startswith(("st", *_ATOMICS))
    if mnemonic.startswith(_ATOMICS) or mnemonic.startswith(("ldp", "ldnp", "ldx", "ldax")):
        written = set(registers)
    elif store and "x" not in mnemonic[2:4]:
        written = set()
    else:
        written = set(registers[:1])  # of a store exclusive: whether it was done
    if decoded.writeback:
        written |= {operand.base for operand in operands if isinstance(operand, Memory)}
    kept = tuple(_at(o, o.displacement, 32, written=store) if isinstance(o, Memory) else o for o in operands)
    # The name must not be one that means something else to those who follow values.
    return f"arm64.{mnemonic}", kept, frozenset(written), None


def _width(decoded: capstone.CsInsn, position: int) -> int:
    return 4 if decoded.reg_name(decoded.operands[position].reg).startswith("w") else 8


def _operand(decoded: capstone.CsInsn, operand: capstone.arm64.Arm64Op) -> Operand:
    if operand.type == arm64.ARM64_OP_IMM:
        shift = operand.shift.value if operand.shift.type == arm64.ARM64_SFT_LSL else 0
        return Immediate(operand.imm << shift)
    if operand.type == arm64.ARM64_OP_MEM:
        base, index = (decoded.reg_name(number) or "" for number in (operand.mem.base, operand.mem.index))
        followed = ROLES.get(_full(base), "") or _UNKNOWN
        return Memory(
            followed, (ROLES.get(_full(index), "") or _UNKNOWN) if index else "", operand.mem.disp, 8, "", False
        )
    if operand.type != arm64.ARM64_OP_REG:
        return Register("", 8)
    name = decoded.reg_name(operand.reg)
    if name in ("xzr", "wzr"):
        return _ZERO
    if name[0] in _VECTOR_SIZES and name != "sp":
        return Register("", _VECTOR_SIZES[name[0]])
    shifted = operand.shift.type != arm64.ARM64_SFT_INVALID or operand.ext != arm64.ARM64_EXT_INVALID
    return Register("" if shifted else ROLES.get(_full(name), ""), 4 if name.startswith("w") else 8)


def _full(name: str) -> str:
    """The 64-bit name of a register."""
    name = _ALIASES.get(name, name)
    return f"x{name[1:]}" if name.startswith("w") else name
