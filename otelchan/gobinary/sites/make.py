"""MAKE: the first conditional jump after makechan has set the new channel's element size.

`c.elemsize = uint16(elem.Size_)` is makechan's only 16-bit store; storing c.elemtype after it needs a write barrier,
and so a conditional jump (src/runtime/chan.go). The register that holds the channel there is the one that is returned.
"""

from __future__ import annotations

from otelchan.gobinary.instructions import Memory
from otelchan.gobinary.sites.common import ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind
from otelchan.gobinary.values import argument

_CAPACITY_SLOT = 16  # makechan(t, size): from the return address up, as the kernel side reads it


def find(subject: Subject) -> list[Site]:
    """The jump, passed once by every return and holding what is returned."""
    routine = subject.routine
    end = only(routine.returns, "return")
    store = only([index for index in range(len(routine)) if _stores_elemsize(subject, index)], "store of elemsize")
    site = next((index for index in range(store, end) if routine[index].is_conditional), None)
    if site is None or end in routine.reachable(without=[store]) or end in routine.reachable(without=[site]):
        raise ProofError("no conditional jump follows the store of elemsize on every path")
    if site in routine.after(site):
        raise ProofError("the conditional jump is in a loop")
    if subject.at(site).get(_CAPACITY_SLOT) != argument("rbx"):
        raise ProofError("the capacity is not in its stack slot there")
    returned = subject.at(end).get("rax")
    stored = routine[store].operands[0]
    assert isinstance(stored, Memory)
    if returned is None or stored.base not in subject.holders(site, returned):
        raise ProofError(f"{stored.base} does not hold the channel that is returned")
    return [subject.site(SiteKind.MAKE, site, register=stored.base, frame=subject.frame(site))]


def _stores_elemsize(subject: Subject, index: int) -> bool:
    instruction = subject.routine[index]
    operand = instruction.operands[0] if instruction.operands else None
    return (
        isinstance(operand, Memory)
        and instruction.mnemonic == "mov"
        and operand.size == 2
        and operand.displacement == subject.layout["hchan.elemsize"]
    )
