"""PARK: `call runtime.gopark` in the channel operations.

gopark(unlockf, lock, reason, ...) has its arguments in AX, BX, CX: `gopark(chanparkcommit, &c.lock, ...)` in chansend
and chanrecv, `gopark(selparkcommit, nil, ...)` in selectgo, `gopark(nil, nil, ...)` where nobody can ever wake the
goroutine (src/runtime/chan.go, select.go). Each call is told by its unlockf and lock; its wait reason must agree.

Profile-guided optimisation may inline gopark: what it ends in is `mcall(park_m)` (src/runtime/proc.go), which has g in
R14, too. Which park it is, is told then by the wait reason that was stored in g before.
"""

from __future__ import annotations

import struct

from otelchan.gobinary.instructions import Memory
from otelchan.gobinary.sites.common import HCHAN, PARK, ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind
from otelchan.gobinary.values import Value

_BUBBLE = ("", " (durable)", " (synctest)")  # in a bubble of testing/synctest since Go 1.25, and in Go 1.24
_REASONS = {  # of a park that ends, and of one that does not
    "runtime.chansend": ({f"chan send{bubble}" for bubble in _BUBBLE}, {"chan send (nil chan)"}),
    "runtime.chanrecv": ({f"chan receive{bubble}" for bubble in _BUBBLE}, {"chan receive (nil chan)"}),
    "runtime.selectgo": ({f"select{bubble}" for bubble in _BUBBLE}, set()),
    "runtime.block": (set[str](), {"select (no cases)"}),
}


def find(subject: Subject) -> list[Site]:
    """All parks of the function: each kind that it has, once."""
    sites = [_park(subject, call) for call in subject.routine.calls(PARK)]
    sites += [_inlined(subject, call) for call in subject.routine.calls("runtime.mcall") if _parks(subject, call)]
    ending, endless = _REASONS[subject.routine.name]
    expected = [for_ever for for_ever, reasons in ((False, ending), (True, endless)) if reasons]
    found = sorted(site.nil_channel for site in sites)
    if found != expected:
        raise ProofError(
            f"expected {expected.count(False)} calls of {PARK} that end and {expected.count(True)} that do not, "
            f"found {found.count(False)} and {found.count(True)}"
        )
    return sites


def _park(subject: Subject, call: int) -> Site:
    state, values = subject.at(call), subject.values
    unlockf, lock = values.constants(state.get("rax")), values.constants(state.get("rbx"))
    for_ever = unlockf == {0} and lock == {0}
    if not for_ever:
        selecting = subject.routine.name == "runtime.selectgo" and lock == {0} and bool(unlockf)
        if not selecting and state.get("rbx") != HCHAN._replace(offset=subject.layout["hchan.lock"]):
            raise ProofError(f"`{subject.routine.text(call)}` has neither the channel's lock nor none")
    reasons = _reasons(subject, call, subject.at(call).get("rcx"))
    if _is_endless(subject, reasons) is not for_ever:
        raise _unexpected(reasons)
    return subject.site(SiteKind.PARK, call, nil_channel=for_ever)


def _inlined(subject: Subject, call: int) -> Site:
    store = _store_of_reason(subject, call)
    number = subject.values.operand(store, subject.routine[store].operands[1])
    for_ever = _is_endless(subject, _reasons(subject, call, number))
    on_channel = not for_ever and subject.routine.name != "runtime.selectgo"
    facts = subject.channel(call) if on_channel else {}
    if facts is None:
        raise ProofError(f"nothing holds the channel at `{subject.routine.text(call)}`")
    return subject.site(SiteKind.PARK, call, nil_channel=for_ever, inlined=True, **facts)


def _parks(subject: Subject, call: int) -> bool:
    """Whether this mcall switches to park_m: AX has the address of a word with the address of its code."""
    closures = subject.values.constants(subject.at(call).get("rax"))
    try:
        entries = {struct.unpack("<Q", subject.code.read(closure, 8))[0] for closure in closures}
    except ValueError:
        return False
    parks = subject.code.functions.find("runtime.park_m")
    return parks is not None and entries == {parks.entry}


def _store_of_reason(subject: Subject, call: int) -> int:
    """The store of a byte in g.waitreason that every way to this call passes last."""
    routine = subject.routine
    stores = [index for index in range(len(routine)) if _stores_reason(subject, index)]
    last = [
        store for store in stores if call in routine.after(store, without=[other for other in stores if other != store])
    ]
    store = only(last, f"store of the wait reason before `{routine.text(call)}`")
    if call in routine.reachable(without=[store]):
        raise ProofError(f"not every way to `{routine.text(call)}` stores a wait reason")
    return store


def _stores_reason(subject: Subject, index: int) -> bool:
    instruction = subject.routine[index]
    to = instruction.operands[0] if instruction.mnemonic == "mov" else None
    return (
        isinstance(to, Memory)
        and (to.size, to.displacement) == (1, subject.layout["g.waitreason"])
        and to.base not in ("", "rsp")
        and not to.index
    )


def _reasons(subject: Subject, call: int, number: Value | None) -> set[str]:
    numbers = subject.values.constants(number)
    if not numbers:
        raise ProofError(f"the wait reason of `{subject.routine.text(call)}` is not a constant")
    return {subject.layout.wait_reasons.get(number & 0xFF, str(number)) for number in numbers}


def _is_endless(subject: Subject, reasons: set[str]) -> bool:
    """Whether that is a park that never ends. Raises ProofError when the reasons are none of this function."""
    ending, endless = _REASONS[subject.routine.name]
    if reasons <= ending or reasons <= endless:
        return reasons <= endless
    raise _unexpected(reasons)


def _unexpected(reasons: set[str]) -> ProofError:
    return ProofError(f"it parks with the wait reason {', '.join(sorted(reasons))}; the layout is of another release")
