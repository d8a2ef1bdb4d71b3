"""What registers and stack slots hold at each instruction of a function, over all paths that lead there.

Probe sites are proved with it: that a register holds the hchan at a site is not read off from instructions nearby.
"""

from __future__ import annotations

from itertools import pairwise

from otelchan.gobinary.code import Routine
from otelchan.gobinary.instructions import REGISTERS, Memory, Operand
from otelchan.gobinary.values import CONSTANT, STACK, State, Symbol, Value, address_of, argument, read, step

_ROUNDS = 64


class Values:
    """The values at every instruction of one routine."""

    def __init__(self, routine: Routine) -> None:
        self.routine = routine
        self._starts = self._block_starts()
        self._before: dict[int, State] = {}
        self._incoming: dict[int, list[State]] = {}
        self._solve()

    def at(self, index: int) -> State:
        """What is held just before that instruction is executed; {} where execution never comes."""
        start = index
        while start not in self._starts:
            start -= 1
        if start not in self._before:
            return {}
        state = dict(self._before[start])
        for position in range(start, index):
            self._step(state, position)
        return state

    def address(self, index: int, operand: Memory) -> Value | None:
        """The address that a memory operand of that instruction means."""
        return address_of(self.at(index), operand)

    def operand(self, index: int, operand: Operand) -> Value | None:
        """What an operand of that instruction holds before it is executed."""
        return read(self.at(index), self.routine[index], operand)

    def constants(self, value: Value | None) -> set[int]:
        """The numbers that it can be, when it is one of a few constants; else the empty set."""
        numbers: set[int] = set()
        todo, seen = [value], set()
        while todo:
            current = todo.pop()
            if current is None:
                return set()
            if current in seen:
                continue
            seen.add(current)
            if current.symbol.kind == "join" and current.offset == 0:
                start = self.routine.index_of(current.symbol.address)
                parts = [state.get(current.symbol.place) for state in self._incoming[start]]
                todo.extend(part.low(current.width) if part else None for part in parts)
            elif current.symbol == CONSTANT:
                numbers.add(current.offset & ((1 << 8 * current.width) - 1))
            else:
                return set()
        return numbers

    def _block_starts(self) -> set[int]:
        routine = self.routine
        ends = {index for index, successors in enumerate(routine.successors) if successors != (index + 1,)}
        return {0} | set(routine.jump_targets) | {index + 1 for index in ends}

    def _solve(self) -> None:
        """Goes over all blocks until nothing changes; without an end to that, nothing is known."""
        ends = sorted(self._starts | {len(self.routine)})
        blocks = [(start, end) for start, end in pairwise(ends) if end > start]
        sources: dict[int, list[int]] = {start: [] for start, _ in blocks}
        for start, end in blocks:
            for target in self.routine.successors[end - 1]:
                sources[target].append(start)
        entry: State = {name: argument(name) for name in REGISTERS}
        entry["rsp"] = Value(STACK)
        leaving: dict[int, State] = {}
        for _ in range(_ROUNDS):
            changed = False
            for start, end in blocks:
                incoming = [leaving[source] for source in sources[start] if source in leaving]
                if start == 0:
                    incoming.append(entry)
                if not incoming:
                    continue
                before = _join(incoming, self.routine[start].address)
                if self._before.get(start) == before:
                    continue
                changed = True
                self._before[start], self._incoming[start] = before, incoming
                leaving[start] = dict(before)
                for index in range(start, end):
                    self._step(leaving[start], index)
            if not changed:
                return
        self._before.clear()

    def _step(self, state: State, index: int) -> None:
        step(state, self.routine[index], self.routine.callees.get(index, ""))


def _join(states: list[State], address: int) -> State:
    """What holds where several paths meet: what all agree on; a place that they do not agree on gets a name."""
    first, *others = states
    joined: State = {}
    for place, value in first.items():
        for other in others:
            found = other.get(place)
            if found is None:
                break
            agreed = found[:2] == value[:2]
            value = value.low(found.width) if agreed else Value(Symbol("join", address, place))
        else:
            joined[place] = value
    return joined
