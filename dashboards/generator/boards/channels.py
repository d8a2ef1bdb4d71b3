"""The channels of one service: how much waits in them, who waits for whom and for how long."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import channels_blocks as blocks
from dashboards.generator.boards import channels_states as states
from dashboards.generator.boards.channels_estimates import ESTIMATES
from dashboards.generator.boards.channels_table import FINDINGS, TABLE
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import Board, Row, of_series, panel_url
from dashboards.generator.grafana.promql import CHANNEL, NAME, most, own
from dashboards.generator.grafana.queries import OF_CHANNEL
from dashboards.generator.grafana.variables import of_channels

_BY = f"by ({NAME})"
_ON = f"on ({NAME})"
_ALONE = fields.link("This channel alone", panel_url(links.CHANNELS, of_series(job="job", channel="channel_name")))
_LAG = f"channel_lag{{{OF_CHANNEL}}}"
_CAPACITY = f"channel_capacity{{{OF_CHANNEL}}}"
_EACH = f"sum by ({CHANNEL})"
_MOST_LAG = most(f"max {_BY} (max_over_time({_LAG}[$__range] @ end()))")
_DONE = f"channel_process_total{{{OF_CHANNEL}"
_MOVED = own(f'increase({_DONE}, channel_status="ok"}}[$__range] @ end())', ever=True)
_MOST_USED = most(f"sum {_BY} ({_MOVED})")
_NOT_COUNTED = (
    "not counted: the operations plane is off or over its budget, see the estimates and the dashboard of the agent"
)

_LAGS = panels.timeseries(
    "Lag against capacity",
    "The ten channels with most lag in this time range, each in the instance that is worst; dashed is what the buffer "
    "holds. A line that lies on its dashed one is a full buffer, one above it has senders waiting, one that only "
    "climbs has a consumer that does not keep up: see F10 in docs/findings.md.",
    [
        queries.series(f"max {_BY} ({_EACH} ({_LAG})) and {_ON} {_MOST_LAG}", "{{channel_name}}"),
        queries.series(f"max {_BY} ({_EACH} ({_CAPACITY})) > 0 and {_ON} {_MOST_LAG}", "capacity of {{channel_name}}"),
    ],
    unit="short",
    links=[_ALONE],
    overrides=[
        fields.override_query("B", custom_lineStyle={"dash": [8, 8], "fill": "dash"}, custom_fillOpacity=0),
    ],
    empty="no channel was seen",
)
_FILL = panels.bar_gauge(
    "How full the buffers are",
    "Lag as a share of the capacity, now, of channels with a buffer, in the instance where it is fullest. Above 100 % "
    "senders wait. Full for long: make the receivers faster or more; a larger buffer only makes everything in it "
    "later.",
    [
        queries.now(
            f"topk(12, max {_BY} ({_EACH} ({_LAG}) / ({_EACH} ({_CAPACITY}) > 0)))",
            "{{channel_name}}",
        )
    ],
    unit="percentunit",
    minimum=0,
    maximum=1,
    decimals=0,
    steps=fields.thresholds((0.7, fields.YELLOW), (0.9, fields.RED)),
    links=[_ALONE],
    **fields.nothing("no channel has a buffer", fields.GREY),
)


def _handed_over(operation: str) -> str:
    of = f'{_DONE}, channel_operation="{operation}", channel_status="ok"}}'
    return f"sum {_BY} (rate({of}[$__rate_interval])) and {_ON} {_MOST_USED}"


_TRAFFIC = panels.timeseries(
    "Elements a second",
    "Up: sent, down: received, of the ten channels that are used most. More up than down for long is a backlog; both "
    "at 0 where something should flow is a consumer or producer that hangs: see who waits below.",
    [
        queries.series(_handed_over("send"), "sent to {{channel_name}}"),
        queries.series(_handed_over("recv"), "received from {{channel_name}}"),
    ],
    unit="cps",
    minimum=None,
    links=[_ALONE],
    overrides=[fields.override_query("B", custom_transform="negative-Y")],
    empty=_NOT_COUNTED,
)
_STATUS = panels.timeseries(
    "Operations by status",
    "All chosen channels together. `closed`: receives from a closed channel; a flood of them is a loop over zero "
    "values (F4). `would_block`: tries that found nothing; many of them are a loop that polls and burns a core.",
    [
        queries.series(
            f"sum by (channel_operation, channel_status) ({own(f'rate({_DONE}}}[$__rate_interval])')})",
            "{{channel_operation}} {{channel_status}}",
        )
    ],
    unit="cps",
    stacked=True,
    empty=_NOT_COUNTED,
)

_SIDES = f"{NAME}, channel_operation"
_WAITERS = own(f"channel_waiters{{{OF_CHANNEL}}}")
_AGE = own(f"channel_wait_age_seconds{{{OF_CHANNEL}}}")


def _most(operator: str, metric: str) -> str:
    over_time = own(f"max_over_time({metric}{{{OF_CHANNEL}}}[$__range] @ end())", ever=True)
    return most(f"{operator} by ({_SIDES}) ({over_time})")


_WAITING = panels.timeseries(
    "Goroutines that wait",
    "Senders that wait are held back, receivers that wait have no work: a pool may do so for ever. A number that "
    "climbs and never falls is a leak (F1): the dashboard of goroutines names the line.",
    [
        queries.series(
            f"sum by ({_SIDES}) ({_WAITERS}) and on ({_SIDES}) {_most('sum', 'channel_waiters')}",
            "{{channel_operation}} {{channel_name}}",
        )
    ],
    unit="short",
    links=[
        _ALONE,
        fields.link("Where they wait", panel_url(links.GOROUTINES, of_series(job="job"))),
    ],
    empty="no channel was seen",
)
_AGES = panels.timeseries(
    "Oldest wait",
    "Of the ten that have waited for longest in this time range. A saw-tooth gets on now and then; a line that climbs "
    "as time goes by is somebody who never does: its stack is in the traces below.",
    [
        queries.series(
            f"max by ({_SIDES}) ({_AGE}) and on ({_SIDES}) {_most('max', 'channel_wait_age_seconds')}",
            "{{channel_operation}} {{channel_name}}",
        )
    ],
    unit="s",
    links=[_ALONE],
    empty="nobody waits",
)

BOARD = Board(
    uid=links.CHANNELS,
    title="otelchan / Channels",
    says="What waits in the channels of a service, who waits on them and for how long. Choose the service at the top.",
    variables=of_channels(),
    rows=(
        Row("", (TABLE,), (24,), 10),
        Row("Backlog", (_LAGS, _FILL), (16, 8)),
        Row("Who waits", (_WAITING, _AGES), (12, 12)),
        Row("What moves", (_TRAFFIC, _STATUS), (14, 10)),
        Row("", (ESTIMATES,), (24,)),
        Row("How long it blocks", (blocks.SENDS, blocks.RECEIVES, blocks.QUANTILES, blocks.TRACES), (12, 12, 8, 16)),
        Row("What state they are in", (states.STATES,), (24,), 10),
        Row("", (states.HEALTH, FINDINGS, states.OBJECTIVES), (9, 7, 8), 7),
    ),
)
