"""RECV_CLOSED: the two ways out of chanrecv with the zero value of a closed, empty channel, returning (true, false).

One is under the channel's lock. The other takes no lock: a receive that does not block looks at the channel first, and
is done when that is empty, closed and, looked at again, still empty (src/runtime/chan.go). Each such receive takes one
of the two ways, unless it was parked when the channel was closed: then the close wakes it.
"""

from __future__ import annotations

from otelchan.gobinary.sites.common import PARKS, ProofError, Subject, only
from otelchan.gobinary.types import Site, SiteKind


def find_locked(subject: Subject) -> list[Site]:
    """On the way that has locked the channel."""
    lock = subject.channel_lock()
    unlocked = subject.routine.reachable(without=[lock])
    ends = [index for index in _ends(subject) if index not in unlocked]
    return [_on_the_way(subject, only(ends, "return of (true, false) that has locked the channel"))]


def find_unlocked(subject: Subject) -> list[Site]:
    """On the way that has not."""
    lock = subject.channel_lock()
    locked = subject.routine.after(lock)
    ends = [index for index in _ends(subject) if index not in locked]
    return [_on_the_way(subject, only(ends, "return of (true, false) without a lock"))]


def _ends(subject: Subject) -> list[int]:
    """The returns of (selected = true, received = false), in AX and BX."""
    return [index for index in subject.routine.returns if _returned(subject, index) == [{1}, {0}]]


def _returned(subject: Subject, index: int) -> list[set[int]]:
    state = subject.at(index)
    held = (state.get(register) for register in ("rax", "rbx"))
    return [subject.values.constants(value.low(1)) if value else set() for value in held]


def _on_the_way(subject: Subject, end: int) -> Site:
    """The first instruction that leads to this return only and that nobody can go round, and knows the channel.

    One that has the channel in a register is preferred to one that has it in a stack slot.
    """
    routine = subject.routine
    elsewhere = (set(routine.returns) | set(routine.calls(*PARKS))) - {end}
    way = [
        index
        for index in sorted(routine.reachable())
        if routine[index].emulated
        and not elsewhere & routine.after(index)
        and end not in routine.reachable(without=[index])
    ]
    known = {index: facts for index in way if (facts := subject.channel(index))}
    for index, facts in sorted(known.items(), key=lambda item: "slot" in item[1]):
        return subject.site(SiteKind.RECV_CLOSED, index, **facts)
    raise ProofError("no instruction that is on this way alone knows the channel")
