"""The findings document for people: each finding in words, then as tables."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from otelchan.findings.types import FINDINGS
from otelchan.view.census_text import TOP_FRAMES
from otelchan.view.table import Column, Table, print_table
from otelchan.view.words import SECOND, age, count, duration, frame_of, growth, place

SHOWN_GOROUTINES = 5
LONG_ENOUGH_NS = int(max(entry.within_s for entry in FINDINGS.values())) * SECOND
LOSSES = {
    "park": "waits whose duration is unknown, for want of room",
    "span": "spans lost, the ring buffer was full",
    "sampled": "spans left out, over the rate",
    "count": "operations not counted, for want of room",
    "histogram": "durations not counted, for want of room",
    "read": "reads of the program's memory failed",
    "name": "operations counted without the channel's name",
    "unparked": "waits ended that had begun before otelchan came: counted, without a duration",
    "stale": "selects that may be counted twice",
    "case": "cases of selects not counted as would_block, for their number",
    "rare": "panics and receives after a close not counted, for want of room",
    "edge": "places in the code that use a channel not counted, for want of room",
    "label": "spans without the request they belong to: the goroutine's profiler labels could not be read",
}
"""What the reasons mean for whoever reads the numbers; see enum oc_loss in bpf/otelchan.h."""
_WIDTH = 100


def print_findings(document: Mapping[str, Any], out: TextIO) -> None:
    """Write what was found in every program, or that nothing was."""
    for process in document["processes"]:
        _print_process(process, out)


def _print_process(process: Mapping[str, Any], out: TextIO) -> None:
    findings = process["findings"]
    out.write(
        f"pid {process['pid']}, {process['main_module'] or process['executable']}, {process['go_version']}: "
        f"{count(len(findings), 'finding') if findings else 'no findings'} in {duration(process['watched_ns'])}; "
        f"{count(process['goroutines'], 'goroutine')}, {count(process['channels'], 'channel')} seen\n"
    )
    for remark in _remarks(process):
        out.write(f"note: {remark}\n")
    out.write("\n")
    if not findings:
        return
    for number, finding in enumerate(findings, 1):
        words = f"{number}. {finding['severity'].upper()} {finding['id']}: {finding['sentence']}"
        out.write(textwrap.fill(words, _WIDTH, subsequent_indent="   ", break_long_words=False) + "\n")
    ids = sorted({finding["id"] for finding in findings})
    out.write(f"`otelchan explain {ids[0]}` says what that means, how it can be wrong, and what to do.\n\n")
    print_table(_overview(findings), out)
    for number, finding in enumerate(findings, 1):
        if finding["goroutines"]:
            print_table(_goroutines(number, finding), out)


def _remarks(process: Mapping[str, Any]) -> list[str]:
    remarks = [
        f"the probes of the {plane} plane are {state}, so less was seen"
        for plane, state in process["planes"].items()
        if state != "on"
    ]
    remarks += [f"{number} {LOSSES.get(reason, reason)}" for reason, number in process["losses"].items()]
    if not process["findings"] and process["watched_ns"] < LONG_ENOUGH_NS:
        remarks.append(f"some findings show only by growth or age; watch for {duration(LONG_ENOUGH_NS)} to be told all")
    if process["ended"]:
        remarks.append("the program ended while it was watched")
    return remarks


def _lines(goroutine: Mapping[str, Any]) -> list[str]:
    """Its top frames, and under them what it has to do with the others."""
    frames = [place(frame_of(frame)) for frame in goroutine["frames"][:TOP_FRAMES]]
    return [*frames, *([f"({goroutine['note']})"] if goroutine["note"] else [])]


def _overview(findings: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("no", number=True),
        Column("id"),
        Column("channel", long=True),
        Column("made at", long=True),
        Column("count", number=True),
        Column("at", long=True),
        Column("kind"),
        Column("oldest", number=True),
        Column("growing", number=True),
    ]
    rows = [
        [
            str(number),
            finding["id"],
            f"chan {finding['element_type']}" if finding["element_type"] else finding["channel"] or "-",
            finding["channel"] if finding["made_at"] else "-",
            str(finding["count"]),
            place(frame_of(finding["site"])),
            finding["wait_reason"] or "-",
            age(finding["oldest_ns"], finding["oldest_at_least"]),
            growth(finding["growth_per_minute"]),
        ]
        for number, finding in enumerate(findings, 1)
    ]
    return Table("Findings", columns, rows)


def _goroutines(number: int, finding: Mapping[str, Any]) -> Table:
    columns = [
        Column("goroutine", number=True),
        Column("channel"),
        Column("kind"),
        Column("blocked for", number=True),
        Column(f"top {TOP_FRAMES} frames", long=True),
    ]
    shown = finding["goroutines"][:SHOWN_GOROUTINES]
    rows = [
        [
            str(goroutine["id"]),
            goroutine["channel_address"] or goroutine["channel"] or "-",
            goroutine["kind"],
            age(goroutine["age_ns"], goroutine["age_at_least"]),
            "\n".join(_lines(goroutine)) or "-",
        ]
        for goroutine in shown
    ]
    left = len(finding["goroutines"]) - len(shown)
    note = f"{count(left, 'more goroutine')}; `--json` has all with whole stacks" if left else ""
    return Table(f"Oldest goroutines of finding {number}", columns, rows, note)
