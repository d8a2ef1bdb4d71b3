"""A whole dashboard in Grafana's classic JSON: rows of panels become places and ids, the same in every run.

Schema version 39 is Grafana 11.0's; later ones migrate it when they load it. Ids are counted, so that a link to a panel
(`viewPanel`) holds until panels before it come or go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from dashboards.generator.grafana.queries import Json
from dashboards.generator.grafana.variables import PROMETHEUS_SOURCE, TEMPO_SOURCE, annotation
from dashboards.generator.links import AGENT, OVERVIEW, PIPELINE

SCHEMA_VERSION = 39
WIDTH = 24
"""Columns of Grafana's grid."""
OF_PROGRAMS = "otelchan-programs"
"""Tag of dashboards whose `job` and `instance` are watched programs."""
_BUILT_IN: Json = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
ALERTS = annotation(
    "Alerts",
    "red",
    'ALERTS{alertname=~"Otelchan.+", alertstate="firing", job=~"$job|", instance=~"$instance|"}'
    # and, whoever is chosen, those for which a gap in all graphs may be the reason
    ' or ALERTS{alertname=~"Otelchan(Down|Absent|Collector.+)", alertstate="firing"}',
    "{{alertname}}",
    "{{severity}} {{channel_name}} {{job}} {{instance}}",
    "alertname,severity",
)
RESTARTS = annotation(
    "Starts of otelchan",
    "blue",
    "otelchan_start_time_seconds * 1000",
    "otelchan started",
    "{{host_name}} {{instance}}: counters begin anew",
    at_value=True,  # each agent is an instance of its own, so the start time of a series never changes
)


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside each other under a heading, all of one height in units of 30 pixels.

    title: "" for no heading. widths: of 24 columns; a panel that does not fit into a line goes to the next.
    """

    title: str
    panels: tuple[Json, ...]
    widths: tuple[int, ...]
    height: int = 8


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. uid: see links.py. says: what it answers, in a sentence. variables: besides the data sources."""

    uid: str
    title: str
    says: str
    variables: Sequence[Json]
    rows: Sequence[Row]
    tags: tuple[str, ...] = ("otelchan", OF_PROGRAMS)
    since: str = "now-1h"
    annotations: Sequence[Json] = field(default=(ALERTS, RESTARTS))


def build(board: Board) -> Json:
    """The JSON that Grafana loads."""
    return {
        "annotations": {"list": [_BUILT_IN, *board.annotations]},
        "description": board.says,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": _links(board),
        "panels": _placed(board.rows),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": list(board.tags),
        "templating": {"list": [PROMETHEUS_SOURCE, TEMPO_SOURCE, *board.variables]},
        "time": {"from": board.since, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": board.title,
        "uid": board.uid,
        "version": 1,
        "weekStart": "",
    }


def text(board: Board) -> str:
    """As it is written to a file: the same bytes in every run."""
    return json.dumps(build(board), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _links(board: Board) -> list[Json]:
    """At the top, to the other dashboards. `job` and `instance` go along only among those of watched programs: no agent
    and no Collector is called what a program is, so theirs would be empty."""
    others = {"The agent": AGENT, "The Collector": PIPELINE}
    first = []
    if OF_PROGRAMS in board.tags:
        says = "The dashboards of programs, with this time range and these variables"
        every = {"asDropdown": True, "includeVars": True, "tags": [OF_PROGRAMS]}
        first = [{**_link("Programs", "dashboards", says), **every}]
    else:
        others = {"Programs": OVERVIEW, **others}
    return first + [
        _link(title, "link", "With this time range", f"/d/{uid}?${{datasource:queryparam}}&${{tempo:queryparam}}")
        for title, uid in others.items()
        if uid != board.uid
    ]


def _link(title: str, kind: str, tooltip: str, url: str = "") -> Json:
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": True,
        "tags": [],
        "targetBlank": False,
        "title": title,
        "tooltip": tooltip,
        "type": kind,
        "url": url,
    }


def _placed(rows: Sequence[Row]) -> list[Json]:
    found: list[Json] = []
    y = 0
    for row in rows:
        if row.title:
            found.append(_heading(len(found) + 1, row.title, y))
            y += 1
        x = 0
        for panel, width in zip(row.panels, row.widths, strict=True):
            if x + width > WIDTH:
                x, y = 0, y + row.height
            found.append({**panel, "gridPos": {"h": row.height, "w": width, "x": x, "y": y}, "id": len(found) + 1})
            x += width
        y += row.height
    return found


def _heading(identity: int, title: str, y: int) -> Json:
    place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
    return {"collapsed": False, "gridPos": place, "id": identity, "panels": [], "title": title, "type": "row"}


def panel_url(uid: str, variables: str = "") -> str:
    """A link from a value to a dashboard, with the time range; variables: more of the query, `&var-channel=...`.

    A value of a service, of all instances that are chosen, leads to these instances.
    """
    instances = "&${instance:queryparam}" if "&var-job=" in variables and "&var-instance=" not in variables else ""
    return f"/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{tempo:queryparam}}{variables}{instances}"


def of_row(**fields: str) -> str:
    """More of panel_url's query: variables filled from fields of the row that was clicked, by the field's name.

    Escaped by name: links are otherwise encoded as a whole, which leaves `&`, `#` and `+` in values as they are.
    """
    return "".join(f"&var-{name}=${{__data.fields.{field}:percentencode}}" for name, field in fields.items())


def of_series(**labels: str) -> str:
    """The same from labels of a series in a graph."""
    return "".join(f"&var-{name}=${{__field.labels.{label}:percentencode}}" for name, label in labels.items())


def explore_url(traceql: str) -> str:
    """A link from a value to the spans that a TraceQL query finds in the dashboard's time range.

    traceql: values of the row in double quotes, such as `"${__data.fields.channel_name:percentencode}"`.
    """
    source = {"type": "tempo", "uid": "${tempo}"}
    query = {"datasource": source, "limit": 20, "query": traceql, "queryType": "traceql", "refId": "A"}
    pane = {"datasource": "${tempo}", "queries": [{**query, "tableType": "spans"}]}
    panes = json.dumps({"otelchan": {**pane, "range": {"from": "${__from}", "to": "${__to}"}}})
    parts = re.split(r"(\$\{[^}]+\})", panes)  # what Grafana fills in must stay as it is
    return "/explore?schemaVersion=1&orgId=1&panes=" + "".join(
        part if index % 2 else quote(part, safe="") for index, part in enumerate(parts)
    )
