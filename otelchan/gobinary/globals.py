"""Addresses of the runtime's variables: from symbols, or from the instructions that use them in stripped executables.

A name that several symbols have is not taken from symbols: with cgo the other one may be C's.

The instructions were compared with the symbols of twins with symbols for Go 1.19 to 1.27 (tests). Every address must
come out of its rule exactly once, else the executable is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from otelchan.errors import BinaryError
from otelchan.gobinary.code import CodeView, Routine
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.instructions import Immediate, Memory, Register
from otelchan.gobinary.moduledata import ModuleData
from otelchan.gobinary.types import Globals, Layout

_SYMBOLS = {
    "allglen": "runtime.allglen",
    "allgptr": "runtime.allgptr",
    "allp": "runtime.allp",
    "sched": "runtime.sched",
    "mheap": "runtime.mheap_",
}
_WORD = 8
_LOOK_BACK = 8  # instructions between the one that loads a register and the one that uses it
ID_BATCH = 16  # _GoidCacheBatch in src/runtime/proc.go
ALLP_USERS = (
    "runtime.preemptall",
    "runtime.timeSleepUntil",
    "runtime.retake",
    "runtime.checkdead",
    "runtime.procresize",
)
MHEAP_CALLS = (
    ("runtime.mallocinit", "runtime.(*mheap).init"),
    ("runtime.(*mcentral).grow", "runtime.(*mheap).alloc"),
    ("runtime.stackalloc", "runtime.(*mheap).allocManual"),
    ("runtime.stackpoolalloc", "runtime.(*mheap).allocManual"),
)


Decode = Callable[[str, CodeView, Layout, int], Globals]


def find_globals(elf: Elf, code: CodeView, layout: Layout, module: ModuleData, decode: Decode) -> Globals:
    """All of them. decode: decode_globals() of the machine. Raises BinaryError when one cannot be told for sure."""
    symbols = elf.symbols(list(_SYMBOLS.values()), within=module.variables)
    if len(symbols) == len(_SYMBOLS):
        addresses = {key: symbols[name].address for key, name in _SYMBOLS.items()}
        return Globals(**addresses, moduledata=module.address, source="symbols")
    return decode(elf.path, code, layout, module.address)


def decode_globals(path: str, code: CodeView, layout: Layout, moduledata: int) -> Globals:
    """All of them from instructions alone. Raises BinaryError when one cannot be told for sure."""

    def only(name: str, rule: Callable[[CodeView, Layout], set[int]]) -> int:
        found = rule(code, layout)
        if len(found) != 1:
            raise BinaryError(
                f"{path} has no symbols and its code leaves {len(found)} places for runtime.{name}; "
                "build it without -ldflags=-s"
            )
        return found.pop()

    return Globals(
        allglen=only("allglen", _allglen),
        allgptr=only("allgptr", _allgptr),
        allp=only("allp", _allp),
        sched=only("sched", _sched),
        mheap=only("mheap_", _mheap),
        moduledata=moduledata,
        source="code",
    )


def _sched(code: CodeView, layout: Layout) -> set[int]:
    """newproc1 takes a batch of goroutine ids: `lock xadd` of 16 to sched.goidgen, the only one with that constant."""
    found = set()
    for routine in _routines(code, ["runtime.newproc1"]):
        for index, instruction in enumerate(routine.instructions):
            if instruction.mnemonic != "lock xadd":
                continue
            counter, amount = instruction.operands
            if isinstance(counter, Memory) and isinstance(amount, Register) and counter.size == _WORD:
                address = _address(routine, index, counter)
                if address is not None and _constant(routine, index, amount.name) == ID_BATCH:
                    found.add(address - layout["schedt.goidgen"])
    return found


def _allgptr(code: CodeView, layout: Layout) -> set[int]:
    """allgadd publishes allgptr and allglen by `xchg`; allgptr is the one that it compares with &allgs[0] before."""
    published, compared = _published(code)
    return published & compared if len(published) == 2 else set()


def _allglen(code: CodeView, layout: Layout) -> set[int]:
    published, compared = _published(code)
    return published - compared if len(published) == 2 else set()


def _published(code: CodeView) -> tuple[set[int], set[int]]:
    published: set[int] = set()
    compared: set[int] = set()
    for routine in _routines(code, ["runtime.allgadd"]):
        for index, instruction in enumerate(routine.instructions):
            memory = [o for o in instruction.operands if isinstance(o, Memory) and o.size == _WORD]
            addresses = {a for operand in memory if (a := _address(routine, index, operand)) is not None}
            if instruction.mnemonic == "xchg":
                published |= addresses
            elif instruction.mnemonic == "cmp":
                compared |= addresses
    return published, compared


def _allp(code: CodeView, layout: Layout) -> set[int]:
    """allp is the slice whose pointer and length all of these functions load; most of them use no other slice."""
    found: set[int] | None = None
    for routine in _routines(code, ALLP_USERS):
        loads = {
            operand.displacement
            for instruction in routine.instructions
            if instruction.mnemonic in ("mov", "cmp")
            for operand in instruction.operands
            if isinstance(operand, Memory) and operand.size == _WORD and _is_absolute(operand)
        }
        slices = {address for address in loads if address + _WORD in loads}
        found = slices if found is None else found & slices
    return found or set()


def _mheap(code: CodeView, layout: Layout) -> set[int]:
    """mheap_ is what these functions pass as receiver (rax) to methods of *mheap."""
    found = set()
    for caller, callee in MHEAP_CALLS:
        for routine in _routines(code, [caller]):
            found |= {_loaded(routine, index, "rax") for index in routine.calls(callee)}
    return {address if address is not None else 0 for address in found}


def _routines(code: CodeView, names: Iterable[str]) -> list[Routine]:
    return [routine for name in names if (routine := code.routine(name)) is not None]


def _is_absolute(memory: Memory) -> bool:
    return not (memory.base or memory.index or memory.segment)


def _address(routine: Routine, index: int, memory: Memory) -> int | None:
    """The constant address that a memory operand means, also when a `lea` just before has put it in a register."""
    if _is_absolute(memory):
        return memory.displacement
    if memory.index or memory.segment:
        return None
    base = _loaded(routine, index, memory.base)
    return None if base is None else base + memory.displacement


def _loaded(routine: Routine, index: int, register: str) -> int | None:
    """The constant address that the last write of a register before an instruction loads, None for anything else."""
    for instruction in reversed(routine.instructions[max(0, index - _LOOK_BACK) : index]):
        if register in instruction.written:
            source = instruction.operands[-1]
            constant = instruction.mnemonic == "lea" and isinstance(source, Memory) and _is_absolute(source)
            return source.displacement if constant and isinstance(source, Memory) else None
    return None


def _constant(routine: Routine, index: int, register: str) -> int | None:
    """The constant that the last write of a register before an instruction puts there, None for anything else."""
    for instruction in reversed(routine.instructions[max(0, index - _LOOK_BACK) : index]):
        if register in instruction.written:
            source = instruction.operands[-1] if instruction.mnemonic in ("mov", "movabs") else None
            return source.value if isinstance(source, Immediate) else None
    return None
