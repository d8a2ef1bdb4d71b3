"""What Go's own tools and source say about an executable: independent of how otelchan reads it."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scripts.stack import find_go

_LINE = re.compile(r"^\s+(\S+):(\d+)\s+0x([0-9a-f]+)\s+([0-9a-f]+)\s+(.*?)\s*$")


class Line(NamedTuple):
    """One line of `go tool objdump`: the source file's name and line, the instruction in Go's assembler."""

    file: str
    number: int
    instruction: str


@cache
def objdump(path: Path, function: str) -> dict[int, Line]:
    """The instructions of a function, by address."""
    command = [find_go(), "tool", "objdump", "-s", f"^{re.escape(function)}$", str(path)]
    settings = {**os.environ, "GOTOOLCHAIN": "local"}
    text = subprocess.run(command, check=True, capture_output=True, text=True, env=settings, timeout=60).stdout
    found = [match.groups() for line in text.splitlines() if (match := _LINE.match(line))]
    return {int(address, 16): Line(file, int(number), words) for file, number, address, _, words in found}


def blocks(source: Path, function: str, opening: str) -> set[int]:
    """Numbers of the lines in the blocks of a function that lines with this text open, to where they are closed."""
    lines = source.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"func {function}("))
    end = next(n for n in range(start, len(lines)) if lines[n] == "}")
    found: set[int] = set()
    for first in (n for n in range(start, end) if opening in lines[n]):
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        last = next(n for n in range(first + 1, end) if lines[n].startswith(f"{indent}}}"))
        found.update(range(first + 1, last + 2))
    return found
