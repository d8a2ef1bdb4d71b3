"""Spans no larger than the user wants: the span limits of the OpenTelemetry specification (trace/sdk.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.config.limits import SpanLimits

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

_MARK = "otelchan."  # of attributes that tail sampling goes by: they stay before others
_NONE = SpanLimits()


def limit(spans: Iterable[Span], limits: SpanLimits) -> None:
    """Leave out what is too much, in place; each span says how much that was."""
    if limits == _NONE:
        return
    for span in spans:
        if limits.events is not None and (excess := len(span.events) - limits.events) > 0:
            del span.events[limits.events :]
            span.dropped_events_count += excess
        if limits.links is not None and (excess := len(span.links) - limits.links) > 0:
            del span.links[limits.links :]
            span.dropped_links_count += excess
        span.dropped_attributes_count += _attributes(span.attributes, limits.attributes, limits.value_length)
        for event in span.events:
            event.dropped_attributes_count += _attributes(
                event.attributes, limits.event_attributes, limits.value_length
            )
        for link in span.links:
            link.dropped_attributes_count += _attributes(link.attributes, limits.link_attributes, limits.value_length)


def _attributes(attributes: RepeatedCompositeFieldContainer[KeyValue], most: int | None, length: int | None) -> int:
    dropped = 0
    if most is not None and len(attributes) > most:
        order = sorted(range(len(attributes)), key=lambda at: (not attributes[at].key.startswith(_MARK), at))
        kept = [attributes[at] for at in sorted(order[:most])]
        dropped = len(attributes) - most
        copies = [KeyValue(key=each.key, value=each.value) for each in kept]
        del attributes[:]
        attributes.extend(copies)
    if length is not None:
        for attribute in attributes:
            _shorten(attribute.value, length)
    return dropped


def _shorten(value: AnyValue, length: int) -> None:
    kind = value.WhichOneof("value")
    if kind == "string_value" and len(value.string_value) > length:
        value.string_value = value.string_value[:length]
    elif kind == "array_value":
        for each in value.array_value.values:
            _shorten(each, length)
