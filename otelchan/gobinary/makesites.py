"""Every `call runtime.makechan` in the text, and what its arguments say: makechan(t *chantype, size int) in AX, BX.

A channel that nobody saw being made can still be named after the only place that makes channels of its type and
capacity. So an argument is told only when it is certain: set by the instructions right before the call, with no jump
into them, or the same over all paths. Source: walkMakeChan in src/cmd/compile/internal/walk/builtin.go, abi.ChanType.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from otelchan.gobinary.calls import CALL_SIZE, Calls, starts
from otelchan.gobinary.code import CodeView
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import decode, decoder
from otelchan.gobinary.makeargs import Arguments, CallsOf, StartsIn
from otelchan.gobinary.types import Layout, MakeSite
from otelchan.gobinary.values import CONSTANT, State, straight

_MAKERS = ("runtime.makechan", "runtime.makechan64")
_PASSING_ON = ("reflect.makechan", "runtime.makechan64")  # what they call makechan for, their callers know
_LOOK_BACK = 24  # instructions
_TABLE_LOOK_BACK = 12  # from a jump through a table to where the table's address is loaded
_LONGEST_TABLE = 4096  # entries
_THROUGH_TABLE = re.compile(r"qword ptr \[(?P<base>\w+) \+ \w+\*8\]")
_TABLE = re.compile(r"(?P<to>\w+), \[rip \+ (?P<distance>0x[0-9a-f]+|\d+)\]")
_KIND_MASK, _KIND_CHAN = 31, 18  # abi.KindMask, abi.Chan
_Line = tuple[int, int, str, str]  # address, size, mnemonic, operands


class Calling(NamedTuple):
    """Calls on one kind of processor. size: of a direct call, in bytes. calls: what finds those of a function. states:
    what registers hold at calls in a function. starts: where instructions begin in code at an address."""

    size: int
    calls: Callable[[CodeView], CallsOf]
    states: Callable[[CodeView, Function | None, list[int]], Iterator[tuple[int, State]]]
    starts: StartsIn


def find_make_sites(code: CodeView, layout: Layout, machine: Calling | None = None) -> tuple[MakeSite, ...]:
    """All calls that make channels, by address. Takes half a second for 35 MB of text.

    One that makes channels of several types or of several constant capacities is there once for each. The element type
    and the capacity are unknown where they are variables, and where not every path to the call is understood. What
    reflect.MakeChan makes may be anything: where it is linked in, its own call is one more site of unknown type.
    """
    machine = machine or AMD64
    calls_of = machine.calls(code)
    found: dict[int, list[int]] = {}
    for maker in _MAKERS:
        function = code.functions.find(maker)
        for call in calls_of(function.entry) if function else ():
            caller = code.functions.at(call)
            if caller and caller.name not in _PASSING_ON:
                found.setdefault(caller.entry, []).append(call)
    arguments = Arguments(code, calls_of, machine.starts)
    sites = {
        MakeSite(call + machine.size, element, capacity)
        for entry, calls in found.items()
        for call, state in machine.states(code, code.functions.at(entry), calls)
        for element in _elements(code, layout, arguments, call, state)
        for capacity in _capacities(arguments, call, state)
    }
    reflected = code.functions.find("reflect.makechan")
    sites |= {MakeSite(call + machine.size, 0, -1) for call in (calls_of(reflected.entry) if reflected else ())}
    return tuple(sorted(sites))


def _states(code: CodeView, function: Function | None, calls: list[int]) -> Iterator[tuple[int, State]]:
    """What registers hold at each call, as far as the straight run of instructions before it says."""
    if function is None:
        return
    text = code.read(function.entry, function.end - function.entry)
    lines = list(decoder(skipdata=True).disasm_lite(text, function.entry))
    index_of = {address: index for index, (address, _, _, _) in enumerate(lines)}
    starts, lost = _block_starts(code, function, lines)
    for call in calls:
        index = index_of.get(call)
        if index is None:
            continue
        if lost:
            yield call, {}
            continue
        first = index
        while first > 0 and index - first < _LOOK_BACK and lines[first][0] not in starts:
            first -= 1
        begin = lines[first][0]
        yield call, straight(decode(text[begin - function.entry : call - function.entry], begin))


def _block_starts(code: CodeView, function: Function, lines: list[_Line]) -> tuple[set[int], bool]:
    """Where execution can come to other than from the instruction before; whether there is a jump to nobody knows."""
    starts, lost = {lines[0][0]}, False
    for index, (address, size, mnemonic, operand) in enumerate(lines):
        if mnemonic.startswith("j"):
            if operand.startswith("0x"):
                starts.add(int(operand, 16))
            else:
                targets = _table_targets(code, function, lines, index)
                starts |= targets
                lost |= not targets
            starts.add(address + size)
        elif mnemonic == "ret":
            starts.add(address + size)
    return starts, lost


def _table_targets(code: CodeView, function: Function, lines: list[_Line], jump: int) -> set[int]:
    """Where a jump through a table goes, and perhaps more: `lea R, [table]; jmp [R + index*8]`, as a switch becomes.

    How long the table is nobody says; what follows it is taken too as long as it lies in the function.
    Source: ssagen for OpAMD64 jump tables, src/cmd/compile/internal/amd64/ssa.go (Go 1.26, 1.27).
    """
    through = _THROUGH_TABLE.fullmatch(lines[jump][3])
    for address, size, mnemonic, operand in reversed(lines[max(jump - _TABLE_LOOK_BACK, 0) : jump]):
        base = _TABLE.fullmatch(operand) if mnemonic == "lea" and through else None
        if base and through and base["to"] == through["base"]:
            return _entries(code, function, address + size + int(base["distance"], 0))
        if mnemonic.startswith("j") and not operand.startswith("0x"):
            break
    return set()


def _entries(code: CodeView, function: Function, table: int) -> set[int]:
    targets: set[int] = set()
    for place in range(table, table + 8 * _LONGEST_TABLE, 8):
        try:
            target = int.from_bytes(code.read(place, 8), "little")
        except ValueError:
            break
        if not function.entry <= target < function.end:
            break
        targets.add(target)
    return targets


def _elements(code: CodeView, layout: Layout, arguments: Arguments, call: int, state: State) -> set[int]:
    """Element types that a call can make channels of; {0} where they are not all known."""
    value = state.get("rax")
    known = value is not None and value.symbol == CONSTANT and value.width == 8
    types = {value.offset} if value is not None and known else arguments.of(call, "rax")
    elements = {_element(code, layout, channel_type) for channel_type in types}
    return elements if elements and 0 not in elements else {0}


def _capacities(arguments: Arguments, call: int, state: State) -> set[int]:
    """Constant capacities that a call can be given; {-1} where they are not all known."""
    size = state.get("rbx")
    if size is not None and size.symbol == CONSTANT and size.width == 8:
        return {size.offset}
    return set(arguments.of(call, "rbx")) or {-1}


def _element(code: CodeView, layout: Layout, channel_type: int) -> int:
    """abi.ChanType.Elem of a type descriptor; 0 when there is no descriptor of a channel type."""
    try:
        kind = code.read(channel_type + layout["type.kind"], 1)[0]
        element = int.from_bytes(code.read(channel_type + layout["chantype.elem"], 8), "little")
    except ValueError:
        return 0
    return element if kind & _KIND_MASK == _KIND_CHAN else 0


AMD64 = Calling(CALL_SIZE, lambda code: Calls(code).of, _states, starts)
