"""Who uses which channel, and who waits for whom."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import topology_graphs as graphs
from dashboards.generator.boards import topology_tables as tables
from dashboards.generator.boards.topology_graphs import GIVES, RECV, SEND, long_waits, uses, waits
from dashboards.generator.grafana import fields, panels, promql, queries
from dashboards.generator.grafana.board import Board, Row, of_series, panel_url
from dashboards.generator.grafana.promql import CHANNEL
from dashboards.generator.grafana.queries import OF, OF_CHANNEL
from dashboards.generator.grafana.variables import of_channels

_BLOCKED = panels.stat(
    "Goroutines blocked on channels",
    "Parked in a send, a receive or a select, idle workers among them. Look at its course in `Waiting goroutines by "
    "function`: a rise that stays is a stage that no longer keeps up, or a leak.",
    [queries.now(f"sum(goroutine_blocked{{{OF}, {queries.ON_CHANNELS}}}) {queries.ELSE_0}", "blocked")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds(base=fields.BLUE),
    **fields.NOBODY,
)
_SENDERS = panels.stat(
    "Waiting to send",
    "Goroutines that have something to hand over and nobody takes it: back-pressure. Not 0 for long: follow orange in "
    "the graph below.",
    [queries.now(f"sum(channel_waiters{{{OF_CHANNEL}, {SEND}}}) {queries.ELSE_0}", "waiting to send")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.YELLOW), (100, fields.ORANGE)),
    **fields.NOBODY,
)
_ALONE = panels.stat(
    "Waits that nobody is known to end",
    "Functions that wait on a channel of which no function was seen to use the other end. Not 0: a partner that never "
    "came, or one that was done before otelchan was there; the table below has 0 in the column `could end it`.",
    [
        queries.now(
            f"count({long_waits(SEND)} unless on ({CHANNEL}) {uses(RECV)} "
            f"or {long_waits(RECV)} unless on ({CHANNEL}) {uses(GIVES)}) {queries.ELSE_0}",
            "alone",
        )
    ],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.YELLOW)),
    **fields.NOBODY,
)
_DEADLOCKS = panels.stat(
    "Deadlocks and nil channels",
    "Findings F14 (goroutines wait for each other) and F9 (they wait on nil): they will not go on. Not 0: the spans "
    "beside the graph have every goroutine with its stack; then restart the program.",
    [
        queries.now(f'sum(otelchan_finding{{{OF}, finding_id="{finding}"}}) {queries.ELSE_0}', legend)
        for finding, legend in (("F14", "F14 deadlocks"), ("F9", "F9 on nil"))
    ],
    unit="short",
    sparkline=False,
    text="value_and_name",
    steps=fields.thresholds((1, fields.RED)),
    **fields.NOBODY,
)
_TO_CHANNEL = [
    fields.link(
        "This channel",
        panel_url(links.CHANNELS, of_series(job="job", instance="instance", channel="channel_name")),
    )
]
_MOST = f"sum by ({graphs.LINK}) (max_over_time({waits()}[$__range] @ end()))"
_OVER_TIME = panels.timeseries(
    "Waiting goroutines by function",
    "The ten places with most. One that rises waits for something that has become slower, or that is gone: find it in "
    "the graph above. One that is level is a pool.",
    [
        queries.series(
            f"sum by ({graphs.LINK}) ({graphs.WAITS})\nand on ({graphs.LINK}) {promql.most(_MOST)}",
            "{{code_function_name}} {{channel_operation}} {{channel_name}}",
        )
    ],
    unit="short",
    links=_TO_CHANNEL,
    empty="nobody waits",
)

BOARD = Board(
    uid=links.TOPOLOGY,
    title="otelchan / Topology",
    says="Who uses which channel, who waits for whom, and where a chain of waits ends.",
    variables=of_channels(),
    rows=(
        Row("", (_BLOCKED, _SENDERS, _ALONE, _DEADLOCKS), (6, 6, 6, 6), height=4),
        Row("What is blocked", (graphs.BLOCKED, tables.DEADLOCKS), (15, 9), height=14),
        Row("", (tables.WAITS, tables.COULD), (14, 10), height=9),
        Row("", (_OVER_TIME,), (24,)),
        Row("Who uses which channel", (graphs.USES, tables.USES), (15, 9), height=16),
    ),
)
