"""What registers and stack slots hold, by name ("the first argument, plus 104"), and what an instruction does to it.

Values are named by where they come from (an argument, a load, the result of
a call, the meeting of two paths), so two places with the same name hold the same value.

Assumed of the Go compiler: it writes a stack slot that it spills a register to only through rsp; a call keeps rsp and
rbp only and changes no more of its caller's frame than the lowest 16 bytes, where assembly functions leave results.
Known of src/runtime/asm_amd64.s: gcWriteBarrier keeps all registers but r11, morestack a closure's context (rdx).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otelchan.gobinary.instructions import REGISTERS, Immediate, Instruction, Memory, Operand, Register

Place = str | int
"""A register, or a stack slot by its offset from rsp at the function's entry: 0 is the return address."""


class Symbol(NamedTuple):
    """Where a value comes from.

    kind: "constant" (the value is the offset), "argument" (what the register `place` held at entry), "stack" (rsp at
    entry), "load" (what memory at `of` held when the instruction at `address` read it), "computed" (register `place`
    after the instruction at `address`), "join" (what `place` held when execution came to `address`, where paths meet).
    """

    kind: str
    address: int = 0
    place: Place = ""
    of: Value | None = None


class Value(NamedTuple):
    """symbol + offset, of which only the low `width` bytes are known to be held."""

    symbol: Symbol
    offset: int = 0
    width: int = 8

    def low(self, width: int) -> Value:
        """Its low bytes."""
        return self if self.width <= width else self._replace(width=width)


State = dict[Place, Value]

CONSTANT = Symbol("constant")
STACK = Symbol("stack")
_LOST = Value(Symbol("computed", place="rsp"))  # rsp, in code that no compiler makes
_ALL_SLOTS = (-(1 << 31), 1 << 32)  # offset, size


def argument(register: str, offset: int = 0) -> Value:
    """What that register held at entry, plus an offset."""
    return Value(Symbol("argument", place=register), offset)


def constant(number: int) -> Value:
    """That number, as 64 bits without a sign."""
    return Value(CONSTANT, number & (1 << 64) - 1)


def step(state: State, instruction: Instruction, callee: str = "") -> None:
    """Changes what is held before an instruction to what is held after it. callee: the function that it calls."""
    if instruction.is_call:
        _call(state, instruction, callee)
    else:
        _execute(state, instruction)


def straight(instructions: Iterable[Instruction]) -> State:
    """What is held after these have been executed one after the other, nothing being known before."""
    state: State = {"rsp": Value(STACK)}
    for instruction in instructions:
        step(state, instruction)
    return state


def address_of(state: State, operand: Memory) -> Value | None:
    """The address that a memory operand means; None when it is not known."""
    if operand.index or operand.segment:
        return None
    if not operand.base:
        return constant(operand.displacement)
    base = state.get(operand.base)
    if base is None or base.width < 8:
        return None
    return base._replace(offset=base.offset + operand.displacement)


def read(state: State, instruction: Instruction, operand: Operand) -> Value | None:
    """What an operand of an instruction holds; None when that is not known."""
    if isinstance(operand, Immediate):
        return constant(operand.value)
    if isinstance(operand, Register):
        held = state.get(operand.name)
        return held.low(operand.size) if held else None
    address = address_of(state, operand)
    if address is None:
        return None
    if address.symbol == STACK:
        slot = state.get(address.offset)
        return slot.low(operand.size) if slot else None
    return Value(Symbol("load", instruction.address, of=address), 0, operand.size)


