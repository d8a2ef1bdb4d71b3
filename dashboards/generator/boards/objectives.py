"""Latency objectives of channels: are they kept, how far off are they, how fast is what they allow used up."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.alerts.objectives import BURNS, FEWEST, blocks, late
from dashboards.generator.boards import objectives_traces as traces
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import Board, Row, of_row, panel_url
from dashboards.generator.grafana.queries import OF_CHANNEL
from dashboards.generator.grafana.variables import labels, of_series
from dashboards.generator.parameters import Parameters

_SIDE = "job, instance, channel_name, channel_operation"
_SHOWN = "job, channel_name, channel_operation"
_LEGEND = "{{channel_name}} {{channel_operation}}"
_STATE = f"channel_slo_state{{{OF_CHANNEL}}}"
_OBJECTIVE = f"channel_slo_objective_seconds{{{OF_CHANNEL}}}"
_NONE = "no objectives: set `objectives` (docs/configuration.md)"
_NO_RULES = "needs objectives, and the rules in dashboards/alerts"
_STATES = fields.values(
    {"0": ("kept", fields.GREEN), "1": ("on probation", fields.YELLOW), "2": ("broken", fields.RED)}
)
_FAST, _SLOW = BURNS


def _window(seconds: int) -> str:
    return Parameters().time(seconds)


def _p999(window: str) -> str:
    return f'channel_slo_p999_seconds{{{OF_CHANNEL}, slo_window="{window}"}}'


def _share(window: str) -> str:
    """Of what the objective allows."""
    return f"{_p999(window)} / on ({_SIDE}) group_left () (max by ({_SIDE}) ({_OBJECTIVE}) > 0)"


def _burn(seconds: int) -> str:
    """How many times as fast as allowed; none where nothing had to wait."""
    window = _window(seconds)
    share = f"{late(window)}{{{OF_CHANNEL}}} / ({blocks(window)}{{{OF_CHANNEL}}} > 0)"
    return f"{share} / {Parameters().allowed:g}"


def _in_state(number: int) -> str:
    return f"count({_STATE} == {number}) or 0 * count({_STATE})"


_BROKEN = panels.stat(
    "Broken now",
    "Objectives that do not hold: the quantile is over what is allowed, and gets worse. Not 0: the table below says "
    "which; the spans at the bottom who kept them waiting.",
    [queries.now(_in_state(2), "broken")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.RED)),
    **fields.nothing(_NONE, fields.GREY),
)
_PROBATION = panels.stat(
    "On probation",
    "Objectives that were broken and are better, but not for long enough. They become kept, or broken again, by "
    "themselves.",
    [queries.now(_in_state(1), "on probation")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.YELLOW)),
    **fields.nothing(_NONE, fields.GREY),
)
_WORST = panels.stat(
    "Closest to its limit",
    "The highest share of an objective that is used up now: 100 % is just kept. Near it: find out which in the graph "
    "below before it breaks.",
    [queries.now(f"max({_share('short')})", "of what is allowed")],
    unit="percentunit",
    sparkline=False,
    steps=fields.thresholds((0.8, fields.YELLOW), (1, fields.RED)),
    **fields.nothing("no objectives, or too few blocks in the last 30 s", fields.GREY),
)
_FASTEST = panels.stat(
    "Fastest burn in an hour",
    f"How many times as fast as 30 days allow are blocks late. 1 just lasts; at {_FAST.factor:g} an alert fires. High: "
    "what is broken has been for a while, not just for one burst.",
    [queries.now(f"max({_burn(_FAST.long_s)})", "times as fast")],
    unit="short",
    sparkline=False,
    steps=fields.thresholds((1, fields.YELLOW), (_FAST.factor, fields.RED)),
    **fields.nothing(_NO_RULES, fields.GREY),
)
_TIMELINE = panels.state_timeline(
    "State of each objective",
    "Of all instances the worst. Red: broken; yellow: on probation. A lane that flickers has an objective close to "
    "what is usual: change one or the other. When red began, look at what was deployed, and at sender and receiver in "
    "the topology.",
    [queries.series(f"max by ({_SHOWN}) ({_STATE})", f"{{{{job}}}} {_LEGEND}")],
    mappings=_STATES,
    steps=fields.thresholds((1, fields.YELLOW), (2, fields.RED)),
    empty=_NONE,
)
_TABLE = panels.table(
    "Objectives",
    "Short: of the last 30 s; long: of five minutes. No quantile: too few had to wait, which is good. Burn: how many "
    f"times as fast as allowed, in an hour ({_NO_RULES}); of fewer than {FEWEST} late blocks it says little. The row "
    "leads to its channel.",
    [
        queries.table(f"max by ({_SIDE}) ({_STATE})"),
        queries.table(f"max by ({_SIDE}) ({_OBJECTIVE})"),
        queries.table(f"max by ({_SIDE}) ({_p999('short')})"),
        queries.table(f"max by ({_SIDE}) ({_p999('long')})"),
        queries.table(f"max by ({_SIDE}) ({late(_window(_FAST.long_s))}{{{OF_CHANNEL}}})"),
        queries.table(f"max by ({_SIDE}) ({_burn(_FAST.long_s)})"),
    ],
    transformations=[
        panels.transformation("merge"),
        panels.organize(
            hide=("Time",),
            names={
                **{"channel_name": "channel", "channel_operation": "operation", "job": "service"},
                **{"Value #A": "state", "Value #B": "objective", "Value #C": "short", "Value #D": "long"},
                **{"Value #E": "late in 1h", "Value #F": "burn in 1h"},
            },
            order=(
                *("channel_name", "channel_operation", "Value #A", "Value #B", "Value #C", "Value #D", "Value #E"),
                *("Value #F", "job", "instance"),
            ),
        ),
    ],
    sort_by="state",
    overrides=[
        fields.override(
            "channel",
            links=[
                fields.link(
                    "This channel",
                    panel_url(links.CHANNELS, of_row(job="job", instance="instance", channel="channel_name")),
                )
            ],
        ),
        fields.override("state", mappings=_STATES, custom_cellOptions={"type": "color-background"}, custom_width=110),
        fields.override_matching("^(objective|short|long)$", unit="s", custom_width=100),
        fields.override("late in 1h", decimals=0, custom_width=90),
        fields.override(
            "burn in 1h",
            decimals=1,
            thresholds=fields.thresholds((1, fields.YELLOW), (_FAST.factor, fields.RED)),
            custom_cellOptions={"type": "color-text"},
            custom_width=100,
        ),
    ],
    empty=_NONE,
)
_AGAINST = panels.timeseries(
    "Quantile as a share of the objective",
    "Of all instances the worst, over the last 30 s. Above the line the objective breaks. A slow rise is load or a "
    "backlog that grows: see lag in the channels dashboard; a jump is the other side, which waits for something.",
    [queries.series(f"max by ({_SHOWN}) ({_share('short')})", _LEGEND)],
    unit="percentunit",
    custom={"thresholdsStyle": {"mode": "line"}},
    steps=fields.thresholds((1, fields.RED)),
    empty="no objectives, or too few blocks",
)
_SECONDS = panels.timeseries(
    "Quantile and objective",
    "Of all instances the worst: the last 30 s (short), five minutes (long), dashed what is allowed. An objective "
    "breaks when short is above it and long rises. Far below it always? It could be stricter.",
    [
        queries.series(
            f"max by ({_SHOWN}, slo_window) (channel_slo_p999_seconds{{{OF_CHANNEL}}})", f"{_LEGEND} {{{{slo_window}}}}"
        ),
        queries.series(f"max by ({_SHOWN}) ({_OBJECTIVE})", f"{_LEGEND} objective"),
    ],
    unit="s",
    custom={"scaleDistribution": {"log": 10, "type": "log"}},
    minimum=None,
    overrides=[
        fields.override_matching(
            "objective$", custom_lineStyle={"dash": [10, 10], "fill": "dash"}, custom_fillOpacity=0
        )
    ],
    empty=_NONE,
)
_BURN = panels.timeseries(
    "Burn rate",
    "How many times as fast as 30 days allow blocks are late; of all instances the worst. Lines: "
    f"{_SLOW.factor:g} over six hours warns, {_FAST.factor:g} over an hour pages. Falling: the cause is gone, and the "
    "alert will be soon.",
    [
        queries.series(f"max by ({_SHOWN}) ({_burn(burn.long_s)})", f"{_LEGEND} {_window(burn.long_s)}")
        for burn in BURNS
    ],
    unit="short",
    custom={"thresholdsStyle": {"mode": "line"}},
    steps=fields.thresholds((_SLOW.factor, fields.ORANGE), (_FAST.factor, fields.RED)),
    empty=_NO_RULES,
)
_SAMPLES = panels.timeseries(
    "Block times in the windows",
    "How many operations had to wait and ended, in each window. With too few there is no quantile, and the objective "
    "counts as kept; none at all while goroutines wait is not good news: see who waits in the topology.",
    [
        queries.series(
            f"sum by ({_SHOWN}, slo_window) (channel_slo_sample{{{OF_CHANNEL}}})", f"{_LEGEND} {{{{slo_window}}}}"
        )
    ],
    unit="short",
    empty=_NONE,
)
_QUANTILE = panels.timeseries(
    "Block time of one in a thousand, with the slowest",
    "From the histogram of channels with an objective, so within its buckets; dots are the slowest blocks: a click "
    "opens the trace with both stacks, of who waited and of who ended it.",
    [
        queries.series(
            f"histogram_quantile({1 - Parameters().allowed:g}, sum by (le, {_SHOWN}) ("
            f"rate(channel_block_duration_seconds_bucket{{{OF_CHANNEL}}}[$__rate_interval]) "
            f"and on ({_SIDE}) {_OBJECTIVE}))",
            _LEGEND,
            exemplars=True,
        )
    ],
    unit="s",
    empty="no objectives, or nothing had to wait",
)

BOARD = Board(
    uid=links.OBJECTIVES,
    title="otelchan / Objectives",
    says="Latency objectives of channels: are they kept, by how much, and what broke them.",
    variables=[
        *of_series("channel_slo_state"),
        labels(
            "channel",
            "Channel",
            'channel_slo_state{job=~"$job", instance=~"$instance"}',
            "channel_name",
            "channel.name, of those with an objective",
        ),
    ],
    rows=(
        Row("", (_BROKEN, _PROBATION, _WORST, _FASTEST), (6, 6, 6, 6), height=4),
        Row("", (_TIMELINE, _TABLE), (10, 14), height=9),
        Row("How close", (_AGAINST, _SECONDS), (12, 12)),
        Row("How fast", (_BURN, _SAMPLES), (12, 12)),
        Row("What broke them", (traces.BREACHES, _QUANTILE), (12, 12), height=9),
        Row("", (traces.SLOWEST,), (24,), height=9),
    ),
)
