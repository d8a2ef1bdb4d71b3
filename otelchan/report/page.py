"""The page: one file, nothing fetched, at most MOST_BYTES. What has no room is said, never dropped in silence."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from otelchan.findings.types import SEVERITIES
from otelchan.report.colours import STYLE
from otelchan.report.html import Cell, Column, Html, joined, table, tag
from otelchan.report.parts import FULL, SHORT, agent_part, program_part
from otelchan.report.text import shortened
from otelchan.report.types import Program, Report, Source
from otelchan.view.words import count, moment

MOST_BYTES = 1_000_000
_KEPT_BACK = 60_000  # of these, for what frames the parts of programs, and for agents
MORE = "There are more programs in the files than a report takes: give fewer files at once."
MOST_LISTED = 200  # programs in the table at the top
_MOST_AGENTS = 5
_MOST_FILES = 100
_MOST_FAILED = 5  # programs that had no room
_NAME, _WORD = 80, 20  # letters in the table at the top
_FOLDER = Path(__file__).parent


def page_of(report: Report) -> bytes:
    """The whole page, UTF-8."""
    programs = sorted(report.programs, key=_importance)
    nav, agents, files = _nav(programs), _agents(report), _files(report.sources)
    around = sum(len(part.encode()) for part in (nav, *agents, files))
    parts, short, left_out = _parts(programs, MOST_BYTES - _KEPT_BACK - around)
    body = (
        tag("a", "To the programs", href="#programs", class_="skip"),
        tag("header", tag("h1", "Channels and goroutines"), tag("p", _lead(report), class_="lead"), nav),
        tag("main", _room(short, left_out), *parts, *agents, id="programs"),
        tag("footer", files, tag("p", f"otelchan {report.version}", class_="note")),
    )
    script, style = Html(_text("page.js")), Html(STYLE + _text("page.css"))
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", _title(programs)),
        tag("style", style),
    )
    document = tag("html", tag("head", *head), tag("body", *body, tag("script", script)), lang="en")
    return f"<!DOCTYPE html>\n{document}\n".encode()


def _parts(programs: Sequence[Program], room: int) -> tuple[list[Html], int, int]:
    """As much as there is room for: all of a program, or the most important of it, or its line at the top. And how many
    were shortened, and how many left out. Where some had no room it is not tried for hundreds more: each takes time to
    draw."""
    parts: list[Html] = []
    short, left_out = 0, 0
    failed = {FULL: 0, SHORT: 0}
    for program in programs:
        for detail in (FULL, SHORT):
            if failed[detail] >= _MOST_FAILED:
                continue
            part = program_part(program, detail)
            if len(part.encode()) <= room:
                parts.append(part)
                room -= len(part.encode())
                short += detail is SHORT
                break
            failed[detail] += 1
        else:
            left_out += 1
    return parts, short, left_out


def _importance(program: Program) -> tuple[int, int, str]:
    holding = [row for row in program.findings if row.end is None]
    return _worst(program), -len(holding), program.name


def _worst(program: Program) -> int:
    ranks = [
        SEVERITIES.index(row.severity) for row in program.findings if row.end is None and row.severity in SEVERITIES
    ]
    return min(ranks, default=len(SEVERITIES))


def _title(programs: Sequence[Program]) -> str:
    names = ", ".join(dict.fromkeys(program.name for program in programs[:3]))
    return f"otelchan: {names}{' and others' if len(programs) > 3 else ''}"


def _lead(report: Report) -> str:
    more = f" {MORE}" if report.more else ""
    return f"A report on {count(len(report.programs), 'program')}, made {moment(report.made)} by otelchan.{more}"


def _nav(programs: Sequence[Program]) -> Html:
    columns = (
        Column("program"),
        Column("pid", number=True),
        Column("findings at the end"),
        Column("goroutines", number=True),
        Column("parked", number=True),
        Column("largest lag", number=True),
        Column("on channel"),
    )
    left = len(programs) - MOST_LISTED
    note = f"and {left:,} more programs, which are not listed" if left > 0 else ""
    return tag("nav", table("Programs", columns, list(map(_line, programs[:MOST_LISTED])), note), aria_label="Programs")


def _line(program: Program) -> list[Cell]:
    holding = [row for row in program.findings if row.end is None]
    worst = SEVERITIES[_worst(program)] if holding and _worst(program) < len(SEVERITIES) else ""
    ids = shortened(", ".join(dict.fromkeys(row.id for row in holding)), _NAME)
    words = tag("span", f"{worst}: {ids}", class_=worst) if holding else "not looked for" if program.still else "none"
    number = program.goroutines.total.values[-1] if program.goroutines.total.values else None
    parked = sum(line.values[-1] or 0.0 for line in program.goroutines.blocked if line.values)
    name = shortened(program.name, _NAME)
    moment_only = " at one moment" if program.still else ""
    lag = max(program.channels, key=lambda row: row.lag_now or 0.0, default=None)
    most = lag.lag_now if lag else None
    return [
        Cell(joined((tag("a", name, href=f"#{program.key}"), moment_only)), name),
        Cell(shortened(dict(program.facts).get("pid", "-"), _WORD)),
        Cell(words, _worst(program)),
        Cell.of("" if number is None else f"{number:,.0f}", number),
        Cell.of(f"{parked:,.0f}", parked if program.looks else None),
        Cell.of("" if most is None else f"{most:,.0f}", most),
        Cell(shortened(lag.name, _NAME) if lag and most else "-"),
    ]


def _room(short: int, left_out: int) -> Html:
    said = []
    if short:
        said.append(f"{count(short, 'program')} without pictures and with shorter tables")
    if left_out:
        said.append(f"{count(left_out, 'program')} with no more than a line in the table above")
    if not said:
        return Html("")
    return tag("p", f"For want of room there are {' and '.join(said)}: make reports of fewer programs.", class_="note")


def _agents(report: Report) -> list[Html]:
    left = len(report.agents) - _MOST_AGENTS
    parts = [agent_part(agent) for agent in report.agents[:_MOST_AGENTS]]
    if left > 0:
        parts.append(tag("p", f"and {left:,} more agents, which are not shown", class_="note"))
    if not parts and any(source.kind == "OTLP" for source in report.sources):
        words = (
            "What the agent itself lost is not known, as its own metrics are not in these files: nothing here is sure "
            "to be complete."
        )
        parts.append(tag("section", tag("h2", "Agent"), tag("p", words), class_="agent"))
    return parts


def _files(sources: Sequence[Source]) -> Html:
    left = len(sources) - _MOST_FILES
    more = [tag("li", f"and {left:,} more files")] if left > 0 else []
    return tag("section", tag("h2", "Files"), tag("ul", *map(_file, sources[:_MOST_FILES]), *more), class_="files")


def _file(source: Source) -> Html:
    if source.kind == "snapshot":
        return tag("li", f"{source.path}: a snapshot")
    words = [f"{source.path}: {count(source.lines, 'line')} of OTLP"]
    if source.foreign:
        words.append(f"{count(source.foreign, 'part')} of other producers passed over")
    if source.damaged:
        words.append(f"{count(source.damaged, 'line')} that could not be read")
    if source.torn:
        words.append("the last line was cut short, so it may be written still")
    return tag("li", "; ".join(words))


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """A source expression: this very text, and no other (Content Security Policy 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def anchor(number: int) -> str:
    """What a program's part is called in addresses: nothing of the program's own gets into these."""
    return f"program-{number}"
