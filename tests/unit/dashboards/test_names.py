"""Every metric and label that a dashboard asks for, groups by or shows is one that somebody emits. A name that nobody
has is no error for Prometheus: the panel is empty, and looks like good news.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.dashboards import SHIPPED, Json, Query, changed, offenders, panel, promql, sample, variable_selectors
from tests.support.emitted import DETERMINED, PROCESS, rules, series
from tests.support.labels import read
from tests.support.promql import fault, selectors

SERIES = series()
CHOOSING = {"job": "job", "instance": "instance", "channel": "channel_name"}
"""Labels by the variables that hold values of them."""
FILLED = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def _labels(query: Query) -> frozenset[str]:
    return read(query.text, SERIES, DETERMINED)[0]


def wrong_names(board: Json) -> list[str]:
    """Metrics, labels in matchers, in by, on and group_left; and joins that find no partner, or several."""
    found = []
    for query in (*promql(board), *variable_selectors(board)):
        found += [f"{query.where}: {words}" for words in read(query.text, SERIES, DETERMINED)[1]]
    return found


def wrong_legends(board: Json) -> list[str]:
    """Labels that legends and annotations show are labels of what is asked."""
    found = []
    for query in promql(board):
        keys = ("legendFormat", "titleFormat", "textFormat")
        shown = {name for key in keys for name in FILLED.findall(query.target.get(key, ""))}
        shown |= set(filter(None, query.target.get("tagKeys", "").split(",")))
        more = shown - _labels(query) - {"__name__"}
        found += [f"{query.where}: no {label} in {sorted(_labels(query))}" for label in sorted(more)]
    return found


def missing_legends(board: Json) -> list[str]:
    """Lines that would all be called alike: several series, and a legend that tells none of their labels."""
    found = []
    for query in promql(board):
        text = query.target.get("legendFormat")
        if text is not None and query.target.get("format") != "table":
            apart = _labels(query) - PROCESS | _labels(query) & {"job", "instance"}
            if apart and not FILLED.search(text):
                found.append(f"{query.where}: {text!r} for all of {sorted(apart)}")
    return found


def wrong_choices(board: Json) -> list[str]:
    """Of variables several values may be chosen: they are compared by patterns, and with the label that they hold."""
    found = []
    for query in (*promql(board), *variable_selectors(board)):
        for asked in selectors(query.text):
            for matcher in asked.node.matchers.matchers:
                for name in re.findall(r"\$\{?(\w+)", matcher.value):
                    operator = asked.operator(matcher.name, matcher.value)
                    if operator not in ("=~", "!~"):
                        found.append(f"{query.where}: {matcher.name}{operator}${name} holds for one value only")
                    if CHOOSING.get(name, matcher.name) != matcher.name:
                        found.append(f"{query.where}: {matcher.name} is not what ${name} holds")
    return found


def wrong_variables(board: Json) -> list[str]:
    """A variable takes the values of a label that the series has."""
    found = []
    for query in variable_selectors(board):
        label = query.target["query"]["query"].removesuffix(")").rpartition(",")[2].strip()
        found += [] if label in _labels(query) else [f"{query.where}: no {label} there"]
    return found


OF = 'job=~"$job", instance=~"$instance"'
LAG, CAPACITY = f"channel_lag{{{OF}}}", f"channel_capacity{{{OF}}}"
BY_NAME = "by (job, instance, channel_name)"


def expr(text: str, **more: str) -> Callable[[Json], object]:
    """The first query of the sample's lines is another."""
    return lambda board: panel(board, "timeseries")["targets"][0].update(expr=text, **more)


def note(**wrong: str) -> Callable[[Json], object]:
    return lambda board: board["annotations"]["list"][1].update(wrong)


def variable(query: str) -> Callable[[Json], object]:
    return lambda board: board["templating"]["list"][2]["query"].update(query=query)


