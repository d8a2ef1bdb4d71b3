"""CLOSE: where closechan, under the channel's lock, has found that the channel is not closed yet.

    lock(&c.lock)
    if c.closed != 0 { unlock(&c.lock); panic(plainError("close of closed channel")) }    (src/runtime/chan.go)

So of several closes at the same time the one that closes is seen, and nobody sends or receives meanwhile: what is left
in the buffer is exact. Others never come there, or the jump's flags tell them apart.
"""

from __future__ import annotations

from typing import NamedTuple

from otelchan.gobinary.instructions import Immediate
from otelchan.gobinary.sites.common import HCHAN, UNLOCK, ProofError, Subject, only
from otelchan.gobinary.types import Condition, Site, SiteKind


class _Decision(NamedTuple):
    """The jump on `c.closed != 0`, where it goes on when the channel is open, and where when it is closed."""

    jump: int
    open: int
    closed: int


def find(subject: Subject) -> list[Site]:
    """The jump itself, whose flags tell: before anybody can see that the channel is closed."""
    jump = _decision(subject).jump
    return [_site(subject, jump, Condition.EQUAL)]


def find_behind(subject: Subject) -> list[Site]:
    """Where the flags do not tell: the first instruction behind it that knows the channel, under the lock still."""
    routine = subject.routine
    decision = _decision(subject)
    unlocked = {index for call in routine.calls(*UNLOCK) for index in routine.after(call)}
    for index in subject.passed(*decision):
        if index not in unlocked and subject.holders(index, HCHAN):
            return [_site(subject, index, Condition.NONE)]
    raise ProofError("no instruction that the kernel emulates is passed by every close under the lock")


def _site(subject: Subject, index: int, condition: Condition) -> Site:
    registers = subject.holders(index, HCHAN)
    if not registers:
        raise ProofError("no register holds the channel there")
    frame = subject.frame(index)
    return subject.site(SiteKind.CLOSE, index, register=registers[0], frame=frame, condition=condition)


def _decision(subject: Subject) -> _Decision:
    """Every close that returns passes it once, under the lock, and finds the channel open. Raises ProofError."""
    routine = subject.routine
    lock = subject.channel_lock()
    behind = routine.after(lock) - routine.reachable(without=[lock])
    jumps = [index for index in sorted(behind) if _asks(subject, index, behind)]
    jump = only(jumps, "jump on whether the channel is closed")
    following, target = routine.successors[jump]
    ways = (target, following) if routine[jump].mnemonic == "je" else (following, target)
    decision = _Decision(jump, *ways)
    returns = set(routine.returns)
    if jump in routine.after(jump) or set(routine.calls(*UNLOCK)) & routine.after(lock, without=[jump]):
        raise ProofError("the lock is let go before that jump, or it is passed again")
    if returns & routine.reachable(without=[jump]) or returns & routine.reachable([decision.closed]):
        raise ProofError("it returns without having found the channel open")
    return decision


def _asks(subject: Subject, index: int, behind: set[int]) -> bool:
    """Whether this jump is on `c.closed` being 0, as it was when the lock was held."""
    if subject.routine[index].mnemonic not in ("je", "jne") or len(subject.routine.successors[index]) != 2:
        return False
    compare = subject.compare(index)
    if compare is None:
        return False
    left, right = subject.routine[compare].operands
    return right == Immediate(0) and subject.load(compare, left, "hchan.closed", 4) in behind
