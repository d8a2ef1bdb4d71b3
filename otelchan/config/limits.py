"""How large spans may be: the span limits of the OpenTelemetry specification (trace/sdk.md, Span Limits)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from otelchan.config.describe import doc

_Limit = Annotated[int, Meta(ge=0, le=2**31 - 1)]


def _limit(text: str, unit: str) -> Meta:
    return doc(f"{text} Unset: no limit.", "0 to 2147483647", unit=unit, reload=True)


class SpanLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """What is more is left out, and counted in the span itself. Attributes of `otelchan.` stay before others."""

    value_length: Annotated[
        _Limit | None, _limit("Texts in attributes of spans, their events and links, at most so long.", "characters")
    ] = None
    attributes: Annotated[_Limit | None, _limit("Attributes of a span, at most.", "attributes")] = None
    events: Annotated[_Limit | None, _limit("Events of a span, at most.", "events")] = None
    links: Annotated[_Limit | None, _limit("Links of a span, at most.", "links")] = None
    event_attributes: Annotated[_Limit | None, _limit("Attributes of an event, at most.", "attributes")] = None
    link_attributes: Annotated[_Limit | None, _limit("Attributes of a link, at most.", "attributes")] = None
