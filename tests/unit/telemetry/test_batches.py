"""What waits to be sent, and what is given up."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.telemetry.batches import (
    MetricBatch,
    MetricQueue,
    SpanBatch,
    SpanQueue,
    metrics_request,
    superseded,
    traces_request,
)
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.points import Point, Series
from otelchan.telemetry.resource import resource_message
from tests.support.snapshots import NOW, SECOND, attributes, by_name, data_points

LAG: Series = ("channel.lag", (("channel.name", "a"),))
WAITERS: Series = ("channel.waiters", (("channel.name", "a"),))
CLOSES: Series = ("channel.close", (("channel.name", "a"),))
MILLISECOND = 1_000_000


def batch(
    target: str = "shop", *series: Series, at: int = NOW, ended: tuple[Series, ...] = (), last: bool = False
) -> MetricBatch:
    """One point of value 1 per series."""
    resource = resource_message({"service.name": target})
    live = (live_metrics(resource, [Point(*each, 1) for each in series], at),)
    return MetricBatch(target, resource, at, live, len(series), frozenset(series), frozenset(ended), last)


def spans(target: str, first: int, last: int) -> SpanBatch:
    """Spans with numbers for names."""
    numbered = tuple(Span(name=str(number)) for number in range(first, last))
    return SpanBatch(target, resource_message({"service.name": target}), numbered)


def names(batches: list[SpanBatch]) -> list[str]:
    """The names of all spans, in order."""
    return [span.name for each in batches for span in each.spans]


def over_the_wire(*batches: MetricBatch) -> ExportMetricsServiceRequest:
    """What a receiver reads."""
    return ExportMetricsServiceRequest.FromString(metrics_request(batches).SerializeToString())


def test_ends_come_behind_what_is_alive() -> None:
    """In a ResourceMetrics of their own, at the same time: the last value of an ended series is an interval older."""
    live, ended = over_the_wire(batch("shop", LAG, ended=(WAITERS,))).resource_metrics
    assert (["channel.lag"], ["channel.waiters"]) == (list(by_name(live)), list(by_name(ended)))
    assert [(1, NOW)] == [(p.flags, p.time_unix_nano) for p in data_points(by_name(ended)["channel.waiters"])]
    assert {"service.name": "shop"} == attributes(ended.resource)


def test_after_the_last_values_everything_ends() -> None:
    """The values of the end are exported, and a millisecond later, which is what Prometheus keeps, they are over."""
    live, ended = over_the_wire(batch("shop", LAG, WAITERS, ended=(CLOSES,), last=True)).resource_metrics
    assert {"channel.lag", "channel.waiters"} == set(by_name(live))
    times = {name: [p.time_unix_nano for p in data_points(m)] for name, m in by_name(ended).items()}
    assert {name: [NOW + MILLISECOND] for name in ("channel.lag", "channel.waiters", "channel.close")} == times


def test_without_ends_there_is_one_message_per_program() -> None:
    """Most requests."""
    assert 2 == len(over_the_wire(batch("shop", LAG), batch("cart", LAG)).resource_metrics)


def test_a_newer_batch_keeps_the_ends_of_the_one_it_replaces() -> None:
    """A series that ended while nobody listened must still end; one that came back must not."""
    older = batch("shop", LAG, ended=(WAITERS, CLOSES))
    newer = batch("shop", WAITERS, at=NOW + SECOND, ended=(LAG,))
    both = superseded(older, newer)
    assert ({LAG, CLOSES}, {WAITERS}, NOW + SECOND) == (set(both.ended), set(both.series), both.time_unix_ns)


def test_what_a_program_had_ends_also_when_it_has_replaced_itself_meanwhile() -> None:
    """By exec with the same executable, while the endpoint was away: the same Resource, and only some series again."""
    old = batch("shop", LAG, WAITERS, ended=(CLOSES,), last=True)
    new = superseded(old, batch("shop", LAG, at=NOW + SECOND))
    assert ({WAITERS, CLOSES}, {LAG}, False) == (set(new.ended), set(new.series), new.last)


def test_only_the_newest_batch_of_a_program_waits() -> None:
    """Totals are cumulative, so nothing but resolution in time is lost, and that is counted."""
    queue = MetricQueue()
    assert 0 == queue.offer(batch("shop", LAG, WAITERS))
    assert 0 == queue.offer(batch("cart", LAG))
    assert 2 == queue.offer(batch("shop", LAG, at=NOW + SECOND))
    assert [("shop", NOW + SECOND), ("cart", NOW)] == [(b.target, b.time_unix_ns) for b in queue.take(100)]
    assert 0 == len(queue)


def test_programs_that_end_while_nobody_listens_do_not_pile_up() -> None:
    """The queue is bounded by programs; the oldest is given up."""
    queue = MetricQueue(limit=2)
    assert [0, 0, 1] == [queue.offer(batch(target, LAG)) for target in ("a", "b", "c")]
    assert ["b", "c"] == [b.target for b in queue.take(100)]


def test_a_request_has_a_limit_but_at_least_one_batch() -> None:
    """A program with more series than the limit is sent alone."""
    queue = MetricQueue()
    for target in ("a", "b", "c"):
        queue.offer(batch(target, LAG, WAITERS))
    assert [["a"], ["b", "c"]] == [[b.target for b in queue.take(most)] for most in (1, 4)]


def test_what_could_not_be_sent_waits_unless_something_newer_does() -> None:
    """In front, in its old order; a newer batch of the same program takes over its ends."""
    queue = MetricQueue()
    failed = [batch("a", LAG, ended=(CLOSES,)), batch("b", LAG)]
    queue.offer(batch("c", LAG))
    queue.offer(batch("a", LAG, at=NOW + SECOND))
    assert 1 == queue.give_back(failed)
    taken = {b.target: b for b in queue.take(100)}
    assert ["b", "c", "a"] == list(taken)
    assert (NOW + SECOND, {CLOSES}) == (taken["a"].time_unix_ns, set(taken["a"].ended))


def test_the_end_of_everything_does_not_take_the_place_of_the_last_values() -> None:
    """Whether these wait, or come back from an attempt that failed."""
    whole = batch("shop", LAG)
    ends = replace(whole, live=(), items=0, series=frozenset(), ended=frozenset([LAG]), last=True, part=True)
    queue = MetricQueue()
    queue.offer(whole)
    assert 0 == queue.offer(ends)
    waiting = queue.take(100)
    queue.offer(ends)
    assert 0 == queue.give_back([whole])
    for (one,) in (waiting, queue.take(100)):
        live, ended = over_the_wire(one).resource_metrics
        assert [(0, NOW)] == [(p.flags, p.time_unix_nano) for p in data_points(by_name(live)["channel.lag"])]
        later = NOW + MILLISECOND
        assert [(1, later)] == [(p.flags, p.time_unix_nano) for p in data_points(by_name(ended)["channel.lag"])]


def test_spans_keep_their_order_and_are_taken_in_parts() -> None:
    """A large batch is split."""
    queue = SpanQueue(limit=100)
    queue.offer(spans("a", 0, 3))
    queue.offer(spans("b", 3, 8))
    assert (["0", "1", "2", "3"], 4) == (names(queue.take(4)), len(queue))
    assert (["4", "5", "6", "7"], 0) == (names(queue.take(100)), len(queue))


def test_the_oldest_spans_are_given_up() -> None:
    """When there are more than the limit; part of a batch if that is enough."""
    queue = SpanQueue(limit=4)
    assert 0 == queue.offer(spans("a", 0, 3))
    assert 2 == queue.offer(spans("b", 3, 6))
    assert (["2", "3", "4", "5"], 0) == (names(queue.take(100)), len(queue))


def test_spans_that_could_not_be_sent_are_the_oldest() -> None:
    """So they go first when there is no room for them any more."""
    queue = SpanQueue(limit=4)
    queue.offer(spans("a", 0, 4))
    taken = queue.take(3)
    queue.offer(spans("b", 4, 6))
    assert 2 == queue.give_back(taken)
    assert ["2", "3", "4", "5"] == names(queue.take(100))


def test_spans_of_several_programs_go_in_one_request_each_under_its_resource() -> None:
    """Nothing mixed."""
    request = traces_request([spans("a", 0, 2), spans("b", 2, 3)])
    sent = {
        attributes(each.resource)["service.name"]: [span.name for span in each.scope_spans[0].spans]
        for each in request.resource_spans
    }
    assert {"a": ["0", "1"], "b": ["2"]} == sent
