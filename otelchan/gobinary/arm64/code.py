"""The machine code of single functions on arm64."""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.errors import BinaryError
from otelchan.gobinary.arm64.lift import decode
from otelchan.gobinary.code import CodeView, Routine
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import Instruction


class LiftedRoutine(Routine):
    """A function whose instructions are steps; a jump goes to the first step at its target."""

    def __init__(self, function: Function, instructions: Sequence[Instruction], callees: dict[int, str]) -> None:
        super().__init__(function, instructions, callees)
        self._index = {}
        for index, instruction in enumerate(self.instructions):
            self._index.setdefault(instruction.address, index)

    def text(self, index: int) -> str:
        """An instruction for a person to read, a callee by its name."""
        return f"bl {self.callees[index]}" if index in self.callees else self.instructions[index].text


class Arm64Code(CodeView):
    """CodeView for executables built with GOARCH=arm64."""

    # The slot at the stack pointer is for the link register of the function that makes the call.
    stack_arguments = 8

    def _decoded(self, function: Function) -> Routine:
        if function.entry not in self._routines:
            code = self.read(function.entry, function.end - function.entry)
            steps = decode(code, function.entry)
            if sum(len(step.code) for step in steps) != len(code):
                raise BinaryError(
                    f"the code of {function.name} cannot be decoded; check that the executable is not packed or damaged"
                )
            self._routines[function.entry] = LiftedRoutine(function, steps, self._callees(steps))
        return self._routines[function.entry]
