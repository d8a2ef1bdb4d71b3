"""Points made of a snapshot."""

from __future__ import annotations

from otelchan.findings.types import Assessment
from otelchan.model.types import Age, Counter, Estimate, GoroutineView, Histogram, SpanContext
from otelchan.telemetry.catalogue import BLOCK_BOUNDS_NS, METRICS
from otelchan.telemetry.metrics import exported_histogram, metric_points, slowest_blocks
from otelchan.telemetry.points import Exemplar, HistogramValue, Point
from tests.support.snapshots import ATTACHED, NOW, SECOND, START, block_span, channel, finding, snapshot

NAMED = (("channel.name", "main.work main.go:41"), ("channel.name.source", "make"))
TYPED = (*NAMED, ("channel.element.type", "int"))
SEND = (*NAMED, ("channel.operation", "send"))
RECV = (*NAMED, ("channel.operation", "recv"))


def of(points: list[Point], name: str) -> dict[object, object]:
    """Value by attributes of one metric's points."""
    return {point.attributes: point.value for point in points if point.name == name}


def test_a_channel_has_lag_capacity_and_waiters() -> None:
    """Gauges say what is now."""
    points = metric_points(snapshot([channel()]), Assessment())
    assert {TYPED: 7} == of(points, "channel.lag")
    assert {TYPED: 24} == of(points, "channel.capacity")
    assert {SEND: 2, RECV: 0} == of(points, "channel.waiters")
    assert {SEND: 1.5} == of(points, "channel.wait.age")


def test_counters_begin_when_they_became_complete() -> None:
    """Each with the start time of its own probes."""
    points = {(p.name, p.attributes): p for p in metric_points(snapshot([channel()]), Assessment())}
    ok = points["channel.process", (*SEND, ("channel.status", "ok"))]
    closed = points["channel.process", (*RECV, ("channel.status", "closed"))]
    assert (1009, ATTACHED, 13, ATTACHED + SECOND) == (ok.value, ok.start_unix_ns, closed.value, closed.start_unix_ns)
    assert (1, ATTACHED) == (points["channel.close", NAMED].value, points["channel.close", NAMED].start_unix_ns)
    assert ATTACHED + 2 * SECOND == points["channel.block.duration", SEND].start_unix_ns


def test_an_estimate_has_its_bounds_beside_it() -> None:
    """Three counters with the attributes of exact counts, which they are never mixed with."""
    estimate = Estimate("main.work main.go:41", "make", "send", "ok", 900, 600, 1500, ATTACHED)
    points = metric_points(snapshot([channel(processed={})], estimates=(estimate,)), Assessment())
    attributes = (*SEND, ("channel.status", "ok"))
    found = {p.name: (p.value, p.start_unix_ns) for p in points if p.name.startswith("channel.process")}

    assert {attributes} == {p.attributes for p in points if p.name.startswith("channel.process")}
    assert found == {
        "channel.process.estimate": (900, ATTACHED),
        "channel.process.estimate.lower": (600, ATTACHED),
        "channel.process.estimate.upper": (1500, ATTACHED),
    }


def test_what_is_not_complete_is_not_there() -> None:
    """No counters without operations, no histogram without waits, no closes without makes."""
    off = channel(processed={}, blocks_start_unix_ns=0, closes=None)
    names = {point.name for point in metric_points(snapshot([off]), Assessment())}
    assert set() == names & {"channel.process", "channel.block.duration", "channel.close"}
    assert {"channel.lag", "channel.waiters"} <= names


def test_a_timers_channel_has_no_lag() -> None:
    """The lag of timer, context and signal channels says nothing; they are there otherwise."""
    points = metric_points(snapshot([channel(kind="timer")]), Assessment())
    assert {} == of(points, "channel.lag")
    assert {TYPED: 24} == of(points, "channel.capacity")


def test_kernel_buckets_go_to_the_exported_bucket_that_contains_them() -> None:
    """An upper bound equal to an exported one is still inside it; above the last one is the overflow bucket."""
    histogram = Histogram(10, 5 * SECOND, ((1024, 1), (1280, 2), (4096, 3), (5120, 1), (1 << 36, 2), (1 << 63, 1)))
    counts = [0] * 17
    counts[0], counts[1], counts[2], counts[15], counts[16] = 1, 5, 1, 2, 1
    assert HistogramValue(tuple(counts), 5.0) == exported_histogram(histogram)


