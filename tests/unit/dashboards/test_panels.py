"""What a tired person needs of a panel: numbers that are not divided by nothing, the way from a row to its channel and
from a slow block to its trace, and on every graph when something was fired or started.
"""

from __future__ import annotations

from collections.abc import Callable

import promql_parser as tree
import pytest

from dashboards.generator import links
from tests.support.dashboards import SHIPPED, Json, changed, column, named, offenders, panel, promql, sample, shown
from tests.support.emitted import DETERMINED, series
from tests.support.labels import read
from tests.support.promql import children, nodes, parsed

_KEEPING = ("max", "min", "sum", "avg", "label_replace", "clamp_min", "max_over_time", "last_over_time")
"""What makes no 0 of numbers above 0."""
ROW_LINK = f"/d/{links.CHANNELS}?"


def unguarded(board: Json) -> list[str]:
    """Divisions by what can be 0: the result would be NaN or infinite, which graphs leave out or cannot scale."""
    found = []
    for query in promql(board):
        for node, _ in nodes(parsed(query.text)):
            if isinstance(node, tree.BinaryExpr) and str(node.op) == "/" and not _positive(node.rhs):
                found.append(f"{query.where}: by {node.rhs.prettify()}")
    return found


def _positive(node: tree.Expr) -> bool:
    if isinstance(node, tree.ParenExpr):
        return _positive(node.expr)
    if isinstance(node, tree.NumberLiteral):
        return node.val != 0
    if isinstance(node, tree.AggregateExpr):
        return str(node.op) in ("count", "group") or (str(node.op) in _KEEPING and _positive(node.expr))
    if isinstance(node, tree.Call):
        return node.func.name in _KEEPING and _positive(node.args[0])
    if not isinstance(node, tree.BinaryExpr):
        return False
    if str(node.op) in ("and", "unless"):
        return _positive(node.lhs)
    if str(node.op) == "or":
        return _positive(node.lhs) and _positive(node.rhs)
    return str(node.op) in (">", "!=") and isinstance(node.rhs, tree.NumberLiteral) and node.rhs.val == 0


def dead_ends(board: Json) -> list[str]:
    """Tables with a row for each channel, of which no column leads to the channel's dashboard."""
    known, found = series(), []
    for each in shown(board):
        targets = [t for t in each.get("targets", []) if t.get("format") == "table" and each["type"] == "table"]
        if any("channel_name" in read(target["expr"], known, DETERMINED)[0] for target in targets):
            config = each["fieldConfig"]
            rows = [row for over in config["overrides"] for row in over["properties"] if row["id"] == "links"]
            urls = [
                link["url"] for link in (*config["defaults"]["links"], *(one for row in rows for one in row["value"]))
            ]
            if not any(url.startswith(ROW_LINK) and "var-channel=" in url for url in urls):
                found.append(f"{named(each)}: no link of a row to {links.CHANNELS}")
    return found


def without_exemplars(board: Json) -> list[str]:
    """Heat maps of block times whose buckets do not lead to traces."""
    found = []
    for each in shown(board):
        for target in each.get("targets", []):
            blocks = "channel_block_duration_seconds_bucket" in target.get("expr", "")
            if each["type"] == "heatmap" and blocks and not target.get("exemplar"):
                found.append(f"{named(each)} {target['refId']}")
    return found


def without_notes(board: Json) -> list[str]:
    """Alerts that fired, and starts of otelchan, are lines over every graph."""
    asked = " ".join(note.get("expr", "") for note in board["annotations"]["list"] if note["enable"])
    return [f"no annotation of {name}" for name in ("ALERTS", "otelchan_start_time_seconds") if name not in asked]


def alerts_of_others(board: Json) -> list[str]:
    """Red lines of services that are not chosen would lead astray; those of alerts without a job are everybody's."""
    notes = [note for note in board["annotations"]["list"] if "ALERTS" in note.get("expr", "")]
    return [
        f"annotation {note['name']}: of every {label}"
        for note in notes
        for label in ("job", "instance")
        if f'{label}=~"${label}|"' not in note["expr"] or note["expr"] != note["target"]["expr"]
    ]


def as_of_then(board: Json) -> list[str]:
    """Single numbers of a time range: of a series that ended an hour ago they would show the last value as if it held
    now. A query of now finds nothing, and the panel says so."""
    single = [each for each in shown(board) if each["type"] in ("stat", "bargauge", "gauge")]
    return [f"{named(each)} {t['refId']}: of a range" for each in single for t in each["targets"] if not t["instant"]]


