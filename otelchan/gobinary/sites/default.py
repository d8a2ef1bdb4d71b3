"""SELECT_DEFAULT: the `call runtime.selunlock` of selectgo after which it returns that no case was chosen.

`if !block { selunlock(scases, lockorder); casi = -1; goto retc }` (src/runtime/select.go). selunlock has the cases, a
slice, in AX, BX and CX: those of the select, nil channels included, sends first.
"""

from __future__ import annotations

from otelchan.gobinary.instructions import Memory, Register
from otelchan.gobinary.sites import select
from otelchan.gobinary.sites.common import ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind
from otelchan.gobinary.values import Value, argument, constant, step

_NSENDS_SLOT = 32  # from the return address up, as the kernel side reads it


def find(subject: Subject) -> list[Site]:
    """The one call from which the way leads straight to the return of -1."""
    (end,) = select.find(subject)
    calls = [call for call in subject.routine.calls("runtime.selunlock") if _returns_none(subject, call, end)]
    call = only(calls, "call of runtime.selunlock that is followed by the return of -1")
    state = subject.at(call)
    if state.get("rax") != argument("rax"):
        raise ProofError("rax does not hold the cases there")
    if not _is_number_of_cases(subject, state.get("rbx")):
        raise ProofError("rbx does not hold the number of cases there")
    if state.get(_NSENDS_SLOT) != argument("rdi"):
        raise ProofError("nsends is not in its stack slot there")
    return [subject.site(SiteKind.SELECT_DEFAULT, call, frame=subject.frame(call))]


def _returns_none(subject: Subject, call: int, end: Site) -> bool:
    """Whether what follows has no other way than to the SELECT site `end`, with -1 as the chosen case."""
    routine = subject.routine
    index, state = call, subject.at(call)
    for _ in range(len(routine)):
        if routine[index].address == end.address:
            return state.get(end.register) == constant(-1)
        if len(routine.successors[index]) != 1:
            return False
        step(state, routine[index], routine.callees.get(index, ""))
        (index,) = routine.successors[index]
    return False


def _is_number_of_cases(subject: Subject, value: Value | None) -> bool:
    """Whether it was computed as nsends + nrecvs, the arguments in rdi and rsi."""
    if value is None or value.width < 8 or value.offset or value.symbol.kind != "computed":
        return False
    index = subject.routine.index_of(value.symbol.address)
    instruction, state = subject.routine[index], subject.at(index)
    parts: list[str] = []
    match instruction.mnemonic, instruction.operands:
        case "lea", (Register(), Memory(displacement=0, scale=1, segment="") as sum_of):
            parts = [sum_of.base, sum_of.index]
        case "add", (Register(size=8) as to, Register(size=8) as source):
            parts = [to.name, source.name]
    held = [state.get(part) for part in parts]
    return argument("rdi") in held and argument("rsi") in held
