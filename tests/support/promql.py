"""What a PromQL expression asks for, from its syntax tree, as promql-parser (of Prometheus 2.45) makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import promql_parser as tree

RATE_INTERVAL, INTERVAL, RANGE = timedelta(seconds=299), timedelta(seconds=17), timedelta(seconds=3599)
"""What stands for Grafana's variables in a tree; nothing else is that long."""
_FILLED = {"rate_interval": RATE_INTERVAL, "interval": INTERVAL, "range": RANGE}
_INTERVALS = re.compile(r"\$(\{)?__(rate_interval|interval|range)(_ms|_s)?(?(1)\})(?!\w)")
_EITHER_NAME = re.compile(r"(\w+?)(?:\(_(?:total|seconds)\)\?)+")  # how one names a counter of the Collector
_OPERATORS = (
    ("=", tree.MatchOp.Equal),
    ("!=", tree.MatchOp.NotEqual),
    ("=~", tree.MatchOp.Re),
    ("!~", tree.MatchOp.NotRe),
)


class Selector(NamedTuple):
    """metric: name of a series. labels: those that it is asked for. node: itself."""

    metric: str
    labels: frozenset[str]
    node: tree.VectorSelector

    def operator(self, label: str, value: str) -> str:
        """How a label is compared with a value: "=~"; "" when it is not."""
        for matcher in self.node.matchers.matchers:
            if (matcher.name, matcher.value) == (label, value):
                return next(word for word, op in _OPERATORS if op == matcher.op)
        return ""


def parsed(expression: str) -> tree.Expr:
    """Its tree, once Grafana has put in its intervals. ValueError: no PromQL, in words of the parser."""
    return tree.parse(_INTERVALS.sub(_filled, expression))


def _filled(found: re.Match[str]) -> str:
    seconds = round(_FILLED[found[2]].total_seconds())
    return {None: f"{seconds}s", "_s": f"{seconds}", "_ms": f"{seconds * 1000}"}[found[3]]


def fault(expression: str) -> str:
    """Why an expression is no PromQL; "" for one that is."""
    try:
        parsed(expression)
    except ValueError as error:
        return str(error)
    return ""


def children(node: tree.Expr) -> list[tree.Expr]:
    """What a node is made of, literals too."""
    if isinstance(node, tree.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, tree.Call):
        return list(node.args)
    if isinstance(node, tree.MatrixSelector):
        return [node.vector_selector]
    inner = getattr(node, "expr", None)
    return [] if inner is None else [inner]


def nodes(node: tree.Expr, parents: tuple[tree.Expr, ...] = ()) -> Iterator[tuple[tree.Expr, tuple[tree.Expr, ...]]]:
    """The whole tree, each with what it is in, outermost first."""
    yield node, parents
    for child in children(node):
        yield from nodes(child, (*parents, node))


def selector(node: tree.VectorSelector) -> Selector:
    """Its name, also when that is a matcher such as `{__name__=~"x(_total)?"}`."""
    matchers = node.matchers.matchers + [m for group in node.matchers.or_matchers for m in group]
    by_name = [m.value for m in matchers if m.name == "__name__"]
    name = node.name or (by_name[0] if by_name else "")
    either = _EITHER_NAME.fullmatch(name)
    return Selector(either[1] if either else name, frozenset(m.name for m in matchers) - {"__name__"}, node)


def selectors(expression: str) -> Iterator[Selector]:
    """Every selector of an expression."""
    for node, _ in nodes(parsed(expression)):
        if isinstance(node, tree.VectorSelector):
            yield selector(node)


def grouped(expression: str) -> set[str]:
    """The labels of every by, on and so on."""
    found: set[str] = set()
    for node, _ in nodes(parsed(expression)):
        if isinstance(node, tree.AggregateExpr) and node.modifier:
            found |= set(node.modifier.labels)
        if isinstance(node, tree.BinaryExpr) and node.modifier:
            matching = node.modifier.matching
            found |= set(matching.labels if matching else ()) | set(node.modifier.group_labels or ())
    return found
