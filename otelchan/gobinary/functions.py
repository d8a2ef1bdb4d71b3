"""Functions, lines and inlined calls of a Go executable, from its pclntab.

The table is read from the file piece by piece when something is asked, so an executable with 200,000 functions costs
less than two megabytes here. Whatever the file says, a read stays within the table, and nothing loops for ever: the
agent may watch programs that it has no reason to trust.
"""

from __future__ import annotations

import os
import struct
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from otelchan.errors import BinaryError
from otelchan.gobinary import pclntab
from otelchan.gobinary.pclntab import FunctionRecord, PclnTable
from otelchan.gobinary.plugins import Plugins
from otelchan.gobinary.types import Frame

T = TypeVar("T")
_CACHED_PCS = 100_000
_LONGEST = 1 << 20  # bytes of a name or of a pc-value table; real ones stay below a tenth of it
_DEEPEST = 1000  # calls inlined into each other; the compiler's budget ends them below 100


class Function(NamedTuple):
    """A function as it is in the text. name: raw ("main.Push[go.shape.int]"). end: where the next one begins."""

    name: str
    entry: int
    end: int


class FunctionTable:
    """All functions of one executable. Picklable; opens the file when first used, and keeps it open until close().

    Every method raises BinaryError when the file has gone or changed since it was analysed.
    """

    def __init__(self, path: str, table: PclnTable, found: Mapping[str, Function | None] | None = None) -> None:
        """found: what was looked up by name before, in another process."""
        self.path = path
        self.table = table
        self.plugins = Plugins()
        self._descriptor = -1
        self._entries: array[int] = array("I")
        self._records: array[int] = array("I")
        self._names = np.empty(0, dtype=np.uint32)
        self._found: dict[str, Function | None] = dict(found or {})
        self._frames: dict[int, tuple[tuple[Frame, int], ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "table": self.table, "found": self._found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["table"], state["found"])  # type: ignore[misc]

    @property
    def found(self) -> Mapping[str, Function | None]:
        """What has been looked up by name."""
        return self._found

    def __len__(self) -> int:
        return self.table.total

    def close(self) -> None:
        """Closes the file; it is opened again when it is needed again."""
        if self._descriptor >= 0:
            self._closing()
            self._descriptor = -1

    def open(self) -> None:
        """Opens the file and reads the index now, so that later reads do not depend on the path. Idempotent."""
        if self._descriptor >= 0:
            return
        table = self.table
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise BinaryError(
                f"{self.path} cannot be opened: {error.strerror}; start again with a readable file"
            ) from None
        status = os.fstat(descriptor)
        if (status.st_size, status.st_mtime_ns) != (table.size, table.mtime_ns):
            os.close(descriptor)
            raise BinaryError(f"{self.path} has changed since it was analysed; start again to analyse the new file")
        self._descriptor = descriptor
        self._closing = weakref.finalize(self, os.close, descriptor)
        if not self._entries:
            index = array("I", self._read(table.functions, 4 * (2 * table.total + 1)))
            self._entries, self._records = index[0::2], index[1::2]  # one entry more: the end of the last function

    def find(self, name: str) -> Function | None:
        """The function of that raw name; the first by address where several share it; None when there is none.

        Those that Go did not compile, which have no lines, are not found: C code that Go's linker took in may have
        functions of any name.
        """
        if name not in self._found:
            self.find_all([name])
        return self._found[name]

    def find_all(self, names: list[str]) -> None:
        """find() for several names in one pass over the name table; the answers are kept, also when pickled."""
        self.open()
        table = self.table
        text = self._read(table.names, table.units - table.names)
        for name in names:
            offsets = pclntab.name_offsets(text, name.encode())
            hits = np.flatnonzero(np.isin(self._name_offsets(), offsets)).tolist() if offsets else []
            compiled = [index for index in hits if self._record(index).pc_line]
            self._found[name] = self._function(compiled[0]) if compiled else None

    def matching(self, wanted: Callable[[str], bool]) -> list[Function]:
        """Every function whose name, as frames() has it, is wanted; by address. Looks at all names: a tenth of a second
        for 100,000."""
        self.open()
        table = self.table
        names = self._read(table.names, table.units - table.names).split(b"\0")
        starts = np.cumsum([0, *(len(name) + 1 for name in names[:-1])])
        printed = (pclntab.printed_name(name.decode(errors="replace"), table.two_brackets) for name in names)
        fitting = starts[np.fromiter(map(wanted, printed), np.bool_, len(names))]
        return [self._function(index) for index in np.flatnonzero(np.isin(self._name_offsets(), fitting)).tolist()]

    def _name_offsets(self) -> NDArray[np.uint32]:
        """Where the name of each function lies in the table of names."""
        if not len(self._names):
            table = self.table
            body = np.frombuffer(self._read(table.functions, (table.end - table.functions) & ~3), dtype="<u4")
            records = np.frombuffer(self._records, dtype=np.uint32)
            places = (records >> 2) + pclntab.NAME_WORD
            if (places >= len(body)).any():
                raise self._damaged("it has functions outside of itself")
            self._names = body[places]
        return self._names

    def at(self, pc: int) -> Function | None:
        """The function whose code has this address; None outside the Go text."""
        index = self._index(pc)
        return None if index < 0 else self._function(index)

    def frames(self, pc: int, call: bool = True) -> tuple[Frame, ...]:
        """Function, file and line at an address, innermost inlined call first, the real function last.

        call: pc is a return address, so the call before it is meant. Names are as the runtime prints them
        ("main.Push[...]"), wrappers included. Empty outside the Go text.
        """
        return tuple(frame for frame, _ in self._expanded(pc - 1 if call else pc))

    def spans(self, function: Function) -> list[tuple[int, int]]:
        """Ranges [low, high) of its addresses, in each of which the same calls are inlined; together all of it."""
        _, calls_of = self._record(self._index(function.entry)).inline_tree
        quantum = self.table.quantum
        ends = [end * quantum for end in self._table_of(calls_of, pclntab.pc_ends)] if calls_of else []
        edges = [0, *(end for end in ends if end < function.end - function.entry), function.end - function.entry]
        return [(function.entry + low, function.entry + high) for low, high in pairwise(edges)]

    def func_ids(self, pc: int, call: bool = True) -> tuple[int, ...]:
        """funcID (abi.FuncID) of each of frames(pc, call), in the same order; compare with pclntab.WRAPPER.

        Numbers differ between releases, but WRAPPER means a wrapper for all of them.
        """
        return tuple(func_id for _, func_id in self._expanded(pc - 1 if call else pc))

    def func_id(self, pc: int) -> int:
        """funcID of the real function that has this address, 0 (normal) outside the Go text."""
        index = self._index(pc)
        return 0 if index < 0 else self._record(index).func_id

    def room(self, pc: int) -> int:
        """Bytes between the stack pointer and the function's return address, when the call before the return address pc
        is made; -1 outside of the Go text."""
        index = self._index(pc - 1)
        if index < 0:
            return -1
        record = self._record(index)
        return self._value(record.pc_sp, pc - 1 - self.table.text - record.entry)

    def _read(self, offset: int, size: int) -> bytes:
        if size < 0 or offset < self.table.offset or offset + size > self.table.end:
            raise self._damaged(f"it points to offset {offset}, outside of itself")
        return self._bytes(offset, size)

    def _bytes(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        if len(data) != size:
            raise BinaryError(f"{self.path} ends before offset {offset + size}; start again with the complete file")
        return data

    def _damaged(self, how: str) -> BinaryError:
        return BinaryError(f"the function table of {self.path} is damaged: {how}; build or copy the program again")

    def _index(self, pc: int) -> int:
        self.open()
        relative = pc - self.table.text
        if not self._entries[0] <= relative < self._entries[-1]:
            return -1
        return bisect_right(self._entries, relative) - 1

    def _function(self, index: int) -> Function:
        text = self.table.text
        name = self._string(self.table.names + self._record(index).name)
        return Function(name, text + self._entries[index], text + self._entries[index + 1])

    def _record(self, index: int) -> FunctionRecord:
        offset, shape = self.table.functions + self._records[index], self.table.function
        fields = shape.unpack(self._read(offset, shape.size))
        _, name, _, _, pc_sp, pc_file, pc_line, pcdata_count, unit, *_, number, _, _, funcdata_count = fields
        words = self._words(offset + shape.size, pcdata_count + funcdata_count)
        pcdata, funcdata = words[:pcdata_count], words[pcdata_count:]
        func_id = self.table.func_id(number)
        return FunctionRecord(self._entries[index], name, pc_sp, pc_file, pc_line, unit, func_id, pcdata, funcdata)

    def _words(self, offset: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self._read(offset, 4 * count))

    def _string(self, offset: int) -> str:
        for data in self._windows(offset, 128):
            end = data.find(b"\0")
            if end >= 0:
                return data[:end].decode(errors="replace")
        raise self._damaged(f"the name at offset {offset} has no end")

    def _value(self, table: int, relative: int) -> int:
        """runtime.pcvalue: the value that a pc-value table has at entry + relative; -1 when it has none."""
        pc = relative // self.table.quantum
        return -1 if table == 0 else self._table_of(table, lambda data: pclntab.pc_value(data, pc))

    def _table_of(self, table: int, read: Callable[[bytes], T]) -> T:
        for data in self._windows(self.table.values + table, 256):
            try:
                return read(data)
            except IndexError:
                continue
        raise self._damaged(f"the pc table at {table} has no end")

    def _windows(self, offset: int, size: int) -> Iterator[bytes]:
        """Bytes from an offset on, first a few and then more, for what says only at its end how long it is."""
        while size <= _LONGEST:
            available = self.table.end - offset
            yield self._read(offset, min(size, available))
            if size >= available:
                return
            size *= 8

    def _expanded(self, pc: int) -> tuple[tuple[Frame, int], ...]:
        known = self._frames.get(pc)
        if not known:
            if len(self._frames) >= _CACHED_PCS:
                self._frames.clear()
            known = self._frames[pc] = self._expand(pc)
        return known

    def _expand(self, pc: int) -> tuple[tuple[Frame, int], ...]:
        index = self._index(pc)
        if index < 0:
            elsewhere = self.plugins.frame(pc + 1)
            return ((elsewhere, 0),) if elsewhere else ()
        record = self._record(index)
        tree, calls_of = record.inline_tree
        relative = pc - self.table.text - record.entry
        result = []
        for _ in range(_DEEPEST):
            inlined = self._value(calls_of, relative)
            if inlined < 0:
                result.append((self._frame(record, record.name, relative), record.func_id))
                return tuple(result)
            number, name, parent = self._inlined(tree, inlined)
            result.append((self._frame(record, name, relative), self.table.func_id(number)))
            relative = parent
        raise self._damaged(f"the calls inlined at {pc:#x} have no end")

    def _inlined(self, tree: int, index: int) -> tuple[int, int, int]:
        table = self.table
        size = table.inlined.size
        at = table.gofunc + tree + index * size
        if at + size > table.gofunc_end:
            raise self._damaged(f"it points to offset {at}, outside of the inlined calls")
        return table.inlined_call(self._bytes(at, size))

    def _frame(self, record: FunctionRecord, name: int, relative: int) -> Frame:
        table = self.table
        function = pclntab.printed_name(self._string(table.names + name), table.two_brackets)
        file, line = self._value(record.pc_file, relative), self._value(record.pc_line, relative)
        if file < 0 or line < 0:
            return Frame(function, "?", 0)
        (offset,) = self._words(table.units + 4 * (record.unit + file), 1)
        return Frame(function, "?" if offset == pclntab.NONE else self._string(table.files + offset), line)
