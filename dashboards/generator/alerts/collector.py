"""Alerts on the Collector between the agents and the stores, from its own metrics, which Prometheus scrapes.

Their names: Collector 0.155, checked against its /metrics. Depending on how they are exported, counters end in
_total or not.
"""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.alerts.rules import Alert, Group, appeared_or_grew
from dashboards.generator.alerts.wording import COLLECTOR_WHERE
from dashboards.generator.parameters import Parameters

RECEIVER = "otlp/otelchan"
"""What all files in collector-config/ call the receiver of otelchan's data."""
POLICIES = "otelchan-(finding|panic|ongoing|slow)"
"""Policies of collector-config/gateway.yaml that stand for something wrong; the others keep exemplars and samples."""
COUNTERS = {
    "sampled": ("otelcol_processor_tail_sampling_count_traces_sampled",),
    "too_early": ("otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",),
    "errors": ("otelcol_processor_tail_sampling_sampling_policy_evaluation_error",),
    "refused": ("otelcol_receiver_refused_metric_points", "otelcol_receiver_refused_spans"),
    "failed": ("otelcol_exporter_send_failed_metric_points", "otelcol_exporter_send_failed_spans"),
    "full": ("otelcol_exporter_enqueue_failed_metric_points", "otelcol_exporter_enqueue_failed_spans"),
}
ALIVE = '{__name__=~"otelcol_process_uptime(_seconds)?(_total)?"}'
"""Always there while a Collector runs: for how many seconds."""
_WINDOW_S = 300
GAUGES = ("otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity")


def selector(name: str, matchers: str = "") -> str:
    """A selector of a counter under either form of its name."""
    return f'{{__name__=~"{name}(_total)?"{f", {matchers}" if matchers else ""}}}'


def _more(key: str, by: str, parameters: Parameters, matchers: str = "") -> str:
    """How many came within the window, by signal where there are two counters. Each counter by itself: without their
    names the series of two are the same."""
    parts = []
    window, young = parameters.time(_WINDOW_S), f"{ALIVE} < {parameters.seconds(_WINDOW_S)}"
    for name in COUNTERS[key]:
        grown = appeared_or_grew(selector(name, matchers), window, ALIVE, young).replace("\n", " ")
        summed = f"sum by (job, instance{by and f', {by}'}) ({grown})"
        signal = "traces" if name.endswith("spans") else "metrics"
        two = f'label_replace({summed}, "signal", "{signal}", "", "")'
        parts.append(two if len(COUNTERS[key]) > 1 else summed)
    return "\nor\n".join(parts)


def _alert(
    name: str, expr: str, severity: str, summary: str, description: str, holds_s: int, traces: str = ""
) -> Alert:
    return Alert(
        name=name,
        expr=expr,
        severity=severity,
        summary=summary,
        description=f"{COLLECTOR_WHERE} {description}",
        dashboard=links.PIPELINE,
        variables={"instance": "instance"},
        holds_s=holds_s,
        traces={"": traces} if traces else {},
    )


def group(parameters: Parameters) -> Group:
    """All of them."""
    rules = (*_sampling(parameters), *_receiving(parameters), *_sending(parameters))
    return Group("otelchan-collector", "Alerts on the Collector that otelchan's data passes.", rules)


# What each policy keeps, as TraceQL; gateway.yaml says the same in its own words.
_KEPT = (
    '{{ $q := `resource.telemetry.distro.name = "otelchan"` }}'
    '{{ if eq $labels.policy "otelchan-finding" }}{{ $q = printf `%s && span.finding.id != nil` $q }}'
    '{{ else if eq $labels.policy "otelchan-panic" }}{{ $q = printf `%s && name =~ "panic .*"` $q }}'
    '{{ else if eq $labels.policy "otelchan-ongoing" }}'
    '{{ $q = printf `%s && span.otelchan.span.state = "ongoing"` $q }}'
    "{{ else }}{{ $q = printf `%s && duration >= 1s` $q }}{{ end }}"
)


def _sampling(parameters: Parameters) -> tuple[Alert, ...]:
    hits = _more("sampled", "policy", parameters, f'policy=~"{POLICIES}", sampled="true"')
    return (
        _alert(
            "OtelchanPolicyHits",
            hits,
            "info",
            "Traces are kept by the tail-sampling policy {{ $labels.policy }}.",
            "It kept {{ $value | humanize }} traces within five minutes, which stand for something wrong in a program: "
            "a finding, a panic, a goroutine that does not get on, a long block. The link shows them.",
            0,
            _KEPT,
        ),
        _alert(
            "OtelchanTracesDroppedTooEarly",
            _more("too_early", "", parameters),
            "warning",
            "Tail sampling drops traces before it has decided.",
            "{{ $value | humanize }} traces left its memory undecided within five minutes, and what exemplars point at "
            "may be among them. Raise num_traces above the traces that come within decision_wait, or send fewer.",
            0,
        ),
        _alert(
            "OtelchanPolicyErrors",
            _more("errors", "", parameters),
            "warning",
            "A tail-sampling policy cannot be evaluated.",
            "{{ $value | humanize }} errors within five minutes: such a trace is not kept by that policy. The "
            "Collector's log names it.",
            0,
        ),
    )


def _receiving(parameters: Parameters) -> tuple[Alert, ...]:
    refused = _more("refused", "receiver", parameters, f'receiver="{RECEIVER}"')
    return (
        _alert(
            "OtelchanCollectorRefuses",
            refused,
            "warning",
            "The Collector refuses otelchan's {{ $labels.signal }}.",
            "{{ $value | humanize }} items within five minutes: its memory limit is reached, or a queue behind it is "
            "full. The agent tries again and holds back; when that lasts, spans are given up.",
            120,
        ),
    )


def _sending(parameters: Parameters) -> tuple[Alert, ...]:
    return (
        _alert(
            "OtelchanCollectorCannotSend",
            _more("failed", "exporter", parameters),
            "critical",
            "The Collector gives up {{ $labels.signal }} that {{ $labels.exporter }} does not take.",
            "{{ $value | humanize }} items were dropped within five minutes, after all retries, or at once because the "
            "back end says they are wrong. The Collector's log has its answer.",
            0,
        ),
        _alert(
            "OtelchanCollectorQueueNearlyFull",
            "max by (job, instance, exporter, data_type) "
            "(otelcol_exporter_queue_size / otelcol_exporter_queue_capacity) > 0.9",
            "warning",
            "The queue of {{ $labels.exporter }} ({{ $labels.data_type }}) is nearly full.",
            "{{ $value | humanizePercentage }} of it is taken: the back end is slower than what comes in, or away. "
            "When it is full, it takes no more.",
            120,
        ),
        _alert(
            "OtelchanCollectorQueueFull",
            _more("full", "exporter", parameters),
            "critical",
            "The queue of {{ $labels.exporter }} is full and takes no more {{ $labels.signal }}.",
            "{{ $value | humanize }} items did not fit within five minutes. What comes straight from otelchan it sends "
            "again; spans behind tail sampling are lost. Mend the back end.",
            0,
        ),
    )
