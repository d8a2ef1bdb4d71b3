"""Points and spans of closed channels, of panics and of what would block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelchan.findings.types import Assessment
from otelchan.kernel.types import DELAY_BOUNDS_NS, PANICS
from otelchan.model.types import STATUSES, Counter, Histogram, PanicEvent, SpanContext
from otelchan.telemetry.catalogue import ATTRIBUTES, METRICS
from otelchan.telemetry.metrics import metric_points
from otelchan.telemetry.points import HistogramValue, Point
from otelchan.telemetry.spans import panic_span
from tests.support.snapshots import ATTACHED, CALLER, NOW, SECOND, WORKER, channel, snapshot

NAMED = (("channel.name", "main.work main.go:41"), ("channel.name.source", "make"))
PANIC = PanicEvent(
    context=SpanContext(b"t" * 16, b"s" * 8),
    error="send_on_closed",
    channel="main.work main.go:41",
    channel_source="make",
    channel_address=0xC000012345,
    element_type="int",
    time_unix_ns=NOW,
    goroutine_id=18,
    frames=(WORKER, CALLER),
    stack_complete=True,
)


def closed(**changes: object) -> list[Point]:
    """The points of a channel that was closed, drained in part and read afterwards."""
    facts: dict[str, Any] = {
        "closes": Counter(2, ATTACHED),
        "residue": Counter(5, ATTACHED),
        "closed_unix_ns": NOW - SECOND,
        "closed_by": WORKER,
        "drained": Counter(3, ATTACHED + SECOND),
        "read_delay": Histogram(4, 2_500, ((1_000, 3), (1 << 63, 1))),
        "read_delay_start_unix_ns": ATTACHED + SECOND,
    }
    return metric_points(snapshot([channel(**{**facts, **changes})]), Assessment())


def close_points(points: list[Point]) -> dict[str, Point]:
    """By name, those that say something about closes."""
    return {point.name: point for point in points if point.name.startswith("channel.close")}


def test_a_close_has_its_time_its_function_and_what_was_left() -> None:
    """Each with the start of its own planes; the histogram in decades."""
    points = close_points(closed())

    time = points["channel.close.time"]
    assert (time.attributes, time.value) == ((*NAMED, ("code.function.name", "main.worker")), (NOW - SECOND) / 1e9)
    residue, drained = points["channel.close.residue"], points["channel.close.drained"]
    assert (residue.value, residue.start_unix_ns) == (5, ATTACHED)
    assert (drained.value, drained.start_unix_ns) == (3, ATTACHED + SECOND)
    delay = points["channel.close.read_delay"]
    assert (delay.value, delay.start_unix_ns) == (HistogramValue((0, 3, 0, 0, 0, 0, 1), 2.5e-6), ATTACHED + SECOND)
    assert len(METRICS["channel.close.read_delay"].bounds) == len(DELAY_BOUNDS_NS)


def test_a_channel_that_was_never_closed_has_one_series_about_closes() -> None:
    """Most are never closed; and without the makes plane not even that."""
    assert ["channel.close"] == list(close_points(closed(closes=Counter(0, ATTACHED), closed_unix_ns=0)))
    assert {} == close_points(closed(closes=None))
    assert "channel.close.read_delay" not in close_points(closed(read_delay=Histogram(0, 0, ())))


def test_panics_are_counted_by_what_was_wrong() -> None:
    """A series from the first one on."""
    points = closed(panics={"send_on_closed": Counter(7, ATTACHED)})

    assert [((*NAMED, ("error.type", "send_on_closed")), 7, ATTACHED)] == [
        (point.attributes, point.value, point.start_unix_ns) for point in points if point.name == "channel.panic"
    ]


def test_nil_is_no_channel() -> None:
    """It has attempts and panics, and no length, capacity, state or waiters."""
    attempts = {("send", "would_block"): Counter(3, ATTACHED)}
    nil = channel("nil channel", kind="nil", processed=attempts, panics={"close_of_nil": Counter(1, ATTACHED)})

    points = metric_points(snapshot([nil]), Assessment())

    assert {"channel.process", "channel.panic"} == {p.name for p in points if p.name.startswith("channel.")}


def test_the_catalogue_knows_every_status_and_every_panic() -> None:
    """They are told in the reference."""
    assert (STATUSES, PANICS) == (ATTRIBUTES["channel.status"].values, ATTRIBUTES["error.type"].values)


def test_a_panic_is_an_instant_with_an_error_and_a_stack() -> None:
    """Named by what was wrong, so that names are few."""
    span = panic_span(PANIC)

    assert (span.name, span.kind) == ("panic send_on_closed", Span.SPAN_KIND_INTERNAL)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (NOW, NOW)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.status.message == "send on closed: main.work main.go:41 in main.worker"
    attributes = {a.key: a.value for a in span.attributes}
    assert attributes["channel.name"].string_value == "main.work main.go:41"
    assert attributes["channel.id"].string_value == "0xc000012345"
    assert attributes["error.type"].string_value == "send_on_closed"
    assert attributes["goroutine.id"].int_value == 18
    assert attributes["code.stacktrace"].string_value.startswith("main.worker\n\t/src/shop/main.go:57\nmain.main.func1")
    assert "otelchan.stack.complete" not in attributes


def test_a_panic_of_nobody_knows_whom_says_so() -> None:
    """No stack, no place, and that the stack is not whole."""
    span = panic_span(replace(PANIC, frames=(), stack_complete=False, channel="chan ?"))

    attributes = {a.key: a.value for a in span.attributes}
    assert span.status.message == "send on closed: chan ?"
    assert attributes["otelchan.stack.complete"].bool_value is False
    assert not {"code.stacktrace", "code.function.name"} & attributes.keys()
