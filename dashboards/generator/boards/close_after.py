"""What was left in closed channels, who went on with them, and what went wrong."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards.close_order import LEFT as ELEMENTS_LEFT
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import of_row, of_series, panel_url
from dashboards.generator.grafana.promql import CHANNEL, NAME, during, most, own
from dashboards.generator.grafana.queries import OF, OF_CHANNEL, OF_SPANS, grown
from otelchan.findings.catalogue import FINDINGS as CATALOGUE

_IDS = ("F4", "F5", "F6", "F7", "F8")
_SERIES_LINKS = [
    fields.link("This channel", panel_url(links.CHANNELS, of_series(job="job", channel="channel_name"))),
    fields.link("This channel alone, here", panel_url(links.CLOSE, of_series(job="job", channel="channel_name"))),
]
_ROW = of_row(job="job", instance="instance", channel="channel_name")
_ROW_LINKS = [fields.link("This channel", panel_url(links.CHANNELS, _ROW))]


def _of(metric: str, more: str = "") -> str:
    return f"{metric}{{{OF_CHANNEL}{more}}}"


_RESIDUE = _of("channel_close_residue_total")
_DRAINED = _of("channel_close_drained_total")
_PANICS = _of("channel_panic_total")
_ZEROS = _of("channel_process_total", ', channel_operation="recv", channel_status="closed"')
_DELAYS = _of("channel_close_read_delay_seconds_bucket")
_READS = own(f"rate({_ZEROS}[$__rate_interval])")

LEFT = panels.stat(
    "Left in closed channels",
    "Elements that were in the buffer at a close within the time range and were not received: jobs not done, results "
    "not read. Let receivers go on until the channel is empty. Runbook: OtelchanDrainResidue.",
    [queries.now(f"sum({ELEMENTS_LEFT})", "elements")],
    unit="short",
    sparkline=False,
    decimals=0,
    steps=fields.thresholds((1, fields.ORANGE)),
    **fields.nothing("no closes, or not counted", fields.GREY),
)
ZEROS = panels.stat(
    "Receives of nothing",
    "A second, from channels that are closed and empty. One for each loop that ends is right; more than 50 a second is "
    "a loop over zero values that burns a core. Runbook: OtelchanReadAfterClose.",
    [queries.now(f"sum({_READS})", "a second")],
    unit="cps",
    sparkline=False,
    steps=fields.thresholds((50, fields.RED)),
    **fields.nothing("none, or not counted", fields.GREY),
)
PANICS = panels.stat(
    "Panics",
    "Of channel operations within the time range, recovered or not: send on a closed channel, close of a closed or nil "
    "one. Each is a bug: open the trace below. Runbook: OtelchanCloseFault.",
    [queries.now(f"sum({during(_PANICS)}) or 0 * sum(last_over_time(go_goroutine_count{{{OF}}}[$__range]))", "panics")],
    unit="short",
    sparkline=False,
    decimals=0,
    steps=fields.thresholds((1, fields.RED)),
    **fields.NOBODY,
)


def _most(counter: str) -> str:
    return most(f"sum by ({NAME}) ({own(f'last_over_time({counter}[$__range] @ end())', ever=True)}) > 0")


RESIDUE = panels.timeseries(
    "In the buffer at the close, and received later",
    "Up: elements that were left at a close, down: those received from closed channels. What goes up must come down "
    "soon after; if it does not, the receivers went home early (F6). Each point counts the rate interval before it.",
    [
        queries.series(
            f"sum by ({NAME}) ({grown(_RESIDUE)}) and on ({NAME}) {_most(_RESIDUE)}", "left in {{channel_name}}"
        ),
        queries.series(
            f"sum by ({NAME}) ({grown(_DRAINED)}) and on ({NAME}) {_most(_RESIDUE)}", "received from {{channel_name}}"
        ),
    ],
    unit="short",
    minimum=None,
    links=_SERIES_LINKS,
    decimals=0,
    overrides=[fields.override_query("B", custom_transform="negative-Y")],
    empty="nothing was in a buffer at a close",
)
_CLOSED = f'channel_count{{{OF_CHANNEL}, channel_state="closed"}}'
ALIVE = panels.timeseries(
    "Closed channels that are still there",
    "Closed, and not collected: something holds them. A line that climbs for long is a map or slice from which they "
    "are not deleted; after a shutdown it may stand still.",
    [
        queries.series(
            f"sum by ({NAME}) ({_CLOSED}) and on ({NAME}) "
            + most(f"sum by ({NAME}) ({own(f'max_over_time({_CLOSED}[$__range] @ end()) > 0', ever=True)})"),
            "{{channel_name}}",
        )
    ],
    unit="short",
    links=_SERIES_LINKS,
    empty="no closed channel is alive",
)
READS = panels.timeseries(
    "Receives from closed and empty channels",
    "The ten names with most of them. A short peak after a close is loops that end; a plateau is a loop that does not "
    "look whether the channel is closed, from 50 a second on a finding (F4), unless the channel is a signal.",
    [queries.series(f"sum by ({NAME}) ({_READS}) and on ({NAME}) {_most(_ZEROS)}", "{{channel_name}}")],
    unit="cps",
    links=_SERIES_LINKS,
    custom={"thresholdsStyle": {"mode": "dashed"}},
    steps=fields.thresholds((50, fields.RED), base="transparent"),
    empty="none, or receives are not counted: see the dashboard of the agent",
)
DELAY = panels.heat_map(
    "How long after the close",
    "From the close to each later receive. Dark at the bottom is a buffer that is drained at once; what goes on for "
    "seconds and minutes is a consumer that is far behind, or a loop that never ends (F4).",
    [queries.buckets(f"sum by (le) ({own(grown(_DELAYS))})")],
    unit="s",
    cells="short",
    cell_decimals=0,
    empty="nothing was received after a close",
)
_TITLES = {id_: (f"{id_} {CATALOGUE[id_].title}", fields.GREY) for id_ in _IDS}
_WORDS = {
    "send_on_closed": ("send on a closed channel", fields.RED),
    "close_of_closed": ("closed twice", fields.RED),
    "close_of_nil": ("close of nil", fields.RED),
}
_FAULTS = {
    "channel_name": "Channel",
    "error_type": "Panic",
    "Value": "How often",
    "job": "Service",
    "instance": "Instance",
}
FAULTS = panels.table(
    "Panics by channel",
    "Within the time range, also of programs that died of it. Let one goroutine close, the one that sends, after its "
    "last value. The stack is in the trace.",
    [queries.table(f"sum by (error_type, {CHANNEL}) ({during(_PANICS)}) > 0")],
    transformations=[panels.organize(hide=("Time",), names=_FAULTS, order=tuple(_FAULTS))],
    sort_by="How often",
    decimals=0,
    empty="no panics",
    overrides=[
        fields.override("Channel", links=_ROW_LINKS),
        fields.override("Panic", mappings=fields.values(_WORDS), custom_cellOptions={"type": "color-text"}),
        fields.override("How often", custom_width=90),
    ],
)
_FOUND = {
    "finding_id": "Finding",
    "channel_name": "Channel",
    "Value": "How many",
    "job": "Service",
    "instance": "Instance",
}
FINDINGS = panels.table(
    "Findings on closes",
    "What is wrong now, F4 to F8; `otelchan explain F4` says what it means and what to do. Empty is good.",
    [
        queries.table(
            f'sum by (finding_id, {CHANNEL}) (otelchan_finding{{{OF_CHANNEL}, finding_id=~"{"|".join(_IDS)}"}}) > 0'
        )
    ],
    transformations=[panels.organize(hide=("Time",), names=_FOUND, order=tuple(_FOUND))],
    decimals=0,
    empty="no findings on closes",
    overrides=[
        fields.override("Finding", mappings=fields.values(_TITLES), custom_width=160),
        fields.override("Channel", links=_ROW_LINKS),
        fields.override("How many", custom_width=80),
    ],
)
FINDINGS["options"]["sortBy"] = [{"desc": False, "displayName": "Finding"}]
_WRONG = f'{OF_SPANS} && (span.error.type != nil || span.finding.id =~ "{"|".join(_IDS)}")'
_TOLD = {
    "Start time": "When",
    "Trace Name": "What",
    "channel.name": "Channel",
    "code.function.name": "Function",
    "code.line.number": "Line",
    "finding.sentence": "In words",
    "service.name": "Service",
    "service.instance.id": "Instance",
    "Span ID": "Its trace",
}
TRACES = panels.span_table(
    "Panics and findings, as they were told",
    "Of all channels of the service. The trace of a panic has the whole stack, that of a finding the goroutines, and "
    "who had closed the channel before.",
    [
        queries.traces(
            f"{{ {_WRONG} }} | select(span.finding.sentence, span.channel.name, span.code.function.name, "
            "span.code.line.number)"
        )
    ],
    transformations=[
        panels.organize(
            hide=("Trace Service", "Duration", "error.type", "finding.id"),
            names=_TOLD,
            order=tuple(_TOLD),
        )
    ],
    sort_by="When",
    overrides=[
        fields.override("When", custom_width=170),
        fields.override("What", custom_width=140),
        fields.override("Line", custom_width=60),
        fields.override("In words", custom_minWidth=300),
        fields.override("Instance", custom_width=120),
    ],
    empty="none in this time range",
)
