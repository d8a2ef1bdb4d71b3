"""From what spans and metrics said of a program to its findings, and to the places where its goroutines wait."""

from __future__ import annotations

from collections import Counter as Numbers
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from otelchan.findings.types import FINDINGS, LEAKS, SEVERITIES
from otelchan.report.history import History
from otelchan.report.otlp_form import frames_of
from otelchan.report.told import ToldFinding, Wait
from otelchan.report.tracks import States
from otelchan.report.types import FindingRow, MemberRow, StackRow, Stretch, Timeline


def finding_rows(history: History) -> list[FindingRow]:
    """Those that held, at the end first, worst first. What a metric says and no span does is there without words."""
    rows = [_row(finding, history) for finding in history.told.findings.values()]
    rows += _untold(history, rows)
    return sorted(rows, key=lambda row: (row.end is not None, _rank(row.severity), row.start, row.id, row.channel))


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _row(finding: ToldFinding, history: History) -> FindingRow:
    return FindingRow(
        finding.id,
        _title(finding.id),
        _severity(finding, history),
        finding.sentence,
        finding.channel,
        finding.wait_reason,
        finding.evidence,
        finding.site,
        finding.count,
        finding.age,
        finding.start,
        _end(finding, history),
        finding.at_start,
        now=_goroutines_now(finding, history) if finding.at_start else None,
        members=tuple(MemberRow(*member) for member in finding.members),
    )


def _title(id_: str) -> str:
    return FINDINGS[id_].title if id_ in FINDINGS else "not known to this otelchan"


def _end(finding: ToldFinding, history: History) -> int | None:
    """When it ceased to hold. Its span may be missing, sampled away or lost: then the metric says it."""
    last = [states.at_end(history.end) for states in _states(history, finding.id, finding.channel)]
    holds = any(stretch.state for stretch in last)
    if not finding.at_start:
        # What ended with the program, or because the agent was stopped, held at the last look.
        return None if holds and finding.end >= history.end else finding.end
    if holds or not last:
        return None
    return max(finding.start, *(stretch.start for stretch in last))


def _severity(finding: ToldFinding, history: History) -> str:
    """It may have become worse since it began; what a span says of its end is the newest."""
    states = _states(history, finding.id, finding.channel) if finding.at_start else []
    held = [state.at_end(history.end).state for state in states]
    return min(filter(None, held), key=_rank, default=finding.severity)


def _states(history: History, id_: str, channel: str) -> list[States]:
    return [states for key, states in history.findings.items() if (key[0], key[2]) == (id_, channel)]


def _goroutines_now(finding: ToldFinding, history: History) -> float | None:
    """What the metric says at the end of those that leak there."""
    if finding.id not in LEAKS:
        return None
    function = finding.site.function if finding.site else ""
    key = finding.channel, finding.wait_reason, function, finding.evidence
    track = history.series.gauges.get("goroutine.leak.suspected", {}).get(key)
    return track.at_end(history.end) if track else None


def _untold(history: History, rows: Iterable[FindingRow]) -> list[FindingRow]:
    """Findings that hold by the metric and that no span has told of."""
    told = Numbers((row.id, row.channel) for row in rows if row.end is None)
    holding: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for attributes, number in history.series.latest("otelchan.finding", history.end):
        holding[attributes["finding.id"], attributes["channel.name"]][attributes["finding.severity"]] = int(number)
    by_channel: defaultdict[tuple[str, str], list[States]] = defaultdict(list)
    for (id_, _, channel), states in history.findings.items():
        by_channel[id_, channel].append(states)
    found = []
    for (id_, channel), numbers in holding.items():
        more = sum(numbers.values()) - told[id_, channel]
        if more > 0:
            stretches = [s for states in by_channel[id_, channel] for s in states.stretches if s.state]
            start = min((stretch.start for stretch in stretches), default=history.end)
            found.append(_wordless(id_, min(numbers, key=_rank), channel, more, start))
    return found


def _wordless(id_: str, severity: str, channel: str, count: int, start: int) -> FindingRow:
    return FindingRow(
        id_, _title(id_), severity, "", channel, "", "", None, count, 0.0, start, None, at_start=True, told=False
    )


def held_rows(history: History) -> list[Timeline]:
    """Findings over time by kind and channel, as the metric says: the worst severity at each time."""
    found: defaultdict[str, list[Stretch]] = defaultdict(list)
    for (id_, _, channel), states in history.findings.items():
        found[f"{id_} {channel}".strip()] += [stretch for stretch in states.stretches if stretch.state]
    rows = [Timeline(label, tuple(_apart(stretches))) for label, stretches in found.items() if stretches]
    return sorted(rows, key=lambda row: row.stretches[0].start)


def _apart(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In their order; where two overlap, the later one counts."""
    apart: list[Stretch] = []
    for stretch in sorted(stretches):
        if apart and apart[-1].end > stretch.start:
            apart[-1] = apart[-1]._replace(end=stretch.start)
        apart.append(stretch)
    return [stretch for stretch in apart if stretch.end > stretch.start]


def place_rows(history: History, findings: Sequence[FindingRow]) -> list[StackRow]:
    """Where goroutines wait, as spans of waits that go on tell; suspected ones first, then the oldest."""
    groups: defaultdict[tuple[str, str, str, str], list[Wait]] = defaultdict(list)
    for wait in history.told.waits.values():
        groups[wait.wait_reason, wait.channel, wait.operation, wait.stack].append(wait)
    end = history.end or history.last_span
    holding = [(row, {member.goroutine_id for member in row.members}) for row in findings if row.end is None]
    rows = [_place(waits, end, holding) for waits in groups.values()]
    return sorted(rows, key=lambda row: (not row.suspected, -(row.oldest or 0.0), -row.count, row.channel))


def _place(waits: Sequence[Wait], end: int, holding: Sequence[tuple[FindingRow, Collection[int]]]) -> StackRow:
    # One that began before the agent came is older than its span says, so older than each that is known.
    first = min(waits, key=lambda wait: (not wait.at_least, wait.start))
    return StackRow(
        first.wait_reason,
        first.channel,
        first.operation,
        len(waits),
        max(end - first.start, 0) / 1e9,
        first.at_least,
        first.site,
        None,
        frames_of(first.stack),
        any(_about(finding, members, first) for finding, members in holding),
    )


def _about(finding: FindingRow, members: Collection[int], wait: Wait) -> bool:
    if finding.site is not None and wait.site is not None and finding.channel in ("", wait.channel):
        return finding.site == wait.site
    return wait.goroutine_id in members