def _execute(state: State, instruction: Instruction) -> None:
    """An instruction that is no call: those that move values are followed, what the others write is forgotten."""
    operands = instruction.operands
    result: Value | None = None
    followed = True
    match instruction.mnemonic:
        case "mov" | "movzx" | "movabs":
            result = _extended(read(state, instruction, operands[1]), operands)
        case "lea":
            assert isinstance(operands[1], Memory)
            result = address_of(state, operands[1])
        case "add" | "sub" if isinstance(operands[1], Immediate):
            result = _sum(
                state, operands[0], operands[1].value if instruction.mnemonic == "add" else -operands[1].value
            )
        case "xor" if operands[0] == operands[1]:
            result = constant(0)
        case "push" | "pop":
            _push_or_pop(state, instruction)
            return
        case _:
            followed = False
    _forget(state, instruction)
    if followed and result is not None:
        _write(state, operands[0], result)


def _sum(state: State, operand: Operand, number: int) -> Value | None:
    held = state.get(operand.name) if isinstance(operand, Register) and operand.size == 8 else None
    return held._replace(offset=held.offset + number) if held and held.width == 8 else None


def _extended(value: Value | None, operands: tuple[Operand, ...]) -> Value | None:
    """A constant fills its register: a move of 32 bits clears the upper half, movzx all that is above."""
    to, source = operands
    if value is None or value.symbol != CONSTANT or not isinstance(to, Register) or to.size < 4:
        return value
    size = to.size if isinstance(source, Immediate) else source.size
    return constant(value.offset & (1 << 8 * size) - 1) if value.width >= size else value


def _write(state: State, operand: Operand, value: Value) -> None:
    if isinstance(operand, Register) and operand.name:
        whole = value.symbol == CONSTANT and operand.size >= 4  # see _extended
        state[operand.name] = value if whole else value.low(operand.size)
    elif isinstance(operand, Memory):
        address = address_of(state, operand)
        if address is not None and address.symbol == STACK:
            state[address.offset] = value.low(operand.size)


def _forget(state: State, instruction: Instruction) -> None:
    """Drops what the instruction may overwrite."""
    for operand in instruction.operands:
        if isinstance(operand, Memory) and operand.written:
            address = address_of(state, operand)
            base = state.get(operand.base)
            if address is not None and address.symbol == STACK:
                _forget_slots(state, address.offset, operand.size)
            elif address is None and base is not None and base.symbol == STACK:
                _forget_slots(state, *_ALL_SLOTS)
    if instruction.mnemonic.startswith("rep"):
        _forget_slots(state, *_ALL_SLOTS)
    for register in instruction.written:
        state[register] = Value(Symbol("computed", instruction.address, register))


def _forget_slots(state: State, offset: int, size: int) -> None:
    for place in [place for place in state if isinstance(place, int)]:
        if place < offset + size and offset < place + state[place].width:
            del state[place]


def _push_or_pop(state: State, instruction: Instruction) -> None:
    top = state.get("rsp", _LOST)
    operand = instruction.operands[0]
    if top.symbol != STACK:
        _forget(state, instruction)
    elif instruction.mnemonic == "pop":
        held = state.get(top.offset)
        _forget(state, instruction)
        if held and isinstance(operand, Register):
            _write(state, operand, held)
        state["rsp"] = top._replace(offset=top.offset + 8)
    else:
        held = read(state, instruction, operand)
        _forget_slots(state, top.offset - 8, 8)
        if held:
            state[top.offset - 8] = held
        state["rsp"] = top._replace(offset=top.offset - 8)


def _call(state: State, instruction: Instruction, callee: str) -> None:
    barrier = callee.startswith("runtime.gcWriteBarrier")
    kept = {"rsp", "rbp"}
    if barrier:
        kept = set(REGISTERS) - {"r11"}
    elif callee == "runtime.morestack":
        kept.add("rdx")  # a closure's context
    for register in set(REGISTERS) - kept:
        state[register] = Value(Symbol("computed", instruction.address, register))
    top = state.get("rsp", _LOST)
    if callee in ("runtime.duffzero", "runtime.duffcopy"):
        _forget_slots(state, *_ALL_SLOTS)
    elif top.symbol == STACK and not barrier and not callee.startswith("runtime.morestack"):
        _forget_slots(state, top.offset, 16)
