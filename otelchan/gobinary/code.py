"""The machine code of single functions: their instructions, where these go, whom they call.

Works from the function table alone, so stripped executables are no different.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from typing import Protocol

from otelchan.errors import BinaryError
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import Instruction, decode
from otelchan.gobinary.types import Segment


class FunctionLookup(Protocol):
    """The part of FunctionTable that is needed here."""

    def find(self, name: str) -> Function | None:
        """The function of that name."""

    def at(self, pc: int) -> Function | None:
        """The function whose code has this address."""


# They never return. Naming too few of them costs proofs, naming one that does return would forge them. Those for
# indexes and slices are called directly up to Go 1.25 (src/runtime/panic.go), by way of panicBounds since.
_BOUNDS = ("Index", "SliceAlen", "SliceAcap", "SliceB", "Slice3Alen", "Slice3Acap", "Slice3B", "Slice3C")
_NO_RETURN = frozenset(
    (
        *(f"runtime.{name}" for name in ("throw", "gopanic", "panicBounds", "panicdivide", "panicshift", "panicmem")),
        *(f"runtime.panic{what}{unsigned}" for what in _BOUNDS for unsigned in ("", "U")),
        "runtime.panicSliceConvert",
    )
)


class Routine:
    """A decoded function and the paths through it. Instructions are named by their index in `instructions`."""

    def __init__(self, function: Function, instructions: Sequence[Instruction], callees: dict[int, str]) -> None:
        self.name = function.name
        self.entry = function.entry
        self.instructions = tuple(instructions)
        self.callees = callees
        self._index = {instruction.address: index for index, instruction in enumerate(self.instructions)}

    def __getitem__(self, index: int) -> Instruction:
        return self.instructions[index]

    def __len__(self) -> int:
        return len(self.instructions)

    def index_of(self, address: int) -> int:
        """The instruction at that address. Raises KeyError when none starts there."""
        return self._index[address]

    def text(self, index: int) -> str:
        """An instruction for a person to read, a callee by its name."""
        return f"call {self.callees[index]}" if index in self.callees else self.instructions[index].text

    def calls(self, *names: str) -> list[int]:
        """The direct calls of any of these functions, in order of address."""
        return [index for index, name in sorted(self.callees.items()) if name in names]

    @cached_property
    def returns(self) -> list[int]:
        """All ret instructions."""
        return [index for index, instruction in enumerate(self.instructions) if instruction.mnemonic == "ret"]

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        """What may be executed after each instruction, within the function; the target of a jump comes last."""
        return tuple(self._successors(index) for index in range(len(self.instructions)))

    @cached_property
    def _sources(self) -> list[list[int]]:
        sources: list[list[int]] = [[] for _ in range(len(self))]
        for index, following in enumerate(self.successors):
            for successor in following:
                sources[successor].append(index)
        return sources

    def _successors(self, index: int) -> tuple[int, ...]:
        instruction = self.instructions[index]
        following = (index + 1,) if index + 1 < len(self.instructions) else ()
        if instruction.mnemonic in ("ret", "int3", "ud2", "hlt"):
            return ()
        if instruction.is_call:
            return () if self.callees.get(index) in _NO_RETURN else following
        if not instruction.is_jump:
            return following
        target = self._index.get(instruction.target) if instruction.target is not None else None
        if target is None:  # out of the function, or through a table
            return following if instruction.is_conditional else ()
        return (*following, target) if instruction.is_conditional else (target,)

    @cached_property
    def has_indirect_jumps(self) -> bool:
        """A jump whose target is not in the instruction: then not every path is known."""
        return any(i.is_jump and i.target is None for i in self.instructions)

    @cached_property
    def jump_targets(self) -> frozenset[int]:
        """Every instruction that some jump of the function goes to."""
        return frozenset(self._index[i.target] for i in self.instructions if i.is_jump and i.target in self._index)

    def reachable(self, start: Iterable[int] = (0,), without: Collection[int] = ()) -> set[int]:
        """What can be executed from `start` on (the entry by default) when execution never gets past `without`."""
        seen: set[int] = set()
        todo = list(start)
        while todo:
            index = todo.pop()
            if index in seen or index in without:
                continue
            seen.add(index)
            todo.extend(self.successors[index])
        return seen

    def leading_to(self, ends: Iterable[int], without: Collection[int] = ()) -> set[int]:
        """What one of `ends` can be reached from, never getting past `without`; the ends are part of it."""
        seen: set[int] = set()
        todo = list(ends)
        while todo:
            index = todo.pop()
            if index not in seen and index not in without:
                seen.add(index)
                todo.extend(self._sources[index])
        return seen

    def after(self, index: int, without: Collection[int] = ()) -> set[int]:
        """What can be executed once that instruction has been."""
        return self.reachable(self.successors[index], without)


class CodeView:
    """The code of one executable. Functions are decoded when asked for and kept.

    stack_arguments: where a call's arguments on the stack begin, in bytes from the stack pointer. read: bytes at an
    address (Elf.read); text_segments: what makesites searches.
    """

    stack_arguments = 0

    def __init__(
        self, read: Callable[[int, int], bytes], functions: FunctionLookup, segments: Iterable[Segment]
    ) -> None:
        self.read = read
        self.functions = functions
        self.text_segments = tuple(segment for segment in segments if segment.executable)
        self._routines: dict[int, Routine] = {}

    def routine(self, name: str) -> Routine | None:
        """The function of that name, decoded; None when it is not linked in. Raises BinaryError, as routine_at()."""
        function = self.functions.find(name)
        return self._decoded(function) if function else None

    def routine_at(self, address: int) -> Routine | None:
        """The function that starts at that address, decoded; None when none does.

        Raises BinaryError when its bytes are not all instructions.
        """
        function = self.functions.at(address)
        return self._decoded(function) if function and function.entry == address else None

    def _decoded(self, function: Function) -> Routine:
        if function.entry not in self._routines:
            code = self.read(function.entry, function.end - function.entry)
            instructions = decode(code, function.entry)
            if sum(len(instruction.code) for instruction in instructions) != len(code):
                raise BinaryError(
                    f"the code of {function.name} cannot be decoded; check that the executable is not packed or damaged"
                )
            self._routines[function.entry] = Routine(function, instructions, self._callees(instructions))
        return self._routines[function.entry]

    def _callees(self, instructions: list[Instruction]) -> dict[int, str]:
        names = {}
        for index, instruction in enumerate(instructions):
            if instruction.is_call and instruction.target is not None:
                function = self.functions.at(instruction.target)
                if function and function.entry == instruction.target:
                    names[index] = function.name
        return names