BROKEN: list[tuple[Callable[[Json], list[str]], Callable[[Json], object], str]] = [
    (wrong_names, expr("channel_lags"), "nobody has channel_lags"),
    (wrong_names, expr("rate(channel_process[5m])"), "nobody has channel_process"),
    (wrong_names, expr('channel_lag{chanel_name="x"}'), "channel_lag has no chanel_name"),
    (wrong_names, expr("sum by (channel_operation) (channel_lag)"), "what sum by takes has no channel_operation"),
    (wrong_names, expr("sum by (job) (sum by (instance) (channel_lag))"), "has no job"),
    (wrong_names, expr("sum without (le) (channel_lag)"), "what sum without takes has no le"),
    (wrong_names, expr("histogram_quantile(0.9, sum by (job) (channel_lag))"), "takes has no le"),
    (wrong_names, expr("topk by (finding_id) (3, channel_lag)"), "what topk by takes has no finding_id"),
    (
        wrong_names,
        expr('label_replace(channel_lag, "a", "$1", "function", "(.*)")'),
        "label_replace takes has no function",
    ),
    (wrong_names, expr('label_join(channel_lag, "a", "/", "job", "function")'), "label_join takes has no function"),
    (wrong_names, expr(f"{LAG} / on (job, channel) {CAPACITY}"), "on: the left side of / has no channel"),
    (
        wrong_names,
        expr(f"{LAG} / on (job, instance, channel_name) {CAPACITY}"),
        "several partners: they differ in channel_element_type",
    ),
    (
        wrong_names,
        expr(f"sum {BY_NAME} ({LAG}) / {CAPACITY}"),
        "/ never finds a partner: only one side has channel_element_type",
    ),
    (wrong_names, expr(f"{LAG} unless goroutine_blocked"), "unless never finds a partner"),
    (
        wrong_names,
        expr("sum by (job) (channel_lag) * on (job) group_left (function) channel_capacity"),
        "group of *: the one side has no function",
    ),
    (
        wrong_names,
        expr(f"{LAG} * on (job, instance) group_left () max by (instance, job, channel_name) ({LAG})"),
        "several partners: they differ in channel_name",
    ),
    (
        wrong_names,
        expr(f"{LAG} * on (instance) group_left (process_pid) target_info"),
        "differ in telemetry_distro_version",
    ),
    (
        wrong_names,
        expr(f'{LAG} * on (job) group_left () channel_slo_state{{channel_operation="send"}}'),
        "differ in channel_name, channel_name_source, instance",
    ),
    (wrong_names, note(expr="ALERTS{alertnam='x'}"), "ALERTS has no alertnam"),
    (wrong_names, variable("label_values(go_goroutines, job)"), "nobody has go_goroutines"),
    (
        wrong_legends,
        expr(f"max {BY_NAME} ({LAG})", legendFormat="{{channel}}"),
        "no channel in ['channel_name', 'instance', 'job']",
    ),
    (wrong_legends, note(textFormat="{{severety}}"), "no severety"),
    (wrong_legends, note(tagKeys="alertname,sverity"), "no sverity"),
    (missing_legends, expr(f"max {BY_NAME} ({LAG})", legendFormat="lag"), "'lag' for all of ['channel_name', "),
    (wrong_choices, expr('channel_lag{job="$job"}'), "job=$job holds for one value only"),
    (wrong_choices, expr('channel_lag{job!="${job}"}'), "job!=$job holds for one value only"),
    (wrong_choices, expr('channel_lag{job=~"$channel"}'), "job is not what $channel holds"),
    (wrong_variables, variable("label_values(channel_lag, channel)"), "no channel there"),
]
RIGHT = (
    f"{LAG} / on (job, instance, channel_name) group_left () max {BY_NAME} ({CAPACITY}) > 0",
    f"max {BY_NAME} ({LAG}) / max {BY_NAME} ({CAPACITY} > 0)",
    f"{LAG} / ({CAPACITY} > 0)",
    f"{LAG} * on (instance) group_left (process_pid) group by (instance, process_pid) (target_info)",
    'channel_slo_p999_seconds{slo_window="short"} / ignoring (slo_window) channel_slo_objective_seconds',
    f'max {BY_NAME} ({LAG}) * on (job) group_left (a) (label_replace(group by (job) ({LAG}), "a", "b", "", "") '
    f'or on (job) label_replace(group by (job) ({CAPACITY}), "a", "c", "", ""))',
    f'sum by (id) (label_join({LAG}, "id", "/", "job", "channel_name"))',
    f"1 - sum({LAG}) / 7 + time()",
    f"topk(5, max {BY_NAME} ({LAG})) and on (job) goroutine_blocked",
    "histogram_quantile(0.99, sum by (le, channel_name) (rate(channel_block_duration_seconds_bucket[5m])))",
    "histogram_count(rate(channel_block_duration_seconds_count[5m]))",
    "vector(0) or on () absent(up_of_nobody) or channel_lag",
)
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.mark.parametrize(("rule", "change", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_name_that_nobody_has_is_found(
    rule: Callable[[Json], list[str]], change: Callable[[Json], object], words: str
) -> None:
    """Also a join that finds nothing, or too much."""
    assert words in " ".join(rule(changed(change)))


@pytest.mark.parametrize("text", RIGHT[:-1])
def test_joins_that_find_one_partner_are_left_alone(text: str) -> None:
    """Labels of which an instance has one value each do not tell its series apart."""
    assert "" == fault(text)
    assert [] == read(text, SERIES, DETERMINED)[1]


@pytest.mark.parametrize("rule", RULES)
def test_every_dashboard_asks_for_what_there_is(rule: Callable[[Json], list[str]]) -> None:
    """So does the sample that is broken above."""
    assert [] == rule(sample())
    assert {} == offenders(rule)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_metric_that_is_renamed_is_missed_wherever_it_is_used(name: str) -> None:
    """No part of an expression is passed over."""
    for query in promql(SHIPPED[name]):
        for asked in {selector.metric for selector in selectors(query.text)}:
            known = {metric: labels for metric, labels in SERIES.items() if metric != asked}
            assert f"nobody has {asked}" in read(query.text, known, DETERMINED)[1], query.where


def test_every_rule_asks_for_what_there_is() -> None:
    """Alerts and recorded series, by the same reader."""
    assert len(rules()) > 40
    assert {} == {
        rule.expr: read(rule.expr, SERIES, DETERMINED)[1] for rule in rules() if read(rule.expr, SERIES, DETERMINED)[1]
    }
