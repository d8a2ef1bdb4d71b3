"""The rules of Grafana's dashboard-linter (4d0844b4, June 2026) that are about Prometheus, in our own words, stricter
where it looks at some kinds of panels only or once per dashboard. Each takes a dashboard and names what breaks it.

Left out: its two rules for Loki. Different: it knows one data source a dashboard, here the variable `datasource` is
Prometheus and `tempo` is Tempo; labels of variables are OpenTelemetry's words (it only warns about that).
"""

from __future__ import annotations

import re
from itertools import pairwise

import promql_parser as tree

from otelchan.telemetry.signals import Kind
from tests.support.dashboards import Json, named, promql, queries_of, shown, variable_selectors
from tests.support.emitted import kinds, owners
from tests.support.promql import RANGE, RATE_INTERVAL, fault, nodes, parsed, selector, selectors

SOURCES = {"datasource": "prometheus", "tempo": "tempo"}
_GROWTH = ("rate", "increase")
_PRESENCE = ("absent", "absent_over_time", "present_over_time", "count_over_time")
# grafana/grafana packages/grafana-data/src/valueFormats/categories.ts: what the numbers of a Go program can be in.
_KNOWN_UNITS = """
    none string short percent percentunit sci locale bool bool_yes_no bool_on_off
    bytes decbytes bits decbits kbytes mbytes gbytes pps binBps Bps binbps bps KiBs KBs MiBs MBs
    dateTimeAsIso dateTimeAsIsoNoDateIfToday dateTimeAsLocal dateTimeAsLocalNoDateIfToday dateTimeAsSystem
    dateTimeFromNow hertz ns µs ms s m h d dtdurationms dtdurations dthms dtdhms timeticks clockms clocks
    cps ops reqps rps wps iops cpm opm rpm wpm mps mpm
"""
UNITS = frozenset(_KNOWN_UNITS.split())
_OWN_UNIT = re.compile(r"(suffix|prefix|time|si|count|bool):.+")  # valueFormats.ts getValueFormat


def template_datasource(board: Json) -> list[str]:
    """One variable for each data source, by the names that panels use."""
    found = {v["name"]: v["query"] for v in board["templating"]["list"] if v["type"] == "datasource"}
    return [] if found == SOURCES else [f"data sources are {found}"]


def template_job(board: Json) -> list[str]:
    """A variable for services."""
    return _chooses(board, "job")


def template_instance(board: Json) -> list[str]:
    """A variable for instances."""
    return _chooses(board, "instance")


def _chooses(board: Json, name: str) -> list[str]:
    wanted = {"type": "query", "multi": True, "includeAll": True, "allValue": ".+"}
    for variable in board["templating"]["list"]:
        if variable["name"] == name:
            wrong = [f"{name}: {key} is {variable.get(key)!r}" for key in wanted if variable.get(key) != wanted[key]]
            uid = variable.get("datasource", {}).get("uid")
            return wrong + ([] if uid == "${datasource}" else [f"{name}: asks {uid}"])
    return [f"no variable {name}"]


def template_label_promql(board: Json) -> list[str]:
    """Variables take their values from label_values of an expression that Prometheus reads, asked for twice alike."""
    found = []
    for query in variable_selectors(board):
        text, definition = query.target["query"]["query"], query.target["definition"]
        if not re.fullmatch(r"label_values\(.+, \w+\)", text):
            found.append(f"{query.where}: no label_values: {text}")
        elif fault(query.text):
            found.append(f"{query.where}: {fault(query.text)}")
        if text != definition:
            found.append(f"{query.where}: shown as {definition}")
    return found


def template_on_time_change_reload(board: Json) -> list[str]:
    """Variables are read again when the time range changes."""
    asked = [v for v in board["templating"]["list"] if v["type"] == "query"]
    return [f"variable {v['name']}: refresh is {v.get('refresh')}" for v in asked if v.get("refresh") != 2]


def uneditable(board: Json) -> list[str]:
    """What is changed by hand is lost when the file is read again."""
    return [] if board.get("editable") is False else ["editable"]


def panel_datasource(board: Json) -> list[str]:
    """Panels and targets ask what the variables say."""
    right = [{"type": kind, "uid": f"${{{name}}}"} for name, kind in SOURCES.items()]
    found = []
    for panel in shown(board):
        asked = [panel.get("datasource"), *(target.get("datasource") for target in panel.get("targets", []))]
        found += [
            f"{named(panel)}: asks {source}" for source in asked if source not in right and panel["type"] != "text"
        ]
        if len({str(source) for source in asked}) > 1:
            found.append(f"{named(panel)}: asks several")
    return found


def panel_title_description(board: Json) -> list[str]:
    """A title, and a description that is a sentence."""
    found = [f"panel {p['id']}: no title" for p in shown(board) if not p.get("title", "").strip()]
    words = [(p, p.get("description", "")) for p in shown(board)]
    return found + [f"{named(p)}: no sentence: {text!r}" for p, text in words if not re.search(r"\w+ .+[.]$", text)]


