"""What an alert, a recording rule and a file of them are, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    name: also the heading of its runbook. holds_s: how long it must be true. keeps_s: how long it is kept after it.
    severity: critical, warning, info, or a template. summary, description: templates. dashboard: uid, see links.py.
    variables: the label that fills each variable of the dashboard. traces: Go templates that leave the conditions of a
    TraceQL query in $q, by the prefix of the annotations that they become.
    """

    name: str
    expr: str
    severity: str
    summary: str
    description: str
    dashboard: str
    variables: Mapping[str, str] = field(default_factory=dict)
    traces: Mapping[str, str] = field(default_factory=dict)
    holds_s: int = 0
    keeps_s: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, each after the one before. The name is also that of the file."""

    name: str
    says: str
    rules: tuple[Alert | Record, ...]
    interval_s: int = 30


def appeared_or_grew(selector: str, window: str, alive: str, young: str = "") -> str:
    """PromQL for a counter that has grown within the window, also from nothing: increase() does not see the first value
    of a series that was not there before.

    alive: a series of the same job and instance that is always there. When that was not known either a window ago, the
    counter may be old and Prometheus new: nothing is said until the window has passed. young: is there only for who
    started within the window; all that it has counted came since, also what it counted before its first export. "": not
    asked, where a start may count what means nothing.
    """
    appeared = f"{selector} > 0 unless {selector} offset {window} and on (job, instance) {alive} offset {window}"
    began = f"\nor\n({selector} > 0 and on (job, instance) ({young}))" if young else ""
    return f"increase({selector}[{window}]) > 0\nor\n({appeared}){began}"