def test_the_count_is_the_sum_of_the_buckets() -> None:
    """The kernel's count and its buckets are read at two instants; a consumer needs them to agree."""
    assert 3 == sum(exported_histogram(Histogram(99, 1, ((1024, 1), (1280, 2)))).counts)


def test_goroutines_by_wait_reason() -> None:
    """Counts, oldest waits, and totals since the agent came."""
    view = GoroutineView(
        12,
        {"chan send": 3, "select": 2},
        {"chan send": Age(41 * SECOND, at_least=True)},
        Counter(1013, ATTACHED),
        Counter(1001, ATTACHED),
    )
    points = metric_points(snapshot(goroutines=view), Assessment())
    assert {(): 12} == of(points, "go.goroutine.count")
    reason = "goroutine.wait_reason"
    assert {((reason, "chan send"),): 3, ((reason, "select"),): 2} == of(points, "goroutine.blocked")
    assert {((reason, "chan send"),): 41.0} == of(points, "goroutine.wait.age")
    assert [Point("goroutine.created", (), 1013, ATTACHED)] == [p for p in points if p.name == "goroutine.created"]
    assert [Point("goroutine.exited", (), 1001, ATTACHED)] == [p for p in points if p.name == "goroutine.exited"]


def test_totals_that_are_not_known_are_not_there() -> None:
    """A program whose created counter cannot be read has no such series."""
    names = {point.name for point in metric_points(snapshot(goroutines=GoroutineView(12)), Assessment())}
    assert {"go.goroutine.count", "goroutine.surge"} == names


def test_the_number_of_goroutines_counts_since_the_program_started() -> None:
    """It is a sum that began with the program, not with the agent."""
    (count,) = (p for p in metric_points(snapshot(), Assessment()) if p.name == "go.goroutine.count")
    assert START == count.start_unix_ns


def test_findings_that_differ_only_in_a_line_are_one_series() -> None:
    """The function is an attribute, the line is not: two series of one identity would be refused."""
    other = finding(site=finding().site._replace(line=99), count=5)  # type: ignore[union-attr]
    points = metric_points(snapshot(), Assessment([finding(), other]))
    assert [42] == list(of(points, "goroutine.leak.suspected").values())
    attributes = (("finding.id", "F1"), ("finding.severity", "critical"), ("channel.name", "main.work main.go:41"))
    assert {attributes: 2} == of(points, "otelchan.finding")


def test_points_carry_the_attributes_that_the_catalogue_promises() -> None:
    """In the catalogue's words, each metric with its own set."""
    view = GoroutineView(12, {"select": 2}, {"select": Age(1, at_least=True)}, Counter(1, 1), Counter(1, 1))
    for point in metric_points(snapshot([channel()], goroutines=view), Assessment([finding()])):
        assert METRICS[point.name].attributes == tuple(key for key, _ in point.attributes)


def test_no_series_comes_twice() -> None:
    """Within a program each combination of name and attributes is one point."""
    points = metric_points(snapshot([channel(), channel("main.jobs main.go:7")]), Assessment([finding(), finding()]))
    assert len({point.series for point in points}) == len(points)


def test_the_slowest_block_of_a_bucket_is_its_exemplar() -> None:
    """Three blocks in two buckets: the slower of the two in one bucket, and the one in the other."""
    fast, slow = SpanContext(b"f" * 16, b"f" * 8), SpanContext(b"s" * 16, b"s" * 8)
    spans = (
        block_span(start_unix_ns=NOW - 140_000_000, context=fast),
        block_span(start_unix_ns=NOW - 250_000_000, context=slow),
        block_span(start_unix_ns=NOW - 2_000_000_000),
    )
    (point,) = (p for p in metric_points(snapshot([channel()], spans=spans), Assessment()) if p.exemplars)
    assert (("channel.block.duration", SEND)) == point.series
    assert (Exemplar(0.25, NOW, *slow), Exemplar(2.0, NOW, *spans[2].context)) == point.exemplars
    assert {slow, spans[2].context} == {span.context for span in slowest_blocks(spans).values()}


def test_an_exemplar_lies_in_a_bucket_of_its_size() -> None:
    """A duration of exactly a bound belongs to that bound's bucket, as its count does."""
    for index, bound in enumerate(BLOCK_BOUNDS_NS):
        span = block_span(start_unix_ns=NOW - bound)
        assert [("main.work main.go:41", "send", index)] == list(slowest_blocks([span]))
