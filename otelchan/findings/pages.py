"""The page of each finding: what it means, how it is computed, how it can be wrong, what to do."""

from __future__ import annotations

from pathlib import Path

from otelchan.errors import UsageError
from otelchan.findings.catalogue import FINDINGS

TITLES = {
    **{entry.id: entry.title for entry in FINDINGS.values()},
    "F3": "snapshot and diff",
    "F13": "health score",
}
"""By id, also of what is no finding but has a page."""
HEADINGS = ("What it means", "How it is computed", "How it can be wrong", "What to do")
"""The sections of each page, in this order."""
_FOLDER = Path(__file__).parent / "pages"


def page_ids() -> list[str]:
    """All ids that have a page, F1 to F16 in order."""
    return sorted(TITLES, key=_number)


def page(finding: str) -> str:
    """The page of an id, in Markdown; upper or lower case is the same. Raises UsageError when there is none."""
    known = finding.upper()
    if known not in TITLES:
        ids = ", ".join(page_ids())
        raise UsageError(f"there is no finding {finding}; give one of {ids}")
    return (_FOLDER / f"{known}.md").read_text(encoding="utf-8")


def summary(finding: str) -> str:
    """The sentence below the title of a page, in one line."""
    _, paragraph, *_ = page(finding).split("\n\n")
    return " ".join(paragraph.split())


def _number(finding: str) -> int:
    return int(finding.removeprefix("F"))
