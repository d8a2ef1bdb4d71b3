"""The format of the pclntab, the tables of functions, lines and inlined calls that every Go executable has.

Source: pcHeader, _func, inlinedCall and pcvalue in src/runtime/symtab.go, runtime2.go and symtabinl.go; equal in Go
1.26 and 1.27.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

WRAPPER = 23
"""funcID of code the compiler generated (method wrappers, gowrap): abi.FuncIDWrapper in Go 1.25 to 1.27."""

INLINE_INDEX = 2  # abi.PCDATA_InlTreeIndex
INLINE_TREE = 3  # abi.FUNCDATA_InlTree
NONE = 0xFFFFFFFF
FUNC = struct.Struct("<IiiIIIIIIiBBBB")  # runtime._func
INLINED = struct.Struct("<Bxxxiii")  # runtime.inlinedCall: funcID, nameOff, parentPc, startLine
NAME_WORD = 1  # _func.nameOff is the second word


class PclnTable(NamedTuple):
    """Where the tables are: offsets in the file. text: address of the Go text; total: number of functions.

    two_brackets: Go >= 1.27 shortens type arguments of a method and of its receiver, earlier ones know one pair only.
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
    two_brackets: bool
    size: int
    mtime_ns: int


class FunctionRecord(NamedTuple):
    """What is needed of one runtime._func, as the file has it. entry: bytes past the start of the text."""

    entry: int
    name: int
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


def name_offset(names: bytes, name: bytes) -> int:
    """Where a whole name lies in the table of names, which end in zero bytes; -1 when it is not there."""
    if names.startswith(name + b"\0"):
        return 0
    position = names.find(b"\0" + name + b"\0")
    return position + 1 if position >= 0 else -1


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
