"""The format of the pclntab, the tables of functions, lines and inlined calls that every Go executable has.

Source: pcHeader, _func, inlinedCall and pcvalue in src/runtime/symtab.go, runtime2.go and symtabinl.go of Go 1.19 to
1.27. The format changed once in between, with Go 1.20, which the magic number at its start tells.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

WRAPPER = 23
"""funcID of code the compiler generated (method wrappers, gowrap), as func_id() tells it of any release."""

MAGIC = 0xFFFFFFF1  # abi.Go120PCLnTabMagic
MAGIC_OLD = 0xFFFFFFF0  # abi.Go118PCLnTabMagic: Go 1.18 and 1.19
INLINE_INDEX = 2  # abi.PCDATA_InlTreeIndex
INLINE_TREE = 3  # abi.FUNCDATA_InlTree
NONE = 0xFFFFFFFF
FUNC = struct.Struct("<IiiIIIIIIiBBBB")  # runtime._func
FUNC_OLD = struct.Struct("<IiiIIIIIIBBBB")  # the same without startLine
INLINED = struct.Struct("<Bxxxiii")  # runtime.inlinedCall: funcID, nameOff, parentPc, startLine
INLINED_OLD = struct.Struct("<hBxiiii")  # parent, funcID, file, line, nameOff, parentPc
NAME_WORD = 1  # _func.nameOff is the second word

_TWO_BRACKETS_SINCE = 27
_WRAPPERS = ((25, 23), (22, 22), (0, 21))  # since which Go 1.N funcID_wrapper, later abi.FuncIDWrapper, is which number


class PclnTable(NamedTuple):
    """Where the tables are: offsets in the file. text: address of the Go text; total: number of functions.

    gofunc, gofunc_end: where trees of inlined calls are; within the table since Go 1.26, outside of it before.
    minor: 27 for Go 1.27. old: in the format of Go 1.18 and 1.19. quantum: bytes that pc-value tables count as one: the
    smallest instruction, 1 on amd64 and 4 on arm64.
    size, mtime_ns: of the file, so that a file that was replaced since is not taken for it.
    """

    offset: int
    end: int
    text: int
    total: int
    names: int
    units: int
    files: int
    values: int
    functions: int
    gofunc: int
    gofunc_end: int
    minor: int
    old: bool
    quantum: int
    size: int
    mtime_ns: int

    @property
    def function(self) -> struct.Struct:
        """How runtime._func lies in memory."""
        return FUNC_OLD if self.old else FUNC

    @property
    def inlined(self) -> struct.Struct:
        """How runtime.inlinedCall lies in memory."""
        return INLINED_OLD if self.old else INLINED

    @property
    def two_brackets(self) -> bool:
        """Go >= 1.27 shortens type arguments of a method and of its receiver, earlier ones know one pair only."""
        return self.minor >= _TWO_BRACKETS_SINCE

    def inlined_call(self, data: bytes) -> tuple[int, int, int]:
        """funcID, offset of the name and offset of the call in the caller, of one runtime.inlinedCall."""
        if self.old:
            _, func_id, _, _, name, parent = INLINED_OLD.unpack(data)
        else:
            func_id, name, parent, _ = INLINED.unpack(data)
        return func_id, name, parent

    def func_id(self, number: int) -> int:
        """A funcID of this release, but WRAPPER for its number of wrappers."""
        wrapper = next(number for since, number in _WRAPPERS if self.minor >= since)
        return WRAPPER if number == wrapper else number


class FunctionRecord(NamedTuple):
    """What is needed of one runtime._func, as the file has it. entry: bytes past the start of the text."""

    entry: int
    name: int
    pc_sp: int
    pc_file: int
    pc_line: int
    unit: int
    func_id: int
    pcdata: tuple[int, ...]
    funcdata: tuple[int, ...]

    @property
    def inline_tree(self) -> tuple[int, int]:
        """The tree of calls inlined here, past gofunc, and the pc-value table of indices into it; 0 for no table."""
        has_both = len(self.funcdata) > INLINE_TREE and len(self.pcdata) > INLINE_INDEX
        if not has_both or self.funcdata[INLINE_TREE] == NONE:
            return 0, 0
        return self.funcdata[INLINE_TREE], self.pcdata[INLINE_INDEX]


def pc_value(data: bytes, relative: int) -> int:
    """The value for an offset from a function's entry in a pc-value table that begins `data`; -1 when it has none.
    Offsets are counted as the table does: in units of quantum.

    IndexError when the data ends first.
    """
    position, value, pc = 0, -1, 0
    while True:
        delta, position = uvarint(data, position)
        if delta == 0 and pc != 0:
            return -1
        value += -((delta + 1) >> 1) if delta & 1 else delta >> 1
        step, position = uvarint(data, position)
        pc += step
        if relative < pc:
            return value


def pc_ends(data: bytes) -> list[int]:
    """How far past a function's entry each value of a pc-value table reaches. IndexError when the data ends first."""
    position, pc = 0, 0
    ends: list[int] = []
    while True:
        delta, position = uvarint(data, position)
        if delta == 0 and pc != 0:
            return ends
        step, position = uvarint(data, position)
        pc += step
        ends.append(pc)


def uvarint(data: bytes, position: int) -> tuple[int, int]:
    """The unsigned LEB128 number at that position, and the position after it.

    IndexError when the data, or what fits 64 bits, ends first.
    """
    value = shift = 0
    while shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise IndexError("a number longer than 64 bits")


def name_offsets(names: bytes, name: bytes) -> list[int]:
    """Where a whole name lies in the table of names, which end in zero bytes. Two functions may have one each."""
    found = [0] if names.startswith(name + b"\0") else []
    position = names.find(b"\0" + name + b"\0")
    while position >= 0:
        found.append(position + 1)
        position = names.find(b"\0" + name + b"\0", position + 1)
    return found


def printed_name(name: str, two_brackets: bool) -> str:
    """A function's name as stack traces show it: type arguments become "[...]".

    Source: funcNamePiecesForPrint in src/runtime/traceback.go; Go 1.27 tells a method's from its receiver's.
    """
    first, last = name.find("["), name.rfind("]")
    if first < 0 or last <= first:
        return name
    inside = name[first + 1 : last]
    if not two_brackets or "[" not in inside:
        return f"{name[:first]}[...]{name[last + 1 :]}"
    depth, closed = 1, -1
    for position, character in enumerate(inside):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth < 0:
            return name
        if character == "]" and depth == 0:
            closed = position
        if character == "[" and depth == 1:
            return f"{name[:first]}[...]{inside[closed + 1 : position]}[...]{name[last + 1 :]}"
    return f"{name[:first]}[...]{name[last + 1 :]}" if depth == 1 and closed < 0 else name
