"""The tables of the overview: processes, findings, alerts, worst first, with links to where each is looked into."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import explore_url, of_row, panel_url
from dashboards.generator.grafana.queries import OF
from dashboards.generator.parameters import Parameters
from otelchan.findings.catalogue import FINDINGS as CATALOGUE

BOARDS = (
    ("Channels", links.CHANNELS),
    ("Goroutines", links.GOROUTINES),
    ("Topology", links.TOPOLOGY),
    ("Close and shutdown", links.CLOSE),
    ("Objectives", links.OBJECTIVES),
)
"""Where a process is looked into: title and uid."""
SEVERITIES = {"3": ("critical", fields.RED), "2": ("warning", fields.ORANGE), "1": ("info", fields.BLUE)}
"""By rank, so that the worst can be found by max and sorted first."""
_TITLES = {id_: (f"{id_} {entry.title}", fields.GREY) for id_, entry in CATALOGUE.items()}
_SPARKLINE = {"hideValue": False, "type": "sparkline"}
_BACKGROUND = {"mode": "basic", "type": "color-background"}
_TEXT = {"type": "color-text"}
_BY = "by (job, instance)"
_WATCHED = f"max {_BY} (go_goroutine_count{{{OF}}})"
_ELSE_0 = f"or 0 * {_WATCHED}"
"""A row for every process that is watched. `merge` needs one in each query: it joins by the columns that all have, and
a query without an answer has none."""


def ranked(by: str, *selectors: str, otherwise: str = "") -> str:
    """The worst rank within each group of labels. selectors: of critical, warning and info, each worth 1 or more.

    otherwise: what else is in the groups, of rank 0.
    """
    parts = [f"{rank} * ({selector} > bool 0)" for rank, selector in zip((3, 2, 1), selectors, strict=True)]
    if otherwise:
        parts.append(f"0 * {otherwise}")
    return f"max by ({by}) (\n  " + "\n  or ".join(parts) + "\n)"


def findings(severity: str) -> str:
    """Those that hold now."""
    return f'otelchan_finding{{{OF}, finding_severity="{severity}"}}'


def firing(severity: str) -> str:
    """Alerts of the processes that are chosen, and those that are about none: no agent at all."""
    return (
        f'ALERTS{{alertname=~"Otelchan.+", alertstate="firing", severity="{severity}", '
        'job=~"$job|", instance=~"$instance|"}'
    )


def _number(severity: str) -> str:
    return f"sum {_BY} ({findings(severity)}) {_ELSE_0}"


_PROCESS = of_row(job="job", instance="instance")
_OF_PROCESS = [fields.link(title, panel_url(uid, _PROCESS)) for title, uid in BOARDS]

PROCESSES = panels.table(
    "Processes, worst first",
    "One row per process that is watched; begin at the top. A click on the service leads to its channels, goroutines, "
    "topology, closes and objectives, at this time range. A process that is missing has ended or is not watched.",
    [
        queries.table(_number("critical")),
        queries.table(_number("warning")),
        queries.series(
            f"(max {_BY} (channel_lag{{{OF}}}) {_ELSE_0}) and on (job, instance) go_goroutine_count{{{OF}}} @ end()",
            "{{job}} {{instance}}",
        ),
        queries.table(f"sum {_BY} (goroutine_blocked{{{OF}, {queries.ON_CHANNELS}}}) {_ELSE_0}"),
        queries.table(f"max {_BY} (goroutine_wait_age_seconds{{{OF}, {queries.ON_CHANNELS}}}) {_ELSE_0}"),
        queries.table(_WATCHED),
        queries.table(f"min {_BY} (channel_health{{{OF}}}) or NaN * {_WATCHED}"),
        queries.table(
            "max by (job, instance, host_name, process_pid) (\n"
            f"  topk {_BY} (1, target_info{{{OF}}}) and on (job, instance) go_goroutine_count{{{OF}}}\n"
            f") or on (job, instance) {_WATCHED}"
        ),
    ],
    transformations=[
        panels.sparklines("C"),
        panels.transformation("merge"),
        panels.organize(
            hide=("Time", "Value #H"),
            names={
                "job": "Service",
                "host_name": "Host",
                "process_pid": "Pid",
                "Value #A": "Critical",
                "Value #B": "Warnings",
                "Trend #C": "Worst lag",
                "Value #D": "Blocked on channels",
                "Value #E": "Oldest of these waits",
                "Value #F": "Goroutines",
                "Value #G": "Lowest health",
                "instance": "Instance",
            },
            order=(
                "job",
                "host_name",
                "process_pid",
                "Value #A",
                "Value #B",
                "Trend #C",
                "Value #D",
                "Value #E",
                "Value #F",
                "Value #G",
                "instance",
            ),
        ),
    ],
    sort_by="Critical",
    empty="nothing is watched",
    overrides=[
        fields.override("Service", links=_OF_PROCESS),
        fields.override("Instance", links=_OF_PROCESS),
        fields.override("Critical", custom_cellOptions=_TEXT, thresholds=fields.thresholds((1, fields.RED))),
        fields.override("Warnings", custom_cellOptions=_TEXT, thresholds=fields.thresholds((1, fields.ORANGE))),
        fields.override("Worst lag", custom_cellOptions=_SPARKLINE, custom_width=220),
        fields.override("Oldest of these waits", unit="s"),
        fields.override(
            "Lowest health",
            mappings=[fields.missing("-")],
            custom_cellOptions=_TEXT,
            thresholds=fields.HEALTH,
        ),
    ],
)
PROCESSES["options"]["sortBy"].append({"desc": True, "displayName": "Warnings"})

WORST_FIRST = ("critical", "warning", "info")
_SEVERITY = fields.override(
    "Severity", custom_cellOptions=_BACKGROUND, custom_width=90, mappings=fields.values(SEVERITIES)
)
_TRACE = explore_url(
    '{ resource.service.instance.id = "${__data.fields.instance:percentencode}" && span.finding.id = "${__value.raw}" }'
)
"""On the finding's own column: another field would be filled in as it is shown, with its title."""
_OF_CHANNEL = of_row(job="job", instance="instance", channel="channel")
FINDINGS = panels.table(
    "Findings that hold now",
    "What is wrong, in which channel; `otelchan explain F1` says what each means, how it can be wrong and what to do. "
    "A click on the finding leads to the dashboard that shows it. Empty is good, if programs are watched.",
    [
        queries.table(
            queries.channel_or_all(ranked("job, instance, finding_id, channel_name", *map(findings, WORST_FIRST)))
        )
    ],
    transformations=[
        panels.organize(
            hide=("Time",),
            names={
                "Value": "Severity",
                "finding_id": "Finding",
                "channel_name": "Channel",
                "job": "Service",
                "instance": "Instance",
            },
            order=("Value", "finding_id", "channel_name", "job", "instance"),
        )
    ],
    sort_by="Severity",
    empty="no findings",
    overrides=[
        _SEVERITY,
        fields.override(
            "Finding",
            custom_width=190,
            mappings=fields.values(_TITLES),
            links=[
                fields.link("Goroutines (F1, F2, F15, F16)", panel_url(links.GOROUTINES, _PROCESS)),
                fields.link("Channel (F9, F10, F12)", panel_url(links.CHANNELS, _OF_CHANNEL)),
                fields.link("Close and shutdown (F4 to F8)", panel_url(links.CLOSE, _OF_CHANNEL)),
                fields.link("Objectives (F11)", panel_url(links.OBJECTIVES, _OF_CHANNEL)),
                fields.link("Topology (F14)", panel_url(links.TOPOLOGY, _PROCESS)),
                fields.link("Its trace: sentence, line and stacks", _TRACE),
            ],
        ),
        fields.hidden("channel"),
    ],
)

