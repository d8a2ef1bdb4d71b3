"""SELECT: the last conditional jump before the only return of selectgo.

selectgo(cas0, order0, pc0, nsends, nrecvs, block) returns (casi, recvOK) in AX and BX; `if caseReleaseTime > 0` comes
last before (src/runtime/select.go), and every normal return passes it with both results in registers. cas0 and nsends
are in the slots above the return address that Go's calling convention (ABIInternal) reserves for register arguments.
"""

from __future__ import annotations

from otelchan.gobinary.sites.common import ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind
from otelchan.gobinary.values import Value, argument

_SPILLED = ((8, "rax", "cas0"), (32, "rdi", "nsends"))  # from the return address up, as the kernel side reads them


def find(subject: Subject) -> list[Site]:
    """The jump, its results proved to be those that are returned."""
    routine = subject.routine
    end = only(routine.returns, "return")
    gates = (
        index
        for index in reversed(range(end))
        if routine[index].is_conditional
        and end not in routine.reachable(without=[index])
        and index not in routine.after(index)
    )
    site = next(gates, None)
    if site is None:
        raise ProofError("no conditional jump is passed once by every return")
    for place, register, name in _SPILLED:
        if subject.at(site).get(place) != argument(register):
            raise ProofError(f"{name} is not in its stack slot there")
    state = subject.at(end)
    case, received = (_same(subject, site, state.get(register), width) for register, width in (("rax", 8), ("rbx", 1)))
    if not case or not received:
        raise ProofError("the results are not in registers there")
    return [subject.site(SiteKind.SELECT, site, register=case, ok_register=received, frame=subject.frame(site))]


def _same(subject: Subject, index: int, value: Value | None, width: int) -> str:
    """A register that holds at least the low `width` bytes of that value; "" when none does."""
    if value is None or value.width < width:
        return ""
    for place, held in subject.at(index).items():
        if isinstance(place, str) and held.low(width) == value.low(width):
            return place
    return ""
