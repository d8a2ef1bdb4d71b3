"""What moves through channels of programs that are too quick to be counted: estimates, with their bounds."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.grafana import fields, panels, queries
from dashboards.generator.grafana.board import of_series, panel_url
from dashboards.generator.grafana.promql import NAME, most
from dashboards.generator.grafana.queries import OF_CHANNEL

_OF = f'{OF_CHANNEL}, channel_status="ok"'
_MOST = most(f"sum by ({NAME}) (increase(channel_process_estimate_total{{{_OF}}}[$__range] @ end()))", 5)
_SIDES = f"{NAME}, channel_operation"
_NONE = "nothing is estimated: operations are counted, or not even slices fit the budget (OtelchanCensusAlone)"


def _rate(series: str) -> str:
    return f"sum by ({_SIDES}) (rate({series}{{{_OF}}}[$__rate_interval])) and on ({NAME}) {_MOST}"


ESTIMATES = panels.timeseries(
    "Elements a second, estimated",
    "Where counting each operation would pass the budget there is an estimate instead, of the five channels that are "
    "used most; dotted are its bounds, between which the truth is 19 times out of 20. These series are others than the "
    "counted ones: a channel that becomes quick moves from `Elements a second` to here. See docs/budget.md.",
    [
        queries.series(_rate("channel_process_estimate_total"), "≈ {{channel_operation}} {{channel_name}}"),
        queries.series(
            _rate("channel_process_estimate_lower_total"), "at least: {{channel_operation}} {{channel_name}}"
        ),
        queries.series(
            _rate("channel_process_estimate_upper_total"), "at most: {{channel_operation}} {{channel_name}}"
        ),
    ],
    unit="cps",
    links=[fields.link("This channel alone", panel_url(links.CHANNELS, of_series(job="job", channel="channel_name")))],
    overrides=[
        fields.override_query(ref, custom_lineStyle={"dash": [2, 6], "fill": "dot"}, custom_fillOpacity=0)
        for ref in ("B", "C")
    ],
    empty=_NONE,
)
