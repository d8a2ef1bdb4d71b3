"""What a metric, an attribute and a span are, as data; and the names that Prometheus gives to metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The OTLP form of a metric."""

    GAUGE = "gauge"
    UP_DOWN_COUNTER = "up-down counter"  # a cumulative sum that may fall
    COUNTER = "counter"  # a cumulative monotonic sum
    HISTOGRAM = "histogram"  # cumulative, explicit bounds


class Owner(StrEnum):
    """Whose Resource a metric belongs to."""

    TARGET = "target"  # the observed process
    AGENT = "agent"  # otelchan itself


@dataclass(frozen=True, slots=True)
class Attribute:
    """type: "string", "string[]", "int" or "boolean". values: all there are; empty: open, or given by the program."""

    name: str
    type: str
    description: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """attributes: names besides the Resource's. bounds: of a histogram, upper bounds in `unit`, inclusive."""

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    description: str
    owner: Owner = Owner.TARGET
    bounds: tuple[float, ...] = ()

    @property
    def cumulative(self) -> bool:
        """Whether its points only grow from a start time on."""
        return self.kind in (Kind.COUNTER, Kind.HISTOGRAM)

    @property
    def value_type(self) -> str:
        """ "double" for what is measured, "int" for what is counted."""
        return "double" if self.unit in ("s", "1") else "int"


@dataclass(frozen=True, slots=True)
class SpanShape:
    """A kind of span. name: with the attributes that fill it in braces. events: names of events on it, each with the
    attributes `event_attributes`, at the time that `event_time` says. link_attributes: of every link."""

    name: str
    attributes: tuple[str, ...]
    description: str
    events: tuple[str, ...] = ()
    event_attributes: tuple[str, ...] = ()
    event_time: str = "at the moment of the wake"
    link_attributes: tuple[str, ...] = ()


# prometheus/otlptranslator metric_namer.go (0d792268), unitMap, for the units that this product uses.
_UNIT_WORDS = {"s": "seconds", "By": "bytes", "%": "percent"}


def prometheus_name(metric: Metric) -> str:
    """The family name that Prometheus's OTLP receiver makes with its default translation strategy.

    Rules (prometheus/otlptranslator, UnderscoreEscapingWithSuffixes): tokens of letters, digits and colons joined by
    "_"; the unit's word unless it is a token already, none for a unit in braces; "total" at the end of a monotonic
    sum; "ratio" at the end of a gauge with unit "1".
    """
    tokens = [token for token in re.split(r"[^A-Za-z0-9:]+", metric.name) if token]
    word = _UNIT_WORDS.get(metric.unit, "" if metric.unit == "1" or metric.unit.startswith("{") else metric.unit)
    if word and word not in tokens:
        tokens.append(word)
    if metric.kind is Kind.COUNTER:
        tokens = [token for token in tokens if token != "total"] + ["total"]
    if metric.kind is Kind.GAUGE and metric.unit == "1":
        tokens = [token for token in tokens if token != "ratio"] + ["ratio"]
    return "_".join(tokens)


def prometheus_series(metric: Metric) -> tuple[str, ...]:
    """The names of the time series: one, or three for a histogram."""
    name = prometheus_name(metric)
    if metric.kind is Kind.HISTOGRAM:
        return tuple(f"{name}_{part}" for part in ("bucket", "count", "sum"))
    return (name,)


def prometheus_label(attribute: str) -> str:
    """The label that an attribute becomes."""
    return re.sub(r"[^A-Za-z0-9_]", "_", attribute)
