"""What Grafana puts in place of variables before it sends a query, and which steps it takes. No Grafana is run.

Facts: grafana/grafana main of 2025 and 2026, packages/grafana-prometheus/src/{datasource,escaping}.ts (variables),
pkg/promlib/models/query.go (intervals), packages/grafana-data/src/datetime/rangeutil.ts (rounding),
public/app/plugins/datasource/tempo/datasource.ts (`pipe` format).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]
PIXELS = 1900
"""Width of a browser's window: a panel of w of 24 columns has as many points at most as it has pixels."""
_ROUNDED_MS = (
    *((10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000)),
    *((7500, 5000), (12500, 10000), (17500, 15000), (25000, 20000), (45000, 30000), (90000, 60000)),
    *((210000, 120000), (450000, 300000), (750000, 600000), (1050000, 900000), (1500000, 1200000)),
)
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SAFE_POINTS = 11_000
_VARIABLE = re.compile(r"\$\{(\w+)(?:\.[^:}]+)?(?::(\w+))?\}|\$([a-zA-Z_]\w*)|\[\[(\w+)\]\]")  # $1 stays $1
_OF_A_ROW = re.compile(r"\$\{__(?:data|field|value|series|cell_)")


class Range(NamedTuple):
    """What the time picker says, Unix seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


class Chosen(NamedTuple):
    """What is chosen of a variable: values, or everything by the variable's `allValue`."""

    values: tuple[str, ...] = ()
    all_value: str = ".+"
    multi: bool = True


class Steps(NamedTuple):
    """Milliseconds: between two points, and what $__rate_interval is."""

    step_ms: int
    rate_ms: int


def milliseconds(duration: str) -> int:
    """Of "15s", "1500ms", "1m"."""
    found = re.fullmatch(r"([0-9.]+)(ms|s|m|h|d)", duration.removeprefix(">"))
    assert found, f"no duration: {duration!r}"
    return round(float(found[1]) * _UNITS_MS[found[2]])


def rounded(interval_ms: float) -> int:
    """To what people like: rangeUtil.roundInterval."""
    return next((to for below, to in _ROUNDED_MS if interval_ms < below), 1_800_000)


def steps(panel: Json, target: Json, asked: Range, time_interval: str) -> Steps:
    """For one query. time_interval: of the data source ("Scrape interval"), of which Grafana takes four for a rate."""
    points = panel.get("maxDataPoints") or max(round(PIXELS * panel["gridPos"]["w"] / 24), 1)
    by_width = rounded(asked.seconds * 1000 / points)
    shown = max(by_width, milliseconds(panel.get("interval") or time_interval))
    least = target.get("interval") or ""
    step = max(by_width, milliseconds(least) if least else shown, rounded(asked.seconds * 1000 / _SAFE_POINTS))
    scrape = milliseconds(least or time_interval)
    return Steps(step, max(shown + scrape, 4 * scrape))


def built_in(asked: Range, of: Steps) -> dict[str, str]:
    """The variables that every query has."""
    seconds = round(asked.seconds)
    return {
        "__interval": f"{of.step_ms}ms",
        "__interval_ms": str(of.step_ms),
        "__range": f"{seconds}s",
        "__range_s": str(seconds),
        "__range_ms": str(round(asked.seconds * 1000)),
        "__rate_interval": f"{of.rate_ms}ms",
        "__rate_interval_ms": str(of.rate_ms),
        "__from": str(round(asked.start * 1000)),
        "__to": str(round(asked.end * 1000)),
    }


def promql(text: str, chosen: Mapping[str, Chosen], more: Mapping[str, str]) -> str:
    """A query of the data source for Prometheus, as it is sent. AssertionError: a variable that nobody defines."""
    return _replaced(text, chosen, more, _for_prometheus)


def traceql(text: str, chosen: Mapping[str, Chosen], more: Mapping[str, str]) -> str:
    """The same of the data source for Tempo: values are not escaped, unless the text asks for it, `${name:regex}`."""
    return _replaced(text, chosen, more, lambda one: "|".join(one.values))


def _replaced(
    text: str, chosen: Mapping[str, Chosen], more: Mapping[str, str], default: Callable[[Chosen], str]
) -> str:
    assert not _OF_A_ROW.search(text), f"a query has no row or field: {text}"

    def value(found: re.Match[str]) -> str:
        name, form = found[1] or found[3] or found[4], found[2]
        if name in more:
            return more[name]
        assert name in chosen, f"nobody defines ${name}: {text}"
        one = chosen[name]
        if not one.values:
            return one.all_value
        return {None: default, "regex": _regex, "pipe": lambda o: "|".join(o.values), "raw": _raw}[form](one)

    return _VARIABLE.sub(value, text)


def _raw(one: Chosen) -> str:
    return one.values[0] if len(one.values) == 1 else ",".join(one.values)


def _regex(one: Chosen) -> str:
    return _or([re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", value) for value in one.values])


def _for_prometheus(one: Chosen) -> str:
    """Inside double quotes: a backslash before what means something in a pattern is two in the string."""
    if not one.multi:
        return one.values[0].replace("\\", "\\\\").replace('"', '\\"')
    escaped = (value.replace("\\", "\\\\\\\\").replace('"', '\\"') for value in one.values)
    return _or([re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value) for value in escaped])


def _or(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


def everything(dashboard: Json) -> dict[str, Chosen]:
    """All variables of a dashboard as they are when it is opened: All, or the first of what is there."""
    return {variable["name"]: _when_opened(variable) for variable in dashboard["templating"]["list"]}


def _when_opened(variable: Json) -> Chosen:
    if variable.get("includeAll"):
        return Chosen((), variable["allValue"], variable["multi"])
    if variable["type"] == "datasource":
        return Chosen((f"the-{variable['query']}",), "", False)
    current = variable.get("current", {}).get("value", "")
    return Chosen(tuple(current) if isinstance(current, list) else (current,), "", variable.get("multi", False))


def label_values(query: str) -> tuple[str, str]:
    """Selector and label of `label_values(selector, label)`; selector "": of all series."""
    found = re.fullmatch(r"label_values\((?:(.+),\s*)?([a-zA-Z_][a-zA-Z0-9_]*)\)\s*", query)
    assert found, f"no label_values: {query}"
    return found[1] or "", found[2]


def aligned(moment: float, step_ms: int) -> float:
    """Unix seconds rounded down to a multiple of the step, as the ends of a range query are."""
    return math.floor(moment * 1000 / step_ms) * step_ms / 1000
