"""Graphs of the agent's dashboard: what it costs, loses, and does not see."""

from __future__ import annotations

from dashboards.generator.grafana import panels, queries
from dashboards.generator.grafana.board import of_series, panel_url
from dashboards.generator.grafana.fields import GREEN, ORANGE, RED, YELLOW, link, nothing, override, thresholds
from dashboards.generator.grafana.queries import OF, Json
from dashboards.generator.links import AGENT

RATE = "[$__rate_interval]"
ALIVE = f"otelchan_build_info{{{OF}}}"
BY = "job, host_name, instance"
LEGEND = "{{host_name}} {{instance}}"
_ALONE = [link("This agent alone", panel_url(AGENT, of_series(instance="instance")))]
# As alerts on losses: every attach sees operations that began before it; newer totals replace older ones.
LOST = f'otelchan_event_lost_total{{{OF}, otelchan_reason!~"name|unparked"}}'
_FAILED = f'otelchan_export_failed_total{{{OF}, otelchan_reason!~"superseded|shutdown"}}'


def own(expr: str) -> str:
    """Of agents only: other programs have `process_*` too."""
    return f"{expr} and on (job, instance) {ALIVE}"


def cpu() -> str:
    """Share of one core that each agent takes."""
    return own(f"sum by ({BY}) (rate(process_cpu_time_seconds_total{{{OF}}}{RATE}))")


def memory() -> str:
    """Resident bytes of each agent."""
    return own(f"sum by ({BY}) (process_memory_usage_bytes{{{OF}}})")


def costs() -> tuple[Json, ...]:
    """Row of what it takes of the machine; what probes take of programs: agent_budget."""
    return (
        panels.timeseries(
            "Processor time of agents",
            "Share of one core that each agent uses. When it grows with the programs watched, raise `interval_s` or "
            "watch fewer; when it does not come down again, keep the log and report it.",
            [queries.series(cpu(), LEGEND)],
            unit="percentunit",
            links=_ALONE,
        ),
        panels.timeseries(
            "Memory of agents",
            "Resident memory. It settles within minutes of the last attach; growth for hours is a bug: report it with "
            "the log.",
            [queries.series(memory(), LEGEND)],
            unit="bytes",
            links=_ALONE,
        ),
    )


def losses() -> tuple[Json, ...]:
    """Row of what does not reach anybody."""
    by = "otelchan_signal, otelchan_reason"
    failed = f"sum by ({by}) ({queries.grown(_FAILED)})"
    rejected = f"sum by ({by}) ({queries.grown(f'otelchan_export_rejected_total{{{OF}}}')})"
    full = (
        f'max by (otelchan_map_name) (otelchan_map_entry_count{{{OF}, otelchan_map_name!="channels"}}'
        f" / (otelchan_map_entry_limit{{{OF}}} > 0))"
    )
    return (
        panels.timeseries(
            "Events lost, by reason",
            "What could not be counted or kept. park, count, histogram, rare, edge: a kernel map was full, so watch "
            "fewer programs with one agent; span: more blocks than fit. All reasons: OtelchanEventsLost.",
            [queries.series(f"sum by (otelchan_reason) ({queries.grown(LOST)})", "{{otelchan_reason}}")],
            unit="short",
            decimals=0,
            bars=True,
            stacked=True,
            empty="no agent reports",
        ),
        panels.timeseries(
            "Not delivered",
            "Spans and points that were given up or rejected, and spans over the agent's rate limit, which is no "
            "fault. Metric totals catch up; spans are gone. Look at the Collector, then at endpoint and certificates.",
            [
                queries.series(
                    f"sum({queries.grown(f'otelchan_span_sampled_out_total{{{OF}}}')})", "traces over the rate limit"
                ),
                queries.series(failed, "{{otelchan_signal}} given up: {{otelchan_reason}}"),
                queries.series(rejected, "{{otelchan_signal}} rejected: {{otelchan_reason}}"),
            ],
            unit="short",
            decimals=0,
            bars=True,
            empty="no agent reports",
        ),
        panels.bar_gauge(
            "Room in kernel maps",
            "The fullest of each kind, of its room. When one is full, events are lost and counted under its reason: "
            "watch fewer programs with one agent. `channels` forgets the oldest by design and is left out.",
            [queries.now(full, "{{otelchan_map_name}}")],
            unit="percentunit",
            minimum=0,
            maximum=1,
            steps=thresholds((0.7, YELLOW), (0.9, RED)),
            **nothing("no agent reports"),
        ),
    )


def delivery() -> tuple[Json, ...]:
    """Row of how quick it is."""

    def p99(metric: str, by: str) -> str:
        return f"histogram_quantile(0.99, sum by ({by}le) (rate({metric}_bucket{{{OF}}}{RATE})))"

    waiting = "otelchan_export_queue_size{%s} / (otelchan_export_queue_limit{%s} > 0)"
    return (
        panels.timeseries(
            "Spans that wait to be sent",
            "Of the room that there is for them. Near 100%: the endpoint is slow or away; when it is full, the oldest "
            "spans are given up and counted. Runbook: OtelchanExportQueueNearlyFull.",
            [queries.series(waiting % (OF, OF), f"{LEGEND} {{{{otelchan_signal}}}}")],
            unit="percentunit",
            maximum=1,
            steps=thresholds((0.7, YELLOW), (0.9, RED)),
        ),
        panels.timeseries(
            "Time to look and to send",
            "99 of 100 are quicker. A look of more than three seconds makes ages and findings come late (very many "
            "goroutines, a busy processor); a request of more than ten is a slow endpoint.",
            [
                queries.series(p99("otelchan_collect_duration_seconds", ""), "look at a program"),
                queries.series(
                    p99("otelchan_export_duration_seconds", "otelchan_signal, "), "request: {{otelchan_signal}}"
                ),
            ],
            unit="s",
        ),
    )


def gaps() -> tuple[Json, ...]:
    """Row of what is not watched, and of the log."""
    left_out = f"sum by (otelchan_plane, otelchan_reason) (otelchan_probe_left_out{{{OF}}})"
    failed = f"sum by (otelchan_reason) ({queries.grown(f'otelchan_attach_failed_total{{{OF}}}')})"
    return (
        panels.timeseries(
            "Not watched, or not wholly",
            "Programs refused, failed attaches by reason, and programs without a plane of probes: `not_wanted` is a "
            "setting, `over_budget` too dear, `sliced` estimated instead, `not_found` and `not_effective` an "
            "unknown build, please report it.",
            [
                queries.series(f"sum(otelchan_target_refused{{{OF}}})", "refused"),
                queries.series(failed, "attach failed: {{otelchan_reason}}"),
                queries.series(left_out, "without {{otelchan_plane}}: {{otelchan_reason}}"),
            ],
            unit="short",
            decimals=0,
        ),
        panels.timeseries(
            "Lines logged",
            "How much the agent has to say. Errors and warnings: read them on that machine (`journalctl -u otelchan`, "
            "`kubectl logs`); each says what to do.",
            [
                queries.series(
                    f"sum by (otelchan_log_level) ({queries.grown(f'otelchan_log_record_total{{{OF}}}')})",
                    "{{otelchan_log_level}}",
                )
            ],
            unit="short",
            decimals=0,
            bars=True,
            stacked=True,
            overrides=[
                override("error", color={"fixedColor": RED, "mode": "fixed"}),
                override("warning", color={"fixedColor": ORANGE, "mode": "fixed"}),
                override("info", color={"fixedColor": GREEN, "mode": "fixed"}),
            ],
        ),
    )
