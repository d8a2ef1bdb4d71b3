"""What several dashboards are built from: links that survive any name, and PromQL that several panels share."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, quote, urlsplit

import promql_parser

from dashboards.generator.boards.overview_tables import ranked
from dashboards.generator.grafana.board import explore_url, of_row, panel_url
from dashboards.generator.grafana.queries import channel_or_all, grown

NAME = "main.(*T).run a&b=c#d+e.go:7"


def clicked(url: str, **row: str) -> dict[str, list[str]]:
    """The query that a browser gets from a link, filled in as Grafana does it."""
    url = re.sub(r"\$\{__data\.fields\.(\w+):percentencode\}", lambda found: quote(row[found[1]], safe=""), url)
    for name, value in (("__url_time_range", "from=1&to=2"), ("__from", "1"), ("__to", "2"), ("tempo", "t")):
        url = url.replace(f"${{{name}}}", value)
    return parse_qs(urlsplit(re.sub(r"\$\{(\w+):queryparam\}", r"var-\1=x", url)).query, strict_parsing=True)


def test_a_link_from_a_row_carries_any_channel_name_whole() -> None:
    """Names have characters that mean something in a URL; the time range, the data sources and the choice of instances
    go along."""
    link = panel_url("otelchan-channels", of_row(job="job", channel="channel"))
    kept = {"from": "1", "to": "2", "var-datasource": "x", "var-tempo": "x", "var-instance": "x"}
    expected = {**kept, "var-job": "shop", "var-channel": NAME}
    assert {name: [value] for name, value in expected.items()} == clicked(link, job="shop", channel=NAME)


def test_a_link_from_a_row_of_one_instance_leads_to_that_one() -> None:
    """Whatever is chosen."""
    link = panel_url("otelchan-channels", of_row(job="job", instance="instance"))
    assert ["i-1"] == clicked(link, job="shop", instance="i-1")["var-instance"]


def test_a_link_to_traces_is_a_query_of_the_row_in_the_same_time_range() -> None:
    """Explore reads one pane as JSON: its data source, its query, its range."""
    link = explore_url('{ span.channel.name = "${__data.fields.channel_name:percentencode}" }')
    (text,) = clicked(link, channel_name=NAME)["panes"]
    (pane,) = json.loads(text).values()
    assert {"from": "1", "to": "2"} == pane["range"]
    assert [("t", f'{{ span.channel.name = "{NAME}" }}')] == [
        (q["datasource"]["uid"], q["query"]) for q in pane["queries"]
    ]


def test_shared_queries_are_promql() -> None:
    """Each is what it says when it is put around a selector."""
    for text in (
        grown('x_total{a="b"}').replace("$__rate_interval", "1m"),
        channel_or_all("sum by (channel_name) (channel_lag)"),
        ranked("job", "a", "b", "c", otherwise="d"),
    ):
        promql_parser.parse(text)
    assert "max by (job) (\n  3 * (a > bool 0)\n  or 2 * (b > bool 0)\n  or 1 * (c > bool 0)\n)" == ranked(
        "job", "a", "b", "c"
    )
