"""How long operations on channels block."""

from __future__ import annotations

from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.promql import own
from dashboards.generator.grafana.queries import OF_CHANNEL, OF_CHANNEL_SPANS, Json

_BUCKETS = f"channel_block_duration_seconds_bucket{{{OF_CHANNEL}"
_EMPTY = "no operation had to wait in this time range, or waits are not counted: see the dashboard of the agent"


def _heat(operation: str, title: str, description: str) -> Json:
    of = f'{_BUCKETS}, channel_operation="{operation}"}}'
    blocks = own(f"rate({of}[$__rate_interval])")
    return panels.heat_map(
        title,
        f"{description} Each dot is the slowest block of its bucket: a click on it opens the trace, with the stack and "
        "who ended the wait.",
        [queries.buckets(f"sum by (le) ({blocks})", exemplars=True)],
        unit="s",
        empty=_EMPTY,
    )


SENDS = _heat(
    "send",
    "How long sends block",
    "From park to wake, of sends that had to wait. It should be dark near the bottom; a band that moves up is a "
    "consumer that gets slower.",
)
RECEIVES = _heat(
    "recv",
    "How long receives block",
    "The same of receives: those that wait have no work, so long waits are usual in a pool. Bad where an answer is "
    "waited for.",
)


def _quantile(share: str) -> Json:
    blocks = own(f"rate({_BUCKETS}}}[$__rate_interval])")
    name = f"p{float(share) * 100:g}"
    expr = f"histogram_quantile({share}, sum by (le, channel_operation) ({blocks}))"
    return queries.series(expr, f"{name} {{{{channel_operation}}}}")


QUANTILES = panels.timeseries(
    "Block duration, quantiles",
    "Of operations that had to wait, all chosen channels together; within a bucket it is a guess. When p99 leaves p50 "
    "far behind, few wait for something else than the rest: open one of the traces.",
    [_quantile("0.5"), _quantile("0.99"), _quantile("0.999")],
    unit="s",
    minimum=None,
    custom={"fillOpacity": 0, "scaleDistribution": {"log": 10, "type": "log"}},
    empty=_EMPTY,
)
_SLOW = f'{OF_CHANNEL_SPANS} && (span.otelchan.span.state = "ongoing" || duration > 100ms)'
_SHOWN = "span.channel.name, span.channel.operation, span.code.function.name, span.channel.waker.function"
_COLUMNS = {
    "Duration": "Waited",
    "channel.operation": "To",
    "channel.name": "Channel",
    "code.function.name": "Function",
    "channel.waker.function": "Woken by",
    "otelchan.span.state": "State",
    "Start time": "Since",
    "service.name": "Service",
    "service.instance.id": "Instance",
    "Span ID": "Its trace",
}
TRACES = panels.span_table(
    "Long waits, and waits that go on",
    "A hundred waits of more than 100 ms, and those that have not ended (`ongoing`). The trace has the stack, the "
    "line and who ended the wait. Fewer here than above: spans are limited (`spans_per_second`).",
    [queries.traces(f"{{ {_SLOW} }} | select({_SHOWN})", limit=100)],
    transformations=[
        panels.organize(hide=("Trace Service", "Trace Name", "Name"), names=_COLUMNS, order=tuple(_COLUMNS))
    ],
    sort_by="Waited",
    overrides=[
        fields.override("Waited", custom_width=90),
        fields.override("To", custom_width=60),
        fields.override("State", custom_width=80),
        fields.override("Instance", custom_width=120),
    ],
    empty="no wait of more than 100 ms",
)