EACH_FIRING = ranked("alertname, job, instance, channel_name", *map(firing, WORST_FIRST))
"""One series per alert, process and channel: its rank."""
ALERTS = panels.table(
    "Alerts that fire",
    "Also those on agents and Collectors. A click leads to docs/alerts.md, where each has a section of its name: "
    "what to look at, what to do. Empty is good, if the rules in dashboards/alerts are loaded.",
    [queries.table(queries.channel_or_all(EACH_FIRING))],
    transformations=[
        panels.organize(
            hide=("Time",),
            names={
                "Value": "Severity",
                "alertname": "Alert",
                "channel_name": "Channel",
                "job": "Service",
                "instance": "Instance",
            },
            order=("Value", "alertname", "job", "channel_name", "instance"),
        )
    ],
    sort_by="Severity",
    empty="no alert fires",
    overrides=[
        _SEVERITY,
        fields.override(
            "Alert",
            custom_width=210,
            links=[
                fields.link("What to do: docs/alerts.md", Parameters().runbooks, new_tab=True),
                fields.link("The agent", panel_url(links.AGENT)),
            ],
        ),
        fields.override("Channel", links=[fields.link("This channel", panel_url(links.CHANNELS, _OF_CHANNEL))]),
        fields.hidden("channel"),
    ],
)
