"""`python -m tests.support.matrix_page`: tries every version and kind, and writes docs/support-matrix.md.

Exit status 1 when a count was wrong somewhere; then nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.support.everyop import BUSY, QUIET
from tests.support.gobuild import EVERY_GO
from tests.support.kinds import KINDS, Kind
from tests.support.matrix import Outcome, any_seed, outcome

PAGE = Path(__file__).parents[2] / "docs" / "support-matrix.md"
BEGIN, END = "<!-- written by `make matrix` -->\n", "<!-- end of what `make matrix` writes -->\n"


def main() -> int:
    """See above."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--go", action="append", choices=EVERY_GO, help="only this version; may be repeated")
    arguments.add_argument("--kind", action="append", choices=[k.name for k in KINDS], help="only this kind")
    wanted = arguments.parse_args()
    found: dict[tuple[str, str], Outcome] = {}
    for go in wanted.go or EVERY_GO:
        for kind in KINDS:
            if not wanted.kind or kind.name in wanted.kind:
                found[go, kind.name] = _tried(go, kind)
    wrong = [each for each in found.values() if each.wrong]
    if wrong or wanted.go or wanted.kind:
        print(f"{len(found)} tried, {len(wrong)} with wrong counts; {PAGE.name} is left as it is", file=sys.stderr)
        return 1 if wrong else 0
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + _table(found) + "\n" + END + rest.partition(END)[2], encoding="utf-8")
    return 0


def _tried(go: str, kind: Kind) -> Outcome:
    start = time.monotonic()
    result = outcome(kind.build("everyop", go), any_seed(), kind.cannot)
    text = result.refused or f"{result.counts} counts, {len(result.wrong)} wrong"
    print(f"go{go} {kind.name}: {text}, {time.monotonic() - start:.1f} s", file=sys.stderr)
    for plane, reason in result.left_out.items():
        print(f"    without {plane}: {reason}", file=sys.stderr)
    for each in result.wrong:
        print(f"    {each}", file=sys.stderr)
    return result


def _table(found: dict[tuple[str, str], Outcome]) -> str:
    notes: dict[str, int] = {}
    versions = list(dict.fromkeys(go for go, _ in found))
    lines = [
        f"Tried on Linux {os.uname().release}, {os.uname().machine}: in each, {len(QUIET + BUSY)} kinds of load, "
        f"{min(r.counts for r in found.values() if r.counts)} to {max(r.counts for r in found.values())} counts.",
        "",
        "| kind | " + " | ".join(versions) + " |",
        "|---" * (len(versions) + 1) + "|",
    ]
    for kind in KINDS:
        cells = [_cell(found[go, kind.name], notes) if (go, kind.name) in found else "" for go in versions]
        lines.append(f"| {kind.name} | " + " | ".join(cells) + " |")
    lines += ["", *(f"{number}. {note}" for note, number in notes.items())] if notes else []
    lines += ["", *(f"- {kind.name}: {kind.what}" for kind in KINDS)]
    return "\n".join(lines) + "\n"


def _cell(result: Outcome, notes: dict[str, int]) -> str:
    if result.refused:
        return f"refused [{_note(result.refused, notes)}]"
    if not result.left_out:
        return "exact"
    marks = "".join(f"[{_note(f'Without {plane}: {why}.', notes)}]" for plane, why in result.left_out.items())
    return f"exact {marks}"


def _note(text: str, notes: dict[str, int]) -> int:
    return notes.setdefault(text, len(notes) + 1)


if __name__ == "__main__":
    sys.exit(main())
