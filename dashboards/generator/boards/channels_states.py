"""What state channels are in, over time: one lane each."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import of_series, panel_url
from dashboards.generator.grafana.promql import NAME, most
from dashboards.generator.grafana.queries import OF_CHANNEL

_STATES = {
    "stalled": fields.RED,
    "saturated": fields.ORANGE,
    "dangling": fields.YELLOW,
    "in_use": fields.GREEN,
    "created": fields.BLUE,
    "closed": fields.GREY,
}
"""Worst first; a lane shows the worst state that any channel of its name is in."""
_VALUES = {state: len(_STATES) - index for index, state in enumerate(_STATES)}
_COUNT = f"channel_count{{{OF_CHANNEL}"
_BY = f"by ({NAME})"
_ALONE = fields.link("This channel alone", panel_url(links.CHANNELS, of_series(job="job", channel="channel_name")))
_LANES = 15


def _state() -> str:
    each = (f'{value} * ({_COUNT}, channel_state="{state}"}} > bool 0)' for state, value in _VALUES.items())
    worst = "\n  or ".join(each)
    bad = f'{_COUNT}, channel_state=~"stalled|saturated|dangling"}}[$__range] @ end()'
    others = f"channel_lag{{{OF_CHANNEL}}}[$__range] @ end()"
    lanes = f"max {_BY} (max_over_time({bad})) or 0 * max {_BY} (max_over_time({others}))"
    return f"max {_BY} (\n  {worst}\n)\nand on ({NAME}) {most(lanes, _LANES)}"


STATES = panels.state_timeline(
    "State",
    "The worst state of all channels of a name, of 15 names, those in a bad one before others. stalled: somebody waits "
    "and nothing moves (F1); saturated: full (F10); dangling: made and never used (F12). `otelchan explain F12` says "
    "what each means.",
    [queries.series(_state(), "{{channel_name}}")],
    mappings=fields.values(
        {"0": ("none is alive", "transparent")}
        | {str(value): (state.replace("_", " "), _STATES[state]) for state, value in reversed(_VALUES.items())}
    ),
    steps=fields.thresholds(
        *((value, _STATES[state]) for state, value in reversed(_VALUES.items())), base="transparent"
    ),
    links=[_ALONE],
    empty="no channel was seen",
)
_HEALTH = f"channel_health{{{OF_CHANNEL}}}"
HEALTH = panels.state_timeline(
    "Health",
    "100 when nothing is found about the channel, less for each kind of finding, the worst 15. It says since when, not "
    "what: the findings of the channel are on the overview, and in the sentence of their traces (F13 in "
    "docs/findings.md).",
    [
        queries.series(
            f"min {_BY} ({_HEALTH}) and on ({NAME}) "
            f"bottomk({_LANES}, min {_BY} (min_over_time({_HEALTH}[$__range] @ end())))",
            "{{channel_name}}",
        )
    ],
    unit="none",
    minimum=0,
    maximum=100,
    steps=fields.HEALTH,
    links=[_ALONE],
    empty="no channel was seen",
)
_SIDES = f"{NAME}, channel_operation"
_SLO = f"channel_slo_state{{{OF_CHANNEL}}}"
OBJECTIVES = panels.state_timeline(
    "Latency objective",
    "Whether operations block longer than their objective allows (F11): kept, broken, or on probation after it was "
    "broken. The dashboard of objectives has the numbers. Runbook: OtelchanLatencyObjective in docs/alerts.md.",
    [
        queries.series(
            f"max by ({_SIDES}) ({_SLO}) and on ({_SIDES}) "
            + most(f"max by ({_SIDES}) (max_over_time({_SLO}[$__range] @ end()))", _LANES),
            "{{channel_operation}} {{channel_name}}",
        )
    ],
    mappings=fields.values(
        {"0": ("kept", fields.GREEN), "1": ("on probation", fields.ORANGE), "2": ("broken", fields.RED)}
    ),
    steps=fields.thresholds((1, fields.ORANGE), (2, fields.RED)),
    links=[
        fields.link("Its objective", panel_url(links.OBJECTIVES, of_series(job="job", channel="channel_name"))),
    ],
    empty="none of these channels has an objective: `objectives` in docs/configuration.md",
)
