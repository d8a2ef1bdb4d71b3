"""Where to probe: one module per kind of site, each with its rule and the proof it asks of the machine code.

A rule never settles for something similar: what is not proved is missing, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otelchan.gobinary.code import CodeView
from otelchan.gobinary.sites import attempt, buffer, close, closed, default, make, panic, park, select, wake
from otelchan.gobinary.sites.common import ProofError, Subject
from otelchan.gobinary.types import Layout, MissingSite, Site, SiteKind

Rule = Callable[[Subject], list[Site]]
_RULES: tuple[tuple[SiteKind, str, Rule], ...] = (
    (SiteKind.PARK, "runtime.chansend", park.find),
    (SiteKind.PARK, "runtime.chanrecv", park.find),
    (SiteKind.PARK, "runtime.selectgo", park.find),
    (SiteKind.PARK, "runtime.block", park.find),
    (SiteKind.WAKE, "runtime.send", wake.find),
    (SiteKind.WAKE, "runtime.recv", wake.find),
    (SiteKind.WAKE, "runtime.closechan", wake.find),
    (SiteKind.SEND, "runtime.chansend", buffer.find_send),
    (SiteKind.RECV, "runtime.chanrecv", buffer.find_recv),
    (SiteKind.RECV_CLOSED, "runtime.chanrecv", closed.find_locked),
    (SiteKind.RECV_CLOSED, "runtime.chanrecv", closed.find_unlocked),
    (SiteKind.SELECT, "runtime.selectgo", select.find),
    (SiteKind.MAKE, "runtime.makechan", make.find),
    (SiteKind.CLOSE, "runtime.closechan", close.find),
    (SiteKind.PANIC, "runtime.chansend", panic.find),
    (SiteKind.PANIC, "runtime.selectgo", panic.find),
    (SiteKind.PANIC, "runtime.closechan", panic.find),
    (SiteKind.WOULD_BLOCK, "runtime.chansend", attempt.find),
    (SiteKind.WOULD_BLOCK, "runtime.chanrecv", attempt.find),
    (SiteKind.SELECT_DEFAULT, "runtime.selectgo", default.find),
)
_OPTIONAL = ("runtime.selectgo", "runtime.block")  # linked in only where the program has such a select

# Every function of the runtime and of reflect that calls one of the above in Go 1.19 to 1.27. Compiled code calls
# chansend1, chanrecv1, chanrecv2, selectnbsend, selectnbrecv, selectgo, closechan, makechan and block, and these calls
# are made after inlining. Profile-guided optimisation can inline the calls below: then the probe would miss some.
# Left out is runtime.block in reflect.rselect, always inlined: reflect.Select without a case parks there for ever.
_REFLECT_SEND = "reflect.chansend0"  # up to Go 1.20 reflect.chansend, which since then only calls it
_CALLERS = {
    "runtime.chansend": ("runtime.chansend1", "runtime.selectnbsend", _REFLECT_SEND),
    "runtime.chanrecv": ("runtime.chanrecv1", "runtime.chanrecv2", "runtime.selectnbrecv", "reflect.chanrecv"),
    "runtime.selectgo": ("reflect.rselect",),
    "runtime.send": ("runtime.chansend", "runtime.selectgo"),
    "runtime.recv": ("runtime.chanrecv", "runtime.selectgo"),
    "runtime.makechan": ("runtime.makechan64", "reflect.makechan"),
    "runtime.closechan": ("reflect.chanclose",),
}


def find_sites(
    code: CodeView, layout: Layout, examine: type[Subject] = Subject, instead: Mapping[SiteKind, Rule] | None = None
) -> tuple[tuple[Site, ...], tuple[MissingSite, ...]]:
    """The probe sites of an executable, and those that could not be found.

    A program without a select of several cases has no runtime.selectgo, one without `select {}` no runtime.block: their
    sites are then neither found nor missing. The rules are made for Go 1.19 to 1.27 on amd64. Raises BinaryError when
    the code of a function cannot be decoded.
    """
    sites: list[Site] = []
    missing: list[MissingSite] = []
    subjects: dict[str, Subject | None] = {}
    for kind, function, rule in _RULES:
        if function not in subjects:
            routine = code.routine(function)
            subjects[function] = examine(code, routine, layout) if routine else None
        subject = subjects[function]
        try:
            if subject is not None:
                _check_callers(code, function)
                sites.extend((instead or {}).get(kind, rule)(subject))
            elif function not in _OPTIONAL:
                raise ProofError("the executable has no function of that name")
        except ProofError as error:
            missing.append(MissingSite(kind, function, str(error)))
    return tuple(sites), tuple(missing)


def _check_callers(code: CodeView, function: str) -> None:
    for name in _CALLERS.get(function, ()):
        caller = code.routine(name)
        if caller is None and name == _REFLECT_SEND:
            caller = code.routine("reflect.chansend")
        if caller and not caller.calls(function):
            raise ProofError(f"{name} does not call it but has it inlined, by profile-guided optimisation")
