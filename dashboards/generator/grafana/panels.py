"""One function per kind of panel. Each asks for a title and for a description that says what to do when it looks bad.

Options: pkg `@grafana/schema` 13, `raw/composable/<panel>/panelcfg`; the tests type-check every panel against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.generator.grafana.fields import CELLS, field_config
from dashboards.generator.grafana.queries import PROMETHEUS, TEMPO, Json

_TIMESERIES: Json = {
    "axisPlacement": "auto",
    "drawStyle": "line",
    "fillOpacity": 10,
    "lineInterpolation": "linear",
    "lineWidth": 1,
    "pointSize": 4,
    "showPoints": "auto",
    "spanNulls": False,
}


def _panel(
    kind: str,
    title: str,
    description: str,
    targets: Sequence[Json],
    options: Json,
    datasource: Json = PROMETHEUS,
    **more: Any,
) -> Json:
    lettered = [{**target, "refId": target.get("refId", chr(ord("A") + index))} for index, target in enumerate(targets)]
    return {
        "datasource": datasource,
        "description": description,
        "options": options,
        "targets": lettered,
        "title": title,
        "transformations": list(more.pop("transformations", ())),
        "type": kind,
        **more,
    }


def timeseries(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str,
    stacked: bool = False,
    bars: bool = False,
    table_legend: bool = False,
    custom: Json | None = None,
    **fields: Any,
) -> Json:
    """Lines over time. fields: as field_config takes them."""
    drawn = {**_TIMESERIES, "stacking": {"group": "A", "mode": "normal" if stacked else "none"}}
    if bars:
        drawn |= {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0}
    legend = {
        "calcs": ["lastNotNull", "max"] if table_legend else [],
        "displayMode": "table" if table_legend else "list",
        "placement": "bottom",
        "showLegend": True,
    }
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    config = field_config(unit=unit, custom={**drawn, **(custom or {})}, **{"minimum": 0, **fields})
    return _panel("timeseries", title, description, targets, options, fieldConfig=config)


def stat(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str,
    sparkline: bool = True,
    calc: str = "lastNotNull",
    text: str = "auto",
    **fields: Any,
) -> Json:
    """A number, coloured by its thresholds. text: "value_and_name" to name it by its series."""
    options = {
        "colorMode": "value",
        "graphMode": "area" if sparkline else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": [calc], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": text,
        "wideLayout": True,
    }
    return _panel(
        "stat",
        title,
        description,
        targets,
        options,
        fieldConfig=field_config(unit=unit, **{"color": "thresholds", **fields}),
    )


def bar_gauge(title: str, description: str, targets: Sequence[Json], *, unit: str, **fields: Any) -> Json:
    """One bar per series, as it is now."""
    options = {
        "displayMode": "gradient",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return _panel(
        "bargauge",
        title,
        description,
        targets,
        options,
        fieldConfig=field_config(unit=unit, **{"color": "thresholds", **fields}),
    )


def table(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str = "short",
    transformations: Sequence[Json] = (),
    sort_by: str | None = None,
    datasource: Json = PROMETHEUS,
    **fields: Any,
) -> Json:
    """Rows and columns. sort_by: the column that decides, largest first."""
    options = {
        "cellHeight": "sm",
        "showHeader": True,
        "sortBy": [{"desc": True, "displayName": sort_by}] if sort_by else [],
    }
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
    overrides = [*CELLS, *fields.pop("overrides", ())]
    config = field_config(unit=unit, custom=custom, overrides=overrides, **{"color": "thresholds", **fields})
    return _panel(
        "table", title, description, targets, options, datasource, transformations=transformations, fieldConfig=config
    )


def span_table(title: str, description: str, targets: Sequence[Json], **fields: Any) -> Json:
    """Spans that a TraceQL search finds; a click on one opens its trace."""
    return table(title, description, targets, datasource=TEMPO, **fields)


def heat_map(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str,
    cells: str = "ops",
    cell_decimals: int | None = None,
    links: Sequence[Json] = (),
    empty: str | None = None,
) -> Json:
    """Buckets of a histogram over time; exemplars are dots, where the query asks for them. cells: unit of a cell."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": cells} | ({} if cell_decimals is None else {"decimals": cell_decimals}),
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    config = field_config(
        unit=unit,
        links=links,
        custom={"hideFrom": {"legend": False, "tooltip": False, "viz": False}},
        empty=empty,
    )
    return _panel("heatmap", title, description, targets, options, fieldConfig=config)


def state_timeline(
    title: str, description: str, targets: Sequence[Json], *, unit: str = "short", **fields: Any
) -> Json:
    """One lane per series, coloured by its value."""
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"fillOpacity": 70, "lineWidth": 0}
    config = field_config(unit=unit, custom=custom, **{"color": "thresholds", **fields})
    return _panel("state-timeline", title, description, targets, options, fieldConfig=config)


def node_graph(
    title: str,
    description: str,
    nodes: Json,
    edges: Json,
    *,
    transformations: Sequence[Json] = (),
    main_unit: str | None = None,
    edge_unit: str | None = None,
    **fields: Any,
) -> Json:
    """A graph. nodes: a table with columns id, title, mainstat, ...; edges: with id, source, target, mainstat, ..."""
    options: Json = {
        "edges": {} if edge_unit is None else {"mainStatUnit": edge_unit},
        "nodes": {} if main_unit is None else {"mainStatUnit": main_unit},
        "zoomMode": "cooperative",
    }
    targets = [{**nodes, "refId": "nodes"}, {**edges, "refId": "edges"}]
    config = field_config(unit=fields.pop("unit", "short"), **fields)
    return _panel(
        "nodeGraph", title, description, targets, options, transformations=transformations, fieldConfig=config
    )


def organize(*, hide: Sequence[str] = (), names: Mapping[str, str] | None = None, order: Sequence[str] = ()) -> Json:
    """A transformation: hide columns, rename them, put them in order."""
    options = {
        "excludeByName": dict.fromkeys(hide, True),
        "indexByName": {name: index for index, name in enumerate(order)},
        "renameByName": dict(names or {}),
    }
    return {"id": "organize", "options": options}


def transformation(kind: str, **options: Any) -> Json:
    """Any other transformation, by Grafana's id of it."""
    return {"id": kind, "options": options}


def sparklines(query: str) -> Json:
    """A transformation: the series of one query become rows, with their values in the column `Trend #` + its letter.

    Of that query only: an instant table of one row would be taken for a series too, and lose its labels
    (grafana/grafana, packages/grafana-data/src/dataframe/utils.ts, isTimeSeriesFrame).
    """
    return {**transformation("timeSeriesTable"), "filter": {"id": "byRefId", "options": query}}
