"""PANIC: `call runtime.gopanic` in chansend, selectgo and closechan.

What is wrong is told by the text of the plainError that is passed: gopanic(e any) has its type and the address of a
string header in AX and BX, both constants (src/runtime/chan.go, select.go, panic.go). Other panics in these functions,
as of Go 1.24 for channels of a synctest bubble, have other texts and get no site.
"""

from __future__ import annotations

import struct

from otelchan.gobinary.sites.common import ProofError, Subject
from otelchan.gobinary.types import Site, SiteKind

_ERRORS = {
    b"send on closed channel": "send_on_closed",
    b"close of closed channel": "close_of_closed",
    b"close of nil channel": "close_of_nil",
}
_EXPECTED = {
    "runtime.chansend": {"send_on_closed"},
    "runtime.selectgo": {"send_on_closed"},
    "runtime.closechan": {"close_of_closed", "close_of_nil"},
}
_LONGEST = 64  # bytes of a text; that of Go 1.24 has 47


def find(subject: Subject) -> list[Site]:
    """All panics of the function that are an error of the program's own, each kind at least once."""
    errors = {call: _error(subject, call) for call in subject.routine.calls("runtime.gopanic")}
    expected = _EXPECTED[subject.routine.name]
    found = {error for error in errors.values() if error}
    if found != expected:
        wanted, seen = (", ".join(sorted(names)) or "none" for names in (expected, found))
        raise ProofError(f"expected calls of runtime.gopanic for {wanted}, found {seen}")
    return [_site(subject, call, error) for call, error in errors.items() if error]


def _site(subject: Subject, call: int, error: str) -> Site:
    """selectgo does not know any more which channel it is; its caller's cases are found from the frame."""
    if subject.routine.name == "runtime.selectgo":
        return subject.site(SiteKind.PANIC, call, error=error, frame=subject.frame(call))
    return subject.site(SiteKind.PANIC, call, error=error, **(subject.channel(call) or {}))


def _error(subject: Subject, call: int) -> str:
    """What this call says is wrong; "" when it says something else. Raises ProofError when that is not known."""
    headers = subject.values.constants(subject.at(call).get("rbx"))
    if len(headers) != 1:
        raise ProofError(f"what `{subject.routine.text(call)}` is called with is not a constant")
    try:
        text, length = struct.unpack("<QQ", subject.code.read(headers.pop(), 16))
        return _ERRORS.get(subject.code.read(text, length), "") if length <= _LONGEST else ""
    except ValueError:
        raise ProofError(f"what `{subject.routine.text(call)}` is called with is not in the file") from None
