"""WOULD_BLOCK: the ways out of chansend and chanrecv of an operation that does not block and found nothing to do.

There are three: for a nil channel, at a first look without the lock, and under the lock. Only there chansend returns
false, and chanrecv selected = false, in AX (src/runtime/chan.go). From some instruction on, an operation can but return
so: every one that does enters that part of the code once, through a conditional jump that could have gone elsewhere.

The site of such an entrance is an instruction behind it that all who enter there pass, once, and which knows the
channel. Where there is none, it is the conditional jump itself, whose flags tell who enters. Others come to that, too:
at the first look those that do not block and find something to do, at the nil check those that park for ever.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from otelchan.gobinary.sites.common import PARKS, ProofError, Subject
from otelchan.gobinary.types import Condition, Site, SiteKind

# The condition under which a jump is taken, and that under which it is not.
_CONDITIONS = {
    "je": (Condition.EQUAL, Condition.NOT_EQUAL),
    "jne": (Condition.NOT_EQUAL, Condition.EQUAL),
    "ja": (Condition.ABOVE, Condition.BELOW_OR_EQUAL),
    "jbe": (Condition.BELOW_OR_EQUAL, Condition.ABOVE),
    "jae": (Condition.ABOVE_OR_EQUAL, Condition.BELOW),
    "jb": (Condition.BELOW, Condition.ABOVE_OR_EQUAL),
}


class _Entrance(NamedTuple):
    """A conditional jump, and the instruction after it from which on nothing but "would block" can be returned."""

    jump: int
    first: int


def find(subject: Subject) -> list[Site]:
    """Sites of which each such operation passes exactly one, and which no other operation passes so that it counts."""
    entrances = _entrances(subject)
    if not entrances:
        raise ProofError("it never returns that an operation would block")
    sites: list[Site] = []
    left = set(entrances)
    for index, facts in _candidates(subject, entrances):
        passing = _leading_to(subject, index, entrances)
        if passing <= left:  # and not also one that has its site: it would count twice
            left -= passing
            sites.append(subject.site(SiteKind.WOULD_BLOCK, index, **facts))
    return sites + [_at_jump(subject, entrance) for entrance in sorted(left)]


def _entrances(subject: Subject) -> set[_Entrance]:
    """Where an operation's outcome becomes certain. Raises ProofError when a return is not one or the other."""
    routine = subject.routine
    ends: set[int] = set()
    elsewhere = set(routine.calls(*PARKS, "runtime.gopanic"))
    for index in routine.returns:
        if not subject.at(index):
            continue  # execution never comes there
        held = subject.at(index).get("rax")
        outcome = subject.values.constants(held.low(1) if held else None)
        if outcome not in ({0}, {1}):
            raise ProofError("what it returns is not known at every return")
        (elsewhere if outcome == {1} else ends).add(index)
    open_still = routine.leading_to(elsewhere) & routine.reachable()
    certain = (routine.leading_to(ends) & routine.reachable()) - open_still
    entrances = {
        _Entrance(index, following)
        for index in open_still
        for following in routine.successors[index]
        if following in certain
    }
    if 0 in certain or any(not routine[entrance.jump].is_conditional for entrance in entrances):
        raise ProofError("no conditional jump decides that an operation would block")
    return entrances


def _candidates(subject: Subject, entrances: set[_Entrance]) -> list[tuple[int, dict[str, Any]]]:
    """What all who enter by some of them pass, once, and knows the channel; the best first."""
    routine = subject.routine
    returns = set(routine.returns)
    found = []
    for index in sorted(routine.reachable([entrance.first for entrance in entrances])):
        passing = _leading_to(subject, index, entrances)
        ways_round = routine.reachable([entrance.first for entrance in passing], without=[index])
        if routine[index].emulated and not returns & ways_round and index not in routine.after(index):
            facts = subject.channel(index)
            if facts:
                found.append((-len(passing), "slot" in facts, index, facts))
    return [(index, facts) for _, _, index, facts in sorted(found, key=lambda candidate: candidate[:3])]


def _leading_to(subject: Subject, index: int, entrances: set[_Entrance]) -> set[_Entrance]:
    return {entrance for entrance in entrances if index in subject.routine.reachable([entrance.first])}


def _at_jump(subject: Subject, entrance: _Entrance) -> Site:
    routine = subject.routine
    _, target = routine.successors[entrance.jump]
    conditions = _CONDITIONS.get(routine[entrance.jump].mnemonic)
    facts = subject.channel(entrance.jump)
    if not conditions or not facts:
        raise ProofError(f"neither `{routine.text(entrance.jump)}` nor what follows it knows the channel")
    condition = conditions[0] if entrance.first == target else conditions[1]
    return subject.site(SiteKind.WOULD_BLOCK, entrance.jump, condition=condition, **facts)
