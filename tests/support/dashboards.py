"""The shipped dashboards as Grafana loads them, the parts of one, and a small one of every kind of panel to break."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dashboards.generator import links
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import Board, Row, build, of_row, panel_url
from dashboards.generator.grafana.queries import OF_CHANNEL
from dashboards.generator.grafana.variables import of_channels

Json = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[2] / "dashboards"
SHIPPED: dict[str, Json] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
"""By the names of the files, without .json."""


class Query(NamedTuple):
    """One that a dashboard asks. where: 'panel "Lag" A', 'variable job'. panel: {} outside of panels."""

    where: str
    text: str
    panel: Json
    target: Json


def shown(board: Json) -> list[Json]:
    """All panels that are not rows, also those inside collapsed ones."""
    found: list[Json] = []
    for panel in board["panels"]:
        found += panel.get("panels", []) if panel["type"] == "row" else [panel]
    return found


def named(panel: Json) -> str:
    """How a panel is called in messages."""
    return f'panel "{panel.get("title", "")}"'


def queries_of(board: Json, kind: str) -> Iterator[Query]:
    """Those of the panels. kind: "prometheus" or "tempo"."""
    for panel in shown(board):
        for target in panel.get("targets", []):
            if target.get("datasource", {}).get("type") == kind:
                text = target.get("expr" if kind == "prometheus" else "query", "")
                yield Query(f"{named(panel)} {target.get('refId', '?')}", text, panel, target)


def promql(board: Json) -> list[Query]:
    """Every expression that Prometheus evaluates for the dashboard: panels and annotations."""
    notes = [note for note in board["annotations"]["list"] if "expr" in note]
    return [
        *queries_of(board, "prometheus"),
        *(Query(f'annotation "{note["name"]}"', note["expr"], {}, note) for note in notes),
    ]


def variable_selectors(board: Json) -> list[Query]:
    """What variables take their values from: `label_values(SELECTOR, label)`."""
    found = []
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            inside = variable["query"]["query"].removeprefix("label_values(").removesuffix(")")
            found.append(Query(f"variable {variable['name']}", inside.rpartition(",")[0], {}, variable))
    return found


def offenders(rule: Callable[[Json], list[str]]) -> dict[str, list[str]]:
    """What a rule finds in the shipped dashboards."""
    found = {name: rule(board) for name, board in SHIPPED.items()}
    return {name: wrong for name, wrong in found.items() if wrong}


def changed(change: Callable[[Json], object]) -> Json:
    """The small dashboard with a change: what it is used for is to be found wrong."""
    board = sample()
    change(board)
    return board


def panel(board: Json, kind: str) -> Json:
    """Its first panel of a type."""
    return next(each for each in shown(board) if each["type"] == kind)


def column(board: Json) -> Json:
    """What the sample's table says of its first column: width, links and unit, in this order."""
    overrides: list[Json] = panel(board, "table")["fieldConfig"]["overrides"]
    return overrides[-1]


def sample() -> Json:
    """A dashboard without a fault that has every kind of panel."""
    return copy.deepcopy(_SAMPLE)


_SAYS = "What it shows. Look there when it is high."
_LAG = f"max by (job, instance, channel_name) (channel_lag{{{OF_CHANNEL}}})"
_LINK = fields.link("Channel", panel_url(links.CHANNELS))
_ROW_LINK = fields.link("Channel", panel_url(links.CHANNELS, of_row(channel="channel_name")))
_BUCKETS = f"sum by (le) (rate(channel_block_duration_seconds_bucket{{{OF_CHANNEL}}}[$__rate_interval]))"


def _panels() -> tuple[Json, ...]:
    nodes = queries.table(f'label_replace({_LAG}, "id", "$1", "channel_name", "(.*)")')
    lag = [queries.series(_LAG, "{{channel_name}}")]
    wide = fields.override("channel_name", custom_width=300, links=[_ROW_LINK], unit="short")
    columns = [panels.organize(hide=["Time"], names={"Value": "lag"}, order=["channel_name", "Value"])]
    span = queries.traces('{ resource.service.instance.id =~ "$instance" && span.channel.name =~ "$channel" }')
    words = fields.values({"0": ("closed", fields.GREEN), "1": ("open", fields.RED)})
    edges = queries.table(f'label_replace({_LAG}, "source", "$1", "channel_name", "(.*)")')
    graph = panels.node_graph("Graph", _SAYS, nodes, edges)
    graph["options"]["nodes"] = {"arcs": [{"field": "arc__lag", "color": "red"}]}
    return (
        panels.timeseries("Lines", _SAYS, lag, unit="short"),
        panels.stat(
            "Number", _SAYS, [queries.now(_LAG, "{{channel_name}}")], unit="s", **fields.nothing("nothing is watched")
        ),
        panels.bar_gauge("Bars", _SAYS, [queries.now(_LAG, "{{channel_name}}")], unit="percentunit"),
        panels.table("Table", _SAYS, [queries.table(_LAG)], transformations=columns, sort_by="lag", overrides=[wide]),
        panels.span_table("Spans", _SAYS, [span]),
        panels.heat_map("Heat", _SAYS, [queries.buckets(_BUCKETS, exemplars=True)], unit="s", links=[_LINK]),
        panels.state_timeline("States", _SAYS, lag, mappings=words),
        graph,
    )


_SAMPLE: Json = build(
    Board(
        uid=links.CHANNELS,
        title="otelchan / Sample",
        says="One of each.",
        variables=of_channels(),
        rows=(Row("First", _panels()[:4], (6, 6, 6, 6)), Row("Second", _panels()[4:], (12, 12, 12, 12))),
    )
)
