"""Which labels the series of a PromQL expression can have, and what is wrong in how it names them.

The rules are Prometheus's (promql/engine.go 3.x: aggregation, VectorBinop, resultMetric). A label that an expression
groups by, joins on or shows although no series has it does not fail: it is silently empty, or the join finds nothing.
A join that finds several partners fails, but only where there are several.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import promql_parser as tree

from tests.support.promql import parsed, selector

_SETS = ("and", "or", "unless")
_NO_LABELS = ("vector", "time", "scalar", "absent", "absent_over_time", "pi")
_ONE_TO_ONE, _ONE_TO_MANY = tree.VectorMatchCardinality.OneToOne, tree.VectorMatchCardinality.OneToMany
_NONE: frozenset[str] = frozenset()


class Shape(NamedTuple):
    """labels: all that a result can have. key: those that tell its series apart."""

    labels: frozenset[str] = _NONE
    key: frozenset[str] = _NONE


class Reading:
    """One pass over an expression. found: what is wrong, in words.

    known: labels by name of series. determined: labels of which an instance has one value each.
    """

    def __init__(self, known: Mapping[str, AbstractSet[str]], determined: AbstractSet[str] = _NONE) -> None:
        self.known, self.determined = known, determined
        self.found: list[str] = []

    def shape(self, node: tree.Expr) -> Shape:
        """Of a result."""
        if isinstance(node, tree.VectorSelector):
            return self._selected(node)
        if isinstance(node, tree.AggregateExpr):
            return self._aggregated(node)
        if isinstance(node, tree.Call):
            return self._called(node)
        if isinstance(node, tree.BinaryExpr):
            return self._joined(node)
        if isinstance(node, tree.MatrixSelector):
            return self._selected(node.vector_selector)
        inner = getattr(node, "expr", None)
        return Shape() if inner is None else self.shape(inner)

    def _apart(self, labels: AbstractSet[str]) -> frozenset[str]:
        """What of labels tells series apart: an instance says all that it determines."""
        return frozenset(labels - (self.determined - {"instance"}) if "instance" in labels else labels)

    def _selected(self, node: tree.VectorSelector) -> Shape:
        asked = selector(node)
        if asked.metric not in self.known:
            self.found.append(f"nobody has {asked.metric}")
            return Shape()
        labels = frozenset(self.known[asked.metric])
        self._missing(asked.labels, labels, f"{asked.metric} has no")
        pinned = {m.name for m in node.matchers.matchers if m.op == tree.MatchOp.Equal}
        return Shape(labels, self._apart(labels - pinned))

    def _aggregated(self, node: tree.AggregateExpr) -> Shape:
        inner, modifier, operation = self.shape(node.expr), node.modifier, str(node.op)
        by = frozenset(modifier.labels) if modifier else _NONE
        without = modifier is not None and modifier.type == tree.AggModifierType.Without
        self._missing(by, inner.labels, f"what {operation} {'without' if without else 'by'} takes has no")
        if operation in ("topk", "bottomk", "limitk"):
            return inner
        kept = inner.labels - by if without else inner.labels & by
        key = inner.key if inner.key <= kept else self._apart(kept)
        named = {node.param.val} if isinstance(node.param, tree.StringLiteral) else set()  # of count_values
        return Shape(kept | named, key | named)

    def _called(self, node: tree.Call) -> Shape:
        name = node.func.name
        texts = [arg.val for arg in node.args if isinstance(arg, tree.StringLiteral)]
        vectors = [shape for shape in map(self.shape, node.args) if shape.labels]
        inner = vectors[0] if vectors else Shape()
        if name in ("label_replace", "label_join"):
            sources = frozenset(texts[2:3] if name == "label_replace" else texts[2:]) - {""}
            self._missing(sources, inner.labels, f"what {name} takes has no")
            return Shape(inner.labels | {texts[0]}, inner.key)
        if name in ("histogram_quantile", "histogram_fraction"):
            self._missing({"le"}, inner.labels, f"what {name} takes has no")
            return Shape(inner.labels - {"le"}, inner.key - {"le"})
        return Shape() if name in _NO_LABELS else inner

    def _joined(self, node: tree.BinaryExpr) -> Shape:
        left, right = self.shape(node.lhs), self.shape(node.rhs)
        if _is_number(node.lhs) or _is_number(node.rhs):
            return right if _is_number(node.lhs) else left
        operation, modifier = str(node.op), node.modifier
        matching = modifier.matching if modifier else None
        named = frozenset(matching.labels) if matching else _NONE
        including = matching is not None and matching.type == tree.LabelModifierType.Include
        if including:
            self._missing(named, left.labels, f"on: the left side of {operation} has no")
            self._missing(named, right.labels, f"on: the right side of {operation} has no")
        on = named if including else (left.labels | right.labels) - named
        if operation == "or":
            both = left.labels | right.labels
            return Shape(both, left.key | right.key if left.key | right.key <= on and including else self._apart(both))
        if not including and left.labels - named != right.labels - named:
            differ = ", ".join(sorted((left.labels - named) ^ (right.labels - named)))
            self.found.append(f"{operation} never finds a partner: only one side has {differ}")
        return left if operation in _SETS else self._matched(node, left, right, on)

    def _matched(self, node: tree.BinaryExpr, left: Shape, right: Shape, on: frozenset[str]) -> Shape:
        card = node.modifier.card if node.modifier else _ONE_TO_ONE
        many, one = (right, left) if card == _ONE_TO_MANY else (left, right)
        for side in (many, one) if card == _ONE_TO_ONE else (one,):
            more = side.key - on - (self.determined if "instance" in on else _NONE)
            if more:
                self.found.append(f"{node.op} may find several partners: they differ in {', '.join(sorted(more))}")
        if card == _ONE_TO_ONE:
            return Shape(left.labels & on, left.key & on)
        taken = frozenset((node.modifier.group_labels if node.modifier else None) or ())
        self._missing(taken, one.labels, f"group of {node.op}: the one side has no")
        return Shape(many.labels | taken, many.key)

    def _missing(self, asked: AbstractSet[str], there: AbstractSet[str], words: str) -> None:
        if asked - there:
            self.found.append(f"{words} {', '.join(sorted(asked - there))}")


def _is_number(node: tree.Expr) -> bool:
    if isinstance(node, tree.ParenExpr | tree.UnaryExpr):
        return _is_number(node.expr)
    if isinstance(node, tree.BinaryExpr):
        return _is_number(node.lhs) and _is_number(node.rhs)
    numbers = ("time", "scalar", "pi")
    return isinstance(node, tree.NumberLiteral) or (isinstance(node, tree.Call) and node.func.name in numbers)


def read(
    expression: str, known: Mapping[str, AbstractSet[str]], determined: AbstractSet[str] = _NONE
) -> tuple[frozenset[str], list[str]]:
    """Labels that an expression's series can have, and what is wrong."""
    reading = Reading(known, determined)
    return reading.shape(parsed(expression)).labels, reading.found
