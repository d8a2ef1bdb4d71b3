"""Row of the agent's dashboard: what probes cost each program, and what the budget makes of them."""

from __future__ import annotations

from dashboards.generator.boards.agent_rows import ALIVE, RATE
from dashboards.generator.grafana import panels, queries
from dashboards.generator.grafana.board import of_series, panel_url
from dashboards.generator.grafana.fields import GREEN, RED, YELLOW, link, override, override_query
from dashboards.generator.grafana.promql import most
from dashboards.generator.grafana.queries import Json
from dashboards.generator.links import CHANNELS

_PROGRAM = "job, instance"
# Series of programs have the programs' own job and instance; what they share with their agent is the machine.
_HERE = f"and on (host_name) group by (host_name) ({ALIVE})"
_MEASURED, _ALLOWED = "otelchan_target_overhead_measured_ratio", "otelchan_target_overhead_allowed_ratio"
_MOST = most(f"max by ({_PROGRAM}) (max_over_time({_MEASURED}[$__range] @ end()))")
_ITS_CHANNELS = [link("Its channels", panel_url(CHANNELS, of_series(job="job", instance="instance")))]
_LEGEND = "{{job}} {{instance}}"
_COLOURS = {"on": GREEN, "sliced": YELLOW}


def budget() -> tuple[Json, ...]:
    """The row."""
    return (
        panels.timeseries(
            "What probes cost each program",
            "Share of one core that probes take, of the ten programs that pay most, and the budget. A program that "
            "comes near it gives up parts in a stated order, and comes back by itself (docs/budget.md). Dotted: part "
            "of the time in which slices count, the less the wider are the bounds of estimates. Above the budget for "
            "minutes: runbook OtelchanOverheadOverBudget.",
            [
                queries.series(
                    f"max by ({_PROGRAM}) ({_MEASURED} {_HERE}) and on ({_PROGRAM}) {_MOST}",
                    _LEGEND,
                ),
                queries.series(f"min({_ALLOWED} {_HERE})", "budget"),
                queries.series(
                    f"sum by ({_PROGRAM}) (rate(otelchan_target_slice_time_seconds_total{RATE}) {_HERE})"
                    f" and on ({_PROGRAM}) {_MOST}",
                    f"time in slices of {_LEGEND}",
                ),
            ],
            unit="percentunit",
            links=_ITS_CHANNELS,
            overrides=[
                override("budget", color={"fixedColor": RED, "mode": "fixed"}, custom_fillOpacity=0),
                override_query("C", custom_lineStyle={"dash": [2, 6], "fill": "dot"}, custom_fillOpacity=0),
            ],
            empty="no program is watched",
        ),
        panels.timeseries(
            "Groups of probes by state",
            "Of all programs, four groups each. `sliced`: given up because of the budget, and attached for some "
            "milliseconds now and then; what it counts is an estimate. `over_budget`: off because of the budget; a "
            "program without any that is on or sliced has the census alone (OtelchanCensusAlone).",
            [
                queries.series(
                    f"count by (otelchan_plane_state) (otelchan_target_plane_state {_HERE})",
                    "{{otelchan_plane_state}}",
                )
            ],
            unit="short",
            decimals=0,
            stacked=True,
            overrides=[
                override(state, color={"fixedColor": colour, "mode": "fixed"}) for state, colour in _COLOURS.items()
            ],
            empty="no program is watched",
        ),
    )
