"""WAKE: `call runtime.systemstack` in send, recv and closechan, which readies the sleeper.

goready(gp, skip) is inlined there as `systemstack(func() { ready(gp, skip, true) })` (src/runtime/proc.go, since Go
1.21). systemstack is assembly: [rsp] is its argument, the closure {code, gp, skip}, itself on the stack. That the
closure's code hands the word at that place to runtime.ready is read from that code.
"""

from __future__ import annotations

from otelchan.gobinary.flow import Values
from otelchan.gobinary.sites.common import ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind
from otelchan.gobinary.values import STACK, Symbol, Value, argument

_SLEEPER = {"runtime.send": "rbx", "runtime.recv": "rbx"}  # send(c, sg, ...), recv(c, sg, ...): gp is sg.g


def find(subject: Subject) -> list[Site]:
    """The one call that readies a goroutine."""
    routine = subject.routine
    found = {call: place for call in routine.calls("runtime.systemstack") if (place := _sleeper_slot(subject, call))}
    if not found and routine.calls("runtime.goready"):
        raise ProofError("it calls runtime.goready, which is inlined there unless built with -gcflags=-l")
    call = only(list(found), "call of runtime.systemstack that readies a goroutine")
    slot, frame = found[call], subject.frame(call)
    sleeper = subject.at(call).get(slot)
    if sleeper is None or sleeper.width < 8:
        raise ProofError("what the closure holds as the sleeper is not known")
    register = _SLEEPER.get(routine.name)
    if register and not _is_load(sleeper, argument(register, subject.layout["sudog.g"])):
        raise ProofError("the sleeper in the closure is not the goroutine of the sudog that was passed")
    return [subject.site(SiteKind.WAKE, call, frame=frame, closure=slot + frame)]


def _sleeper_slot(subject: Subject, call: int) -> int | None:
    """The stack slot, by its offset from rsp at entry, of the goroutine that this systemstack readies; else None."""
    state = subject.at(call)
    top = state.get("rsp")
    closure = state.get(top.offset) if top is not None and top.symbol == STACK else None
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
