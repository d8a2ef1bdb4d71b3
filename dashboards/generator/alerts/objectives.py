"""Burn rates of latency objectives: how fast the share of blocks that may be late is used up.

An objective says that of the operations that had to wait at most `allowed` (one in a thousand) may take longer than it.
Late are those above the objective's bucket: the smallest bound of channel.block.duration that is not below it, so
never one that kept it. A burn rate of 1 uses up what 30 days allow in 30 days; 14.4 over an hour is 2 % of it, 6 over
six hours 5 % (The Site Reliability Workbook, chapter 5). The short window, a twelfth, ends the alert soon after.
"""

from __future__ import annotations

from typing import NamedTuple

from dashboards.generator import links
from dashboards.generator.alerts.rules import Alert, Group, Record
from dashboards.generator.alerts.wording import WHERE
from dashboards.generator.parameters import Parameters
from otelchan.telemetry.catalogue import BLOCK_BOUNDS_S, METRICS
from otelchan.telemetry.signals import prometheus_name

OBJECTIVE = prometheus_name(METRICS["channel.slo.objective"])
BLOCKS = prometheus_name(METRICS["channel.block.duration"])
BOUND = "otelchan:channel_slo_bound:info"
SIDE = "job, instance, channel_name, channel_operation"
FEWEST = 10
"""Late blocks within the long window, below which no burn rate alerts: one of five is no share."""


# Longer than the objective, in milliseconds: TraceQL knows no exponents.
_LATE = (
    "{{ $q = printf `%s && span.channel.operation = %q` $q $labels.channel_operation }}"
    f"{{{{ range query (printf `1000 * max({OBJECTIVE}{{instance=%q, channel_name=%q, channel_operation=%q}})` "
    "$labels.instance $labels.channel_name $labels.channel_operation) }}"
    "{{ $q = printf `%s && duration > %.3fms` $q .Value }}{{ end }}"
)


class Burn(NamedTuple):
    """A pair of windows, in seconds, and how many times too fast makes an alert."""

    name: str
    factor: float
    long_s: int
    short_s: int
    severity: str


BURNS = (
    Burn("OtelchanObjectiveBurnsFast", 14.4, 3600, 300, "critical"),
    Burn("OtelchanObjectiveBurnsSlowly", 6, 21600, 1800, "warning"),
)


def bound_label(bound: float) -> str:
    """A bound as Prometheus writes it in the label le: shortest form, never with an exponent."""
    text = f"{bound:.9f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def group(parameters: Parameters) -> Group:
    """Which bucket an objective ends at; shares of late blocks over four windows; the alerts."""
    windows = sorted({seconds for burn in BURNS for seconds in (burn.short_s, burn.long_s)})
    rules: tuple[Alert | Record, ...] = (
        Record(BOUND, _bound()),
        *(rule for seconds in windows for rule in _recorded(parameters, seconds)),
        *(_alert(burn, parameters) for burn in BURNS),
    )
    return Group(
        "otelchan-objectives", "How fast latency objectives (F11) use up what they allow.", rules, interval_s=60
    )


def _bound() -> str:
    """One line for each bucket; an objective above the last bound has none, and is not looked at."""
    lines, lower = [], 0.0
    for bound in BLOCK_BOUNDS_S:
        between = f"max by ({SIDE}) ({OBJECTIVE} > {_number(lower)} <= {_number(bound)})"
        lines.append(f'label_replace({between}, "le", "{bound_label(bound)}", "", "")')
        lower = bound
    return "\nor ".join(lines)


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


def late(window: str) -> str:
    """Name of the series of late blocks in a window; "5m" and so on."""
    return f"otelchan:channel_block_late:increase{window}"


def blocks(window: str) -> str:
    """Name of the series of all blocks in a window."""
    return f"otelchan:channel_block:increase{window}"


def _recorded(parameters: Parameters, seconds: int) -> tuple[Record, Record]:
    name, window = Parameters().time(seconds), parameters.time(seconds)
    all_ = f"sum by ({SIDE}) (increase({BLOCKS}_count[{window}])) and on ({SIDE}) {BOUND}"
    kept = f"sum by ({SIDE}) (increase({BLOCKS}_bucket[{window}]) and on ({SIDE}, le) {BOUND})"
    return Record(blocks(name), all_), Record(late(name), f"{blocks(name)} - {kept}")


def _alert(burn: Burn, parameters: Parameters) -> Alert:
    long, short = (Parameters().time(seconds) for seconds in (burn.long_s, burn.short_s))
    limit = f"{burn.factor:g} * {parameters.allowed:g}"
    expr = (
        f"{late(long)} / {blocks(long)} > {limit}\n"
        f"and {late(short)} / {blocks(short)} > {limit}\n"
        f"and {late(long)} >= {FEWEST}"
    )
    return Alert(
        name=burn.name,
        expr=expr,
        severity=burn.severity,
        summary="Too many operations on channel {{ $labels.channel_name }} in {{ $labels.job }} are later than their "
        "objective.",
        description=f"{{{{ $value | humanizePercentage }}}} of the blocks of {{{{ $labels.channel_operation }}}} in "
        f"{long} took longer than the objective's bucket; {parameters.allowed:.2%} may, and this is "
        f"{burn.factor:g} times as fast as that lasts. {WHERE} See what the other side does meanwhile.",
        dashboard=links.OBJECTIVES,
        variables={"job": "job", "instance": "instance", "channel": "channel_name"},
        traces={"": links.OF_CHANNEL + _LATE},
    )
