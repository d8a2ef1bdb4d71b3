"""What otelchan says when it refuses something, and what the tables of what to do say about that."""

from __future__ import annotations

from pathlib import Path

from otelchan.troubleshooting import about
from tests.support.agent import otelchan


def refused(*arguments: str | int | Path, **kwargs: object) -> str:
    """The one line that a refused command says; the tables of what to do have a row about it."""
    done = otelchan(*arguments, **kwargs)  # type: ignore[arg-type]
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("otelchan: ")]
    assert len(lines) == 1, done.stderr
    assert about(lines[0])
    return lines[0]


def messages_about(line: str) -> list[str]:
    """What the rows quote that this line leads to."""
    return [row.message for row in about(line)]
