"""Alerts on the agent itself: is it there, does it see programs, does it lose anything, what does it cost."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.alerts.rules import Alert, Group, appeared_or_grew
from dashboards.generator.alerts.wording import AGENT_WHERE, WHERE
from dashboards.generator.parameters import Parameters

# Every attach sees operations that began before it; that is said, and no loss.
_BOUNDARY = "name|unparked"
# Totals that newer ones have replaced, and what was on its way when the agent was told to stop.
_HARMLESS = "superseded|shutdown"
# `channels` forgets the least recently used by design, so a full one is no sign of anything.
_FORGETS = "channels"
ALIVE = "otelchan_build_info"
_WINDOW_S = 600


def _alert(
    name: str, expr: str, severity: str, summary: str, description: str, holds_s: int = 0, keeps_s: int = 0
) -> Alert:
    return Alert(
        name=f"Otelchan{name}",
        expr=expr,
        severity=severity,
        summary=summary,
        description=description,
        dashboard=links.AGENT,
        variables={"instance": "instance"},
        holds_s=holds_s,
        keeps_s=keeps_s,
    )


def _of_program(name: str, expr: str, severity: str, summary: str, description: str, holds_s: int) -> Alert:
    return Alert(
        name=f"Otelchan{name}",
        expr=expr,
        severity=severity,
        summary=summary,
        description=f"{WHERE} {description}",
        dashboard=links.CHANNELS,
        variables={"job": "job", "instance": "instance"},
        holds_s=holds_s,
    )


def _grew(selector: str, parameters: Parameters) -> str:
    young = f"time() - otelchan_start_time_seconds < {parameters.seconds(_WINDOW_S)}"
    return appeared_or_grew(selector, parameters.time(_WINDOW_S), ALIVE, young)


def group(parameters: Parameters) -> Group:
    """All of them, worst first."""
    rules = (*_presence(parameters), *_losses(parameters), *_cost(parameters), *_gaps())
    return Group("otelchan-agent", "Alerts on the agent: what it does not see, loses or costs.", rules)


def _presence(parameters: Parameters) -> tuple[Alert, ...]:
    hour, silent = parameters.time(3600), parameters.time(120)
    there = "group by (job, host_name) (last_over_time(otelchan_build_info[{}]))"
    return (
        Alert(
            name="OtelchanDown",
            expr=f"{there.format(hour)}\nunless on (job, host_name)\n{there.format(silent)}",
            severity="critical",
            summary="No otelchan agent{{ with $labels.host_name }} on {{ . }}{{ end }} any more.",
            description="An agent reported within the last hour and none does now, so nothing is known of the programs "
            "there. It was stopped, it died, or what it sends does not arrive. Look at its log (`journalctl -u "
            "otelchan`, `kubectl logs`), then at the Collector.",
            dashboard=links.AGENT,
            variables={"job": "job"},
            holds_s=60,
        ),
        Alert(
            name="OtelchanAbsent",
            expr=f"absent_over_time(otelchan_build_info[{parameters.time(300)}])",
            severity="critical",
            summary="No otelchan agent reports at all.",
            description="Prometheus has had nothing from any agent for a quarter of an hour. When all are gone at "
            "once it is the Collector, its way to Prometheus, or Prometheus runs without --web.enable-otlp-receiver.",
            dashboard=links.PIPELINE,
            holds_s=600,  # and not at once when Prometheus is new
        ),
        _alert(
            "NoTargets",
            "otelchan_target_count == 0",
            "warning",
            "An otelchan agent watches no program.",
            f"{AGENT_WHERE} It runs and is attached to nothing. Either no Go program runs there, or the selection "
            "fits none: `otelchan plan` with the same arguments says what would be watched, and why not.",
            holds_s=600,
        ),
        _alert(
            "TargetsRefused",
            "otelchan_target_refused > 0",
            "info",
            "{{ $value | humanize }} Go programs cannot be watched.",
            f"{AGENT_WHERE} Its log says why each was refused: an unknown version of Go, no access, or another "
            "otelchan that has it already.",
            holds_s=900,
        ),
        _alert(
            "AttachFailed",
            _grew("otelchan_attach_failed_total", parameters),
            "warning",
            "otelchan could not watch a program ({{ $labels.otelchan_reason }}).",
            f"{AGENT_WHERE} It was chosen, it runs, and it is not watched, or not any more. The agent's log says which "
            "and why, and `otelchan doctor` what is missing on the machine.",
        ),
    )


def _losses(parameters: Parameters) -> tuple[Alert, ...]:
    lost = f'otelchan_event_lost_total{{otelchan_reason!~"{_BOUNDARY}"}}'
    failed = f'otelchan_export_failed_total{{otelchan_reason!~"{_HARMLESS}"}}'
    return (
        _alert(
            "EventsLost",
            _grew(lost, parameters),
            "warning",
            "otelchan loses events ({{ $labels.otelchan_reason }}).",
            f"{AGENT_WHERE} Something happened in a program that could not be counted or kept: "
            "{{ $labels.otelchan_reason }}; the runbook says what that is. What it says of these programs is "
            "incomplete.",
        ),
        _alert(
            "ExportFailed",
            # An agent may start before its Collector: newer totals replace the first ones, and nothing is lost.
            appeared_or_grew(failed, parameters.time(_WINDOW_S), ALIVE),
            "warning",
            "otelchan gave up {{ $labels.otelchan_signal }} that it could not deliver ({{ $labels.otelchan_reason }}).",
            f"{AGENT_WHERE} Totals of metrics catch up with the next export; spans that were given up are gone. Look "
            "at the Collector first, then at the agent's endpoint and certificates.",
        ),
        _alert(
            "ExportRejected",
            _grew("otelchan_export_rejected_total", parameters),
            "warning",
            "The endpoint takes otelchan's requests but rejects some of the {{ $labels.otelchan_signal }}.",
            f"{AGENT_WHERE} The answer says how many and why; the agent's log has its words. Usual reasons: points out "
            "of order or too old, limits of series or of attributes at the back end.",
        ),
        _alert(
            "ExportQueueNearlyFull",
            "otelchan_export_queue_size / otelchan_export_queue_limit > 0.9",
            "warning",
            "Nearly as many {{ $labels.otelchan_signal }} wait in otelchan as it keeps.",
            f"{AGENT_WHERE} {{{{ $value | humanizePercentage }}}} of the room is taken: the endpoint is slow or away. "
            "When it is full the oldest spans are given up, and counted.",
            holds_s=120,
        ),
        _alert(
            "MapNearlyFull",
            f'otelchan_map_entry_count{{otelchan_map_name!="{_FORGETS}"}} / otelchan_map_entry_limit > 0.9',
            "warning",
            "A kernel map of otelchan is nearly full: {{ $labels.otelchan_map_name }}.",
            f"{AGENT_WHERE} {{{{ $value | humanizePercentage }}}} of its room is taken. When it is full, events are "
            "lost and counted. Watch fewer programs with one agent.",
            holds_s=300,
        ),
        _alert(
            "SeriesOverflow",
            "otelchan_series_overflow > 0",
            "warning",
            "{{ $value | humanize }} series of otelchan are over the cap.",
            f"{AGENT_WHERE} They are added up in one point per metric with otel_metric_overflow=true. Raise "
            "series_per_process or series_total, or give channels that are many one name (naming.aliases).",
            holds_s=600,
        ),
    )


def _cost(parameters: Parameters) -> tuple[Alert, ...]:
    return (
        _of_program(
            "OverheadOverBudget",
            "otelchan_target_overhead_measured_ratio > otelchan_target_overhead_allowed_ratio",
            "warning",
            "The probes cost {{ $labels.job }} more than the budget.",
            "{{ $value | humanizePercentage }} of a core is taken from it. The governor should have given up something "
            "within seconds; when it has not, restart the agent and keep its log.",
            holds_s=300,
        ),
        _of_program(
            "CensusAlone",
            'count by (job, instance, host_name) (otelchan_target_plane_state{otelchan_plane_state="over_budget"})\n'
            'unless on (job, instance) otelchan_target_plane_state{otelchan_plane_state=~"on|trial|sliced"}',
            "info",
            "No probe is in {{ $labels.job }} any more: it would cost more than the budget.",
            "What is counted there has no series now: operations, block times, closes. Who waits where, for how long, "
            "and most findings go on, from the program's memory. The agent tries again by itself.",
            holds_s=900,
        ),
        _alert(
            "CollectSlow",
            "histogram_quantile(0.99, sum by (job, instance, host_name, le) "
            f"(rate(otelchan_collect_duration_seconds_bucket[{parameters.time(600)}]))) > 3",
            "info",
            "otelchan takes long to look at a program.",
            f"{AGENT_WHERE} One look in a hundred takes longer than {{{{ $value | humanizeDuration }}}}: very many "
            "goroutines, or a processor that is busy. Ages and findings come later.",
            holds_s=900,
        ),
    )


def _gaps() -> tuple[Alert, ...]:
    return (
        _alert(
            "PlaneLeftOut",
            'otelchan_probe_left_out{otelchan_reason!~"off|sliced|not_wanted"} > 0',
            "info",
            "otelchan leaves out the {{ $labels.otelchan_plane }} plane of {{ $value | humanize }} programs "
            "({{ $labels.otelchan_reason }}).",
            f"{AGENT_WHERE} What that plane counts is not there for them. over_budget: its probes would cost more than "
            "allowed. not_found, not_effective: the executable is built in a way that is not known; please report it.",
            holds_s=1800,
        ),
        _alert(
            "ObjectivesLeftOut",
            "otelchan_objective_left_out > 0",
            "warning",
            "There is no room for {{ $value | humanize }} latency objectives.",
            f"{AGENT_WHERE} These channels have an objective that is not looked at, so F11 and burn rates are silent "
            "about them. Make the globs of `objectives` fit fewer channels.",
            holds_s=600,
        ),
    )
