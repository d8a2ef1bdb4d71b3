"""Every dashboard against Grafana's own types, panel options included, by the TypeScript compiler: tests/grafana.

A wrong key or word is silently ignored by Grafana, so that a panel looks almost right.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.dashboards import SHIPPED, Json, changed, column, panel, sample
from tests.support.node import complaints


def options(kind: str, **wrong: object) -> Callable[[Json], object]:
    return lambda board: panel(board, kind)["options"].update(wrong)


def custom(kind: str, **wrong: object) -> Callable[[Json], object]:
    return lambda board: panel(board, kind)["fieldConfig"]["defaults"]["custom"].update(wrong)


def standard(kind: str, **wrong: object) -> Callable[[Json], object]:
    return lambda board: panel(board, kind)["fieldConfig"]["defaults"].update(wrong)


def target(kind: str, **wrong: object) -> Callable[[Json], object]:
    return lambda board: panel(board, kind)["targets"][0].update(wrong)


def property_of(**wrong: object) -> Callable[[Json], object]:
    return lambda board: column(board)["properties"][0].update(wrong)


def variable(at: int, **wrong: object) -> Callable[[Json], object]:
    return lambda board: board["templating"]["list"][at].update(wrong)


def spans(board: Json) -> Json:
    found: Json = next(each for each in board["panels"] if each["title"] == "Spans")["targets"][0]
    return found


MUTATIONS: dict[str, tuple[Callable[[Json], object], str]] = {
    "unknown key of the dashboard": (lambda d: d.update(refesh="30s"), "refesh"),
    "schemaVersion as a string": (lambda d: d.update(schemaVersion="42"), "'number'"),
    "uid is missing": (lambda d: d.pop("uid"), "'uid'"),
    "graphTooltip 9": (lambda d: d.update(graphTooltip=9), "'9'"),
    "unknown kind of panel": (lambda d: panel(d, "table").update(type="tabel"), "tabel"),
    "a panel's key": (lambda d: panel(d, "heatmap").update(fieldConfg={}), "fieldConfg"),
    "a panel without an id": (lambda d: panel(d, "heatmap").pop("id"), "'id'"),
    "a panel without a description": (lambda d: panel(d, "stat").pop("description"), "'description'"),
    "a place without a width": (lambda d: panel(d, "heatmap")["gridPos"].pop("w"), "'w'"),
    "a row's key": (lambda d: d["panels"][0].update(colapsed=False), "colapsed"),
    "an option of a heat map": (options("heatmap", colour={}), "colour"),
    "how a heat map is coloured": (lambda d: panel(d, "heatmap")["options"]["color"].update(mode="schema"), "schema"),
    "the tooltip of a heat map": (lambda d: panel(d, "heatmap")["options"]["tooltip"].update(mode="all"), '"all"'),
    "the unit of a heat map's axis": (lambda d: panel(d, "heatmap")["options"]["yAxis"].update(unit=3), "'string'"),
    "opacity as a string": (custom("timeseries", fillOpacity="10"), "'number'"),
    "how lines are drawn": (custom("timeseries", fillOpactiy=10), "fillOpactiy"),
    "how lines are stacked": (custom("timeseries", stacking={"mode": "stack"}), "stack"),
    "what is in the legend": (options("timeseries", legend={"displayMode": "grid"}), "grid"),
    "whether states are merged": (options("state-timeline", mergeValues="yes"), "'boolean"),
    "a kind of mapping": (
        lambda d: panel(d, "state-timeline")["fieldConfig"]["defaults"]["mappings"][0].update(type="valeu"),
        "valeu",
    ),
    "how a graph zooms": (options("nodeGraph", zoomMode="fast"), "fast"),
    "an arc of a graph": (lambda d: panel(d, "nodeGraph")["options"]["nodes"]["arcs"][0].update(colr="red"), "colr"),
    "the height of a cell": (options("table", cellHeight="xl"), "xl"),
    "a footer, gone since Grafana 12": (options("table", footer={"show": True}), "footer"),
    "a kind of cell": (custom("table", cellOptions={"type": "sparklines"}), "sparklines"),
    "how a number is coloured": (options("stat", colorMode="colour"), "colour"),
    "how a bar is drawn": (options("bargauge", displayMode="gradual"), "gradual"),
    "a key of a query": (target("heatmap", exemplars_=True), "exemplars_"),
    "a query's format": (target("heatmap", format="heat"), "heat"),
    "a query without an expression": (lambda d: panel(d, "stat")["targets"][0].pop("expr"), "'expr'"),
    "a key of the other data source": (target("stat", spss=3), "spss"),
    "a kind of query of traces": (lambda d: spans(d).update(queryType="traceq"), "traceq"),
    "a table of traces": (lambda d: spans(d).update(tableType="span"), '"span"'),
    "a kind of variable": (variable(0, type="datasources"), "datasources"),
    "when a variable is read again": (variable(2, refresh=7), "'7'"),
    "a variable's query": (variable(2, query="label_values(up, job)"), "'string'"),
    "how thresholds are meant": (standard("timeseries", thresholds={"mode": "abs", "steps": []}), "abs"),
    "how a field is coloured": (standard("timeseries", color={"mode": "palette"}), "palette"),
    "a unit as a number": (standard("timeseries", unit=1), "'string'"),
    "a key of a link": (
        lambda d: panel(d, "heatmap")["fieldConfig"]["defaults"]["links"][0].update(targetBlnk=True),
        "targetBlnk",
    ),
    "what an override sets": (property_of(id="linkz"), "linkz"),
    "what an override sets of a panel's own": (property_of(id="custom.with"), "custom.with"),
    "the value that an override sets": (property_of(id="custom.width", value="wide"), "'number'"),
    "whom an override is for": (
        lambda d: column(d)["matcher"].update(id="byNaem"),
        "byNaem",
    ),
    "a transformation": (lambda d: panel(d, "table")["transformations"][0].update(id="organise"), "organise"),
    "an option of a transformation": (
        lambda d: panel(d, "table")["transformations"][0]["options"].update(hideByName={}),
        "hideByName",
    ),
    "a key of an annotation": (lambda d: d["annotations"]["list"][1].update(titelFormat="x"), "titelFormat"),
    "what an annotation runs": (lambda d: d["annotations"]["list"][1]["target"].update(exp="x"), "exp"),
    "a link between dashboards": (lambda d: d["links"][0].update(type="dashboard"), "dashboard"),
}
"""A change, and what the compiler names."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """All that is wrong, in one run of the compiler."""
    broken = {name: changed(change) for name, (change, _) in MUTATIONS.items()}
    return complaints({"sample": sample(), **broken, **SHIPPED}, tmp_path_factory.mktemp("types"))


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_fault_is_found_and_named(name: str, found: dict[str, list[str]]) -> None:
    """One change to a dashboard without a fault, one complaint about it."""
    assert MUTATIONS[name][1] in " ".join(found.get(name, []))


def test_every_dashboard_is_what_grafana_reads(found: dict[str, list[str]]) -> None:
    """Keys, words and kinds of values: of panels, options, fields, overrides, queries, transformations."""
    assert len(SHIPPED) == 8
    assert {} == {name: each for name, each in found.items() if name not in MUTATIONS}
