"""Addresses of the runtime's variables from arm64 instructions, for stripped executables: see gobinary/globals.py.

The same statements of the runtime are looked at; what they compile to was compared with the symbols of twins with
symbols for Go 1.19 to 1.27 (tests). Every address must come out of its rule exactly once, else the executable is
refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otelchan.errors import BinaryError
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.flow import Values
from otelchan.gobinary.globals import ALLP_USERS, ID_BATCH, MHEAP_CALLS
from otelchan.gobinary.instructions import Memory
from otelchan.gobinary.types import Globals, Layout
from otelchan.gobinary.values import CONSTANT, Value, constant

_WORD = 8


def decode_globals(path: str, code: CodeView, layout: Layout, moduledata: int) -> Globals:
    """All of them. Raises BinaryError when one cannot be told for sure."""
    published, compared = _published(code)
    return Globals(
        allglen=_only(path, "allglen", published - compared if len(published) == 2 else set()),
        allgptr=_only(path, "allgptr", published & compared if len(published) == 2 else set()),
        allp=_only(path, "allp", _allp(code)),
        sched=_only(path, "sched", _sched(code, layout)),
        mheap=_only(path, "mheap_", _mheap(code)),
        moduledata=moduledata,
        source="code",
    )


def _only(path: str, name: str, found: set[int]) -> int:
    if len(found) != 1:
        raise BinaryError(
            f"{path} has no symbols and its code leaves {len(found)} places for runtime.{name}; "
            "build it without -ldflags=-s"
        )
    return found.pop()


def _sched(code: CodeView, layout: Layout) -> set[int]:
    """newproc1 takes a batch of goroutine ids: an atomic add of 16 to sched.goidgen, the only one of that number."""
    found = set()
    for values in _solved(code, ["runtime.newproc1"]):
        for index, instruction in enumerate(values.routine.instructions):
            if not instruction.mnemonic.startswith("arm64.ldadd"):
                continue
            amount, _, counter = instruction.operands
            address = _address(values, index, counter) if isinstance(counter, Memory) else None
            if address is not None and values.operand(index, amount) == constant(ID_BATCH):
                found.add(address - layout["schedt.goidgen"])
    return found


def _published(code: CodeView) -> tuple[set[int], set[int]]:
    """What allgadd stores with release order (allgptr and allglen), and what it compares (&allgs[0] with allgptr)."""
    published: set[int] = set()
    compared: set[int] = set()
    for values in _solved(code, ["runtime.allgadd"]):
        for index, instruction in enumerate(values.routine.instructions):
            to = instruction.operands[0] if instruction.operands else None
            if instruction.text.startswith("stlr ") and isinstance(to, Memory):
                address = _address(values, index, to)
                published |= {address} if address is not None else set()
            elif instruction.mnemonic == "cmp":
                held = (values.operand(index, operand) for operand in instruction.operands)
                compared |= {address for value in held if (address := _loaded_from(value)) is not None}
    return published, compared


def _allp(code: CodeView) -> set[int]:
    """allp is the slice whose pointer and length all of these functions load; most of them use no other slice."""
    found: set[int] | None = None
    for values in _solved(code, ALLP_USERS):
        loads = {
            address
            for index, instruction in enumerate(values.routine.instructions)
            for operand in instruction.operands
            if isinstance(operand, Memory) and operand.size == _WORD and not operand.written
            if instruction.mnemonic == "mov" and (address := _address(values, index, operand)) is not None
        }
        slices = {address for address in loads if address + _WORD in loads}
        found = slices if found is None else found & slices
    return found or set()


def _mheap(code: CodeView) -> set[int]:
    """mheap_ is what these functions pass as receiver to methods of *mheap."""
    found = set()
    for caller, callee in MHEAP_CALLS:
        for values in _solved(code, [caller]):
            for call in values.routine.calls(callee):
                receiver = values.at(call).get("rax")
                found.add(receiver.offset if receiver is not None and receiver.symbol == CONSTANT else 0)
    return found


def _solved(code: CodeView, names: Iterable[str]) -> Iterator[Values]:
    for name in names:
        routine = code.routine(name)
        if routine is not None and not routine.has_indirect_jumps:
            yield Values(routine)


def _address(values: Values, index: int, memory: Memory) -> int | None:
    address = values.address(index, memory)
    return address.offset if address is not None and address.symbol == CONSTANT else None


def _loaded_from(value: Value | None) -> int | None:
    """The fixed address that a value was loaded from."""
    source = value.symbol.of if value is not None and value.symbol.kind == "load" and value.offset == 0 else None
    return source.offset if source is not None and source.symbol == CONSTANT else None
