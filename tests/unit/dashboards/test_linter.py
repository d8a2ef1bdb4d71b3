"""The rules of Grafana's dashboard-linter: each finds what is broken here, and nothing in what is shipped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import linting
from tests.support.dashboards import SHIPPED, Json, changed, column, offenders, panel, sample

Rule = Callable[[Json], list[str]]


def expr(text: str, **more: object) -> Callable[[Json], object]:
    """The first query of the sample's lines is another."""
    return lambda board: panel(board, "timeseries")["targets"][0].update(expr=text, **more)


def variable(name: str, **wrong: object) -> Callable[[Json], object]:
    return lambda board: next(v for v in board["templating"]["list"] if v["name"] == name).update(wrong)


def without(name: str) -> Callable[[Json], object]:
    def change(board: Json) -> None:
        board["templating"]["list"] = [v for v in board["templating"]["list"] if v["name"] != name]

    return change


def asked(query: str) -> dict[str, object]:
    return {"definition": query, "query": {"qryType": 1, "query": query, "refId": "x"}}


OF = 'job=~"$job", instance=~"$instance"'
BROKEN: list[tuple[Rule, Callable[[Json], object], str]] = [
    (linting.template_datasource, without("datasource"), "data sources are {'tempo': 'tempo'}"),
    (linting.template_datasource, variable("datasource", query="loki"), "'datasource': 'loki'"),
    (linting.template_job, without("job"), "no variable job"),
    (linting.template_job, variable("job", multi=False), "job: multi is False"),
    (linting.template_job, variable("job", allValue=".*"), "job: allValue is '.*'"),
    (linting.template_job, variable("job", datasource={"uid": "main"}), "job: asks main"),
    (linting.template_instance, without("instance"), "no variable instance"),
    (linting.template_instance, variable("instance", type="textbox"), "instance: type is 'textbox'"),
    (linting.template_label_promql, variable("job", **asked("label_value(up, job)")), "no label_values"),
    (linting.template_label_promql, variable("job", **asked("label_values(up{, job)")), "variable job: "),
    (linting.template_label_promql, variable("job", definition="label_values(up, job)"), "shown as"),
    (linting.template_on_time_change_reload, variable("job", refresh=1), "variable job: refresh is 1"),
    (linting.uneditable, lambda board: board.update(editable=True), "editable"),
    (linting.panel_datasource, lambda b: panel(b, "stat").update(datasource={"uid": "x"}), "asks {'uid': 'x'}"),
    (linting.panel_datasource, lambda b: panel(b, "table").pop("datasource"), 'panel "Table": asks None'),
    (linting.panel_datasource, lambda b: panel(b, "stat")["targets"][0].pop("datasource"), "asks None"),
    (
        linting.panel_datasource,
        lambda b: panel(b, "stat").update(datasource={"type": "tempo", "uid": "${tempo}"}),
        "several",
    ),
    (linting.panel_title_description, lambda b: panel(b, "heatmap").update(title=" "), "no title"),
    (linting.panel_title_description, lambda b: panel(b, "heatmap").update(description=""), "no sentence"),
    (linting.panel_title_description, lambda b: panel(b, "heatmap").update(description="Lag"), "no sentence: 'Lag'"),
    (linting.panel_units, lambda b: panel(b, "stat")["fieldConfig"]["defaults"].pop("unit"), "unit None"),
    (linting.panel_units, lambda b: panel(b, "nodeGraph")["fieldConfig"]["defaults"].update(unit="secs"), "'secs'"),
    (linting.panel_units, lambda b: panel(b, "heatmap")["options"]["yAxis"].update(unit="seconds"), "'seconds'"),
    (linting.panel_units, lambda b: panel(b, "nodeGraph")["options"]["edges"].update(mainStatUnit="x"), "'x'"),
    (
        linting.panel_units,
        lambda b: column(b)["properties"][2].update(value="bytez"),
        "'bytez'",
    ),
    (linting.panel_no_targets, lambda b: panel(b, "stat").update(targets=[]), 'panel "Number": asks nothing'),
    (linting.target_promql, expr("sum(rate(x[5m])"), 'panel "Lines" A: '),
    (linting.target_promql, expr("rate(channel_process_total)"), "expected type matrix"),
    (linting.target_promql, lambda b: b["annotations"]["list"][1].update(expr="ALERTS{"), 'annotation "Alerts": '),
    (linting.target_rate_interval, expr("rate(channel_process_total[5m])"), "rate over 0:05:00"),
    (linting.target_rate_interval, expr("irate(channel_process_total[$__interval])"), "irate over"),
    (linting.target_rate_interval, expr("increase(channel_process_total[1h])"), "increase over 1:00:00"),
    (linting.target_rate_interval, expr("increase(channel_process_total[$__range])"), "increase over"),
    (linting.target_rate_interval, expr("rate(channel_process_total[$__range])", instant=True), "rate over"),
    (linting.target_job, expr("channel_lag"), "channel_lag with job []"),
    (
        linting.target_job,
        expr(f'channel_lag{{{OF}}} / channel_capacity{{instance=~"$instance"}}'),
        "channel_capacity with job []",
    ),
    (linting.target_job, expr('channel_lag{job="$job"}'), "channel_lag with job ['$job']"),
    (linting.target_job, expr('channel_lag{job!~"$job"}'), "channel_lag with job"),
    (linting.target_job, expr('channel_lag{job=~"$job|"}'), "channel_lag with job ['$job|']"),
    (linting.target_job, expr(f"otelchan_target_count{{{OF}}}"), "otelchan_target_count with job ['$job']"),
    (linting.target_instance, expr('channel_lag{job=~"$job", instance=~"$job"}'), "with instance ['$job']"),
    (linting.target_counter, expr(f"channel_process_total{{{OF}}}"), "channel_process_total is a counter"),
    (linting.target_counter, expr("sum(channel_process_total)"), "channel_process_total is a counter"),
    (linting.target_counter, expr("max_over_time(channel_process_total[5m])"), "is a counter"),
    (
        linting.target_counter,
        expr("channel_process_total unless channel_close_total"),
        "channel_process_total is a counter",
    ),
    (linting.target_counter, expr("channel_process_total or increase(channel_close_total[5m])"), "is a counter"),
    (linting.target_counter, expr("channel_block_duration_seconds_count"), "is a counter"),
    (linting.target_counter, expr('{__name__=~"otelcol_exporter_sent_spans(_total)?"}'), "sent_spans is a counter"),
    (linting.target_counter, expr("rate(channel_lag[5m])"), "channel_lag is no counter"),
    (linting.target_counter, expr("increase(go_goroutine_count[5m])"), "go_goroutine_count is no counter"),
    (linting.target_counter, expr("rate(sum(channel_lag)[5m:1m])"), "channel_lag is no counter"),
]
"""A rule, a change to a dashboard without a fault, and what the rule says of it."""
RIGHT = [
    (linting.target_job, expr('ALERTS{job=~"$job|", instance=~"$instance|"}')),
    (linting.target_job, expr("otelchan_target_count")),
    (linting.target_rate_interval, expr("increase(channel_process_total[$__range])", instant=True)),
    (linting.target_rate_interval, expr("topk(3, increase(channel_process_total[$__range] @ end()))")),
    (linting.target_rate_interval, expr("max_over_time(channel_lag[1h])")),
    (linting.target_counter, expr("sum(rate(channel_process_total[$__rate_interval]))")),
    (linting.target_counter, expr("channel_lag unless on (job) channel_process_total")),
    (linting.target_counter, expr("group by (job) (channel_process_total)")),
    (
        linting.target_counter,
        expr("(channel_close_total unless channel_close_total offset 5m) or increase(channel_close_total[5m])"),
    ),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


def test_every_rule_has_its_tests() -> None:
    """A rule that nothing here breaks has not been seen to work."""
    prefixes = ("template_", "panel_", "target_", "uneditable")
    assert {name for name in dir(linting) if name.startswith(prefixes)} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize(("rule", "change", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_rule_finds_what_breaks_it(rule: Rule, change: Callable[[Json], object], words: str) -> None:
    """And says where."""
    assert words in " ".join(rule(changed(change)))


@pytest.mark.parametrize(("rule", "change"), RIGHT)
def test_a_rule_leaves_alone_what_is_right(rule: Rule, change: Callable[[Json], object]) -> None:
    """What looks like a fault and is none."""
    assert [] == rule(changed(change))


@pytest.mark.parametrize("rule", RULES)
def test_every_dashboard_keeps_the_rule(rule: Rule) -> None:
    """So does the sample that is broken above."""
    assert len(SHIPPED) == 8
    assert [] == rule(sample())
    assert {} == offenders(rule)
