"""Links between dashboards lead somewhere: to a dashboard that is there, with variables that it has, filled from
variables, fields and labels that there are. A field that is missing would fill in nothing, and nothing would be found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.dashboards import SHIPPED, Json, changed, column, named, offenders, panel, sample, shown
from tests.support.emitted import DETERMINED, series
from tests.support.labels import read

OWN = re.compile(r"/d/([\w-]+)(?:/[\w-]*)?(?:\?(.*))?$")
VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
OF_ROW = re.compile(r"\$\{__data\.fields(?:\.(\w+)|\[\"?([^\]\"]+)\"?\])(:\w+)?\}")
OF_SERIES = re.compile(r"\$\{__field\.labels(?:\.(\w+)|\[\"?([^\]\"]+)\"?\])(:\w+)?\}")
BUILT_IN = {"__url_time_range", "__all_variables", "__from", "__to", "__value", "__series", "__data", "__field"}
TRACES = {
    "traceID",
    "traceIdHidden",
    "spanID",
    "trace_id",
    "traceService",
    "traceName",
    "startTime",
    "name",
    "duration",
}
"""Fields of a table of spans besides what `select` adds: tempo/resultTransformer.ts."""


def all_links(board: Json) -> Iterator[tuple[str, Json, Json]]:
    """Of panels and fields: where it is, the link, the panel it is on."""
    for each in shown(board):
        config = each.get("fieldConfig", {})
        found = [*each.get("links", []), *config.get("defaults", {}).get("links", [])]
        for row in (row for over in config.get("overrides", []) for row in over["properties"]):
            found += row["value"] if row["id"] == "links" else []
        yield from ((named(each), link, each) for link in found)
    yield from (("top", link, {}) for link in board["links"] if link["type"] == "link")


def wrong_targets(board: Json) -> list[str]:
    """To a dashboard of these, with variables that it has, and with the time range."""
    found = []
    for where, link, _ in all_links(board):
        url = link["url"]
        target = OWN.match(url)
        if not target:
            found += [] if re.match(r"https://|/explore\?|\$\{__", url) else [f"{where}: leads nowhere: {url}"]
            continue
        there = SHIPPED.get(target[1].removeprefix("otelchan-"))
        if there is None or not target[1].startswith("otelchan-"):
            found.append(f"{where}: no dashboard {target[1]}")
            continue
        has = {variable["name"] for variable in there["templating"]["list"]}
        found += [
            f"{where}: {target[1]} has no variable {name}" for name in re.findall(r"var-(\w+)=", url) if name not in has
        ]
        if "__url_time_range" not in url and not link.get("keepTime"):
            found.append(f"{where}: without the time range: {url}")
        for source in ("datasource", "tempo"):
            if f"${{{source}:queryparam}}" not in url and not link.get("includeVars"):
                found.append(f"{where}: another {source} may be chosen there: {url}")
    return found


def wrong_variables(board: Json) -> list[str]:
    """Filled from variables of this dashboard, in links, titles and queries."""
    has = {variable["name"] for variable in board["templating"]["list"]} | BUILT_IN
    texts = [(where, link["url"]) for where, link, _ in all_links(board)]
    texts += [(named(p), p["title"] + p.get("description", "")) for p in shown(board)]
    texts += [(named(p), t.get("expr", "") + t.get("query", "")) for p in shown(board) for t in p.get("targets", [])]
    found = []
    for where, text in texts:
        names = {one or other for one, other in VARIABLE.findall(re.sub(r"\$\{__[\w.\[\]\"]+(:\w+)?\}", "", text))}
        mine = {n for n in names if not n.startswith("__") and not n.isdigit()}
        found += [f"{where}: no variable {name}" for name in sorted(mine - has)]
    return found


def wrong_fields(board: Json) -> list[str]:
    """Filled from labels of what the panel asks, escaped; in a table not from a column that organize has left out."""
    known, found = series(), []
    for where, link, each in all_links(board):
        labels: set[str] = set()
        targets = each.get("targets", [])
        for target in targets:
            labels |= read(target["expr"], known, DETERMINED)[0] if "expr" in target else TRACES
            labels |= set(re.findall(r"span\.([\w.]+)", target.get("query", "")))
        gone = [t["options"].get("excludeByName", {}) for t in each.get("transformations", []) if t["id"] == "organize"]
        left_out = {name for names in gone for name, off in names.items() if off}
        for pattern in (OF_ROW, OF_SERIES):
            for one, other, form in pattern.findall(link["url"]):
                name = one or other
                found += [] if name in labels or name.startswith("Value") else [f"{where}: nothing has {name}"]
                found += [f"{where}: {name} is left out"] if name in left_out else []
                found += (
                    [] if form == ":percentencode" or "var-" not in link["url"] else [f"{where}: {name} is not escaped"]
                )
    return found


def url(text: str) -> Callable[[Json], object]:
    return lambda board: panel(board, "heatmap")["fieldConfig"]["defaults"]["links"][0].update(url=text)


def row_link(text: str) -> Callable[[Json], object]:
    return lambda board: column(board)["properties"][1]["value"][0].update(url=text)


SOURCES = "${datasource:queryparam}&${tempo:queryparam}"
TO = f"/d/otelchan-channels?${{__url_time_range}}&{SOURCES}"
BROKEN: list[tuple[Callable[[Json], list[str]], Callable[[Json], object], str]] = [
    (wrong_targets, url(f"/d/otelchan-chanels?${{__url_time_range}}&{SOURCES}"), "no dashboard otelchan-chanels"),
    (wrong_targets, url(f"{TO}&var-chanel=x"), "otelchan-channels has no variable chanel"),
    (wrong_targets, url(f"/d/otelchan-channels?{SOURCES}"), "without the time range"),
    (wrong_targets, url("/d/otelchan-channels?${__url_time_range}"), "another tempo may be chosen"),
    (wrong_targets, url("d/otelchan-channels"), "leads nowhere"),
    (wrong_variables, url(f"{TO}&var-job=${{service}}"), "no variable service"),
    (
        wrong_variables,
        lambda b: panel(b, "stat")["targets"][0].update(expr='channel_lag{job=~"$jobs"}'),
        "no variable jobs",
    ),
    (wrong_variables, lambda b: panel(b, "stat").update(title="Lag of $chan"), "no variable chan"),
    (wrong_fields, row_link(f"{TO}&var-channel=${{__data.fields.chanel:percentencode}}"), "nothing has chanel"),
    (wrong_fields, row_link(f"{TO}&var-channel=${{__data.fields.channel_name}}"), "channel_name is not escaped"),
    (wrong_fields, url(f"{TO}&var-channel=${{__field.labels.channel_name:percentencode}}"), "nothing has channel_name"),
    (
        wrong_fields,
        lambda b: panel(b, "table")["transformations"][0]["options"]["excludeByName"].update(channel_name=True),
        "channel_name is left out",
    ),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.mark.parametrize(("rule", "change", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_link_that_leads_nowhere_is_found(
    rule: Callable[[Json], list[str]], change: Callable[[Json], object], words: str
) -> None:
    """And why."""
    assert words in " ".join(rule(changed(change)))


@pytest.mark.parametrize("rule", RULES)
def test_every_link_leads_somewhere(rule: Callable[[Json], list[str]]) -> None:
    """Of the sample that is broken above, and of every dashboard."""
    assert [] == rule(sample())
    assert {} == offenders(rule)
