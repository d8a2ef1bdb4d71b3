"""The Collector between otelchan and the stores, from its own metrics, which Prometheus scrapes.

Names as in dashboards/generator/alerts/collector.py: Collector 0.155, read off its /metrics; counters end in _total or
not, depending on how they are exported.
"""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.alerts import collector
from dashboards.generator.alerts.collector import ALIVE, RECEIVER
from dashboards.generator.alerts.rules import appeared_or_grew
from dashboards.generator.grafana import panels, queries
from dashboards.generator.grafana.board import Board, Row
from dashboards.generator.grafana.fields import GREEN, GREY, RED, YELLOW, nothing, override, thresholds
from dashboards.generator.grafana.queries import OF, Json
from dashboards.generator.grafana.variables import labels

_SAMPLING = "otelcol_processor_tail_sampling_"
COUNTERS = {
    "otelcol_receiver_accepted_metric_points": ("receiver", "transport"),
    "otelcol_receiver_accepted_spans": ("receiver", "transport"),
    "otelcol_receiver_refused_metric_points": ("receiver", "transport"),
    "otelcol_receiver_refused_spans": ("receiver", "transport"),
    "otelcol_exporter_sent_metric_points": ("exporter",),
    "otelcol_exporter_sent_spans": ("exporter",),
    "otelcol_exporter_send_failed_metric_points": ("exporter",),
    "otelcol_exporter_send_failed_spans": ("exporter",),
    "otelcol_exporter_enqueue_failed_metric_points": ("exporter",),
    "otelcol_exporter_enqueue_failed_spans": ("exporter",),
    f"{_SAMPLING}count_traces_sampled": ("policy", "sampled", "decision"),
    f"{_SAMPLING}global_count_traces_sampled": ("sampled", "decision"),
    f"{_SAMPLING}sampling_trace_dropped_too_early": (),
    f"{_SAMPLING}sampling_policy_evaluation_error": (),
    "otelcol_process_cpu_seconds": (),
}
"""What is asked of the Collector, and labels by which it is told apart; job and instance are those of the scrape."""
GAUGES = {
    "otelcol_exporter_queue_size": ("exporter", "data_type"),
    "otelcol_exporter_queue_capacity": ("exporter", "data_type"),
    f"{_SAMPLING}sampling_traces_on_memory": (),
    "otelcol_process_memory_rss": (),
}
RATE = "[$__rate_interval]"
_ALIVE = f"{ALIVE[:-1]}, {OF}}}"
_SIGNALS = {"metrics": "metric_points", "traces": "spans"}
_FULLEST = f"otelcol_exporter_queue_size{{{OF}}} / (otelcol_exporter_queue_capacity{{{OF}}} > 0)"


def _counter(name: str, matchers: str = "") -> str:
    return collector.selector(name, f"{OF}{f', {matchers}' if matchers else ''}")


def _rates(name: str, by: str, legend: str, matchers: str = "") -> list[Json]:
    """One query for each signal: without their names the series of both would be the same."""
    return [
        queries.series(
            f"sum by ({by}) (rate({_counter(f'otelcol_{name}_{items}', matchers)}{RATE}))", f"{signal} {legend}"
        )
        for signal, items in _SIGNALS.items()
    ]


def _totals(name: str, matchers: str = "") -> list[Json]:
    """How many came within the time range; 0 only when there is a Collector to say so.

    A counter of failures is not there before the first one, and then has its value at once: see alerts/rules.py.
    """
    return [
        queries.now(
            f"sum({_came(_counter(f'otelcol_{name}_{items}', matchers))}) or 0 * count({_ALIVE})",
            signal,
        )
        for signal, items in _SIGNALS.items()
    ]


def _came(counter: str) -> str:
    return appeared_or_grew(counter, "$__range", _ALIVE, f"{_ALIVE} < $__range_s").replace("\n", " ")


