"""The channels of a service in one table, most backlog first, and the findings on them."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import explore_url, of_row, panel_url
from dashboards.generator.grafana.promql import CHANNEL
from dashboards.generator.grafana.queries import OF_CHANNEL, Json
from otelchan.findings.catalogue import FINDINGS as CATALOGUE

ROW = of_row(job="job", instance="instance", channel="channel_name")
LINKS = [
    fields.link("This channel alone", panel_url(links.CHANNELS, ROW)),
    fields.link("Who uses it", panel_url(links.TOPOLOGY, of_row(job="job", instance="instance"))),
    fields.link("Goroutines of the process", panel_url(links.GOROUTINES, of_row(job="job", instance="instance"))),
    fields.link("How it was closed", panel_url(links.CLOSE, ROW)),
    fields.link("Its objectives", panel_url(links.OBJECTIVES, ROW)),
    fields.link(  # a name with a quote in it, of a struct's tag, is not found: no form of Grafana's escapes it twice
        "Its waits and panics, in traces",
        explore_url(
            '{ resource.service.instance.id = "${__data.fields.instance:percentencode}"'
            ' && span.channel.name = "${__data.fields.channel_name:percentencode}" }'
        ),
    ),
]
_BY = f"by ({CHANNEL})"
_LAG = f"sum {_BY} (channel_lag{{{OF_CHANNEL}}})"
_MOST = 200
"""Rows. With fifty instances there may be thousands, each with its curve: too many to read, and to be drawn."""
_NOW = f"sum {_BY} (channel_lag{{{OF_CHANNEL}}} @ end())"
_ROWS = f"topk({_MOST}, {_LAG})"
_COLUMNS = {
    "job": "Service",
    "channel_name": "Channel",
    "Value #B": "Lag",
    "Trend #A": "Lag over time",
    "Value #C": "Capacity",
    "Value #D": "Senders wait",
    "Value #E": "Receivers wait",
    "Value #F": "Oldest wait",
    "Value #G": "Sent/s",
    "Value #H": "Received/s",
    "Value #I": "Health",
    "instance": "Instance",
}
_TEXT: Json = {"type": "color-text"}


def _or(vector: str, otherwise: str) -> str:
    """The same rows as in all other queries, of channels that have a lag: without one row at least, the columns of a
    query have no labels, and the rows of all queries find nothing to be joined by."""
    return f"({vector} and on ({CHANNEL}) {_ROWS})\nor {otherwise} * {_ROWS}"


def _waiters(operation: str) -> str:
    return _or(f'sum {_BY} (channel_waiters{{{OF_CHANNEL}, channel_operation="{operation}"}})', "0")


def _rate(operation: str) -> str:
    counter = f'channel_process_total{{{OF_CHANNEL}, channel_operation="{operation}", channel_status="ok"}}'
    return _or(f"sum {_BY} (rate({counter}[$__rate_interval]))", "NaN")


TABLE = panels.table(
    "Channels, most lag first",
    "Lag is what is in the buffer plus who waits to send. Bad: lag at the capacity or climbing, an oldest wait of "
    "minutes, a health below 100. A click on the channel leads on. Channels that were there at the end of the time "
    f"range, {_MOST} at most; those over the cap of series are missing, see the dashboard of the agent.",
    [
        queries.series(f"{_LAG} and on ({CHANNEL}) topk({_MOST}, {_NOW})", "{{channel_name}}"),
        queries.table(_ROWS),
        queries.table(_or(f"sum {_BY} (channel_capacity{{{OF_CHANNEL}}})", "0")),
        queries.table(_waiters("send")),
        queries.table(_waiters("recv")),
        queries.table(_or(f"max {_BY} (channel_wait_age_seconds{{{OF_CHANNEL}}})", "0")),
        queries.table(_rate("send")),
        queries.table(_rate("recv")),
        queries.table(_or(f"min {_BY} (channel_health{{{OF_CHANNEL}}})", "NaN")),
    ],
    transformations=[
        panels.sparklines("A"),
        panels.transformation("merge"),
        panels.organize(hide=("Time",), names=_COLUMNS, order=tuple(_COLUMNS)),
    ],
    sort_by="Lag",
    decimals=0,
    empty="no channel was seen: is a program watched?",
    overrides=[
        fields.override("Channel", links=LINKS, custom_minWidth=260),
        fields.override("Service", custom_width=130),
        fields.override("Instance", custom_width=120),
        fields.override("Lag over time", custom_cellOptions={"hideValue": True, "type": "sparkline"}, custom_width=180),
        fields.override("Capacity", mappings=fields.values({"0": ("unbuffered", fields.GREY)})),
        fields.override(
            "Senders wait", custom_cellOptions=_TEXT, thresholds=fields.thresholds((1, fields.ORANGE), base=fields.GREY)
        ),
        fields.override("Oldest wait", unit="s", mappings=fields.values({"0": ("nobody waits", fields.GREY)})),
        fields.override_matching("^(Sent|Received)", unit="cps", decimals=1, mappings=[fields.missing("not counted")]),
        fields.override(
            "Health",
            custom_cellOptions=_TEXT,
            custom_width=80,
            mappings=[fields.missing("-")],
            thresholds=fields.HEALTH,
        ),
    ],
)

_SEVERITIES = {
    "critical": ("critical", fields.RED),
    "warning": ("warning", fields.ORANGE),
    "info": ("info", fields.BLUE),
}
_TITLES = {id_: (f"{id_} {entry.title}", fields.GREY) for id_, entry in CATALOGUE.items()}
_SHOWN = {
    "finding_severity": "Severity",
    "finding_id": "Finding",
    "channel_name": "Channel",
    "Value": "How many",
    "job": "Service",
    "instance": "Instance",
}
FINDINGS = panels.table(
    "Findings on these channels",
    "What is wrong with them now; `otelchan explain F1` says what it means and what to do. The line in the code is in "
    "the finding's trace. Empty is good.",
    [
        queries.table(
            f"sum by (finding_severity, finding_id, {CHANNEL}) (otelchan_finding{{{OF_CHANNEL}}}) > 0",
        )
    ],
    transformations=[panels.organize(hide=("Time",), names=_SHOWN, order=tuple(_SHOWN))],
    decimals=0,
    empty="no findings on these channels",
    overrides=[
        fields.override("Severity", custom_cellOptions=_TEXT, custom_width=80, mappings=fields.values(_SEVERITIES)),
        fields.override("Finding", custom_width=170, mappings=fields.values(_TITLES)),
        fields.override("Channel", links=LINKS),
        fields.override("How many", custom_width=80),
    ],
)
FINDINGS["options"]["sortBy"] = [{"desc": False, "displayName": "Severity"}]
