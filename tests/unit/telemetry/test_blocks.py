"""Which blocks become spans, under a rate that leaves some out."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.findings.types import Assessment
from otelchan.model.types import BlockSpan, SpanContext, SpanLink
from otelchan.telemetry.blocks import BlockSpans
from otelchan.telemetry.metrics import metric_points
from otelchan.telemetry.points import Point
from tests.support.snapshots import NOW, block_span, channel, snapshot

MS = 1_000_000


def context(number: int) -> SpanContext:
    """Of the span of that number."""
    return SpanContext(number.to_bytes(16, "big"), number.to_bytes(8, "big"))


def block(number: int, ms: float, over_rate: bool = True, links: tuple[SpanLink, ...] = ()) -> BlockSpan:
    """A block of so many milliseconds."""
    start = NOW - int(ms * MS)
    return block_span(context=context(number), start_unix_ns=start, end_unix_ns=NOW, over_rate=over_rate, links=links)


def exported(blocks: list[BlockSpan], out: BlockSpans | None = None) -> tuple[list[Span], list[Point]]:
    """What becomes of an interval with these blocks: spans, and points with their exemplars."""
    points = metric_points(snapshot([channel()], spans=tuple(blocks)), Assessment())
    return (out or BlockSpans()).of(blocks, points), points


def ids(spans: list[Span]) -> list[int]:
    """The numbers of spans."""
    return [int.from_bytes(span.span_id, "big") for span in spans]


def is_marked(span: Span) -> bool:
    """As what an exemplar points at."""
    return any(a.key == "otelchan.exemplar" and a.value.bool_value for a in span.attributes)


def test_over_the_rate_only_exemplars_become_spans() -> None:
    """The slowest of each bucket, marked; the rest is counted as sampled out."""
    out = BlockSpans()
    blocks = [block(1, 30), block(2, 20, over_rate=False), block(3, 31), block(4, 300), block(5, 29)]

    spans, points = exported(blocks, out)

    assert [(2, False), (3, True), (4, True)] == list(zip(ids(spans), map(is_marked, spans), strict=True))
    assert {3, 4} == {int.from_bytes(e.span_id, "big") for point in points for e in point.exemplars}
    assert 2 == out.sampled_out


def test_what_is_sampled_out_is_counted_from_interval_to_interval() -> None:
    """It is a total."""
    out = BlockSpans()
    for _ in range(3):
        exported([block(1, 30), block(2, 31)], out)
    assert 3 == out.sampled_out


def test_without_a_histogram_nothing_points_at_a_block_over_the_rate() -> None:
    """As while the waits plane is off, or where the series is over the cap: then it is not exported."""
    out = BlockSpans()
    assert ([], 1) == (out.of([block(1, 30)], []), out.sampled_out)


def test_a_goroutine_that_is_still_blocked_is_no_exemplar() -> None:
    """It is in no bucket yet; its span is exported, unmarked, and a block that has ended is the exemplar."""
    still = block_span(context=context(2), start_unix_ns=NOW - 31 * MS, end_unix_ns=NOW, ongoing=True, waker=None)

    spans, _ = exported([block(1, 30), still])

    assert [(1, True), (2, False)] == list(zip(ids(spans), map(is_marked, spans), strict=True))


def test_a_link_to_a_span_that_is_not_exported_is_left_out() -> None:
    """Also of an earlier interval; the other links stay, and so does one to an exemplar."""
    out = BlockSpans()
    exported([block(1, 30), block(2, 31)], out)
    links = tuple(SpanLink(context(number), "waker", over_rate=number < 3) for number in (1, 2, 3))

    (span,), _ = exported([block(4, 25, over_rate=False, links=links)], out)

    assert [2, 3] == [int.from_bytes(link.span_id, "big") for link in span.links]


def test_a_link_within_an_interval_leads_to_what_is_exported_of_it() -> None:
    """Cause and effect are looked at together: what is an exemplar is known before."""
    links = (SpanLink(context(1), "waker", over_rate=True),)

    spans, _ = exported([block(1, 30), block(2, 300, links=links)])

    assert [[], [context(1).span_id]] == [[link.span_id for link in span.links] for span in spans]