def _stats() -> tuple[Json, ...]:
    by = "job, instance"
    before, now = (f"group by ({by}) ({series})" for series in (f"last_over_time({_ALIVE}[$__range])", _ALIVE))
    gone = f"count({before} unless on ({by}) {now}) or vector(0)"
    return (
        panels.stat(
            "Collectors",
            "Collectors whose own metrics Prometheus scrapes, and those that it has scraped within the time range and "
            "not any more: stopped, or replaced. None at all: add the scrape of docs/alerts.md, or nothing arrives.",
            [queries.now(f"count({_ALIVE}) or vector(0)", "there"), queries.now(gone, "gone")],
            unit="short",
            sparkline=False,
            steps=thresholds((1, GREEN), base=RED),
            overrides=[override("gone", thresholds=thresholds((1, YELLOW)))],
        ),
        panels.stat(
            "Refused",
            "Items of otelchan that Collectors refused within the time range: memory limit, or a full queue behind it. "
            "otelchan sends them again; when it lasts, spans are given up. Runbook: OtelchanCollectorRefuses.",
            _totals("receiver_refused", f'receiver="{RECEIVER}"'),
            unit="short",
            sparkline=False,
            decimals=0,
            steps=thresholds((1, YELLOW)),
            **nothing("no Collector"),
        ),
        panels.stat(
            "Given up",
            "Items that exporters dropped within the time range, after all retries or because the back end says they "
            "are wrong: lost. The Collector's log has its answer. Runbook: OtelchanCollectorCannotSend.",
            _totals("exporter_send_failed"),
            unit="short",
            sparkline=False,
            decimals=0,
            steps=thresholds((1, RED)),
            **nothing("no Collector"),
        ),
        panels.stat(
            "Fullest queue",
            "Of its room. Near 100%: a back end is slower than what comes in, or away; when it is full, data is "
            "refused, or lost behind tail sampling. Runbook: OtelchanCollectorQueueNearlyFull.",
            [queries.now(f"max({_FULLEST})", "of its room")],
            unit="percentunit",
            sparkline=False,
            minimum=0,
            maximum=1,
            steps=thresholds((0.5, YELLOW), (0.9, RED)),
            **nothing("no queue", GREY),
        ),
    )


def _in() -> tuple[Json, ...]:
    receiver = f'receiver="{RECEIVER}"'
    return (
        panels.timeseries(
            "Accepted from otelchan",
            "Items that came in and were taken. Nothing while agents run: their endpoint, certificates or the "
            "network; see `Not delivered` on the agent's dashboard.",
            _rates("receiver_accepted", "job, instance", "{{instance}}", receiver),
            unit="cps",
        ),
        panels.timeseries(
            "Refused over time",
            "Items that were sent back. Raise OTELCHAN_COLLECTOR_MEMORY_MIB when the queues are empty; when one is "
            "full, mend the back end behind it.",
            _rates("receiver_refused", "job, instance", "{{instance}}", receiver),
            unit="cps",
            empty="no Collector",
        ),
    )


def _out() -> tuple[Json, ...]:
    given_up = [
        queries.series(
            f"sum by (job, instance, exporter) ({queries.grown(_counter(f'otelcol_exporter_{kind}_failed_{items}'))})",
            f"{signal} {{{{exporter}}}}: {words}",
        )
        for kind, words in (("send", "given up"), ("enqueue", "no room"))
        for signal, items in _SIGNALS.items()
    ]
    return (
        panels.timeseries(
            "Sent to back ends",
            "Items that Prometheus and the trace store took, as bars what they did not get. Spans sent are fewer than "
            "accepted behind a gateway, which samples.",
            _rates("exporter_sent", "job, instance, exporter", "{{exporter}} {{instance}}"),
            unit="cps",
        ),
        panels.timeseries(
            "Not sent",
            "Items given up, or for which a queue had no room. Prometheus answers 404 without "
            "--web.enable-otlp-receiver; the Collector's log has every answer. Runbook: OtelchanCollectorCannotSend.",
            given_up,
            unit="short",
            decimals=0,
            bars=True,
            empty="nothing was lost",
        ),
        panels.timeseries(
            "Queues",
            "How full each is. One that fills and does not empty again: its back end is too slow or away.",
            [queries.series(f"max by (job, instance, exporter) ({_FULLEST})", "{{exporter}} {{instance}}")],
            unit="percentunit",
            maximum=1,
            steps=thresholds((0.5, YELLOW), (0.9, RED)),
        ),
    )


