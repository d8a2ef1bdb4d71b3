"""How alerts on what probes cost a program come out."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.generator.alerts.cases import Case, Series

PROGRAM = 'job="shop", instance="p-1", host_name="node-7"'
INFO = f'target_info{{{PROGRAM}, process_pid="4711"}}'


def cases() -> Iterator[Case]:
    """Each once."""
    measured, allowed = (f"otelchan_target_overhead_{what}_ratio{{{PROGRAM}}}" for what in ("measured", "allowed"))
    yield _of_program(
        "OverheadOverBudget",
        "warning",
        {measured: "0.045x60", allowed: "0.03x60"},
        {measured: "0.03x60", allowed: "0.03x60"},
        "The probes cost shop more than the budget.",
        "4.5% of a core is taken from it. The governor should have given up something within seconds; when it has not, "
        "restart the agent and keep its log.",
        not_yet="4m30s",
    )
    yield _of_program(
        "CensusAlone",
        "info",
        {_plane("waits", "over_budget"): "1x60", _plane("makes", "over_budget"): "1x60"},
        {_plane("operations", "over_budget"): "1x60", _plane("makes", "on"): "1x60"},
        "No probe is in shop any more: it would cost more than the budget.",
        "What is counted there has no series now: operations, block times, closes. Who waits where, for how long, and "
        "most findings go on, from the program's memory. The agent tries again by itself.",
        not_yet="14m30s",
    )


def _of_program(
    name: str, severity: str, fires: Series, silent: Series, summary: str, description: str, not_yet: str
) -> Case:
    return Case(
        alert=f"Otelchan{name}",
        fires={INFO: "1x90", **fires},
        labels={"job": "shop", "instance": "p-1", "host_name": "node-7", "severity": severity},
        summary=summary,
        description=f"In shop, instance p-1, pid 4711 on node-7. {description}",
        dashboard=("otelchan-channels", {"job": "shop", "instance": "p-1"}),
        silent={INFO: "1x90", **silent},
        at="20m",
        not_yet=not_yet,
    )


def _plane(plane: str, state: str) -> str:
    return f'otelchan_target_plane_state{{{PROGRAM}, otelchan_plane="{plane}", otelchan_plane_state="{state}"}}'
