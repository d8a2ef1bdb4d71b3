"""What views are given that no earlier stage has a type for."""

from __future__ import annotations

from typing import NamedTuple

OK, NOTE, FAULT = "ok", "note", "fault"


class Check(NamedTuple):
    """One line of doctor.

    subject: what was looked at, "kernel". status: "ok"; "note": works, with a limit worth knowing; "fault": not ready.
    found: what is there. advice: what to do about it, as a sentence; "" when ok.
    """

    subject: str
    status: str
    found: str
    advice: str = ""