def _sampling() -> tuple[Json, ...]:
    kept = _counter(f"{_SAMPLING}count_traces_sampled", 'sampled="true"')
    decided = _counter(f"{_SAMPLING}global_count_traces_sampled")
    early, errors = (
        _counter(f"{_SAMPLING}sampling_{name}") for name in ("trace_dropped_too_early", "policy_evaluation_error")
    )
    no_gateway = "no gateway with tail sampling"
    return (
        panels.timeseries(
            "Traces kept, by policy",
            "What gateway.yaml keeps and why. finding, panic, ongoing and slow stand for something wrong in a program: "
            "see the overview. What each policy is: docs/tail-sampling.md.",
            [queries.series(f"sum by (policy) (rate({kept}{RATE}))", "{{policy}}")],
            unit="cps",
            stacked=True,
            empty=no_gateway,
        ),
        panels.timeseries(
            "Kept and dropped",
            "Decisions on traces. Too much kept: lower OTELCHAN_GATEWAY_SPANS_PER_SECOND or raise "
            "OTELCHAN_GATEWAY_SLOW_MS; what exemplars point at is kept always.",
            [queries.series(f"sum by (sampled) (rate({decided}{RATE}))", "{{sampled}}")],
            unit="cps",
            stacked=True,
            overrides=[
                override("true", displayName="kept", color={"fixedColor": GREEN, "mode": "fixed"}),
                override("false", displayName="dropped", color={"fixedColor": "text", "mode": "fixed"}),
            ],
            empty=no_gateway,
        ),
        panels.timeseries(
            "Undecided",
            "Traces that wait for a decision (OTELCHAN_GATEWAY_TRACES fit, then senders wait), traces that left before "
            "it, errors of policies: both must be 0. Runbooks: OtelchanTracesDroppedTooEarly, OtelchanPolicyErrors.",
            [
                queries.series(
                    f"sum by (instance) ({_SAMPLING}sampling_traces_on_memory{{{OF}}})", "{{instance}} wait"
                ),
                queries.series(f"sum by (instance) ({queries.grown(early)})", "{{instance}} dropped too early"),
                queries.series(f"sum by (instance) ({queries.grown(errors)})", "{{instance}} errors of policies"),
            ],
            unit="short",
            decimals=0,
            empty=no_gateway,
        ),
    )


def _costs() -> tuple[Json, ...]:
    return (
        panels.timeseries(
            "Processor time",
            "Share of one core. collector-config/README.md says what is usual; much more: look for retries of an "
            "exporter, which compress the same data again.",
            [
                queries.series(
                    f"sum by (job, instance) (rate({_counter('otelcol_process_cpu_seconds')}{RATE}))",
                    "{{job}} {{instance}}",
                )
            ],
            unit="percentunit",
        ),
        panels.timeseries(
            "Memory",
            "Resident memory. It grows with the queues; near the container's limit set GOMEMLIMIT to 80 % of "
            "OTELCHAN_COLLECTOR_MEMORY_MIB.",
            [queries.series(f"sum by (job, instance) (otelcol_process_memory_rss{{{OF}}})", "{{job}} {{instance}}")],
            unit="bytes",
        ),
    )


def _variables() -> list[Json]:
    """Who has an uptime: every Collector, whatever runs in it."""
    return [
        labels("job", "Service", ALIVE, "job", "job of the scrape"),
        labels("instance", "Instance", f'{ALIVE[:-1]}, job=~"$job"}}', "instance", "address that is scraped"),
    ]


BOARD = Board(
    uid=links.PIPELINE,
    title="otelchan / The Collector",
    says="Does what otelchan sends arrive at Prometheus and at the trace store?",
    variables=_variables(),
    tags=("otelchan",),
    rows=(
        Row("", _stats(), (6, 6, 6, 6), 4),
        Row("In", _in(), (12, 12)),
        Row("Out", _out(), (8, 8, 8)),
        Row("Tail sampling", _sampling(), (8, 8, 8)),
        Row("What it costs", _costs(), (12, 12)),
    ),
)
