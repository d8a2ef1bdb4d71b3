"""Variables of a dashboard, at its top, and annotations over its graphs."""

from __future__ import annotations

from dashboards.generator.grafana.queries import PROMETHEUS, Json


def data_source(name: str, label: str, kind: str) -> Json:
    """Which data source of a kind the panels ask."""
    return {
        "hide": 0,
        "includeAll": False,
        "label": label,
        "multi": False,
        "name": name,
        "options": [],
        "query": kind,
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
        "type": "datasource",
    }


def labels(name: str, label: str, selector: str, of: str, description: str) -> Json:
    """Values of the label `of` in the series that a selector finds; all by default, several can be chosen."""
    query = f"label_values({selector}, {of})"
    return {
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": PROMETHEUS,
        "definition": query,
        "description": description,
        "hide": 0,
        "includeAll": True,
        "label": label,
        "multi": True,
        "name": name,
        "options": [],
        "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
        "type": "query",
    }


PROMETHEUS_SOURCE = data_source("datasource", "Data source", "prometheus")
TEMPO_SOURCE = data_source("tempo", "Traces", "tempo")


def of_series(series: str) -> list[Json]:
    """`job` and `instance` of who has that series."""
    return [
        labels("job", "Service", series, "job", "service.name"),
        labels("instance", "Instance", f'{series}{{job=~"$job"}}', "instance", "service.instance.id"),
    ]


def of_channels() -> list[Json]:
    """`job`, `instance` and `channel` of observed programs."""
    where = 'channel_capacity{job=~"$job", instance=~"$instance"}'
    return [*of_series("go_goroutine_count"), labels("channel", "Channel", where, "channel_name", "channel.name")]


def annotation(
    name: str, color: str, expr: str, title: str, text: str, tags: str = "", *, at_value: bool = False
) -> Json:
    """Vertical lines where an expression has a value. title, text: `{{label}}` is filled. at_value: the value is the
    time of the line, in Unix milliseconds.

    The query is there twice: Grafana 10 and some of 11 read `expr` and `step`, the others run what is in `target`
    (grafana/grafana, packages/grafana-prometheus/src/annotations.ts).
    """
    return {
        "datasource": PROMETHEUS,
        "enable": True,
        "expr": expr,
        "hide": False,
        "iconColor": color,
        "name": name,
        "step": "60s",
        "tagKeys": tags,
        "target": {"expr": expr, "interval": "60s", "refId": "Anno"},
        "textFormat": text,
        "titleFormat": title,
        "useValueForTime": at_value,
    }
