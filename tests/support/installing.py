"""The commands of docs/install.md, as they are there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "install.md"


def blocks(heading: str) -> list[str]:
    """The blocks of commands under a heading, without those of headings below it."""
    parts = re.split(rf"^#+ {re.escape(heading)}\n", PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert len(parts) == 2, f"{PAGE} has {len(parts) - 1} headings {heading!r}"
    section = re.split(r"^#+ ", re.sub(r"```\n.*?```\n", _hidden, parts[1], flags=re.S), maxsplit=1, flags=re.M)[0]
    return [block.replace("\x00", "#") for block in re.findall(r"^```\n(.*?)^```$", section, re.M | re.S)]


def _hidden(block: re.Match[str]) -> str:
    """A comment of a command is no heading."""
    return block[0].replace("#", "\x00")
