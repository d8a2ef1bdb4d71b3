"""Which request a goroutine works for, as its profiler labels say.

What real integrations set, and nothing else is believed (docs/request-correlation.md has the sources):
trace_id, span_id    OpenTelemetry's ids in lower-case hexadecimal digits: grafana/otel-profiling-go (older
                     releases: span_id only), grafana/dskit spanprofiler, New Relic's Go agent, code written by hand
profile_id           the span id of otel-profiling-go's forerunners (pyroscope-io/otelpyroscope)
otel.traceid         Polar Signals' otel-profiling-go; a trace id only. traceID, traceid: the same of Cortex and others
span id, trace id    dd-trace-go: the span id in decimal digits, the trace id (not always set) in 32 hexadecimal ones
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_HEX = {16: re.compile("[0-9a-f]{32}"), 8: re.compile("[0-9a-f]{16}")}
_DECIMAL = re.compile("[1-9][0-9]{0,19}")


class Request(NamedTuple):
    """Ids of a request's span: 16 and 8 bytes, b"" for what the labels do not say."""

    trace_id: bytes
    span_id: bytes

    @property
    def is_whole(self) -> bool:
        """Whether both are known, so that a span can link to it."""
        return bool(self.trace_id and self.span_id)


class _Family(NamedTuple):
    """Labels that are set together, by one tracer: those of a trace id, and of a span id, the first that is valid."""

    trace: tuple[str, ...]
    span: tuple[str, ...]
    decimal: bool


_FAMILIES = (
    _Family(("trace_id", "otel.traceid", "traceID", "traceid"), ("span_id", "profile_id"), decimal=False),
    _Family(("trace id",), ("span id",), decimal=True),
)


def request_of(labels: Iterable[tuple[str, str]]) -> Request | None:
    """The request, or None when no label has a valid id of one.

    Ids of different tracers are never put together. A goroutine has the labels of the one that started it, until it is
    given others: so it may be a request that is over.
    """
    values = dict(labels)
    found = [_of(family, values) for family in _FAMILIES]
    return next((each for each in found if each.is_whole), next((each for each in found if any(each)), None))


def _of(family: _Family, values: dict[str, str]) -> Request:
    trace = (_hexadecimal(values.get(name, ""), 16) for name in family.trace)
    read = _decimal if family.decimal else _hexadecimal
    span = (read(values.get(name, ""), 8) for name in family.span)
    return Request(next(filter(None, trace), b""), next(filter(None, span), b""))


def _hexadecimal(text: str, size: int) -> bytes:
    """An id of W3C Trace Context, https://www.w3.org/TR/trace-context/: lower case, all digits, not zero; else b""."""
    found = bytes.fromhex(text) if _HEX[size].fullmatch(text) else b""
    return found if any(found) else b""


def _decimal(text: str, size: int) -> bytes:
    number = int(text) if _DECIMAL.fullmatch(text) else 0
    return number.to_bytes(size, "big") if 0 < number < 1 << 8 * size else b""
