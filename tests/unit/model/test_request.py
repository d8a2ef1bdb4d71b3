"""Which request a goroutine works for, by the profiler labels that real integrations set."""

from __future__ import annotations

import pytest

from otelchan.gobinary.types import LABEL_NAMES
from otelchan.model import request as module
from otelchan.model.request import Request, request_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
DECIMAL = str(int(SPAN, 16))
TRACE_ID, SPAN_ID = bytes.fromhex(TRACE), bytes.fromhex(SPAN)

SETS: tuple[tuple[dict[str, str], Request | None], ...] = (
    ({"trace_id": TRACE, "span_id": SPAN, "span_name": "GET /"}, Request(TRACE_ID, SPAN_ID)),
    ({"span_id": SPAN, "span_name": "GET /"}, Request(b"", SPAN_ID)),
    ({"profile_id": SPAN}, Request(b"", SPAN_ID)),
    ({"otel.traceid": TRACE}, Request(TRACE_ID, b"")),
    ({"traceID": TRACE, "tenant": "1"}, Request(TRACE_ID, b"")),
    ({"traceid": TRACE, "span_id": SPAN}, Request(TRACE_ID, SPAN_ID)),
    ({"span id": DECIMAL, "local root span id": "7"}, Request(b"", SPAN_ID)),
    ({"span id": DECIMAL, "trace id": TRACE}, Request(TRACE_ID, SPAN_ID)),
    ({"trace_id": TRACE, "span id": DECIMAL}, Request(TRACE_ID, b"")),
    ({"trace_id": TRACE, "span id": DECIMAL, "trace id": TRACE}, Request(TRACE_ID, SPAN_ID)),
    ({"trace_id": "checkout", "traceid": TRACE, "span_id": SPAN}, Request(TRACE_ID, SPAN_ID)),
    ({"customer": "7"}, None),
    ({}, None),
)


@pytest.mark.parametrize(("labels", "expected"), SETS)
def test_labels_of_real_integrations_are_understood(labels: dict[str, str], expected: Request | None) -> None:
    """Ids of one tracer make a request; those of two are never put together."""
    assert expected == request_of(labels.items())


BAD_TRACES = ("", "0" * 32, TRACE[1:], TRACE + "0", TRACE.upper(), "g" + TRACE[1:], f" {TRACE[1:]}", SPAN)


@pytest.mark.parametrize("value", BAD_TRACES)
def test_what_is_no_trace_id_is_none(value: str) -> None:
    """Zeros, wrong lengths, capitals and other characters: W3C Trace Context has none of these."""
    assert Request(b"", SPAN_ID) == request_of({"trace_id": value, "span_id": SPAN}.items())


@pytest.mark.parametrize("value", ["", "0" * 16, SPAN[1:], SPAN + "0", SPAN.upper(), DECIMAL, TRACE, "१" * 16])
def test_what_is_no_span_id_is_none(value: str) -> None:
    """Also a number of a tracer that counts in decimal digits."""
    assert Request(TRACE_ID, b"") == request_of({"trace_id": TRACE, "span_id": value}.items())


@pytest.mark.parametrize("value", ["", "0", "-1", "+1", "01", "1.0", "1e3", str(1 << 64), SPAN, "१", "9" * 20])
def test_what_is_no_decimal_span_id_is_none(value: str) -> None:
    """Of 64 bits, not zero, and written as a number is."""
    assert request_of({"span id": value}.items()) is None


def test_the_largest_decimal_span_id_is_one() -> None:
    """All bits set."""
    assert Request(b"", b"\xff" * 8) == request_of({"span id": str((1 << 64) - 1)}.items())


def test_a_request_is_whole_with_both_ids() -> None:
    """Only then there is something to link to."""
    assert [True, False, False] == [
        each.is_whole for each in (Request(TRACE_ID, SPAN_ID), Request(TRACE_ID, b""), Request(b"", SPAN_ID))
    ]


def test_every_label_that_is_read_means_something_and_the_other_way_round() -> None:
    """The program's memory is not read for nothing."""
    names = [name for family in module._FAMILIES for name in (*family.trace, *family.span)]
    assert sorted(LABEL_NAMES) == sorted(names)
