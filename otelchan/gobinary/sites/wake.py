"""WAKE: the call in send, recv and closechan which readies the sleeper.

Up to Go 1.20, and without optimisation, it is `call runtime.goready`: goready(gp, skip) has the sleeper in AX.

From Go 1.21 on, goready is inlined there as `systemstack(func() { ready(gp, skip, true) })` (src/runtime/proc.go).
systemstack is assembly: [rsp] is its argument, the closure {code, gp, skip}, itself on the stack. That the closure's
code hands the word at that place to runtime.ready is read from that code.
"""

from __future__ import annotations

from otelchan.gobinary.flow import Values
from otelchan.gobinary.sites.common import ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind
from otelchan.gobinary.values import STACK, Place, Symbol, Value, argument

_SLEEPER = {"runtime.send": "rbx", "runtime.recv": "rbx"}  # send(c, sg, ...), recv(c, sg, ...): gp is sg.g


def find(subject: Subject) -> list[Site]:
    """The one call that readies a goroutine."""
    routine = subject.routine
    found: dict[int, Place] = dict.fromkeys(routine.calls("runtime.goready"), "rax")
    for index in routine.calls("runtime.systemstack"):
        slot = _sleeper_slot(subject, index)
        if slot is not None:
            found[index] = slot
    call = only(list(found), "call of runtime.systemstack that readies a goroutine, or of runtime.goready")
    place, frame = found[call], subject.frame(call)
    sleeper = subject.at(call).get(place)
    if sleeper is None or sleeper.width < 8:
        raise ProofError("what is readied there is not known")
    register = _SLEEPER.get(routine.name)
    if register and not _is_load(sleeper, argument(register, subject.layout["sudog.g"])):
        raise ProofError("what is readied there is not the goroutine of the sudog that was passed")
    if isinstance(place, str):
        return [subject.site(SiteKind.WAKE, call, frame=frame, register=place)]
    return [subject.site(SiteKind.WAKE, call, frame=frame, closure=place + frame)]


def _sleeper_slot(subject: Subject, call: int) -> int | None:
    """The stack slot, by its offset from rsp at entry, of the goroutine that this systemstack readies; else None."""
    state = subject.at(call)
    top = state.get("rsp")
    place = top.offset + subject.code.stack_arguments if top is not None and top.symbol == STACK else None
    closure = state.get(place) if place is not None else None
    if closure is None or closure.symbol != STACK or closure.width < 8:
        return None
    entries = subject.values.constants(state.get(closure.offset))
    offset = _readied(subject, entries.pop()) if len(entries) == 1 else None
    return None if offset is None else closure.offset + offset


def _readied(subject: Subject, entry: int) -> int | None:
    """Which word of its closure (the context register is rdx) that function passes to runtime.ready."""
    routine = subject.code.routine_at(entry)
    calls = routine.calls("runtime.ready") if routine else []
    if routine is None or len(calls) != 1:
        return None
    goroutine = Values(routine).at(calls[0]).get("rax")
    if goroutine is None or goroutine.symbol.kind != "load" or goroutine.symbol.of is None:
        return None
    source = goroutine.symbol.of
    return source.offset if source.symbol == Symbol("argument", place="rdx") else None


def _is_load(value: Value, address: Value) -> bool:
    return value.symbol.kind == "load" and value.offset == 0 and value.symbol.of == address
