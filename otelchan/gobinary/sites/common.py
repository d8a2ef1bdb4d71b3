"""What all rules share: the function under examination, and the step from an instruction to a Site."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from otelchan.gobinary.code import CodeView, Routine
from otelchan.gobinary.extents import extent
from otelchan.gobinary.flow import Values
from otelchan.gobinary.instructions import Operand
from otelchan.gobinary.types import Layout, Site, SiteKind
from otelchan.gobinary.values import STACK, State, Value, argument

_LOCK = ("runtime.lock", "runtime.lock2", "runtime.lockWithRank")
UNLOCK = ("runtime.unlock", "runtime.unlock2", "runtime.unlockWithRank")
PARK = "runtime.gopark"
PARKS = (PARK, "runtime.mcall")
"""Calls at which a goroutine may be put to sleep: gopark, or what it calls where it is inlined."""
HCHAN = argument("rax")
"""chansend, chanrecv and closechan have the channel as their first argument."""


class ProofError(Exception):
    """The code has not the expected shape; str() is the reason for MissingSite."""


@dataclass(frozen=True)
class Subject:
    """A function in which sites are looked for."""

    code: CodeView
    routine: Routine
    layout: Layout

    @cached_property
    def values(self) -> Values:
        """What its registers and stack slots hold. Raises ProofError when not all paths through it are known."""
        if self.routine.has_indirect_jumps:
            raise ProofError("it has a jump through a table, so not every path is known")
        return Values(self.routine)

    def at(self, index: int) -> State:
        """What is held just before that instruction."""
        return self.values.at(index)

    def site(self, kind: SiteKind, index: int, **facts: Any) -> Site:
        """That instruction as a Site. Raises ProofError when the kernel would not emulate it."""
        instruction = self.routine[index]
        if not instruction.emulated:
            raise ProofError(f"the kernel does not emulate `{self.routine.text(index)}`")
        text, together = self.routine.text(index), extent(self.routine, index)
        return Site(kind, self.routine.name, instruction.address, instruction.code, text, extent=together, **facts)

    def frame(self, index: int) -> int:
        """Bytes from rsp at that instruction to the return address. Raises ProofError when they are not known.

        That every return finds rsp at the return address shows that its changes were followed correctly.
        """
        ends = [self._depth(end) for end in self.routine.returns if self.at(end)]
        depth = self._depth(index)
        if depth is None or any(end != 0 for end in ends):
            raise ProofError(f"the depth of the stack at `{self.routine.text(index)}` is not known")
        return depth

    def _depth(self, index: int) -> int | None:
        top = self.at(index).get("rsp")
        return -top.offset if top is not None and top.symbol == STACK else None

    def channel_lock(self) -> int:
        """The call that locks the channel. Raises ProofError when it is not the only one that does."""
        lock = HCHAN._replace(offset=self.layout["hchan.lock"])
        calls = [call for call in self.routine.calls(*_LOCK) if self.at(call).get("rax") == lock]
        return only(calls, "call that locks the channel")

    def compare(self, jump: int) -> int | None:
        """The `cmp` whose flags this jump reads, when only nops lie between and nobody jumps in there."""
        index = jump
        while index not in self.routine.jump_targets and index > 0:
            index -= 1
            mnemonic = self.routine[index].mnemonic
            if mnemonic == "cmp":
                return index
            if mnemonic != "nop":
                return None
        return None

    def load(self, index: int, operand: Operand, field: str, size: int) -> int | None:
        """The instruction, itself or an earlier one, that loads what this operand is: that field of the channel.

        None when it is anything else. size: of the field, in bytes; all of them must be there.
        """
        value = self.values.operand(index, operand)
        if value is None or (value.offset, value.width) != (0, size):
            return None
        address = HCHAN._replace(offset=self.layout[field])
        return self.routine.index_of(value.symbol.address) if value.symbol.of == address else None

    def passed(self, jump: int, way: int, other: int) -> list[int]:
        """What the kernel emulates, and all that go that way at the jump come to, once, and nothing else."""
        routine = self.routine
        elsewhere = routine.reachable(without=[jump]) | routine.reachable([other])
        returns = set(routine.returns)
        return [
            index
            for index in sorted(routine.reachable([way]) - elsewhere)
            if routine[index].emulated
            and index not in routine.after(index)
            and not returns & routine.reachable([way], without=[index])
        ]

    def holders(self, index: int, value: Value) -> list[str]:
        """The registers that hold that whole value at that instruction."""
        return [place for place, held in self.at(index).items() if isinstance(place, str) and held == value]

    def channel(self, index: int) -> dict[str, Any] | None:
        """Where that instruction finds the channel, as facts of a Site; None when it is not known there.

        A register is preferred to one with the address of the channel's lock, and that to a stack slot.
        """
        for offset in (0, self.layout["hchan.lock"]):
            for register in self.holders(index, HCHAN._replace(offset=offset)):
                return {"register": register, "channel_offset": offset}
        for place, held in self.at(index).items():
            if isinstance(place, int) and held == HCHAN:
                return {"slot": place + self.frame(index)}
        return None


def only(found: list[int], what: str) -> int:
    """The single element. Raises ProofError when there are none or several."""
    if len(found) != 1:
        raise ProofError(f"expected one {what}, found {len(found)}")
    return found[0]
