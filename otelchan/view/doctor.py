"""What doctor found, one line each, for people and for `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from otelchan.view.types import FAULT, NOTE, OK, Check

VERSION = 1
_LABELS = {OK: "ok   ", NOTE: "note ", FAULT: "FAULT"}


def is_ready(checks: Sequence[Check]) -> bool:
    """Whether nothing stands in the way; notes do not."""
    return all(check.status != FAULT for check in checks)


def doctor_document(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks as JSON values: version, ready, and for each check subject, status, found, advice."""
    return {"version": VERSION, "ready": is_ready(checks), "checks": [check._asdict() for check in checks]}


def print_doctor(checks: Sequence[Check], out: TextIO) -> None:
    """Write a line per check, ok or what to do, and whether otelchan can work here."""
    width = max(len(check.subject) for check in checks)
    for check in checks:
        advice = f" -> {check.advice}" if check.advice else ""
        out.write(f"{_LABELS[check.status]}  {check.subject.ljust(width)}  {check.found}{advice}\n")
    faults = sum(check.status == FAULT for check in checks)
    out.write("\nready\n" if not faults else f"\nnot ready: {faults} of {len(checks)} checks failed\n")
