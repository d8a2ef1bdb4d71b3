"""SEND and RECV: where the buffer serves the operation, under the channel's lock.

chansend: `if c.qcount < c.dataqsiz`, after no waiting receiver was found; chanrecv: `if c.qcount > 0`, after no waiting
sender was found (src/runtime/chan.go). An operation that is handed over directly never comes there; one that does is
buffered, or parks, or, not willing to block, fails.

The site is the first instruction that the buffered ones pass, each once, and no other, with the channel in a register:
so the others pay no trap. Where there is none it is the conditional jump that decides; its flags tell which they are.
"""

from __future__ import annotations

from otelchan.gobinary.instructions import Immediate, Operand
from otelchan.gobinary.sites.common import HCHAN, PARKS, ProofError, Subject, only
from otelchan.gobinary.types import Condition, Site, SiteKind

# Mnemonic: is the jump taken when the condition holds? After `cmp x, 0`, "above" is "not equal".
_TAKEN = {
    Condition.ABOVE: {"ja": True, "jne": True, "jbe": False, "je": False},
    Condition.BELOW: {"jb": True, "jae": False},
}


def find_send(subject: Subject) -> list[Site]:
    """Behind the jump on `c.qcount < c.dataqsiz`."""
    return [_find(subject, SiteKind.SEND, "runtime.send")]


def find_recv(subject: Subject) -> list[Site]:
    """Behind the jump on `c.qcount > 0`."""
    return [_find(subject, SiteKind.RECV, "runtime.recv")]


def _find(subject: Subject, kind: SiteKind, handover: str) -> Site:
    routine = subject.routine
    lock = subject.channel_lock()
    conditions = {
        index: condition
        for index in sorted(set(range(len(routine))) - routine.reachable(without=[lock]))
        if routine[index].is_conditional
        and (condition := _condition(subject, kind, index)) is not Condition.NONE
        and _decides(subject, index, condition)
    }
    index = only(list(conditions), "jump on the number of buffered elements")
    direct = routine.calls(handover)
    if not direct or routine.after(index) & set(direct):
        raise ProofError(f"{handover} is not called before the buffer is looked at")
    if routine.after(lock, without=[index, *direct]) & set(routine.calls(*PARKS)):
        raise ProofError("an operation can park without coming to that jump")
    condition = conditions[index]
    for passed in subject.passed(index, *_ways(subject, index, condition)):
        if registers := subject.holders(passed, HCHAN):
            return subject.site(kind, passed, register=registers[0])
    registers = subject.holders(index, HCHAN)
    if not registers:
        raise ProofError("no register holds the channel there")
    return subject.site(kind, index, register=registers[0], condition=condition)


def _condition(subject: Subject, kind: SiteKind, jump: int) -> Condition:
    """How the flags at this jump say "buffered"; NONE when it depends on something else."""
    compare = subject.compare(jump)
    if compare is None:
        return Condition.NONE
    instruction = subject.routine[compare]
    left, right = instruction.operands
    if kind is SiteKind.RECV:
        empty = isinstance(right, Immediate) and right.value == 0 and _is_field(subject, compare, left, "hchan.qcount")
        return Condition.ABOVE if empty else Condition.NONE
    if _is_field(subject, compare, left, "hchan.dataqsiz") and _is_field(subject, compare, right, "hchan.qcount"):
        condition = Condition.ABOVE
    elif _is_field(subject, compare, left, "hchan.qcount") and _is_field(subject, compare, right, "hchan.dataqsiz"):
        condition = Condition.BELOW
    else:
        return Condition.NONE
    # Equality does not tell "less" from "more" when neither side is zero.
    return Condition.NONE if subject.routine[jump].mnemonic in ("je", "jne") else condition


def _is_field(subject: Subject, index: int, operand: Operand, field: str) -> bool:
    return subject.load(index, operand, field, 8) is not None


def _decides(subject: Subject, jump: int, condition: Condition) -> bool:
    """Whether the operation can park on the side that is not buffered, and cannot on the other."""
    routine = subject.routine
    if routine[jump].mnemonic not in _TAKEN[condition] or len(routine.successors[jump]) != 2:
        return False
    buffered, other = _ways(subject, jump, condition)
    parks = set(routine.calls(*PARKS))
    return not parks & routine.reachable([buffered]) and bool(parks & routine.reachable([other]))


def _ways(subject: Subject, jump: int, condition: Condition) -> tuple[int, int]:
    """Where it goes on when the condition holds, and when not."""
    following, target = subject.routine.successors[jump]
    return (target, following) if _TAKEN[condition][subject.routine[jump].mnemonic] else (following, target)
