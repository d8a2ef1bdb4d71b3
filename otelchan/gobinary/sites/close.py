"""CLOSE: the first `push rbp` of closechan, after the check of the stack's size (Go 1.21 and newer).

Reached once by every close, also of a nil or closed channel, which panics; a call that has to grow the stack first
comes there when it starts over.
"""

from __future__ import annotations

from otelchan.gobinary.sites.common import HCHAN, ProofError, Subject
from otelchan.gobinary.types import Site, SiteKind

_PROLOGUE = 4  # instructions: the compare, the jump to grow the stack, the push


def find(subject: Subject) -> list[Site]:
    """The push, with the channel in AX still."""
    routine = subject.routine
    push = next((i for i in range(min(_PROLOGUE, len(routine))) if routine[i].mnemonic == "push"), None)
    if push is None or set(routine.returns) & routine.reachable(without=[push]):
        raise ProofError("it does not begin with `push rbp` after the check of the stack")
    if subject.at(push).get("rax") != HCHAN:
        raise ProofError("rax does not hold the channel there")
    return [subject.site(SiteKind.CLOSE, push, register="rax")]
