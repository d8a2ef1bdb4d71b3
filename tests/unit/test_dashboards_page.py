"""docs/dashboards.md is what people read before they have seen a dashboard."""

from __future__ import annotations

import re
from pathlib import Path

from dashboards.generator.boards import ALL
from otelchan.findings.catalogue import FINDINGS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "dashboards.md").read_text(encoding="utf-8")


def test_the_page_has_a_row_for_each_dashboard_in_its_own_words() -> None:
    """File, title and question of each, in the order in which they are meant to be opened, and no other."""
    said = re.findall(r"^\| `(\w+)\.json` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [(board.uid.removeprefix("otelchan-"), board.title, board.says) for board in ALL] == said


def test_the_page_says_where_each_finding_is_shown() -> None:
    """Somebody who has the id of a finding knows which dashboard to open."""
    (sentence,) = re.findall(r"^Which finding is shown where:.+?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    told = set()
    for first, last in re.findall(r"F(\d+)(?: to F(\d+))?", sentence):
        told |= {f"F{number}" for number in range(int(first), int(last or first) + 1)}
    assert set(FINDINGS) == told
