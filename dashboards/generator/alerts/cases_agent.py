"""How alerts on the agent come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dashboards.generator.alerts import cases_budget
from dashboards.generator.alerts.cases import Case, Series

LABELS = {"job": "otelchan", "instance": "a-1", "host_name": "node-7"}
AGENT = 'job="otelchan", instance="a-1", host_name="node-7"'
WHERE = "Agent a-1 on node-7."
ALIVE = f"otelchan_build_info{{{AGENT}}}"


def _case(
    name: str,
    severity: str,
    fires: Series,
    silent: Series,
    summary: str,
    description: str,
    more: Mapping[str, str] | None = None,
    not_yet: str = "",
    at: str = "20m",
) -> Case:
    return Case(
        alert=f"Otelchan{name}",
        fires={ALIVE: "1x90", **fires},
        labels={**LABELS, **(more or {}), "severity": severity},
        summary=summary,
        description=f"{WHERE} {description}",
        dashboard=("otelchan-agent", {"instance": "a-1"}),
        silent={ALIVE: "1x90", **silent},
        at=at,
        not_yet=not_yet,
    )


def _of(metric: str, labels: str = "") -> str:
    return f"{metric}{{{AGENT}{f', {labels}' if labels else ''}}}"


def cases() -> Iterator[Case]:
    """Each once, and what else could be mistaken."""
    yield from _presence()
    yield from _targets()
    yield from _lost()
    yield from _export()
    yield from _room()
    yield from _cost()
    yield from cases_budget.cases()


def _presence() -> Iterator[Case]:
    other = 'otelchan_build_info{job="otelchan", instance="b-1", host_name="node-8"}'
    again = 'otelchan_build_info{job="otelchan", instance="a-2", host_name="node-7"}'
    down = Case(
        alert="OtelchanDown",
        fires={ALIVE: "1x20", other: "1x90"},  # killed: no marker
        labels={"job": "otelchan", "host_name": "node-7", "severity": "critical"},
        summary="No otelchan agent on node-7 any more.",
        description="An agent reported within the last hour and none does now, so nothing is known of the programs "
        "there. It was stopped, it died, or what it sends does not arrive. Look at its log (`journalctl -u otelchan`, "
        "`kubectl logs`), then at the Collector.",
        dashboard=("otelchan-agent", {"job": "otelchan"}),
        silent={ALIVE: "1x20", again: "_x22 1x60", other: "1x90"},  # started again: another instance on the same host
        at="14m",
        not_yet="12m",
    )
    yield down
    yield down._replace(fires={ALIVE: "1x20 stale", other: "1x90"})  # stopped: with a marker
    yield Case(
        alert="OtelchanAbsent",
        fires={ALIVE: "1x20"},
        labels={"severity": "critical"},
        summary="No otelchan agent reports at all.",
        description="Prometheus has had nothing from any agent for a quarter of an hour. When all are gone at once it "
        "is the Collector, its way to Prometheus, or Prometheus runs without --web.enable-otlp-receiver.",
        dashboard=("otelchan-pipeline", {}),
        silent={ALIVE: "1x60"},
        at="26m",
        not_yet="24m",
    )


def _targets() -> Iterator[Case]:
    yield _case(
        "NoTargets",
        "warning",
        {_of("otelchan_target_count"): "0x60"},
        {_of("otelchan_target_count"): "0x10 1x50"},
        "An otelchan agent watches no program.",
        "It runs and is attached to nothing. Either no Go program runs there, or the selection fits none: `otelchan "
        "plan` with the same arguments says what would be watched, and why not.",
        not_yet="9m30s",
    )
    yield _case(
        "TargetsRefused",
        "info",
        {_of("otelchan_target_refused"): "2x60"},
        {_of("otelchan_target_refused"): "0x60"},
        "2 Go programs cannot be watched.",
        "Its log says why each was refused: an unknown version of Go, no access, or another otelchan that has it "
        "already.",
        not_yet="14m30s",
    )
    reason = 'otelchan_reason="kernel"'
    yield _case(
        "AttachFailed",
        "warning",
        {_of("otelchan_attach_failed_total", reason): "_x31 1x30"},
        {_of("otelchan_attach_failed_total", reason): "1x60"},
        "otelchan could not watch a program (kernel).",
        "It was chosen, it runs, and it is not watched, or not any more. The agent's log says which and why, and "
        "`otelchan doctor` what is missing on the machine.",
        {"otelchan_reason": "kernel"},
        not_yet="15m",
    )
    yield _case(  # at the start of the agent, before its first export: there is nothing that it could have grown from
        "AttachFailed",
        "warning",
        {_of("otelchan_attach_failed_total", reason): "1x60", _of("otelchan_start_time_seconds"): "0x60"},
        {_of("otelchan_attach_failed_total", reason): "1x60", _of("otelchan_start_time_seconds"): "-900x60"},
        "otelchan could not watch a program (kernel).",
        "It was chosen, it runs, and it is not watched, or not any more. The agent's log says which and why, and "
        "`otelchan doctor` what is missing on the machine.",
        {"otelchan_reason": "kernel"},
        at="5m",
    )
    plane = 'otelchan_plane="operations", otelchan_reason="{}"'
    yield _case(
        "PlaneLeftOut",
        "info",
        {_of("otelchan_probe_left_out", plane.format("over_budget")): "3x90"},
        {_of("otelchan_probe_left_out", plane.format("off")): "3x90"},  # by the user's own wish
        "otelchan leaves out the operations plane of 3 programs (over_budget).",
        "What that plane counts is not there for them. over_budget: its probes would cost more than allowed. "
        "not_found, not_effective: the executable is built in a way that is not known; please report it.",
        {"otelchan_plane": "operations", "otelchan_reason": "over_budget"},
        not_yet="29m30s",
        at="40m",
    )
    yield _case(
        "ObjectivesLeftOut",
        "warning",
        {_of("otelchan_objective_left_out"): "4x60"},
        {_of("otelchan_objective_left_out"): "0x60"},
        "There is no room for 4 latency objectives.",
        "These channels have an objective that is not looked at, so F11 and burn rates are silent about them. Make "
        "the globs of `objectives` fit fewer channels.",
        not_yet="9m30s",
    )


def _lost() -> Iterator[Case]:
    lost = _case(
        "EventsLost",
        "warning",
        {_of("otelchan_event_lost_total", 'otelchan_reason="park"'): "0x30 7x30"},
        {
            _of("otelchan_event_lost_total", 'otelchan_reason="park"'): "7x60",  # long ago
            _of("otelchan_event_lost_total", 'otelchan_reason="unparked"'): "0+5x60",  # began before the agent
        },
        "otelchan loses events (park).",
        "Something happened in a program that could not be counted or kept: park; the runbook says what that is. "
        "What it says of these programs is incomplete.",
        {"otelchan_reason": "park"},
        not_yet="14m30s",
    )
    yield lost
    yield lost._replace(  # a series that was not there before, of an agent that was; and one that Prometheus has missed
        fires={ALIVE: "1x90", _of("otelchan_event_lost_total", 'otelchan_reason="park"'): "_x31 7x30"},
        silent={
            ALIVE: "_x31 1x60",
            _of("otelchan_event_lost_total", 'otelchan_reason="park"'): "_x31 7x60",
        },
    )


def _export() -> Iterator[Case]:
    signal = 'otelchan_signal="traces", otelchan_reason="{}"'
    yield _case(
        "ExportFailed",
        "warning",
        {_of("otelchan_export_failed_total", signal.format("unreachable")): "0x30 10+10x30"},
        {
            _of("otelchan_export_failed_total", signal.format("unreachable")): "500x60",
            _of("otelchan_export_failed_total", signal.format("superseded")): "0+10x60",  # newer totals went
            _of("otelchan_start_time_seconds"): "960x60",  # it came before its Collector
        },
        "otelchan gave up traces that it could not deliver (unreachable).",
        "Totals of metrics catch up with the next export; spans that were given up are gone. Look at the Collector "
        "first, then at the agent's endpoint and certificates.",
        {"otelchan_signal": "traces", "otelchan_reason": "unreachable"},
        not_yet="15m",
    )
    points = 'otelchan_signal="metrics", otelchan_reason="partial_success"'
    yield _case(
        "ExportRejected",
        "warning",
        {_of("otelchan_export_rejected_total", points): "_x31 3x30"},
        {_of("otelchan_export_rejected_total", points): "3x60"},
        "The endpoint takes otelchan's requests but rejects some of the metrics.",
        "The answer says how many and why; the agent's log has its words. Usual reasons: points out of order or too "
        "old, limits of series or of attributes at the back end.",
        {"otelchan_signal": "metrics", "otelchan_reason": "partial_success"},
        not_yet="15m",
    )


def _room() -> Iterator[Case]:
    traces, points = 'otelchan_signal="traces"', 'otelchan_signal="metrics"'
    size, room = "otelchan_export_queue_size", "otelchan_export_queue_limit"
    yield _case(
        "ExportQueueNearlyFull",
        "warning",
        {_of(size, traces): "1900x60", _of(room, traces): "2000x60"},
        {_of(size, traces): "1800x60", _of(room, traces): "2000x60", _of(size, points): "9000x60"},
        "Nearly as many traces wait in otelchan as it keeps.",
        "95% of the room is taken: the endpoint is slow or away. When it is full the oldest spans are given up, and "
        "counted.",
        {"otelchan_signal": "traces"},
        not_yet="1m30s",
    )
    count, limit = "otelchan_map_entry_count", "otelchan_map_entry_limit"
    of_parked, of_channels = 'otelchan_map_name="parked"', 'otelchan_map_name="channels"'
    yield _case(
        "MapNearlyFull",
        "warning",
        {_of(count, of_parked): "950x60", _of(limit, of_parked): "1000x60"},
        {
            _of(count, of_parked): "900x60",  # not more than 90 %
            _of(limit, of_parked): "1000x60",
            _of(count, of_channels): "131072x60",  # forgets the oldest by design
            _of(limit, of_channels): "131072x60",
        },
        "A kernel map of otelchan is nearly full: parked.",
        "95% of its room is taken. When it is full, events are lost and counted. Watch fewer programs with one agent.",
        {"otelchan_map_name": "parked"},
        not_yet="4m30s",
    )
    yield _case(
        "SeriesOverflow",
        "warning",
        {_of("otelchan_series_overflow"): "120x60"},
        {_of("otelchan_series_overflow"): "120x10 0x50"},
        "120 series of otelchan are over the cap.",
        "They are added up in one point per metric with otel_metric_overflow=true. Raise series_per_process or "
        "series_total, or give channels that are many one name (naming.aliases).",
        not_yet="9m30s",
    )


def _cost() -> Iterator[Case]:
    bucket = "otelchan_collect_duration_seconds_bucket"
    in_ten, in_three, all_ = (_of(bucket, f'le="{bound}"') for bound in ("10.0", "3.0", "+Inf"))
    yield _case(
        "CollectSlow",
        "info",
        {in_three: "0x90", in_ten: "0+3x90", all_: "0+3x90"},
        {in_three: "0+3x90", in_ten: "0+3x90", all_: "0+3x90"},
        "otelchan takes long to look at a program.",
        "One look in a hundred takes longer than 9.93s: very many goroutines, or a processor that is busy. Ages and "
        "findings come later.",
        not_yet="15m",
        at="30m",
    )
