"""What the run of all queries takes for Grafana's way: variables, steps, tables, and that missing names are noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboards.generator.grafana import fields, panels, queries
from tests.support import grafana
from tests.support.frames import Frame, lines, table, transformed
from tests.support.grafana import Chosen, Range, Steps
from tests.support.jaeger import Span
from tests.support.panels import Asker
from tests.support.stack import Labels, Prometheus
from tests.support.traceql import matching, read

Json = dict[str, Any]
HOUR = Range(1_700_000_000, 1_700_003_600)
STRANGE = "main.(*T).f[int] a.go:3"


class Answers(Prometheus):
    """A Prometheus that answers every query with the same series, and remembers what it was asked."""

    series: list[tuple[Labels, float]] = [({"job": "shop", "channel_name": "c"}, 3.0)]  # noqa: RUF012  # of a frozen class

    def query(self, promql: str, at: float | None = None) -> list[tuple[Labels, float]]:
        return self.series

    def query_range(
        self, promql: str, start: float, end: float, step: float = 1.0
    ) -> list[tuple[Labels, list[tuple[float, float]]]]:
        return [(labels, [(start, value), (end, value)]) for labels, value in self.series]


def shown(panel: Json) -> list[str]:
    """What is wrong with a panel."""
    asker = Asker(Answers("http://nowhere", 0), [], HOUR, "15s")
    return asker.panel("board", {**panel, "gridPos": {"w": 12}}, {}).wrong


@pytest.mark.parametrize(
    ("chosen", "promql", "traceql"),
    [
        (Chosen(), ".+", ".+"),
        (Chosen(("a", "b.c")), r"(a|b\\.c)", "a|b.c"),
        (Chosen((STRANGE,)), r"main\\.\\(\\*T\\)\\.f\\[int\\] a\\.go:3", STRANGE),
        (Chosen(('say "x"',), multi=False), r"say \"x\"", 'say "x"'),
    ],
    ids=["all", "two", "one with signs", "of a variable with one value"],
)
def test_variables_are_escaped_as_the_data_sources_do(chosen: Chosen, promql: str, traceql: str) -> None:
    """For Prometheus inside double quotes, for Tempo not at all."""
    assert promql == grafana.promql("$v", {"v": chosen}, {})
    assert traceql == grafana.traceql("${v}", {"v": chosen}, {})


def test_a_format_is_obeyed() -> None:
    """`regex` is what makes a name safe in TraceQL, between backticks."""
    assert r"main\.\(\*T\)\.f\[int\] a\.go:3" == grafana.traceql("${v:regex}", {"v": Chosen((STRANGE,))}, {})


def test_groups_of_a_pattern_stay_and_unknown_variables_are_refused() -> None:
    """`$1` is for Prometheus; `$nobody` would be sent as it is and find nothing."""
    assert '"$1"' == grafana.promql('"$1"', {}, {})
    with pytest.raises(AssertionError, match="nobody defines"):
        grafana.promql("$nobody", {}, {})


@pytest.mark.parametrize(
    ("panel", "target", "time_interval", "expected"),
    [
        ({}, {}, "15s", Steps(15_000, 60_000)),
        ({}, {}, "1s", Steps(5_000, 6_000)),
        ({"interval": "1m"}, {}, "15s", Steps(60_000, 75_000)),
        ({}, {"interval": "2m"}, "15s", Steps(120_000, 480_000)),
        ({"maxDataPoints": 60}, {}, "15s", Steps(60_000, 75_000)),
    ],
    ids=["as provisioned", "finer than pixels", "the panel's least", "the query's least", "few points"],
)
def test_steps_and_rate_intervals(panel: Json, target: Json, time_interval: str, expected: Steps) -> None:
    """Of an hour in half the width: a rate spans four samples at least, and one more than a step."""
    assert expected == grafana.steps({"gridPos": {"w": 12}, **panel}, target, HOUR, time_interval)


def test_the_value_of_several_tables_has_their_letter() -> None:
    """Of one it is `Value`."""
    series: list[tuple[Labels, float]] = [({"b": "1", "a": "2"}, 5.0), ({"c": "3"}, 6.0)]
    assert ["Time", "a", "b", "c", "Value"] == table("A", series, 9.0, True).names
    assert "Value #A" == table("A", series, 9.0, False).names[-1]
    assert {"Time": 9.0, "a": "", "b": "", "c": "3", "Value": 6.0} == table("A", series, 9.0, True).rows[1]


def test_merge_joins_what_all_frames_have() -> None:
    """Rows of one process become one; what only one of them has stays empty in the other."""
    left = table("A", [({"job": "x"}, 1.0), ({"job": "y"}, 2.0)], 9.0, False)
    right = table("B", [({"job": "x"}, 3.0)], 9.0, False)
    (merged,) = transformed([left, right, Frame("C", ())], [{"id": "merge"}], [])
    assert [(1.0, 3.0), (2.0, None)] == [(row["Value #A"], row.get("Value #B")) for row in merged.rows]


def test_a_series_becomes_a_row_with_its_sparkline() -> None:
    """And a table that is not kept out of it is told of: with one row it would lose its labels."""
    series = lines("A", "{{job}}", [({"job": "x"}, [(1.0, 2.0)])])
    wrong: list[str] = []
    (found,) = transformed(series, [{"id": "timeSeriesTable"}], wrong)
    assert (["job", "Trend #A"], []) == (found.names, wrong)
    transformed([*series, table("B", [({"job": "x"}, 1.0)], 9.0, True)], [{"id": "timeSeriesTable"}], wrong)
    assert 1 == len(wrong)


def _table(**more: Any) -> Json:
    return panels.table("t", "d", [queries.table("x")], **more)


def _lines(legend: str = "{{job}}", **more: Any) -> Json:
    return panels.timeseries("t", "d", [queries.series("x", legend)], unit="short", **more)


def _graph(nodes: Json, edges: Json) -> Json:
    return panels.node_graph("t", "d", nodes, edges)


WRONG: dict[str, tuple[Callable[[], Json], str]] = {
    "an override": (lambda: _table(overrides=[fields.override("Lag", unit="s")]), "override of 'Lag'"),
    "an override by a pattern": (lambda: _table(overrides=[fields.override_matching("^Lag", unit="s")]), "'/^Lag/'"),
    "a column that is sorted by": (lambda: _table(sort_by="Lag"), "sorted by 'Lag'"),
    "a column that is hidden": (lambda: _table(transformations=[panels.organize(hide=["pod"])]), "hides 'pod'"),
    "a column that is renamed": (
        lambda: _table(transformations=[panels.organize(names={"Value #A": "Lag"})]),
        "renames 'Value #A'",
    ),
    "a legend's label": (lambda: _lines("{{pod}}"), "'pod'"),
    "a label of a link": (lambda: _lines(links=[fields.link("l", "/d/x?${__field.labels.pod}")]), "'pod'"),
    "a field of a link": (lambda: _table(links=[fields.link("l", "/d/x?${__data.fields.pod}")]), "'pod'"),
    "a field of a link, quoted": (lambda: _table(links=[fields.link("l", '/d/x?${__data.fields["a b"]}')]), "'a b'"),
    "the fields of a graph": (lambda: _graph(queries.table("x"), queries.table("y")), "without ['id'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_is_not_there_is_told_of(name: str) -> None:
    """Grafana would say nothing, and show something else."""
    panel, words = WRONG[name]
    (sentence,) = shown(panel())
    assert words in sentence


def test_right_names_are_not_told_of() -> None:
    """The same with names that are there."""
    organized = panels.organize(hide=["Time"], names={"Value": "Lag", "channel_name": "Channel"})
    link = fields.link("l", "/d/x?${__data.fields.channel_name:percentencode}")
    right = _table(
        transformations=[organized], sort_by="Lag", links=[link], overrides=[fields.override("Lag", unit="s")]
    )
    assert [] == shown(right)
    assert [] == shown(_lines(links=[fields.link("l", "/d/x?${__field.labels.job}")]))


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        ([("a", "")], [("e", "a", "b")], "without a node at their end: ['b']"),
        ([("a", ""), ("a", "again")], [("e", "a", "a")], "nodes are there twice: ['a']"),
        ([("a", "")], [("e", "a", "a"), ("e", "a", "a")], "edges are there twice: ['e']"),
    ],
)
def test_a_graph_that_grafana_would_not_draw(
    nodes: list[tuple[str, str]], edges: list[tuple[str, str, str]], words: str
) -> None:
    """It fails on an edge that leads nowhere, and mixes up what has one id."""

    class Graph(Answers):
        def query(self, promql: str, at: float | None = None) -> list[tuple[Labels, float]]:
            if promql == "nodes":
                return [({"id": id_, "title": title}, 1.0) for id_, title in nodes]
            return [({"id": id_, "source": source, "target": target}, 1.0) for id_, source, target in edges]

    panel = _graph(queries.table("nodes"), queries.table("edges"))
    found = Asker(Graph("http://nowhere", 0), [], HOUR, "15s").panel("b", {**panel, "gridPos": {"w": 12}}, {})
    assert [words] == [sentence.replace("edges without", "without") for sentence in found.wrong]


def span(name: str, seconds: float, tags: dict[str, Any]) -> Span:
    """One of the service `shop`."""
    return Span("t", "s", name, 0, round(seconds * 1e6), tags, (), (), "shop", {})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('{ resource.service.name = "shop" }', ["panic", "send"]),
        ('{ resource.service.name =~ "sho" }', []),
        ("{ span.channel.name =~ `main\\.f a\\.go:1` }", ["send"]),
        ("{ span.error.type != nil || duration > 1.5s }", ["panic", "send"]),
        ("{ (span.error.type != nil || duration > 1.5s) && span.goroutine.id = 7 }", ["send"]),
        ("{ span.error.type = nil && span:duration >= 2000ms } | select(span.goroutine.id)", ["send"]),
        ("{ status = error }", ["panic"]),
        ('{ name !~ "pan.*" }', ["send"]),
    ],
)
def test_traceql_finds_what_it_says(query: str, found: list[str]) -> None:
    """Patterns match whole values, && binds closer than ||."""
    spans = [
        span("panic", 0, {"error.type": "send_on_closed", "otel.status_code": "ERROR"}),
        span("send", 2, {"channel.name": "main.f a.go:1", "goroutine.id": 7}),
    ]
    assert found == [each.name for each in matching(query, spans)]


@pytest.mark.parametrize("query", ["{ span.a = }", "{ span.a = 1", '{ span.a = "x" } | rate()', "{ span.a & 1 }", ""])
def test_traceql_that_is_not_understood_is_refused(query: str) -> None:
    """Instead of finding everything, or nothing."""
    with pytest.raises(AssertionError):
        read(query)
