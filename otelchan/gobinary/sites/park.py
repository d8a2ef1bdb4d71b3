"""PARK: `call runtime.gopark` in the channel operations.

gopark(unlockf, lock, reason, ...) has its arguments in AX, BX, CX: `gopark(chanparkcommit, &c.lock, ...)` in chansend
and chanrecv, `gopark(selparkcommit, nil, ...)` in selectgo, `gopark(nil, nil, ...)` where nobody can ever wake the
goroutine (src/runtime/chan.go, select.go). Each call is told by its unlockf and lock; its wait reason must agree.
"""

from __future__ import annotations

from otelchan.gobinary.sites.common import HCHAN, PARK, ProofError, Subject
from otelchan.gobinary.types import Site, SiteKind

_REASONS = {  # of a park that ends, and of one that does not
    "runtime.chansend": ({"chan send", "chan send (durable)"}, {"chan send (nil chan)"}),
    "runtime.chanrecv": ({"chan receive", "chan receive (durable)"}, {"chan receive (nil chan)"}),
    "runtime.selectgo": ({"select", "select (durable)"}, set()),
    "runtime.block": (set(), {"select (no cases)"}),
}


def find(subject: Subject) -> list[Site]:
    """All parks of the function: each kind that it has, once."""
    sites = [_park(subject, call) for call in subject.routine.calls(PARK)]
    ending, endless = _REASONS[subject.routine.name]
    expected = [for_ever for for_ever, reasons in ((False, ending), (True, endless)) if reasons]
    found = sorted(site.nil_channel for site in sites)
    if found != expected:
        if subject.routine.calls("runtime.mcall"):
            raise ProofError(f"{PARK} is inlined there, by profile-guided optimisation")
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
    _check_reason(subject, call, for_ever)
    return subject.site(SiteKind.PARK, call, nil_channel=for_ever)


def _check_reason(subject: Subject, call: int, for_ever: bool) -> None:
    numbers = subject.values.constants(subject.at(call).get("rcx"))
    if not numbers:
        raise ProofError(f"the wait reason of `{subject.routine.text(call)}` is not a constant")
    reasons = {subject.layout.wait_reasons.get(number & 0xFF, str(number)) for number in numbers}
    if not reasons <= _REASONS[subject.routine.name][for_ever]:
        raise ProofError(
            f"it parks with the wait reason {', '.join(sorted(reasons))}; the layout is of another release"
        )
