"""The part of TraceQL that the alerts' links use: one set of conditions, all of which a span must fulfil.

Enough to follow a link in a test without Tempo: `{ resource.a.b = "x" && span.c != nil && duration > 800.000ms }`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.support.jaeger import Span

_CONDITION = re.compile(
    r'\s*([a-z][\w.]*)\s*(=~|!=|>=|=|>)\s*("(?:[^"\\]|\\.)*"|nil|[0-9.]+(?:ms|s))\s*(&&|$)', re.DOTALL
)
_UNITS_US = {"ms": 1e3, "s": 1e6}


class Condition(NamedTuple):
    """field: "span.channel.name", "name". value: a string, None for nil, a duration in microseconds."""

    field: str
    operator: str
    value: str | float | None


def parse(query: str) -> tuple[Condition, ...]:
    """All conditions of a query. AssertionError for anything else."""
    whole = re.fullmatch(r"\{ (.*) \}", query, re.DOTALL)
    assert whole, query
    text, found, at = whole[1], [], 0
    while at < len(text):
        match = _CONDITION.match(text, at)
        assert match, f"not understood: {text[at:]!r}"
        found.append(Condition(match[1], match[2], _value(match[3])))
        at = match.end()
        assert bool(match[4]) == (at < len(text)), f"&& without more: {query}"
    return tuple(found)


def _value(text: str) -> str | float | None:
    if text == "nil":
        return None
    if text.startswith('"'):
        value = json.loads(text)
        assert isinstance(value, str)
        return value
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s)", text).groups()  # type: ignore[union-attr]  # it has matched before
    return float(number) * _UNITS_US[unit]


def matching(query: str, spans: Sequence[Span]) -> list[Span]:
    """The spans that a query finds."""
    conditions = parse(query)
    return [span for span in spans if all(_holds(condition, span) for condition in conditions)]


def _holds(condition: Condition, span: Span) -> bool:
    actual = _actual(condition.field, span)
    if condition.operator == "!=":
        assert condition.value is None, "only != nil"
        return actual is not None
    if actual is None:
        return False
    if condition.operator == "=~":
        return re.fullmatch(str(condition.value), str(actual)) is not None
    if condition.operator == "=":
        return bool(actual == condition.value)
    assert isinstance(condition.value, float), "durations only"
    return bool(actual > condition.value or (condition.operator == ">=" and actual == condition.value))


def _actual(field: str, span: Span) -> Any:
    if field == "name":
        return span.name
    if field == "duration":
        return span.duration_us
    scope, _, attribute = field.partition(".")
    return {"span": span.tags, "resource": span.resource}[scope].get(attribute)
