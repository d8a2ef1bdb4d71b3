"""Blocking operations and findings to OTLP spans."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelchan.findings.types import Finding, Member
from otelchan.gobinary.types import Frame
from otelchan.model.types import BlockSpan, PanicEvent, Request, SpanContext, Waker
from otelchan.telemetry.encode import add_attributes, key_values
from otelchan.telemetry.points import Attributes

_NOBODY = "?"
_WAKER_FRAMES = 8  # of the waker's stack: what it was doing; the sleeper's own is told whole
FindingKey = tuple[str, str, str, Frame | None, Frame | None]


def block_span(span: BlockSpan, exemplar: bool) -> Span:
    """One blocking operation. exemplar: a histogram of this interval points at it."""
    message = Span.FromString(_same_place(_Place.of(span)))
    message.trace_id, message.span_id = span.context
    message.start_time_unix_nano = span.start_unix_ns
    message.end_time_unix_nano = span.end_unix_ns
    add_attributes(message.attributes, _own_attributes(span, exemplar))
    if span.cases:
        cases = message.attributes.add(key="channel.select.case").value.array_value
        cases.values.extend(AnyValue(string_value=case) for case in span.cases)
    if span.waker is not None:
        woken = (*_waker_attributes(span.waker), *_waker_stack(span.waker.frames[:_WAKER_FRAMES]))
        add_attributes(message.events.add(name="woken", time_unix_nano=span.end_unix_ns).attributes, woken)
    for link in span.links:
        added = message.links.add(trace_id=link.context.trace_id, span_id=link.context.span_id)
        add_attributes(added.attributes, (("otelchan.link", link.how),))
    return message


def panic_span(event: PanicEvent) -> Span:
    """A channel operation that was about to panic: an instant."""
    site = event.frames[0] if event.frames else None
    attributes: Attributes = (
        ("channel.name", event.channel),
        ("channel.name.source", event.channel_source),
        ("channel.element.type", event.element_type),
        ("channel.id", f"{event.channel_address:#x}"),
        ("error.type", event.error),
        ("goroutine.id", event.goroutine_id),
        *_code_attributes(site),
    )
    if event.frames:
        attributes += (("code.stacktrace", stack_text(event.frames)),)
    if not event.stack_complete:
        attributes += (("otelchan.stack.complete", False),)
    where = f" in {site.function}" if site else ""
    return Span(
        trace_id=event.context.trace_id,
        span_id=event.context.span_id,
        name=f"panic {event.error}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=event.time_unix_ns,
        end_time_unix_nano=event.time_unix_ns,
        attributes=key_values(attributes),
        status=Status(
            code=Status.STATUS_CODE_ERROR, message=f"{event.error.replace('_', ' ')}: {event.channel}{where}"
        ),
    )


class _Place(NamedTuple):
    """What all blocks at one place have in common."""

    operation: str
    select: bool
    channel: str
    channel_source: str
    element_type: str
    wait_reason: str
    frames: tuple[Frame, ...]
    stack_complete: bool

    @staticmethod
    def of(span: BlockSpan) -> _Place:
        return _Place(
            span.operation,
            span.select,
            span.channel,
            span.channel_source,
            span.element_type,
            span.wait_reason,
            span.frames,
            span.stack_complete,
        )


@lru_cache(maxsize=2048)
def _same_place(place: _Place) -> bytes:
    """The part of a span that its place decides, encoded once: programs block at few places, again and again."""
    site = place.frames[0] if place.frames else None
    name = f"select {site.function if site else _NOBODY}" if place.select else f"{place.operation} {place.channel}"
    channel = (
        ("channel.name", place.channel),
        ("channel.name.source", place.channel_source),
        ("channel.operation", place.operation),
        ("channel.element.type", place.element_type),
    )
    attributes: list[tuple[str, str | int | float | bool]] = [
        *(channel if place.channel else ()),  # a select without cases that are not nil waits on no channel
        ("channel.select", place.select),
        ("goroutine.wait_reason", place.wait_reason),
        *_code_attributes(site),
    ]
    if place.frames:
        attributes.append(("code.stacktrace", stack_text(place.frames)))
    if not place.stack_complete:
        attributes.append(("otelchan.stack.complete", False))
    span = Span(name=name, kind=Span.SPAN_KIND_INTERNAL, attributes=key_values(tuple(attributes)))
    return span.SerializeToString()


def _own_attributes(span: BlockSpan, exemplar: bool) -> Attributes:
    attributes: Attributes = (("goroutine.id", span.goroutine_id),)
    if span.channel_address:
        attributes = (("channel.id", f"{span.channel_address:#x}"), *attributes)
    if span.ongoing:
        attributes += (("otelchan.span.state", "ongoing"),)
    if span.at_least:
        attributes += (("otelchan.wait.at_least", True),)
    if span.request is not None:
        attributes += _request_attributes(span.request)
    if span.waker is not None:
        attributes += _waker_attributes(span.waker)
    return (*attributes, ("otelchan.exemplar", True)) if exemplar else attributes


def _request_attributes(request: Request) -> Attributes:
    """As hexadecimal digits, to be searched for: not every store finds a span by what it links to."""
    ids = (("otelchan.request.trace_id", request.trace_id), ("otelchan.request.span_id", request.span_id))
    return tuple((name, value.hex()) for name, value in ids if value)


def _code_attributes(site: Frame | None) -> Attributes:
    if site is None:
        return ()
    return (("code.function.name", site.function), ("code.file.path", site.file), ("code.line.number", site.line))


def _waker_attributes(waker: Waker) -> Attributes:
    attributes: Attributes = (
        ("channel.waker.goroutine.id", waker.goroutine_id),
        ("channel.waker.how", waker.how),
    )
    return (*attributes, ("channel.waker.function", waker.frames[0].function)) if waker.frames else attributes


@lru_cache(maxsize=2048)
def _waker_stack(frames: tuple[Frame, ...]) -> Attributes:
    return (("channel.waker.stacktrace", stack_text(frames)),) if frames else ()


def stack_text(frames: Iterable[Frame]) -> str:
    """As Go prints a stack: the function, and under it a tab, the file and the line."""
    return "\n".join(f"{frame.function}\n\t{frame.file}:{frame.line}" for frame in frames)


class _Held(NamedTuple):
    finding: Finding
    since_unix_ns: int
    context: SpanContext


class FindingSpans:
    """The spans of one program's findings: one when a finding starts to hold, one when it ends."""

    def __init__(self, new_id: Callable[[int], bytes] = os.urandom) -> None:
        self._new_id = new_id
        self._held: dict[FindingKey, _Held] = {}

    def update(self, findings: Sequence[Finding], time_unix_ns: int, last: bool) -> list[Span]:
        """What holds at that time. last: the program is not watched any more, so everything ends."""
        spans: list[Span] = []
        now: dict[FindingKey, Finding] = {}
        for finding in findings:
            now.setdefault(_key(finding), finding)  # of several that are alike the worst, which is the first
        for key, finding in now.items():
            held = self._held.get(key)
            if held is None:
                context = SpanContext(self._new_id(16), self._new_id(8))
                held = _Held(finding, time_unix_ns, context)
                spans.append(_finding_span(finding, context, "started", time_unix_ns, time_unix_ns))
            self._held[key] = held._replace(finding=finding)
        for key in [key for key in self._held if last or key not in now]:
            finding, since_unix_ns, started = self._held.pop(key)
            context = SpanContext(self._new_id(16), self._new_id(8))
            span = _finding_span(finding, context, "ended", since_unix_ns, time_unix_ns)
            span.links.add(trace_id=started.trace_id, span_id=started.span_id)
            spans.append(span)
        return spans


