"""Span limits: what is left out is counted, and what tail sampling goes by stays."""

from __future__ import annotations

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.config.limits import SpanLimits
from otelchan.telemetry.encode import key_values
from otelchan.telemetry.limits import limit
from tests.support.snapshots import attributes


def span() -> Span:
    """With five attributes, three events and two links."""
    own = (("channel.name", "main.orders"), ("channel.id", "0x1"), ("goroutine.id", 7), ("channel.select", False))
    made = Span(name="recv main.orders", attributes=key_values((*own, ("otelchan.exemplar", True))))
    for number in range(3):
        event = (("code.stacktrace", "main.f\n\tmain.go:1"), ("number", number), ("otelchan.mark", 1))
        made.events.add(name=f"e{number}", attributes=key_values(event))
    for number in range(2):
        made.links.add(trace_id=bytes(16), attributes=key_values((("number", number), ("how", "request"))))
    return made


def limited(**limits: int) -> Span:
    """That span, within limits."""
    made = span()
    limit([made], SpanLimits(**limits))
    return made


def test_without_limits_nothing_changes() -> None:
    """As it is by default."""
    assert span() == limited()


def test_attributes_over_the_limit_are_counted_and_marks_stay() -> None:
    """The last ones go, but not those by which a Collector decides what is kept."""
    made = limited(attributes=2)
    assert ({"channel.name": "main.orders", "otelchan.exemplar": True}, 3) == (
        attributes(made),
        made.dropped_attributes_count,
    )
    assert ({}, 5) == (attributes(limited(attributes=0)), limited(attributes=0).dropped_attributes_count)


def test_events_and_links_over_the_limit_are_counted() -> None:
    """The last ones go."""
    made = limited(events=1, links=0)
    assert (["e0"], 2, 0, 2) == (
        [event.name for event in made.events],
        made.dropped_events_count,
        len(made.links),
        made.dropped_links_count,
    )


def test_events_and_links_have_attributes_of_their_own() -> None:
    """Each with its own limit and count."""
    made = limited(event_attributes=2, link_attributes=1)
    assert [({"code.stacktrace", "otelchan.mark"}, 1)] * 3 == [
        (set(attributes(event)), event.dropped_attributes_count) for event in made.events
    ]
    assert [({"number"}, 1)] * 2 == [(set(attributes(link)), link.dropped_attributes_count) for link in made.links]


def test_texts_are_cut_everywhere_and_nothing_else_is() -> None:
    """Numbers have no length; texts within a list have."""
    made = span()
    texts = ArrayValue(values=[AnyValue(string_value="abcdef"), AnyValue(int_value=123456)])
    made.attributes.append(KeyValue(key="cases", value=AnyValue(array_value=texts)))
    limit([made], SpanLimits(value_length=4))
    cut = attributes(made)
    assert ("main", "0x1", 7, True) == (
        cut["channel.name"],
        cut["channel.id"],
        cut["goroutine.id"],
        cut["otelchan.exemplar"],
    )
    assert ["abcd", 123456] == [v.string_value or v.int_value for v in made.attributes[-1].value.array_value.values]
    assert {"main"} == {attributes(event)["code.stacktrace"] for event in made.events}
    assert {"requ"} == {attributes(link)["how"] for link in made.links}
    assert ("recv main.orders", 0) == (made.name, made.dropped_attributes_count)