def panel_units(board: Json) -> list[str]:
    """A unit that Grafana knows, also in overrides and on axes."""
    found = []
    for panel in shown(board):
        config = panel.get("fieldConfig", {})
        given = [config.get("defaults", {}).get("unit")] if panel["type"] != "text" else []
        rows = [row for each in config.get("overrides", []) for row in each["properties"]]
        given += [row["value"] for row in rows if row["id"] == "unit"]
        options = panel.get("options", {})
        places = [options.get("yAxis", {}), options.get("cellValues", {})]
        given += [place["unit"] for place in places if "unit" in place]
        stats = [options.get("nodes", {}), options.get("edges", {})] if panel["type"] == "nodeGraph" else []
        given += [unit for each in stats for key, unit in each.items() if key.endswith("StatUnit")]
        found += [f"{named(panel)}: unit {u!r}" for u in given if u not in UNITS and not _OWN_UNIT.fullmatch(str(u))]
    return found


def panel_no_targets(board: Json) -> list[str]:
    """Every panel asks something."""
    return [f"{named(p)}: asks nothing" for p in shown(board) if p["type"] != "text" and not p.get("targets")]


def target_promql(board: Json) -> list[str]:
    """Prometheus can read what it is asked."""
    return [f"{query.where}: {fault(query.text)}" for query in promql(board) if fault(query.text)]


def target_rate_interval(board: Json) -> list[str]:
    """rate over $__rate_interval; increase also over the whole range, where that is asked once."""
    found = []
    for query in promql(board):
        for node, parents in nodes(parsed(query.text)):
            call = parents[-1] if parents else None
            if not isinstance(node, tree.MatrixSelector) or not isinstance(call, tree.Call):
                continue
            once = query.target.get("instant") or node.vector_selector.at is not None
            whole = call.func.name == "increase" and once and node.range == RANGE
            if call.func.name in (*_GROWTH, "irate") and node.range != RATE_INTERVAL and not whole:
                found.append(f"{query.where}: {call.func.name} over {node.range}")
    return found


def target_job(board: Json) -> list[str]:
    """Every selector keeps to the services that are chosen."""
    return _keeps_to(board, "job")


def target_instance(board: Json) -> list[str]:
    """And to the instances."""
    return _keeps_to(board, "instance")


def _keeps_to(board: Json, label: str) -> list[str]:
    """Alerts may also be without the label. Whoever is not among the variable's values (otelchan itself on a dashboard
    of programs) must not be asked for it: nothing would be found.
    """
    known = owners()
    chosen = {known.get(s.metric) for q in variable_selectors(board) for s in selectors(q.text)}
    found = []
    for query in queries_of(board, "prometheus"):
        for asked in selectors(query.text):
            values = [m.value for m in asked.node.matchers.matchers if m.name == label]
            alert = asked.metric == "ALERTS" and values == [f"${label}|"]
            right = asked.operator(label, f"${label}") == "=~" and len(values) == 1
            other = asked.metric in known and known[asked.metric] not in chosen
            if values if other else not right and not alert:
                found.append(f"{query.where}: {asked.metric} with {label} {values}")
    return found


def target_counter(board: Json) -> list[str]:
    """Counters are shown as what they grow by, and nothing else is: see _value_is_used for the exceptions."""
    found, kind = [], kinds()
    for query in promql(board):
        for node, parents in nodes(parsed(query.text)):
            if not isinstance(node, tree.VectorSelector):
                continue
            name = selector(node).metric
            counts = kind.get(name) in (Kind.COUNTER, Kind.HISTOGRAM)
            growth = [p for p in parents if isinstance(p, tree.Call) and p.func.name in _GROWTH]
            grows = bool(growth) and growth[-1] is parents[-2]
            if growth and not counts:
                found.append(f"{query.where}: {name} is no counter")
            if counts and not grows and _value_is_used(name, node, parents):
                found.append(f"{query.where}: {name} is a counter")
    return found


def _value_is_used(name: str, node: tree.Expr, parents: tuple[tree.Expr, ...]) -> bool:
    """Of a counter outside of rate and increase. Not when it only says that the series is there (group, count, on the
    right of and or unless), nor when it is the first value of a series, of which increase knows nothing: then its
    growth is on the other side of an `or`.
    """
    path = (*parents, node)
    for outer, inner in pairwise(path):
        if isinstance(outer, tree.AggregateExpr) and str(outer.op) in ("group", "count"):
            return False
        if isinstance(outer, tree.Call) and outer.func.name in _PRESENCE:
            return False
        if isinstance(outer, tree.BinaryExpr):
            if str(outer.op) in ("and", "unless") and inner is outer.rhs:
                return False
            other = outer.lhs if inner is outer.rhs else outer.rhs
            if str(outer.op) == "or" and _grows(other, name):
                return False
    return True


def _grows(node: tree.Expr, name: str) -> bool:
    growth = [n for n, _ in nodes(node) if isinstance(n, tree.Call) and n.func.name in _GROWTH]
    inside = [m for call in growth for m, _ in nodes(call) if isinstance(m, tree.VectorSelector)]
    return any(selector(each).metric == name for each in inside)
