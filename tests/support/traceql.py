"""The part of TraceQL that links of alerts and panels of dashboards use, followed without Tempo: one set of spans by
conditions, joined by && and ||, in parentheses or not, and `| select(...)` behind it.

`{ resource.a.b = "x" && (span.c != nil || duration > 800.000ms) } | select(span.d)`. Strings are Go's: "quoted", or raw
between backticks. A pattern has to match the whole value (Tempo, docs/sources/tempo/traceql).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.support.jaeger import Span

_TOKEN = re.compile(
    r'\s*(?P<all>(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<sign>&&|\|\||=~|!~|!=|>=|<=|[=<>{}()|,])'
    r"|(?P<number>\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)?)(?![\w.])|(?P<word>[a-zA-Z][\w.:-]*))",
    re.DOTALL,
)
_UNITS_US = {"ns": 1e-3, "us": 1, "µs": 1, "ms": 1e3, "s": 1e6, "m": 6e7, "h": 3.6e9}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    "=~": lambda a, b: re.fullmatch(str(b), str(a)) is not None,
    "!~": lambda a, b: re.fullmatch(str(b), str(a)) is None,
}


class Condition(NamedTuple):
    """field: "span.channel.name", "name". value: a string, None for nil, a number (durations: microseconds)."""

    field: str
    operator: str
    value: str | float | bool | None


class Either(NamedTuple):
    """Conditions of which one must hold, or, when `all_` is true, every one."""

    all_: bool
    parts: tuple[Condition | Either, ...]


class Query(NamedTuple):
    """where: what a span must fulfil. selected: attributes that are shown besides those of the conditions."""

    where: Either
    selected: tuple[str, ...]


class _Reader:
    """Tokens of a query, from the left."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def peek(self) -> re.Match[str] | None:
        """The next one; None at the end."""
        found = _TOKEN.match(self.text, self.at)
        assert found or not self.text[self.at :].strip(), f"not understood: {self.text[self.at :]!r}"
        return found

    def sees(self, *signs: str) -> bool:
        """Whether it is one of these."""
        found = self.peek()
        return found is not None and found["all"] in signs

    def take(self, *expected: str) -> re.Match[str]:
        """The next one, which has to be one of these, if any are given."""
        found = self.peek()
        assert found, f"more is missing: {self.text}"
        assert not expected or found["all"] in expected, f"{expected} expected at {self.text[self.at :]!r}"
        self.at = found.end()
        return found


def read(query: str) -> Query:
    """The query. AssertionError for anything else."""
    reader = _Reader(query)
    reader.take("{")
    where = Either(True, ()) if reader.sees("}") else _either(reader)
    reader.take("}")
    selected: list[str] = []
    if reader.sees("|"):
        reader.take("|")
        reader.take("select")
        reader.take("(")
        selected.append(reader.take()["word"])
        while reader.sees(","):
            reader.take(",")
            selected.append(reader.take()["word"])
        reader.take(")")
    assert reader.peek() is None, f"not understood: {query[reader.at :]!r}"
    return Query(where, tuple(selected))


def parse(query: str) -> tuple[Condition, ...]:
    """All conditions of a query, in their order."""
    return tuple(_flat(read(query).where))


def _flat(of: Either) -> list[Condition]:
    return [each for part in of.parts for each in (_flat(part) if isinstance(part, Either) else [part])]


def _either(reader: _Reader) -> Either:
    return _joined(reader, "||", lambda: _joined(reader, "&&", lambda: _one(reader)))


def _joined(reader: _Reader, sign: str, part: Callable[[], Condition | Either]) -> Either:
    parts = [part()]
    while reader.sees(sign):
        reader.take(sign)
        parts.append(part())
    return Either(sign == "&&", tuple(parts))


def _one(reader: _Reader) -> Condition | Either:
    if reader.sees("("):
        reader.take("(")
        inner = _either(reader)
        reader.take(")")
        return inner
    name = reader.take()
    assert name["word"], f"no field: {name['all']}"
    return Condition(name["word"], reader.take(*_COMPARED)["all"], _value(reader.take()))


def _value(token: re.Match[str]) -> str | float | bool | None:
    if token["string"]:
        return str(json.loads(token["string"])) if token["string"][0] == '"' else token["string"][1:-1]
    if token["number"]:
        number, unit = re.fullmatch(r"([\d.]+)(\D*)", token["number"]).groups()  # type: ignore[union-attr]  # it has matched
        return float(number) * _UNITS_US.get(unit, 1)
    assert token["word"], f"no value: {token['all']}"
    known = {"nil": None, "true": True, "false": False}
    return known.get(token["word"], token["word"])


def matching(query: str, spans: Sequence[Span]) -> list[Span]:
    """The spans that a query finds."""
    where = read(query).where
    return [span for span in spans if _holds(where, span)]


def _holds(what: Condition | Either, span: Span) -> bool:
    if isinstance(what, Either):
        return (all if what.all_ else any)(_holds(part, span) for part in what.parts)
    actual = _actual(what.field, span)
    if what.value is None:
        return (actual is None) == (what.operator == "=")
    return actual is not None and _COMPARED[what.operator](actual, what.value)


def _actual(field: str, span: Span) -> Any:
    status = {"ERROR": "error", "OK": "ok"}.get(str(span.tags.get("otel.status_code")), "unset")
    intrinsic = {"name": span.name, "duration": span.duration_us, "status": status, "rootServiceName": span.service}
    plain = field.removeprefix("span:")
    if plain in intrinsic:
        return intrinsic[plain]
    scope, _, attribute = field.partition(".")
    resource = {**span.resource, "service.name": span.service}  # Jaeger keeps that one apart
    return {"span": span.tags, "resource": resource}[scope].get(attribute)
