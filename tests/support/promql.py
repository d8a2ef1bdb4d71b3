"""Which metrics and labels a PromQL expression names. No parser: enough to find a name that nobody emits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_REGEX_NAME = re.compile(r'\{__name__=~"([^"]*)\(_total\)\?"')
_NAME = re.compile(r"\b[a-z_][a-z0-9_:]*\b", re.IGNORECASE)
_LISTS = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
_MATCHER = re.compile(r"([a-z_]\w*)\s*(?:=~|!~|!=|=)", re.IGNORECASE)
_WORDS = {
    *("sum", "max", "min", "group", "topk", "rate", "increase", "max_over_time", "last_over_time", "absent_over_time"),
    *("histogram_quantile", "label_replace", "unless", "and", "or", "offset", "by", "on", "bool", "inf", "nan", "time"),
}


class Selector(NamedTuple):
    """metric: name of a series. labels: those that it is asked for."""

    metric: str
    labels: frozenset[str]


def selectors(expression: str) -> Iterator[Selector]:
    """Every selector of an expression."""
    text = _REGEX_NAME.sub(lambda found: f"{found[1].split('(')[0]}{{", expression)
    text = _LISTS.sub("", _STRING.sub('""', text))
    text = re.sub(r"\[[^\]]*\]|\boffset\s+\w+|\b[0-9.]+(?:ms|[smhd])\b", "", text)
    inside = re.compile(r"\{([^}]*)\}")
    while found := _NAME.search(text):
        rest = text[found.end() :]
        matchers = inside.match(rest)
        if found[0].lower() not in _WORDS:
            yield Selector(found[0], frozenset(_MATCHER.findall(matchers[1] if matchers else "")))
        text = rest[matchers.end() :] if matchers else rest


def grouped(expression: str) -> set[str]:
    """The labels of every by, on and so on."""
    found = {label.strip() for list_ in _LISTS.findall(_STRING.sub('""', expression)) for label in list_.split(",")}
    return {label for label in found if label}