def _key(finding: Finding) -> FindingKey:
    return (finding.id, finding.channel, finding.wait_reason, finding.site, finding.created_by)


def _finding_span(finding: Finding, context: SpanContext, state: str, start: int, end: int) -> Span:
    attributes: Attributes = (
        ("finding.id", finding.id),
        ("finding.severity", finding.severity),
        ("finding.state", state),
        ("finding.sentence", finding.sentence),
        ("channel.name", finding.channel),
        ("leak.evidence", finding.evidence),
        ("goroutine.wait_reason", finding.wait_reason),
        ("finding.count", finding.count),
        ("finding.age", finding.oldest_ns / 1e9),
        *_code_attributes(finding.site),
    )
    span = Span(
        trace_id=context.trace_id,
        span_id=context.span_id,
        name=f"finding {finding.id}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=key_values(attributes),
    )
    for member in finding.members:
        span.events.add(name="goroutine", time_unix_nano=end, attributes=key_values(_member(member)))
    if state == "started" and finding.severity != "info":
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = finding.sentence
    return span


def _member(member: Member) -> Attributes:
    return (
        ("goroutine.id", member.goroutine_id),
        ("channel.name", member.channel),
        ("channel.operation", member.operation),
        ("goroutine.wait_reason", member.wait_reason),
        ("code.stacktrace", stack_text(member.frames)),
        ("finding.role", member.note),
    )
