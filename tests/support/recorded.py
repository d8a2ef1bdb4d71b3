"""What the report makes of recordings that a test has written."""

from __future__ import annotations

from pathlib import Path

from otelchan.report.history import History
from otelchan.report.programs import program_of
from otelchan.report.sources import read
from otelchan.report.types import Program
from tests.support.snapshots import NOW, SECOND


def of(*paths: Path) -> Program:
    """The one program in the files."""
    (history,) = histories(*paths)
    return program_of(history, "program-0")


def histories(*paths: Path) -> list[History]:
    """All processes in the files."""
    return [history for history in read([str(path) for path in paths]).histories if history.is_program]


def at(second: int) -> int:
    """Unix nanoseconds, so many seconds after the first look."""
    return NOW + second * SECOND
