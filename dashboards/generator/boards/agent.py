"""otelchan itself: is it there, what does it see, lose and cost."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import agent_rows as rows
from dashboards.generator.boards.agent_budget import budget
from dashboards.generator.boards.agent_rows import ALIVE, BY, LOST, cpu, memory
from dashboards.generator.grafana import panels, queries
from dashboards.generator.grafana.board import Board, Row, of_row, panel_url
from dashboards.generator.grafana.fields import (
    GREEN,
    RED,
    YELLOW,
    link,
    nothing,
    override,
    override_matching,
    thresholds,
)
from dashboards.generator.grafana.promql import during
from dashboards.generator.grafana.queries import OF, Json
from dashboards.generator.grafana.variables import of_series

_FROM_ONE = thresholds((1, YELLOW))
_NONE = nothing("no agent")


def _stats() -> tuple[Json, ...]:
    silent = (
        f"count(group by (job, host_name) (last_over_time({ALIVE}[$__range])) unless on (job, host_name) "
        f"group by (job, host_name) (last_over_time({ALIVE}[2m]))) or vector(0)"
    )
    return (
        panels.stat(
            "Agents",
            "Agents that report. None: what sends here is broken on the way, see the Collector's dashboard, or none "
            "runs. Runbook: OtelchanAbsent in docs/alerts.md.",
            [queries.now(f"count({ALIVE}) or vector(0)", "agents")],
            unit="short",
            sparkline=False,
            steps=thresholds((1, GREEN), base=RED),
        ),
        panels.stat(
            "Gone silent",
            "Machines whose agent reported within the time range and has not for two minutes. Nothing is known of the "
            "programs there: look at the agent's log. Runbook: OtelchanDown in docs/alerts.md.",
            [queries.now(silent, "machines")],
            unit="short",
            sparkline=False,
            steps=thresholds((1, RED)),
        ),
        panels.stat(
            "Programs watched",
            "Go processes that agents are attached to. None, though some run: `otelchan plan` with the agent's "
            "arguments says what would be watched, and why not.",
            [queries.now(f"sum(otelchan_target_count{{{OF}}})", "programs")],
            unit="short",
            sparkline=False,
            steps=thresholds((1, GREEN), base=YELLOW),
            **_NONE,
        ),
        panels.stat(
            "Events lost",
            "What happened in programs within the time range and could not be counted or kept: numbers are too low by "
            "it. Reasons are in the panel below; runbook: OtelchanEventsLost in docs/alerts.md.",
            [queries.now(f"sum({during(LOST)}) or 0 * count({ALIVE})", "events")],
            unit="short",
            sparkline=False,
            steps=_FROM_ONE,
            decimals=0,
            **_NONE,
        ),
    )


_COLUMNS = {
    "host_name": "Machine",
    "instance": "Instance",
    "job": "Service",
    "otelchan_version": "Version",
    "Value #B": "Started",
    "Value #C": "Programs",
    "Value #D": "Refused",
    "Value #E": "Processor",
    "Value #F": "Memory",
    "Value #G": "Probes",
    "Value #H": "Series over the cap",
    "Value #I": "Errors logged",
}


def _table() -> Json:
    def of(metric: str) -> Json:
        return queries.table(f"sum by ({BY}) ({metric}{{{OF}}})")

    logged = during(f'otelchan_log_record_total{{{OF}, otelchan_log_level="error"}}')
    errors = f"sum by ({BY}) ({logged}) or 0 * group by ({BY}) ({ALIVE})"
    return panels.table(
        "Agents, one by one",
        "Start with the one that has errors or refuses programs; a click on it shows that one alone. Series over the "
        "cap are added up in one series per metric: raise series_per_process, or name channels alike "
        "(naming.aliases).",
        [
            queries.table(f"group by ({BY}, otelchan_version) ({ALIVE})"),
            queries.table(f"1000 * max by ({BY}) (otelchan_start_time_seconds{{{OF}}})"),
            of("otelchan_target_count"),
            of("otelchan_target_refused"),
            queries.table(cpu()),
            queries.table(memory()),
            of("otelchan_overhead_measured_ratio"),
            of("otelchan_series_overflow"),
            queries.table(errors),
        ],
        transformations=[
            panels.transformation("merge"),
            panels.organize(hide=("Time", "Value #A"), names=_COLUMNS, order=tuple(_COLUMNS)),
        ],
        links=[link("This agent alone", panel_url(links.AGENT, of_row(instance="instance")))],
        overrides=[
            override("Started", unit="dateTimeFromNow"),
            override("Processor", unit="percentunit", decimals=1),
            override("Memory", unit="bytes"),
            override("Probes", unit="percentunit", decimals=2),
            override_matching(
                "^(Refused|Series over the cap|Errors logged)$",
                decimals=0,
                thresholds=_FROM_ONE,
                custom_cellOptions={"type": "color-text"},
            ),
        ],
        empty="no agent reports",
    )


BOARD = Board(
    uid=links.AGENT,
    title="otelchan / The agent",
    says="Is otelchan there, does it see all programs, does it lose anything, what does it cost?",
    variables=of_series("otelchan_build_info"),
    tags=("otelchan",),
    rows=(
        Row("", _stats(), (6, 6, 6, 6), 4),
        Row("", (_table(),), (24,), 7),
        Row("What it costs", rows.costs(), (12, 12)),
        Row("The budget", budget(), (12, 12)),
        Row("What it loses", rows.losses(), (8, 8, 8)),
        Row("On the way out", rows.delivery(), (12, 12)),
        Row("What it does not see, and what it says", rows.gaps(), (12, 12)),
    ),
)
