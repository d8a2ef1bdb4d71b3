"""Every query of a dashboard, run as Grafana would run it against a real Prometheus and the traces that a real Jaeger
has, and what the panel then makes of the answers by name: transformations, overrides, legends, links, node graphs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support import grafana
from tests.support.dashboards import shown
from tests.support.frames import Field as Column
from tests.support.frames import Frame, legend_labels, lines, table, transformed
from tests.support.grafana import Chosen, Json, Range
from tests.support.jaeger import Span
from tests.support.stack import Labels, Prometheus
from tests.support.traceql import matching, parse, read

_OF_ROW = re.compile(r"""\$\{__data\.fields(?:\.(\w+)|\[["']([^"']+)["']\])""")
_OF_SERIES = re.compile(r"\$\{__field\.labels\.(\w+)")
_NODES, _EDGES = {"id", "title"}, {"id", "source", "target"}
NOT_HERE = {"k8s_namespace_name", "k8s_pod_name", "Name", "otelchan.span.state"}
"""What may be hidden without being there: labels that only a cluster has, columns that only some searches return."""


class Asked(NamedTuple):
    """One query and its answer. series: with a number in it, at least one. text: as it was sent."""

    board: str
    panel: str
    ref: str
    text: str
    series: int
    exemplars: int | None

    @property
    def key(self) -> tuple[str, str, str]:
        """How a list of exceptions names it."""
        return self.board, self.panel, self.ref


@dataclass
class Shown:
    """A panel with its answers. frames: after its transformations. wrong: what a user would see go wrong, in words."""

    board: str
    panel: Json
    asked: list[Asked] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Of the panel."""
        return str(self.panel["title"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of the table that the panel shows: all its frames, one after the other."""
        return [row for frame in self.frames for row in frame.rows]

    def lines(self, ref: str = "") -> list[tuple[Labels, list[tuple[float, float]]]]:
        """Labels and points of its series; ref: of one query only."""
        of_ref = [frame for frame in self.frames if frame.is_series and ref in ("", frame.ref)]
        return [(f.fields[1].labels, list(zip(f.fields[0].values, f.fields[1].values, strict=True))) for f in of_ref]

    def last(self, ref: str = "") -> dict[str, float]:
        """The last number of each series, by its name as it is shown."""
        of_ref = [frame for frame in self.frames if frame.is_series and ref in ("", frame.ref)]
        return {frame.fields[1].display: frame.fields[1].values[-1] for frame in of_ref}


@dataclass(frozen=True)
class Asker:
    """Somebody who looks at dashboards. time_interval: of the data source, see tests.support.grafana.steps."""

    prometheus: Prometheus
    spans: Sequence[Span]
    range: Range
    time_interval: str

    def board(self, name: str, dashboard: Json, chosen: Mapping[str, Chosen] | None = None) -> list[Shown]:
        """All its panels. chosen: of variables; the others are as the dashboard is opened."""
        variables = {**grafana.everything(dashboard), **(chosen or {})}
        return [self.panel(name, panel, variables) for panel in shown(dashboard) if panel.get("targets")]

    def panel(self, board: str, panel: Json, variables: Mapping[str, Chosen]) -> Shown:
        """One panel with the answers to all its queries."""
        found, frames = Shown(board, panel), []
        targets = [target for target in panel["targets"] if not target.get("hide")]
        tables = [target for target in targets if target.get("format") == "table"]
        for target in targets:
            if target["datasource"]["type"] == "tempo":
                frames += self._traces(found, target, variables)
            else:
                frames += self._series(found, target, variables, len(tables) == 1)
        found.frames = transformed(frames, panel.get("transformations") or (), found.wrong)
        if not all(asked.series for asked in found.asked):
            found.wrong = []  # where one has nothing to say, its columns are not there
            return found
        found.wrong = [
            sentence for sentence in found.wrong if not any(f"{name!r}, and" in sentence for name in NOT_HERE)
        ]
        checks = (_overrides(found), _sorted(found), _legends(found, frames), _links(found), _graph(found))
        found.wrong += [sentence for check in checks for sentence in check]
        return found

    def _series(self, to: Shown, target: Json, variables: Mapping[str, Chosen], alone: bool) -> list[Frame]:
        steps = grafana.steps(to.panel, target, self.range, self.time_interval)
        text = grafana.promql(target["expr"], variables, grafana.built_in(self.range, steps))
        exemplars = None
        if target.get("exemplar"):
            exemplars = len(self.prometheus.exemplars(text, self.range.start, self.range.end))
        instant, ref = bool(target.get("instant")), target["refId"]
        if instant:
            series = self.prometheus.query(text, self.range.end)
            count = sum(not math.isnan(value) for _, value in series)
            points = [(labels, [(self.range.end, value)]) for labels, value in series]
        else:
            points = self.prometheus.query_range(text, *self._ends(steps.step_ms), step=steps.step_ms / 1000)
            count = sum(any(not math.isnan(value) for _, value in of_one) for _, of_one in points)
        to.asked.append(Asked(to.board, to.title, ref, text, count, exemplars))
        if target.get("format") == "table":
            rows = [(labels, at, value) for labels, of_one in points for at, value in of_one]
            return [table(ref, [(labels, value) for labels, _, value in rows], self.range.end, alone)]
        return lines(ref, target.get("legendFormat", ""), points)

    def _ends(self, step_ms: int) -> tuple[float, float]:
        return grafana.aligned(self.range.start, step_ms), grafana.aligned(self.range.end, step_ms)

    def _traces(self, to: Shown, target: Json, variables: Mapping[str, Chosen]) -> list[Frame]:
        built_in = grafana.built_in(self.range, grafana.steps(to.panel, {}, self.range, self.time_interval))
        text = grafana.traceql(target["query"], variables, built_in)
        within = [span for span in self.spans if self.range.start <= span.start_us / 1e6 <= self.range.end]
        found = matching(text, within)
        to.asked.append(Asked(to.board, to.title, target["refId"], text, len(found), None))
        return [spans_table(target["refId"], text, found[: target.get("limit", 20)])]

    def values_of(self, dashboard: Json, name: str, chosen: Mapping[str, Chosen] | None = None) -> set[str]:
        """What can be chosen of a variable."""
        (variable,) = (each for each in dashboard["templating"]["list"] if each["name"] == name)
        selector, label = grafana.label_values(variable["query"]["query"])
        variables = {**grafana.everything(dashboard), **(chosen or {})}
        text = grafana.promql(selector, variables, {})
        return self.prometheus.label_values(label, text, self.range.start, self.range.end)

    def annotation(self, annotation: Json, variables: Mapping[str, Chosen]) -> list[tuple[Labels, list[float]]]:
        """Labels and Unix times of the lines that it draws; 60 s between two looks unless it says otherwise."""
        target = annotation["target"]
        steps = grafana.steps({"gridPos": {"w": 24}}, target, self.range, self.time_interval)
        text = grafana.promql(target["expr"], variables, grafana.built_in(self.range, steps))
        start, end = self._ends(steps.step_ms)
        found = self.prometheus.query_range(text, start, end, step=steps.step_ms / 1000)
        by_value = annotation["useValueForTime"]
        return [(labels, [v / 1000 if by_value else t for t, v in points if v > 0]) for labels, points in found]


_HEAD = (("traceIdHidden", ""), ("traceService", "Trace Service"), ("traceName", "Trace Name"), ("spanID", "Span ID"))


def spans_table(ref: str, query: str, spans: Sequence[Span]) -> Frame:
    """A search's answer in the form of spans (public/app/plugins/datasource/tempo/resultTransformer.ts): attributes
    that the query names are columns, without their scope."""
    if not spans:
        return Frame(ref, ())
    named = [condition.field for condition in parse(query)] + list(read(query).selected)
    of_scopes = [name.partition(".")[2] for name in named if name.startswith(("span.", "resource."))]
    attributes = list(dict.fromkeys(of_scopes))
    columns: list[tuple[str, str, list[Any]]] = [
        (*_HEAD[0], [s.trace_id for s in spans]),
        (*_HEAD[1], [s.service for s in spans]),
    ]
    columns += [(*_HEAD[2], [s.name for s in spans]), (*_HEAD[3], [s.span_id for s in spans])]
    columns += [("time", "Start time", [s.start_us for s in spans])]
    if {"name", "span:name"} & set(named):
        columns += [("name", "Name", [s.name for s in spans])]
    columns += [
        (name, name, [{**s.resource, "service.name": s.service, **s.tags}.get(name) for s in spans])
        for name in attributes
    ]
    columns += [("duration", "Duration", [s.duration_us * 1000 for s in spans])]
    return Frame(ref, tuple(Column(name, tuple(values), shown=title) for name, title, values in columns))


def _names(of: Shown) -> set[str]:
    return {name for frame in of.frames for name in frame.names}


def _overrides(of: Shown) -> Iterator[str]:
    names = _names(of)
    for override in of.panel["fieldConfig"].get("overrides", []):
        kind, wanted = override["matcher"]["id"], override["matcher"].get("options")
        if kind == "byName":
            found = wanted in names
        elif kind == "byRegexp":
            found = any(re.search(wanted.strip("/"), name) for name in names)
        elif kind == "byFrameRefID":
            found = any(frame.ref == wanted for frame in of.frames)
        else:
            found = kind == "byType"
        if not found:
            yield f"an override of {wanted!r} ({kind}) finds no field: {sorted(names)}"


def _sorted(of: Shown) -> Iterator[str]:
    for each in of.panel["options"].get("sortBy") or []:
        if each["displayName"] not in _names(of):
            yield f"sorted by {each['displayName']!r}, and there are {sorted(_names(of))}"


def _legends(of: Shown, frames: Sequence[Frame]) -> Iterator[str]:
    for target in of.panel["targets"]:
        asked = legend_labels(target.get("legendFormat") or "") if target.get("format") != "table" else set()
        of_ref = [frame for frame in frames if frame.ref == target["refId"] and frame.is_series]
        there = {label for frame in of_ref for label in frame.fields[1].labels}
        yield from (f"the legend of {target['refId']} names {label!r}: {sorted(there)}" for label in asked - there)


def _links(of: Shown) -> Iterator[str]:
    config = of.panel["fieldConfig"]
    links = [*config["defaults"].get("links", []), *of.panel.get("links", [])]
    for override in config.get("overrides", []):
        links += [link for each in override["properties"] if each["id"] == "links" for link in each["value"]]
    fields = [each for frame in of.frames for each in frame.fields]
    names = {each.name for each in fields} | {each.display for each in fields}
    labels = {label for each in fields for label in each.labels}
    for link in links:
        for by_dot, quoted in _OF_ROW.findall(link["url"]):
            if (by_dot or quoted) not in names:
                yield f"the link {link['title']!r} takes the field {by_dot or quoted!r}: {sorted(names)}"
        yield from (
            f"the link {link['title']!r} takes the label {label!r}: {sorted(labels)}"
            for label in _OF_SERIES.findall(link["url"])
            if label not in labels
        )


def _graph(of: Shown) -> Iterator[str]:
    """A node graph has one frame of nodes and one of edges, ids are not there twice, and each edge has both its ends:
    Grafana fails on one that has not (public/app/plugins/panel/nodeGraph/utils.ts, processEdges)."""
    if of.panel["type"] != "nodeGraph":
        return
    frames = {frame.ref: frame for frame in of.frames}
    nodes, edges = frames.get("nodes"), frames.get("edges")
    if not nodes or not edges or len(of.frames) != 2:
        yield f"a node graph has frames {[frame.ref for frame in of.frames]}"
        return
    missing = (_NODES - {n.lower() for n in nodes.names}) | (_EDGES - {n.lower() for n in edges.names})
    if missing:
        yield f"a node graph without {sorted(missing)}: {nodes.names}, {edges.names}"
        return
    ids = [row["id"] for row in nodes.rows]
    if len(ids) != len(set(ids)):
        yield f"nodes are there twice: {sorted(i for i in set(ids) if ids.count(i) > 1)[:5]}"
    of_edges = [row["id"] for row in edges.rows]
    if len(of_edges) != len(set(of_edges)):
        yield f"edges are there twice: {sorted(i for i in set(of_edges) if of_edges.count(i) > 1)[:5]}"
    lost = {row[end] for row in edges.rows for end in ("source", "target")} - set(ids)
    if lost:
        yield f"edges without a node at their end: {sorted(lost)[:5]}"


def as_table(panels: Sequence[Shown]) -> str:
    """Panels and how many series each of their queries returned, for people."""
    rows = [("dashboard", "panel", "series")]
    for one in panels:
        counts = ", ".join(
            f"{asked.ref} {asked.series}" + (f" ({asked.exemplars} exemplars)" if asked.exemplars is not None else "")
            for asked in one.asked
        )
        rows.append((one.board, one.title, counts))
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    lines_ = [f"{board:<{widths[0]}}  {title:<{widths[1]}}  {counts}" for board, title, counts in rows]
    asked = [each for one in panels for each in one.asked]
    empty = len({(each.board, each.panel) for each in asked if not each.series})
    return "\n".join(
        [*lines_, f"{len(panels)} panels, {len(asked)} queries; panels with a query without data: {empty}"]
    )