def green_for_nothing(board: Json) -> list[str]:
    """Single numbers whose words for no value at all have no colour of their own: Grafana takes that of the first
    threshold, which mostly is green."""
    found = []
    for each in (each for each in shown(board) if each["type"] in ("stat", "bargauge", "gauge")):
        defaults = each["fieldConfig"]["defaults"]
        empty = [row for row in defaults["mappings"] if row["options"].get("match") == "null+nan"]
        if "noValue" in defaults and not empty:
            found.append(f"{named(each)}: {defaults['noValue']!r} has no colour")
    return found


def fractions(board: Json) -> list[str]:
    """Numbers of events with a point: increase() extrapolates, and nobody has had 1.12 surges."""
    found = []
    for each in (each for each in shown(board) if each["type"] in ("timeseries", "stat", "bargauge")):
        counts = [t["refId"] for t in each["targets"] if _counts(parsed(t.get("expr", "")))]
        if counts and each["fieldConfig"]["defaults"].get("decimals") != 0:
            found.append(f"{named(each)} {', '.join(counts)}: decimals are not 0")
    return found


def _counts(root: tree.Expr) -> bool:
    """Whether values are growths of counters; what only chooses series, on the right of `and`, is none."""
    if isinstance(root, tree.BinaryExpr) and str(root.op) in ("and", "unless"):
        return _counts(root.lhs)
    if isinstance(root, tree.Call) and root.func.name == "increase":
        return True
    return any(_counts(child) for child in children(root))


def expr(text: str) -> Callable[[Json], object]:
    return lambda board: panel(board, "timeseries")["targets"][0].update(expr=text)


BROKEN: list[tuple[Callable[[Json], list[str]], Callable[[Json], object], str]] = [
    (unguarded, expr("channel_lag / channel_capacity"), "by channel_capacity"),
    (unguarded, expr("sum(channel_lag) / sum(channel_capacity)"), "by sum(channel_capacity)"),
    (unguarded, expr("channel_lag / (channel_capacity > 0 or channel_lag)"), "by (channel_capacity"),
    (unguarded, expr("channel_lag / (channel_capacity > -1)"), "by (channel_capacity"),
    (unguarded, expr("channel_lag / 0"), "by 0"),
    (dead_ends, lambda board: column(board)["properties"].pop(1), 'panel "Table": no link'),
    (without_exemplars, lambda board: panel(board, "heatmap")["targets"][0].update(exemplar=False), 'panel "Heat" A'),
    (
        alerts_of_others,
        lambda board: board["annotations"]["list"][1].update(expr='ALERTS{job=~"$job|"}'),
        "of every instance",
    ),
    (
        as_of_then,
        lambda board: panel(board, "stat")["targets"][0].update(instant=False),
        'panel "Number" A: of a range',
    ),
    (
        green_for_nothing,
        lambda board: panel(board, "stat")["fieldConfig"]["defaults"]["mappings"].clear(),
        "'nothing is watched' has no colour",
    ),
    (
        fractions,
        expr("sum((channel_close_total unless x) or increase(channel_close_total[$__rate_interval])) and y"),
        'panel "Lines" A',
    ),
    (without_notes, lambda board: board["annotations"]["list"].pop(1), "no annotation of ALERTS"),
    (without_notes, lambda board: board["annotations"]["list"][2].update(enable=False), "start_time_seconds"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.mark.parametrize(("rule", "change", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_what_a_panel_lacks_is_found(
    rule: Callable[[Json], list[str]], change: Callable[[Json], object], words: str
) -> None:
    """And where."""
    assert words in " ".join(rule(changed(change)))


@pytest.mark.parametrize(
    "text", ["channel_lag / (channel_capacity > 0)", "sum(channel_lag) / 8", "channel_lag / max(channel_capacity > 0)"]
)
def test_a_division_by_what_is_positive_is_left_alone(text: str) -> None:
    """Where nothing is above 0 there is no result at all."""
    assert [] == unguarded(changed(expr(text)))


@pytest.mark.parametrize("rule", RULES)
def test_every_panel_has_it(rule: Callable[[Json], list[str]]) -> None:
    """So has the sample that is broken above."""
    assert [] == rule(sample())
    assert {} == offenders(rule)


def test_blocks_are_shown_with_exemplars() -> None:
    """On the dashboard of channels: as a heat map."""
    kinds = {each["type"] for each in shown(SHIPPED["channels"])}
    assert {"heatmap", "table", "state-timeline", "timeseries"} <= kinds
    assert "nodeGraph" in {each["type"] for each in shown(SHIPPED["topology"])}
