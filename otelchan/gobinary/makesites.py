"""Every `call runtime.makechan` in the text, and what its arguments say: makechan(t *chantype, size int) in AX, BX.

A channel that nobody saw being made can still be named after the only place that makes channels of its type and
capacity. So an argument is told only when it is certain: set by the instructions right before the call, with no jump
into them. Source: walkMakeChan in src/cmd/compile/internal/walk/builtin.go, abi.ChanType.
"""

from __future__ import annotations

from collections.abc import Iterator

import capstone  # type: ignore[import-untyped]
import numpy as np

from otelchan.gobinary.code import CodeView
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import decode
from otelchan.gobinary.types import Layout, MakeSite, Segment
from otelchan.gobinary.values import CONSTANT, State, straight

_MAKERS = ("runtime.makechan", "runtime.makechan64")
_PASSING_ON = ("reflect.makechan", "runtime.makechan64")  # what they call makechan for, their callers know
_CALL = 0xE8
_CALL_SIZE = 5
_CHUNK = 1 << 22
_LOOK_BACK = 24  # instructions
_KIND_MASK, _KIND_CHAN = 31, 18  # abi.KindMask, abi.Chan


def find_make_sites(code: CodeView, layout: Layout) -> tuple[MakeSite, ...]:
    """All calls that make channels, by address. Takes half a second for 35 MB of text.

    The element type and the capacity are unknown where they are variables, come from a generic function's dictionary,
    or where the function has a jump through a table.
    """
    found: dict[int, list[int]] = {}
    for maker in _MAKERS:
        function = code.functions.find(maker)
        for call in _calls_of(code, function.entry) if function else ():
            caller = code.functions.at(call)
            if caller and caller.name not in _PASSING_ON:
                found.setdefault(caller.entry, []).append(call)
    sites = [
        MakeSite(call + _CALL_SIZE, *_arguments(code, layout, state))
        for entry, calls in found.items()
        for call, state in _states(code, code.functions.at(entry), calls)
    ]
    return tuple(sorted(sites))


def _calls_of(code: CodeView, target: int) -> Iterator[int]:
    """Every address with the bytes of `call target`; one that is no instruction is left out by _states."""
    for segment in code.text_segments:
        for start in range(0, segment.file_size - _CALL_SIZE + 1, _CHUNK):
            yield from _calls_in(code, segment, start, target)


def _calls_in(code: CodeView, segment: Segment, start: int, target: int) -> Iterator[int]:
    size = min(_CHUNK + _CALL_SIZE - 1, segment.file_size - start)
    address = segment.address + start
    data = np.frombuffer(code.read(address, size), dtype=np.uint8)
    for shift in range(4):  # the distance is not aligned
        words = (size - 1 - shift) // 4
        distances = data[1 + shift : 1 + shift + 4 * words].view("<u4")
        positions = np.arange(words, dtype=np.uint32) * 4 + shift
        wanted = np.uint32((target - address - _CALL_SIZE) & 0xFFFFFFFF) - positions
        hits = positions[distances == wanted]
        yield from (address + int(position) for position in hits[data[hits] == _CALL])


def _states(code: CodeView, function: Function | None, calls: list[int]) -> Iterator[tuple[int, State]]:
    """What registers hold at each call, as far as the straight run of instructions before it says."""
    if function is None:
        return
    text = code.read(function.entry, function.end - function.entry)
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.skipdata = True
    lines = list(decoder.disasm_lite(text, function.entry))
    index_of = {address: index for index, (address, _, _, _) in enumerate(lines)}
    starts, tables = _block_starts(lines)
    for call in calls:
        index = index_of.get(call)
        if index is None:
            continue
        if tables:
            yield call, {}
            continue
        first = index
        while first > 0 and index - first < _LOOK_BACK and lines[first][0] not in starts:
            first -= 1
        begin = lines[first][0]
        yield call, straight(decode(text[begin - function.entry : call - function.entry], begin))


def _block_starts(lines: list[tuple[int, int, str, str]]) -> tuple[set[int], bool]:
    """Where execution can come to other than from the instruction before; whether some jump goes through a table."""
    starts, tables = {lines[0][0]}, False
    for address, size, mnemonic, operand in lines:
        if mnemonic.startswith("j"):
            if operand.startswith("0x"):
                starts.add(int(operand, 16))
            else:
                tables = True
            starts.add(address + size)
        elif mnemonic == "ret":
            starts.add(address + size)
    return starts, tables


def _arguments(code: CodeView, layout: Layout, state: State) -> tuple[int, int]:
    """Element type and capacity, 0 and -1 where they are unknown."""
    channel_type, size = state.get("rax"), state.get("rbx")
    element = 0
    if channel_type is not None and channel_type.symbol == CONSTANT and channel_type.width == 8:
        element = _element(code, layout, channel_type.offset)
    if size is None or size.symbol != CONSTANT or size.width < 8:
        return element, -1
    return element, size.offset


def _element(code: CodeView, layout: Layout, channel_type: int) -> int:
    """abi.ChanType.Elem of a type descriptor; 0 when there is no descriptor of a channel type."""
    try:
        kind = code.read(channel_type + layout["type.kind"], 1)[0]
        element = int.from_bytes(code.read(channel_type + layout["chantype.elem"], 8), "little")
    except ValueError:
        return 0
    return element if kind & _KIND_MASK == _KIND_CHAN else 0
