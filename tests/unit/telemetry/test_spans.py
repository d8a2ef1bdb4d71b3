"""Blocking operations and findings as spans, read back from the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import ArrayValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelchan.gobinary.types import Frame
from otelchan.model.types import Request, SpanContext, SpanLink, Waker
from otelchan.telemetry.catalogue import ATTRIBUTES, SPANS
from otelchan.telemetry.spans import FindingSpans, block_span
from tests.support import snapshots
from tests.support.snapshots import NOW, SECOND, attributes, finding

PROMISED = {shape.name.split(" ")[0]: set(shape.attributes) for shape in SPANS}
EVENTS = {shape.name.split(" ")[0]: shape.event_attributes for shape in SPANS}
TYPES = {"string": str, "string[]": ArrayValue, "int": int, "boolean": bool, "double": float}


def encoded(exemplar: bool = False, **changes: object) -> Span:
    """A block span over the wire."""
    return Span.FromString(block_span(snapshots.block_span(**changes), exemplar).SerializeToString())


def counting_ids() -> Callable[[int], bytes]:
    """Ids 1, 2, 3 ... of the size that is asked for."""
    numbers = iter(range(1, 100))
    return lambda size: next(numbers).to_bytes(size, "big")


def test_a_block_is_a_span_from_park_to_wake() -> None:
    """Named by operation and channel, with where, who and how long."""
    span = encoded()
    assert ("send main.work main.go:41", Span.SPAN_KIND_INTERNAL) == (span.name, span.kind)
    assert (NOW - 250_000_000, NOW) == (span.start_time_unix_nano, span.end_time_unix_nano)
    assert (bytes(range(16)), bytes(range(8)), b"") == (span.trace_id, span.span_id, span.parent_span_id)
    assert {
        "channel.name": "main.work main.go:41",
        "channel.name.source": "make",
        "channel.id": "0xc000012345",
        "channel.operation": "send",
        "channel.select": False,
        "channel.element.type": "int",
        "goroutine.id": 42,
        "goroutine.wait_reason": "chan send",
        "code.function.name": "main.worker",
        "code.file.path": "/src/shop/main.go",
        "code.line.number": 57,
        "code.stacktrace": "main.worker\n\t/src/shop/main.go:57\nmain.main.func1\n\t/src/shop/main.go:31",
        "channel.waker.goroutine.id": 7,
        "channel.waker.how": "value",
        "channel.waker.function": "main.consume",
    } == attributes(span)


def test_a_select_is_named_by_its_function() -> None:
    """It waits on several channels; the one that won is in the attributes."""
    span = encoded(select=True, operation="recv", wait_reason="select")
    assert "select main.worker" == span.name
    assert ("recv", True) == (attributes(span)["channel.operation"], attributes(span)["channel.select"])


def test_who_ended_the_wait_is_an_event_too() -> None:
    """At the moment of the wake."""
    (event,) = encoded().events
    assert ("woken", NOW) == (event.name, event.time_unix_nano)
    assert {
        "channel.waker.goroutine.id": 7,
        "channel.waker.how": "value",
        "channel.waker.function": "main.consume",
        "channel.waker.stacktrace": "main.consume\n\t/src/shop/main.go:71",
    } == (attributes(event))


def test_of_the_wakers_stack_the_innermost_frames_are_told() -> None:
    """What it was doing when it ended the wait; eight frames say so."""
    frames = tuple(Frame(f"main.f{number}", "/src/shop/main.go", number) for number in range(1, 20))
    (event,) = encoded(waker=Waker(7, "value", frames)).events
    stack = attributes(event)["channel.waker.stacktrace"].split("\n")
    assert [f"main.f{number}" for number in range(1, 9)] == stack[::2]
    assert "\t/src/shop/main.go:1" == stack[1]


def test_the_span_links_to_the_wakers_own() -> None:
    """A link, not a parent: the waker is a cause, not a caller."""
    (link,) = encoded().links
    assert (b"\x01" * 16, b"\x02" * 8) == (link.trace_id, link.span_id)
    assert {"otelchan.link": "waker"} == attributes(link)


def test_the_span_of_a_request_is_found_by_the_requests_ids() -> None:
    """As attributes, since not every store finds a span by its links; and a link, which says why it is there."""
    request = Request(bytes(range(1, 17)), bytes(range(1, 9)))
    span = encoded(request=request, links=(SpanLink(SpanContext(*request), "request"),))
    found = attributes(span)
    assert "0102030405060708090a0b0c0d0e0f10" == found["otelchan.request.trace_id"]
    assert "0102030405060708" == found["otelchan.request.span_id"]
    (link,) = span.links
    assert (request, {"otelchan.link": "request"}) == ((link.trace_id, link.span_id), attributes(link))


def test_what_is_not_known_of_a_request_is_left_out() -> None:
    """Some integrations set one of the two ids only."""
    found = attributes(encoded(request=Request(b"", bytes(range(1, 9)))))
    assert {"otelchan.request.span_id"} == {name for name in found if name.startswith("otelchan.request")}


def test_a_timer_wakes_without_a_function() -> None:
    """Goroutine 0 is the runtime; there is no stack of it."""
    span = encoded(waker=Waker(0, "value", ()), links=())
    assert 0 == attributes(span)["channel.waker.goroutine.id"]
    assert "channel.waker.function" not in attributes(span)
    assert {"channel.waker.goroutine.id": 0, "channel.waker.how": "value"} == attributes(span.events[0])
    assert 0 == len(span.links)


def test_a_block_without_stack_and_waker_says_only_what_is_known() -> None:
    """Nothing is invented; an incomplete stack says so."""
    span = encoded(frames=(), waker=None, links=(), stack_complete=False, select=True)
    assert "select ?" == span.name
    assert {"otelchan.stack.complete": False} == {
        key: value for key, value in attributes(span).items() if key.startswith(("code.", "channel.waker", "otelchan."))
    }
    assert 0 == len(span.events)


def test_a_wait_that_goes_on_says_so_and_how_little_is_known_of_it() -> None:
    """Named as when it has ended; only that it has not, and that it began before it was seen, is added."""
    span = encoded(ongoing=True, at_least=True, waker=None)
    assert "send main.work main.go:41" == span.name
    assert {"otelchan.span.state": "ongoing", "otelchan.wait.at_least": True} == {
        key: value for key, value in attributes(span).items() if key.startswith("otelchan.")
    }
    assert set() == {key for key in attributes(encoded()) if key.startswith("otelchan.")}


def test_a_select_that_goes_on_lists_its_cases() -> None:
    """No case has won."""
    cases = attributes(encoded(select=True, ongoing=True, waker=None, cases=("send a", "recv b")))
    assert ["send a", "recv b"] == [case.string_value for case in cases["channel.select.case"].values]


def test_a_select_without_cases_has_no_channel() -> None:
    """There is no name and no address of what is not there."""
    nowhere: dict[str, Any] = {
        "channel": "",
        "channel_source": "",
        "channel_address": 0,
        "operation": "",
        "element_type": "",
    }
    sent = attributes(encoded(select=True, ongoing=True, waker=None, wait_reason="select (no cases)", **nowhere))
    assert {"channel.select": True} == {key: value for key, value in sent.items() if key.startswith("channel.")}


def test_a_span_that_an_exemplar_points_at_is_marked() -> None:
    """So that a sampling policy keeps it."""
    assert (True, None) == tuple(attributes(encoded(mark)).get("otelchan.exemplar") for mark in (True, False))


def test_spans_carry_what_the_catalogue_promises() -> None:
    """No attribute that is not declared for that span, each of its declared type."""
    spans = [encoded(True, stack_complete=False), encoded(operation="recv"), encoded(select=True)]
    spans += [encoded(select=True, ongoing=True, at_least=True, cases=("send a", "recv b"))]
    spans += FindingSpans().update([finding()], NOW, last=False)
    for span in spans:
        sent = attributes(span)
        assert set() == set(sent) - PROMISED[span.name.split(" ")[0]]
        assert [] == [key for e in span.events for key in set(attributes(e)) - set(EVENTS[span.name.split(" ")[0]])]
        assert [] == [key for key, value in sent.items() if type(value) is not TYPES[ATTRIBUTES[key].type]]


def test_a_finding_makes_a_span_when_it_starts_and_when_it_ends() -> None:
    """The first without duration, the second over the time it held, linked to the first."""
    findings = FindingSpans(counting_ids())
    (started,) = findings.update([finding()], NOW, last=False)
    assert [] == findings.update([finding(count=50)], NOW + 10 * SECOND, last=False)
    (ended,) = findings.update([], NOW + 20 * SECOND, last=False)
    assert [] == findings.update([], NOW + 30 * SECOND, last=False)
    assert ["finding F1", "finding F1"] == [started.name, ended.name]
    assert [(NOW, NOW), (NOW, NOW + 20 * SECOND)] == [
        (span.start_time_unix_nano, span.end_time_unix_nano) for span in (started, ended)
    ]
    assert ["started", "ended"] == [attributes(span)["finding.state"] for span in (started, ended)]
    assert 50 == attributes(ended)["finding.count"]
    assert (started.trace_id, started.span_id) == (ended.links[0].trace_id, ended.links[0].span_id)
    assert started.trace_id != ended.trace_id


def test_a_finding_that_only_gets_worse_is_the_same() -> None:
    """Severity and numbers change; the place and the channel are what it is."""
    findings = FindingSpans()
    findings.update([finding(severity="warning")], NOW, last=False)
    assert [] == findings.update([finding(severity="critical", count=99)], NOW + SECOND, last=False)
    assert 1 == len(findings.update([finding(), finding(channel="main.other main.go:9")], NOW + 2 * SECOND, last=False))


def test_what_holds_at_the_end_ends_with_the_program() -> None:
    """Also what is found at the last look only."""
    findings = FindingSpans()
    findings.update([finding()], NOW, last=False)
    states = [attributes(span)["finding.state"] for span in findings.update([finding()], NOW + SECOND, last=True)]
    assert ["ended"] == states
    both = FindingSpans().update([finding()], NOW, last=True)
    assert ["started", "ended"] == [attributes(span)["finding.state"] for span in both]


def test_a_finding_that_is_more_than_information_is_an_error() -> None:
    """With its sentence, so that trace views show it; its end is no error."""
    findings = FindingSpans()
    (started,) = findings.update([finding()], NOW, last=False)
    (ended,) = findings.update([], NOW, last=False)
    (mild,) = FindingSpans().update([finding(severity="info")], NOW, last=False)
    assert (Status.STATUS_CODE_ERROR, "37 goroutines are stuck") == (started.status.code, started.status.message)
    assert [Status.STATUS_CODE_UNSET] * 2 == [span.status.code for span in (ended, mild)]


def test_of_findings_at_one_place_the_worst_is_told() -> None:
    """As of two circles of goroutines at the same lines; they come with the worst first."""
    (started,) = FindingSpans().update([finding(count=9), finding(count=2)], NOW, last=False)
    assert 9 == attributes(started)["finding.count"]
