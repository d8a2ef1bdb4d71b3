"""Who closed which channel, when, and in which order."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import of_row, of_series, panel_url
from dashboards.generator.grafana.promql import CHANNEL, NAME, during, most, own
from dashboards.generator.grafana.queries import OF_CHANNEL, Json, grown

_FUNCTION = f"{CHANNEL}, code_function_name"
_CHANNEL = of_row(job="job", instance="instance", channel="channel_name")
_LINKS = [
    fields.link("This channel", panel_url(links.CHANNELS, _CHANNEL)),
    fields.link("This channel alone, here", panel_url(links.CLOSE, _CHANNEL)),
    fields.link("Who uses it", panel_url(links.TOPOLOGY, of_row(job="job", instance="instance"))),
]
_TEXT: Json = {"type": "color-text"}
_FROM_1 = fields.thresholds((1, fields.ORANGE), base=fields.GREY)


_CLOSED = f"last_over_time(channel_close_time_seconds{{{OF_CHANNEL}}}[$__range])"


def counted(metric: str) -> str:
    """How many within the time range, by channel."""
    return f"sum by ({CHANNEL}) ({own(during(f'{metric}{{{OF_CHANNEL}}}'), ever=True)})"


LEFT = f"clamp_min({counted('channel_close_residue_total')} - {counted('channel_close_drained_total')}, 0)"
"""Elements that were in buffers at a close, and that nobody received; nothing where receives are not counted."""

CLOSES = panels.stat(
    "Closes",
    "Of channels, within the time range. None where a program should have shut down: its consumers still wait, see F8 "
    "in docs/findings.md.",
    [queries.now(f"sum({own(during(f'channel_close_total{{{OF_CHANNEL}}}'), ever=True)})", "closes")],
    unit="short",
    sparkline=False,
    decimals=0,
    steps=fields.thresholds(base=fields.BLUE),
    **fields.nothing("closes are not counted", fields.ORANGE),
)
_ORDER = {
    "Value #A": "Last closed",
    "job": "Service",
    "channel_name": "Channel",
    "code_function_name": "Closed by",
    "Value #B": "Closes",
    "Value #C": "In the buffer",
    "Value #D": "Not received",
    "instance": "Instance",
}
ORDER = panels.table(
    "Order of closes, latest first",
    "Read it upwards: a channel must be closed after the one that feeds it, by who sends on it. What is in the buffer "
    "at the close and not received is lost. Numbers are of the time range; programs that ended in it are here too. "
    "Runbooks: OtelchanCloseOrder, OtelchanDrainResidue.",
    [
        queries.table(f"1000 * max by ({_FUNCTION}) ({own(_CLOSED, ever=True)})"),
        queries.table(f"{counted('channel_close_total')} and on ({CHANNEL}) {_CLOSED}"),
        queries.table(counted("channel_close_residue_total")),
        queries.table(LEFT),
    ],
    transformations=[
        panels.transformation("merge"),
        panels.organize(hide=("Time",), names=_ORDER, order=tuple(_ORDER)),
    ],
    sort_by="Last closed",
    decimals=0,
    empty="no channel was closed",
    overrides=[
        fields.override("Last closed", unit="time:YYYY-MM-DD HH:mm:ss.SSS", custom_width=200),
        fields.override("Channel", links=_LINKS, custom_minWidth=240),
        fields.override("Service", custom_width=130),
        fields.override("Instance", custom_width=120),
        fields.override_matching("^(Closes|In the buffer)$", custom_width=110),
        fields.override("Not received", custom_cellOptions=_TEXT, custom_width=110, thresholds=_FROM_1),
    ],
)
_CLOSERS = {
    "job": "Service",
    "channel_name": "Channel",
    "code_function_name": "Function",
    "Value #B": "Sends on it",
    "Value #C": "Receives from it",
    "instance": "Instance",
}


def _uses(operation: str) -> str:
    """1 for each function that closes: does it that, too?"""
    edges = f'channel_edge_total{{{OF_CHANNEL}, channel_operation="%s"}}[$__range]'
    closes = f"max by ({_FUNCTION}) ({own('present_over_time(' + edges % 'close' + ')', ever=True)})"
    if operation == "close":
        return closes
    return (
        f"(max by ({_FUNCTION}) (present_over_time({edges % operation})) and on ({_FUNCTION}) {closes})\n"
        f"or 0 * {closes}"
    )


_YES_NO = fields.values({"1": ("yes", fields.GREEN), "0": ("no", fields.GREY)})
CLOSERS = panels.table(
    "Functions that close",
    "One function for each channel is right, the one that sends. Two for one channel may close it twice, which "
    "panics; one that receives and closes takes it from under the senders (F5, F7). Known by samples.",
    [queries.table(_uses(operation)) for operation in ("close", "send", "recv")],
    transformations=[
        panels.transformation("merge"),
        panels.organize(hide=("Time", "Value #A"), names=_CLOSERS, order=tuple(_CLOSERS)),
    ],
    empty="no close was seen",
    overrides=[
        fields.override("Channel", links=_LINKS, custom_minWidth=200),
        fields.override("Function", custom_minWidth=160),
        fields.override_matching("on it$|from it$", mappings=_YES_NO, custom_cellOptions=_TEXT, custom_width=110),
    ],
)
CLOSERS["options"]["sortBy"] = [{"desc": False, "displayName": "Channel"}]
_CLOSES = f"channel_close_total{{{OF_CHANNEL}}}"
WHEN = panels.timeseries(
    "Closes over time",
    "Of the ten names that are closed most; each point counts the rate interval before it. A burst at the end is a "
    "shutdown; closes all the time are channels that live for a request; none any more: something hangs.",
    [
        queries.series(
            f"sum by ({NAME}) ({grown(_CLOSES)}) and on ({NAME}) "
            + most(f"sum by ({NAME}) ({own(f'last_over_time({_CLOSES}[$__range] @ end())', ever=True)})"),
            "{{channel_name}}",
        )
    ],
    unit="short",
    decimals=0,
    stacked=True,
    links=[
        fields.link("This channel alone, here", panel_url(links.CLOSE, of_series(job="job", channel="channel_name")))
    ],
    empty="closes are not counted",
)
