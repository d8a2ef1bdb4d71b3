"""All services: which one to look at first, whether alerts fire, whether what is shown can be believed."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import overview_tables as tables
from dashboards.generator.boards import spans
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import Board, Row, of_series, panel_url
from dashboards.generator.grafana.queries import OF
from dashboards.generator.grafana.variables import of_series as of_processes

_AGENT_ELSE_0 = "or 0 * sum(otelchan_target_count)"
_TO_CHANNELS = fields.link("Channels of this service", panel_url(links.CHANNELS, of_series(job="job")))
_TO_GOROUTINES = fields.link("Goroutines of this service", panel_url(links.GOROUTINES, of_series(job="job")))
_TO_AGENT = fields.link("The agent", panel_url(links.AGENT))
# Of each machine, as an agent that starts again is another instance. Prometheus forgets who is silent for five minutes;
# looked for further back, once a minute, those are found too.
_NEWEST = (
    "max by (job, host_name) (timestamp(otelchan_build_info)) "
    "or max by (job, host_name) (max_over_time(timestamp(otelchan_build_info)[1h:1m]))"
)

_CRITICAL = panels.stat(
    "Critical findings",
    "What is wrong now and does not mend itself: leaks, deadlocks, panics. Not 0: take the first row of the tables "
    "below. `nothing is watched` is not good news: look at the agents at the bottom.",
    [queries.now(f"sum({tables.findings('critical')}) {queries.ELSE_0}", "critical")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.RED)),
    **fields.NOBODY,
)
_WARNINGS = panels.stat(
    "Warnings",
    "What is about to go wrong, or is wrong and may end by itself. Not 0: read the sentences on the findings below "
    "before they become critical.",
    [queries.now(f"sum({tables.findings('warning')}) {queries.ELSE_0}", "warnings")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.ORANGE)),
    **fields.NOBODY,
)
_ALERTS = panels.stat(
    "Alerts firing",
    "otelchan's alerts on programs, agents and Collectors. Each has a section in docs/alerts.md that says what to do. "
    "Rules that were never loaded cannot fire: see docs/alerts.md.",
    [queries.now(f"count({tables.EACH_FIRING})", "alerts")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.RED)),
    **fields.nothing("none", fields.GREY),  # not green: without the rules it says so too
)
_LAG = panels.stat(
    "Worst lag",
    "The channel with most elements in its buffer and senders waiting. It is late by as long as these take: a click "
    "shows whether it grows, and who should take them out.",
    [
        queries.now(
            f"topk(1, sum by (job, instance, channel_name) (channel_lag{{{OF}}}) > 0)", "{{channel_name}} in {{job}}"
        )
    ],
    unit="short",
    sparkline=False,
    text="value_and_name",
    steps=fields.thresholds(base=fields.BLUE),
    **fields.nothing("none, or nothing is watched", fields.GREY),
    links=[
        fields.link(
            "This channel", panel_url(links.CHANNELS, of_series(job="job", instance="instance", channel="channel_name"))
        ),
        fields.link("Who uses it", panel_url(links.TOPOLOGY, of_series(job="job", instance="instance"))),
    ],
)
_SUSPECTED = panels.stat(
    "Leak suspects",
    "Goroutines blocked on channels with evidence that nobody will ever wake them (F1, F8, F9). Not 0: a "
    "click shows the line where they wait.",
    [queries.now(f"sum(goroutine_leak_suspected{{{OF}}}) {queries.ELSE_0}", "suspected")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.RED)),
    **fields.NOBODY,
    links=[fields.link("Where they wait", panel_url(links.GOROUTINES, "&${job:queryparam}&${instance:queryparam}"))],
)
_AGENTS = panels.stat(
    "Age of data",
    "For how long the agent has been silent from which nothing came for longest, of all machines that had one within "
    "an hour. More than a minute or two: what is shown of its programs is the past, or nothing. See OtelchanDown and "
    "OtelchanAbsent in docs/alerts.md.",
    [queries.now(f"max(time() - ({_NEWEST}))", "old")],
    unit="s",
    sparkline=False,
    decimals=0,
    steps=fields.thresholds((60, fields.YELLOW), (120, fields.RED)),
    **fields.nothing("NO AGENT REPORTS"),
    links=[_TO_AGENT],
)

_SEVERITY = panels.state_timeline(
    "Worst finding of each service",
    "When it began, and whether others have it too: many services at one moment have something in common, a single one "
    "has it from its own last change.",
    [
        queries.series(
            tables.ranked(
                "job",
                *map(tables.findings, tables.WORST_FIRST),
                otherwise=f"go_goroutine_count{{{OF}}}",
            ),
            "{{job}}",
        )
    ],
    mappings=fields.values({"0": ("none", fields.GREEN), **tables.SEVERITIES}),
    steps=fields.thresholds((1, fields.BLUE), (2, fields.ORANGE), (3, fields.RED)),
    links=[
        fields.link(f"{title} of this service", panel_url(uid, of_series(job="job"))) for title, uid in tables.BOARDS
    ],
)
_LAGS = panels.timeseries(
    "Worst lag of each service",
    "Of the channel that is furthest behind: elements in its buffer and senders waiting. A line that only climbs is a "
    "consumer that cannot keep up, one that stays at a height is a full buffer.",
    [queries.series(f"max by (job) (channel_lag{{{OF}}})", "{{job}}")],
    unit="short",
    links=[_TO_CHANNELS],
)
_BLOCKED = panels.timeseries(
    "Goroutines blocked on channels",
    "Receivers without work are blocked too, so the height says little; a line that climbs and never falls says leak "
    "or congestion.",
    [queries.series(f"sum by (job) (goroutine_blocked{{{OF}, {queries.ON_CHANNELS}}})", "{{job}}")],
    unit="short",
    links=[_TO_GOROUTINES],
)

_TARGETS = panels.timeseries(
    "Programs watched, and not",
    "Programs that fall from `watched`, or rise in `refused`, are not on this page any more. The agent's log says why; "
    "see OtelchanTargetsRefused and OtelchanAttachFailed in docs/alerts.md.",
    [
        queries.series("sum(otelchan_target_count)", "watched"),
        queries.series("sum(otelchan_target_refused)", "refused"),
        queries.series(
            f'sum(otelchan_probe_left_out{{otelchan_reason!="off"}}) {_AGENT_ELSE_0}', "without some of their probes"
        ),
    ],
    unit="short",
    links=[_TO_AGENT],
)
_LOST = panels.timeseries(
    "What the agents lose",
    "Anything but a flat 0 means that counts on these dashboards are too low or that traces are missing. Which, and "
    "why: the dashboard of the agent.",
    [
        queries.series(f"sum({queries.grown(selector)}) {_AGENT_ELSE_0}", legend)
        for selector, legend in (
            ('otelchan_event_lost_total{otelchan_reason!~"name|unparked"}', "events"),
            ('otelchan_export_failed_total{otelchan_reason!~"superseded|shutdown"}', "not delivered"),
            ("otelchan_export_rejected_total", "rejected by the endpoint"),
        )
    ],
    unit="short",
    decimals=0,
    bars=True,
    stacked=True,
    empty="no agent reports",
    links=[_TO_AGENT],
)
_COST = panels.timeseries(
    "What watching costs",
    "Share of one core that probes take from the program that pays most, and what it may pay at most. Above the line "
    "the agent takes probes off by itself; when it stays there see OtelchanOverheadOverBudget in docs/alerts.md.",
    [
        queries.series("max(otelchan_overhead_measured_ratio)", "measured"),
        queries.series("min(otelchan_overhead_allowed_ratio)", "allowed"),
    ],
    unit="percentunit",
    overrides=[fields.override("allowed", custom_lineStyle={"dash": [8, 8], "fill": "dash"}, custom_fillOpacity=0)],
    links=[_TO_AGENT],
)
_TOLD = spans.findings(
    "What the findings say",
    "Each in a sentence: what, where in the code, how many, since when. The trace has an event for each goroutine with "
    "its stack. Begin with what has not ended.",
    "span.finding.id != nil",
)

BOARD = Board(
    uid=links.OVERVIEW,
    title="otelchan / Overview",
    says="All services: which is worst, do alerts fire, is the agent well. Begin here.",
    variables=of_processes("go_goroutine_count"),
    rows=(
        Row("", (_CRITICAL, _WARNINGS, _ALERTS, _LAG, _SUSPECTED, _AGENTS), (4, 4, 3, 6, 4, 3), height=5),
        Row("", (tables.PROCESSES,), (24,), height=9),
        Row("", (tables.FINDINGS, tables.ALERTS, _TOLD), (14, 10, 24), height=8),
        Row("Since when", (_SEVERITY, _LAGS, _BLOCKED), (24, 12, 12), height=7),
        Row("Can this be believed: the agents", (_TARGETS, _LOST, _COST), (8, 8, 8), height=7),
    ),
)
