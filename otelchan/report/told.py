"""What a program's spans say: its findings, and the waits that go on, with their stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from otelchan.gobinary.types import Frame
from otelchan.report.otlp_form import Attribute, Event, Span, attributes_of, frames_of, number, text

MOST_FINDINGS = 1000
MOST_WAITS = 10_000
_FINDING, _PANIC = "finding ", "panic "


@dataclass(frozen=True, slots=True)
class ToldFinding:
    """A finding as one of its spans tells it. at_start: by the span of its start; there is none of its end.
    span_id: of that span. members: goroutine, its channel, what it does and has to do with the others, stack."""

    id: str
    severity: str
    sentence: str
    channel: str
    wait_reason: str
    evidence: str
    site: Frame | None
    count: int
    age: float
    start: int
    end: int
    at_start: bool
    members: tuple[tuple[int, str, str, tuple[Frame, ...]], ...]


class Wait(NamedTuple):
    """A wait as its last span told of it. told: when that was."""

    goroutine_id: int
    channel: str
    operation: str
    wait_reason: str
    start: int
    told: int
    at_least: bool
    stack: str
    site: Frame | None


class Told:
    """From spans in the order in which they were written."""

    def __init__(self) -> None:
        self.findings: dict[str, ToldFinding] = {}  # by the id of the span of the start, or where that is not there
        self.waits: dict[int, Wait] = {}  # by goroutine, those that have not ended as far as spans tell
        self.spans = 0
        self.left_out = 0

    def add(self, span: Span) -> None:
        """Take a span."""
        self.spans += 1
        attributes = attributes_of(span.attributes)
        if span.name.startswith(_FINDING):
            self._finding(span, attributes)
        elif not span.name.startswith(_PANIC) and text(attributes, "goroutine.wait_reason"):
            self._wait(span, attributes)

    def _finding(self, span: Span, attributes: dict[str, Attribute]) -> None:
        ended = text(attributes, "finding.state") == "ended"
        key = next((link.span_id for link in span.links), span.span_id) if ended else span.span_id
        if not ended and key in self.findings:
            return  # its end was read first
        if key not in self.findings and len(self.findings) >= MOST_FINDINGS:
            self.left_out += 1
            over = next((old for old, told in self.findings.items() if not told.at_start), None)
            if over is None:
                return
            del self.findings[over]  # what may hold at the end tells more than what was over first
        age = attributes.get("finding.age")
        self.findings[key] = ToldFinding(
            text(attributes, "finding.id"),
            text(attributes, "finding.severity"),
            text(attributes, "finding.sentence"),
            text(attributes, "channel.name"),
            text(attributes, "goroutine.wait_reason"),
            text(attributes, "leak.evidence"),
            _site(attributes),
            number(attributes, "finding.count"),
            float(age) if isinstance(age, int | float) else 0.0,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            not ended,
            tuple(_member(event) for event in span.events if event.name == "goroutine"),
        )

    def _wait(self, span: Span, attributes: dict[str, Attribute]) -> None:
        goroutine = number(attributes, "goroutine.id")
        before = self.waits.get(goroutine)
        if text(attributes, "otelchan.span.state") != "ongoing":
            if before is not None and span.end_time_unix_nano >= before.told:
                del self.waits[goroutine]
            return
        if before is None and len(self.waits) >= MOST_WAITS:
            self.left_out += 1
            return
        if before is not None and before.told > span.end_time_unix_nano:
            return
        self.waits[goroutine] = Wait(
            goroutine,
            text(attributes, "channel.name"),
            text(attributes, "channel.operation"),
            text(attributes, "goroutine.wait_reason"),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            bool(attributes.get("otelchan.wait.at_least")),
            text(attributes, "code.stacktrace"),
            _site(attributes),
        )


def _site(attributes: dict[str, Attribute]) -> Frame | None:
    function = text(attributes, "code.function.name")
    if not function:
        return None
    return Frame(function, text(attributes, "code.file.path"), number(attributes, "code.line.number"))


def _member(event: Event) -> tuple[int, str, str, tuple[Frame, ...]]:
    attributes = attributes_of(event.attributes)
    operation, role = text(attributes, "channel.operation"), text(attributes, "finding.role")
    words = "; ".join(word for word in (operation, role) if word)
    stack = frames_of(text(attributes, "code.stacktrace"))
    return number(attributes, "goroutine.id"), text(attributes, "channel.name"), words, stack
