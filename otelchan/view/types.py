"""What views are given that no earlier stage has a type for."""

from __future__ import annotations

from collections.abc import Mapping
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


class Origin(NamedTuple):
    """Where a census comes from when not from a running process. source: "core" or "recording".

    file: path. details: further keys of the document's `origin`.
    """

    source: str
    file: str
    details: Mapping[str, str | int]
