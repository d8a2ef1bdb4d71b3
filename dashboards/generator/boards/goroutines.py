"""The goroutines of one service: do they leak, where, how fast, and what do they wait for."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import spans
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import Board, Row, of_row, of_series, panel_url
from dashboards.generator.grafana.queries import OF
from dashboards.generator.grafana.variables import of_series as of_processes

_PROCESS = "{{job}} {{instance}}"


def _findings(finding: str, legend: str) -> queries.Json:
    return queries.now(f'sum(otelchan_finding{{{OF}, finding_id="{finding}"}}) {queries.ELSE_0}', legend)


_SUSPECTED = panels.stat(
    "Leak suspects",
    "Goroutines blocked on channels with evidence that nobody will ever wake them (F1, F8, F9). Not 0: the table below "
    "has the places; ask there who should be at the other end.",
    [queries.now(f"sum(goroutine_leak_suspected{{{OF}}}) {queries.ELSE_0}", "suspected")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.RED)),
    **fields.NOBODY,
)
_FINDINGS = panels.stat(
    "Other findings about goroutines",
    "Surges (F2), blocked below very many frames (F15), stuck on a lock (F16). Not 0: the findings at the bottom have "
    "the line; `otelchan explain F16` says what to do.",
    [_findings("F2", "F2 surges"), _findings("F15", "F15 deep stacks"), _findings("F16", "F16 stuck on a lock")],
    unit="short",
    sparkline=False,
    text="value_and_name",
    steps=fields.thresholds((1, fields.ORANGE)),
    **fields.NOBODY,
)
_NOW = panels.stat(
    "Goroutines",
    "All there are now. Each costs 2 KiB at least, and what it holds.",
    [queries.now(f"sum(go_goroutine_count{{{OF}}})", "goroutines")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds(base=fields.BLUE),
    **fields.NOBODY,
)
_CHANGE = panels.stat(
    "Above the lowest",
    "How many more there are now than when there were fewest, in the time range above, of processes that still run. A "
    "leak grows with the range; load comes and goes.",
    [
        queries.now(
            f"sum(go_goroutine_count{{{OF}}} - min_over_time(go_goroutine_count{{{OF}}}[$__range]))",
            "more than the lowest",
        )
    ],
    unit="short",
    sparkline=False,
    decimals=0,
    steps=fields.thresholds(base=fields.BLUE),
    **fields.NOBODY,
)
_OLDEST = panels.stat(
    "Oldest wait on a channel",
    "Where somebody waits longest, of the channels that are the program's own. An idle worker, or a main that waits "
    "for its end, is as old as the program and well; a click shows whether others have become stuck there too.",
    [
        queries.now(
            "topk(1, max by (job, instance, channel_name, channel_operation) (\n"
            f"  channel_wait_age_seconds{{{OF}}} and on (job, instance, channel_name) channel_lag{{{OF}}}\n"
            "))",
            "{{channel_operation}} on {{channel_name}}",
        )
    ],
    unit="s",
    sparkline=False,
    text="value_and_name",
    steps=fields.thresholds(base=fields.BLUE),
    **fields.nothing("nobody, or nothing is watched", fields.GREY),
    links=[
        fields.link(
            "This channel", panel_url(links.CHANNELS, of_series(job="job", instance="instance", channel="channel_name"))
        )
    ],
)

_SITE = "job, instance, code_function_name, channel_name, goroutine_wait_reason, leak_evidence"
_EVIDENCE = {
    "grows": ("grows: ever more wait there", fields.RED),
    "stuck": ("stuck: none of them gets on", fields.RED),
    "abandoned": ("abandoned: nobody is left at the other end", fields.RED),
    "nil": ("nil: the channel was never made", fields.RED),
}
_SUSPECTS = panels.table(
    "Leak suspects by site",
    "Where they wait, on which channel, why it is called a leak, and whether they become more; those suspected at the "
    "end of the time range. A click on the function leads to the channel: who uses its other end? Usual cures are in "
    "`otelchan explain F1` (F8, F9).",
    [
        queries.series(
            queries.channel_or_all(f"sum by ({_SITE}) (goroutine_leak_suspected{{{OF}}})")
            + f"\nand on ({_SITE}) goroutine_leak_suspected{{{OF}}} @ end()",
            "{{code_function_name}} on {{channel_name}}",
        )
    ],
    transformations=[
        panels.sparklines("A"),
        panels.organize(
            names={
                "Trend #A": "Suspected",
                "code_function_name": "Function",
                "channel_name": "Channel",
                "goroutine_wait_reason": "Waits in",
                "leak_evidence": "Evidence",
                "job": "Service",
                "instance": "Instance",
            },
            order=(
                "Trend #A",
                "code_function_name",
                "channel_name",
                "goroutine_wait_reason",
                "leak_evidence",
                "job",
                "instance",
            ),
        ),
    ],
    sort_by="Suspected",
    empty="no leak is suspected",
    overrides=[
        fields.override(
            "Suspected", custom_cellOptions={"hideValue": False, "type": "sparkline"}, custom_width=240, noValue="0"
        ),
        fields.override(
            "Function",
            links=[
                fields.link(
                    "The channel they wait on",
                    panel_url(links.CHANNELS, of_row(job="job", instance="instance", channel="channel")),
                ),
                fields.link(
                    "Who is at its other end", panel_url(links.TOPOLOGY, of_row(job="job", instance="instance"))
                ),
                fields.link("Its stacks, in traces", spans.EXPLORE_SITE),
            ],
        ),
        fields.hidden("channel"),
        fields.override("Evidence", mappings=fields.values(_EVIDENCE)),
    ],
)

_REASONS = panels.timeseries(
    "Blocked goroutines by wait reason",
    "Everything that waits, in the runtime's words. What grows and never shrinks is the one to follow: `chan` and "
    "`select` on the dashboard of channels, `sync` is a lock (F16), `IO wait` somebody else's answer.",
    [queries.series(f"sum by (goroutine_wait_reason) (goroutine_blocked{{{OF}}})", "{{goroutine_wait_reason}}")],
    unit="short",
    stacked=True,
    table_legend=True,
)
_AGES = panels.timeseries(
    "Oldest wait by wait reason",
    "A line that climbs as time passes is a goroutine that has not moved. Harmless for idle workers and for main; not "
    "for `sync.Mutex.Lock`, nor where answers are awaited.",
    [
        queries.series(
            f"max by (goroutine_wait_reason) (goroutine_wait_age_seconds{{{OF}}})", "{{goroutine_wait_reason}}"
        )
    ],
    unit="s",
    table_legend=True,
)
_COUNT = panels.timeseries(
    "Goroutines of each process",
    "A staircase is a leak, a cliff upwards a surge, a line that follows the load is health. One replica alone above "
    "the others has met something that they have not.",
    [queries.series(f"sum by (job, instance) (go_goroutine_count{{{OF}}})", _PROCESS)],
    unit="short",
    links=[
        fields.link("Only this process", panel_url(links.GOROUTINES, of_series(job="job", instance="instance"))),
        fields.link("Its channels", panel_url(links.CHANNELS, of_series(job="job", instance="instance"))),
    ],
)
_FLOW = panels.timeseries(
    "Created and exited",
    "How many are started and end per second. Between the lines is what stays: when `created` keeps above `exited`, "
    "somebody starts goroutines that do not end.",
    [
        queries.series(f"sum(rate(goroutine_created_total{{{OF}}}[$__rate_interval]))", "created"),
        queries.series(f"sum(rate(goroutine_exited_total{{{OF}}}[$__rate_interval]))", "exited"),
    ],
    unit="cps",
)
_SURGES = panels.timeseries(
    "Surges",
    "Times that the number of goroutines jumped to several times itself (F2). The agent then has written all stacks "
    "to a file, see `dumps.folder` in docs/configuration.md; the finding has the `go` statement that did it.",
    [
        queries.series(
            f"sum by (job, instance) (increase(goroutine_surge_total{{{OF}}}[$__rate_interval])) > 0", _PROCESS
        )
    ],
    unit="short",
    bars=True,
    empty="no surge in this time range",
    decimals=0,
)
_TOLD = spans.findings(
    "What the findings say",
    "Leaks (F1, F8, F9), surges (F2), deep stacks (F15), locks (F16): what, where in the code, how many. The trace has "
    "an event for each goroutine with its stack. Begin with what has not ended.",
    'span.finding.id =~ "F1|F2|F8|F9|F15|F16"',
)

BOARD = Board(
    uid=links.GOROUTINES,
    title="otelchan / Goroutines",
    says="Do goroutines leak, where, how fast, and what do they wait for.",
    variables=of_processes("go_goroutine_count"),
    rows=(
        Row("", (_SUSPECTED, _FINDINGS, _NOW, _CHANGE, _OLDEST), (4, 7, 3, 4, 6), height=4),
        Row("", (_SUSPECTS,), (24,), height=8),
        Row("What they wait for", (_REASONS, _AGES), (12, 12), height=9),
        Row("How they come and go", (_COUNT, _FLOW, _SURGES), (10, 8, 6), height=8),
        Row("In traces", (_TOLD, spans.ONGOING), (24, 24), height=8),
    ),
)
