"""How alerts on the Collector come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dashboards.generator.alerts.cases import Case, Series

LABELS = {"job": "otelcol", "instance": "c-1"}
COLLECTOR = 'job="otelcol", instance="c-1"'
ALIVE = f"otelcol_process_uptime{{{COLLECTOR}}}"
WITHIN = "within five minutes"


def _of(metric: str, labels: str = "") -> str:
    return f"{metric}{{{COLLECTOR}{f', {labels}' if labels else ''}}}"


def _case(
    name: str,
    severity: str,
    fires: Series,
    silent: Series,
    summary: str,
    description: str,
    more: Mapping[str, str] | None = None,
    not_yet: str = "",
    traces: Mapping[str, str] | None = None,
) -> Case:
    return Case(
        alert=f"Otelchan{name}",
        fires={ALIVE: "0+30x90", **fires},
        labels={**LABELS, **(more or {}), "severity": severity},
        summary=summary,
        description=f"Collector c-1. {description}",
        dashboard=("otelchan-pipeline", {"instance": "c-1"}),
        silent={ALIVE: "0+30x90", **silent},
        at="10m",
        not_yet=not_yet,
        traces=traces or {},
    )


def cases() -> Iterator[Case]:
    """Each once, and what else could be mistaken."""
    yield from _hits()
    yield from _sampling()
    yield from _queues()


def _hits() -> Iterator[Case]:
    sampled = "otelcol_processor_tail_sampling_count_traces_sampled"
    kept = 'policy="{}", decision="sampled", sampled="true"'
    passed = 'policy="{}", decision="not_sampled", sampled="false"'
    queries = {
        "otelchan-finding": "span.finding.id != nil",
        "otelchan-panic": 'name =~ "panic .*"',
        "otelchan-ongoing": 'span.otelchan.span.state = "ongoing"',
        "otelchan-slow": "duration >= 1s",
    }
    for policy, condition in queries.items():
        yield _case(
            "PolicyHits",
            "info",
            {_of(sampled, kept.format(policy)): "_x15 3x30", _of(sampled, passed.format(policy)): "0+9x60"},
            {
                _of(sampled, passed.format(policy)): "0+9x60",
                _of(sampled, kept.format("otelchan-exemplar")): "0+9x60",  # there are always exemplars
                _of(sampled, kept.format("otelchan-sample")): "0+9x60",
                _of(sampled, kept.format("shop-errors")): "0+9x60",  # a policy for others' traces
            },
            f"Traces are kept by the tail-sampling policy {policy}.",
            f"It kept 3 traces {WITHIN}, which stand for something wrong in a program: a finding, a panic, a goroutine "
            "that does not get on, a long block. The link shows them.",
            {"policy": policy},
            not_yet="7m",
            traces={"": f'{{ resource.telemetry.distro.name = "otelchan" && {condition} }}'},
        )


def _sampling() -> Iterator[Case]:
    early = "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early"
    yield _case(
        "TracesDroppedTooEarly",
        "warning",
        {_of(early): "0x10 0+2x40"},
        {_of(early): "4000x60"},  # long ago
        "Tail sampling drops traces before it has decided.",
        f"18 traces left its memory undecided {WITHIN}, and what exemplars point at may be among them. Raise "
        "num_traces above the traces that come within decision_wait, or send fewer.",
        not_yet="5m",
    )
    errors = "otelcol_processor_tail_sampling_sampling_policy_evaluation_error_total"
    yield _case(
        "PolicyErrors",
        "warning",
        {_of(errors): "0x10 0+1x40"},
        {_of(errors): "1x60"},
        "A tail-sampling policy cannot be evaluated.",
        f"9 errors {WITHIN}: such a trace is not kept by that policy. The Collector's log names it.",
        not_yet="5m",
    )


def _queues() -> Iterator[Case]:
    receiver = 'receiver="otlp/otelchan", transport="http"'
    yield _case(
        "CollectorRefuses",
        "warning",
        {_of("otelcol_receiver_refused_spans", receiver): "0+10x60"},
        {
            _of("otelcol_receiver_refused_spans", receiver): "0x60",
            _of("otelcol_receiver_refused_metric_points", 'receiver="otlp/others", transport="http"'): "0+10x60",
        },
        "The Collector refuses otelchan's traces.",
        f"100 items {WITHIN}: its memory limit is reached, or a queue behind it is full. The agent tries again and "
        "holds back; when that lasts, spans are given up.",
        {"receiver": "otlp/otelchan", "signal": "traces"},
        not_yet="2m",
    )
    exporter = 'exporter="otlp_http/prometheus"'
    points = {"exporter": "otlp_http/prometheus", "signal": "metrics"}
    yield _case(
        "CollectorCannotSend",
        "critical",
        {_of("otelcol_exporter_send_failed_metric_points", f'{exporter}, server_port="9090"'): "0x10 0+100x40"},
        {_of("otelcol_exporter_send_failed_metric_points", f'{exporter}, server_port="9090"'): "100x60"},
        "The Collector gives up metrics that otlp_http/prometheus does not take.",
        f"900 items were dropped {WITHIN}, after all retries, or at once because the back end says they are wrong. "
        "The Collector's log has its answer.",
        points,
        not_yet="5m",
    )
    size, capacity = (
        _of(f"otelcol_exporter_queue_{n}", f'{exporter}, data_type="metrics"') for n in ("size", "capacity")
    )
    yield _case(
        "CollectorQueueNearlyFull",
        "warning",
        {size: "95x60", capacity: "100x60"},
        {size: "90x60", capacity: "100x60"},
        "The queue of otlp_http/prometheus (metrics) is nearly full.",
        "95% of it is taken: the back end is slower than what comes in, or away. When it is full, it takes no more.",
        {"exporter": "otlp_http/prometheus", "data_type": "metrics"},
        not_yet="1m30s",
    )
    yield _case(
        "CollectorQueueFull",
        "critical",
        {_of("otelcol_exporter_enqueue_failed_metric_points", exporter): "_x15 7x40"},
        {_of("otelcol_exporter_enqueue_failed_metric_points", exporter): "7x60"},
        "The queue of otlp_http/prometheus is full and takes no more metrics.",
        f"7 items did not fit {WITHIN}. What comes straight from otelchan it sends again; spans behind tail "
        "sampling are lost. Mend the back end.",
        points,
        not_yet="7m",
    )
