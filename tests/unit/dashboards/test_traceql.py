"""Every TraceQL query of dashboards, alerts and documents is read by the grammar of Grafana's editor, and asks for what
is sent.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
import yaml

from dashboards.generator.alerts.__main__ import FOLDER as ALERTS
from otelchan.telemetry.catalogue import SPANS
from tests.support.dashboards import SHIPPED, Json, queries_of
from tests.support.emitted import attributes
from tests.support.node import traceql

REPO = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "collector-config", "deploy", "dashboards", "otelchan/findings/pages")
    for path in (REPO / folder).glob("*.md")
)
_IN_TEXT = re.compile(r"`(\{ [^`]+ \}(?: \| [^`]+)?)`")
_VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")
_COMPARED = re.compile(r"(=~|!~|!=|=)\s*(?:\"[^\"]*\$\{?\w|`[^`]*\$\{?\w)")
GOOD = (
    '{ resource.service.instance.id = "i-1" && span.channel.name = "main.main x.go:1" && duration > 800.000ms }',
    '{ name =~ "finding F(9|14)" } | select(span.finding.sentence, span.finding.severity)',
    "{ span.channel.name =~ `${channel:regex}` && status = error }",
    '{ span.otelchan.span.state = "ongoing" }',
    '{ event:name = "woken" && event.channel.waker.how != nil }',
)
BAD = (
    "{ span.channel.name = }",
    '{ span.channel.name = "jobs" ',
    '{ span.channel.name == "jobs" }',
    '{ span.channel.name = "a" and span.channel.operation = "send" }',
    '{ channel.name = "jobs" }',
    "{ duration > 1parsec }",
    "{ span.channel.name = 'jobs' }",
    "{ } | ratee()",
    "",
)


def linked(board: Json) -> list[str]:
    """Queries behind links to Explore."""
    found = []
    for text in re.findall(r'"(/explore\?[^"]+)"', json.dumps(board)):
        (panes,) = parse_qs(urlparse(text.replace("${", "%24%7B")).query)["panes"]
        found += [query["query"] for pane in json.loads(panes).values() for query in pane["queries"]]
    return found


def of_dashboards() -> dict[str, str]:
    """By where they are."""
    found = {f"{name} {q.where}": q.text for name, board in SHIPPED.items() for q in queries_of(board, "tempo")}
    return found | {f"{name} link {at}": q for name, board in SHIPPED.items() for at, q in enumerate(linked(board))}


def of_alerts() -> dict[str, str]:
    """As the tests of the rules expect them, filled in."""
    found: dict[str, str] = {}
    for path in sorted((ALERTS / "tests").glob("*.yaml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in test.get("alert_rule_test", ()):
                for alert in check["exp_alerts"]:
                    rows = alert["exp_annotations"].items()
                    found |= {f"{check['alertname']} {key}": text for key, text in rows if key.endswith("traceql")}
    return found


def of_documents() -> dict[str, str]:
    """What is in braces and in code."""
    found = {}
    for path in DOCUMENTS:
        for at, text in enumerate(_IN_TEXT.findall(path.read_text(encoding="utf-8"))):
            if re.search(r"\b(span|resource|event|link)[.:]|\bname\b|\bduration\b|\bstatus\b", text):
                found[f"{path.relative_to(REPO)} {at}"] = html.unescape(text)
    return found


def all_queries() -> dict[str, str]:
    """Of all of them."""
    return of_dashboards() | of_alerts() | of_documents()


def unknown(names: tuple[str, ...]) -> list[str]:
    """Attributes that nobody sends."""
    return sorted({name.replace('"', "").strip() for name in names} - attributes())


def test_what_is_no_traceql_is_refused() -> None:
    """And what is, is not."""
    assert [()] * len(GOOD) == [parsed.errors for parsed in traceql(GOOD)]
    assert [] == [query for query, parsed in zip(BAD, traceql(BAD), strict=True) if not parsed.errors]


def test_an_attribute_that_nobody_sends_is_found() -> None:
    """In conditions, in what is selected, and in groups; with its scope, as Tempo tells them apart by it."""
    wrong = '{ span.chanel.name = "a" && span.service.name = "b" } | select(resource.channel.name, span.channel.name)'
    (parsed,) = traceql([wrong])
    assert ["resource.channel.name", "span.chanel.name", "span.service.name"] == unknown(parsed.attributes)
    (grouped,) = traceql(["{ } | rate() by (span.channel.op)"])
    assert ["span.channel.op"] == unknown(grouped.attributes)
    assert [[]] * len(GOOD) == [unknown(parsed.attributes) for parsed in traceql(GOOD)]


def test_there_are_queries_everywhere() -> None:
    """What is looked for is found."""
    assert len(of_dashboards()) >= 4
    assert len(of_alerts()) > 30
    assert any(where.startswith("docs/spans.md") for where in of_documents())


def test_every_query_is_read_and_asks_for_what_is_sent() -> None:
    """By the parser of Grafana's editor, and the catalogue of spans and Resources."""
    queries = all_queries()
    parsed = dict(zip(queries, traceql(list(queries.values())), strict=True))
    assert {} == {where: (queries[where], each.errors) for where, each in parsed.items() if each.errors}
    assert {} == {where: unknown(each.attributes) for where, each in parsed.items() if unknown(each.attributes)}


