"""What traces say of latency objectives: when they broke, and which blocks were slow."""

from __future__ import annotations

from dashboards.generator.boards import spans
from dashboards.generator.grafana import panels, queries

BREACHES = spans.findings(
    "Objectives that broke",
    "Findings F11, each when it began and when it ended, with the quantile and the objective. Look at what else "
    "changed at that time; `otelchan explain F11` says how it is computed.",
    'span.channel.name =~ `${channel:regex}` && span.finding.id = "F11"',
)
SLOWEST = panels.span_table(
    "Slowest blocks of late",
    "The slowest of each moment and range of durations, the longest first. Open one: the stack of who waited, in the "
    "event `woken` that of who ended it, and the link `waker` leads to what that one had waited for: follow it.",
    [
        queries.traces(
            f"{{ {queries.OF_CHANNEL_SPANS} && span.otelchan.exemplar = true }} | select(span.channel.name, "
            "span.channel.operation, span.code.function.name, span.channel.waker.function)",
            limit=100,
        )
    ],
    transformations=[
        panels.organize(
            hide=("Trace Service", "Trace Name", "otelchan.exemplar"),
            names={
                "Duration": "Waited",
                "channel.name": "Channel",
                "channel.operation": "Operation",
                "code.function.name": "Function",
                "channel.waker.function": "Woken by",
                "Start time": "Since",
                "service.name": "Service",
                "service.instance.id": "Instance",
                "Span ID": "Its trace",
            },
            order=(
                *("Duration", "channel.name", "channel.operation", "code.function.name", "channel.waker.function"),
                *("Start time", "service.name", "service.instance.id", "Span ID"),
            ),
        )
    ],
    sort_by="Waited",
    empty="no block over span_threshold_ms, or `exemplars` is off",
)