def loose(query: str) -> list[str]:
    """Variables in a query that hold for one chosen value only, or of which the value is not escaped: Grafana puts in
    `a|b`, as it is (public/app/plugins/datasource/tempo/datasource.ts), unless `:regex` is asked for; that has
    backslashes, which TraceQL takes between backticks only.
    """
    found = [f"{operator} $" for operator in _COMPARED.findall(query) if operator in ("=", "!=")]
    for whole in re.findall(r"\"[^\"]*\$[^\"]*\"", query):
        if "__data" not in whole and "__field" not in whole:
            found.append(f"not escaped: {whole}")
    for text in re.findall(r"`[^`]*\$[^`]*`", query):
        found += [f"not escaped: {text}"] if not re.fullmatch(r"`\$\{\w+:regex\}`", text) else []
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{ span.channel.name = "$channel" }', ["= $", 'not escaped: "$channel"']),
        ("{ span.channel.name != `${channel:regex}` }", ["!= $"]),
        ('{ span.channel.name =~ "${channel:regex}" }', ['not escaped: "${channel:regex}"']),
        ("{ span.channel.name =~ `$channel` }", ["not escaped: `$channel`"]),
        ("{ span.channel.name =~ `${channel:regex}` }", []),
        ('{ span.channel.name =~ "a|b" }', []),
    ],
)
def test_a_variable_that_is_not_a_pattern_is_found(query: str, expected: list[str]) -> None:
    """Of every variable several values can be chosen."""
    assert expected == loose(query)


def test_variables_are_patterns_and_escaped() -> None:
    """A channel is called `main.(*T).run x.go:3`."""
    asked = {f"{n} {q.where}": loose(q.text) for n, board in SHIPPED.items() for q in queries_of(board, "tempo")}
    assert {} == {where: wrong for where, wrong in asked.items() if wrong}


def span_names(query: str) -> list[tuple[str, str]]:
    """What a query asks names of spans to be: operator and value."""
    found = re.findall(r"(?<![.\w:])(?:span:)?name\s*(=~|=)\s*(\"[^\"]*\"|`[^`]*`)", query)
    return [(operator, text[1:-1]) for operator, text in found]


def test_names_of_spans_are_ours() -> None:
    """By its first word, which every name of a span has."""
    first = {span.name.split()[0] for span in SPANS}
    assert [("=", "finding F1"), ("=~", "send .+")] == span_names('{ name = "finding F1" || span:name =~ `send .+` }')
    wrong = {where: text for where, query in all_queries().items() for _, text in span_names(query)}
    assert {} == {where: text for where, text in wrong.items() if not re.match(rf"\(?({'|'.join(first)})\b", text)}
