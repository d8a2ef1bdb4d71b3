"""Pieces of PromQL that several panels are made of."""

from __future__ import annotations

from dashboards.generator.grafana.queries import OF_CHANNEL

CHANNEL = "job, instance, channel_name"
"""Labels of a channel name in one process."""
NAME = "job, channel_name"
"""The same in all instances of a service together."""


def own(vector: str, *, ever: bool = False) -> str:
    """Of the program's own channels only: timers, contexts and signals have no lag, and somebody always waits on them.

    ever: at any time of the time range, for what is asked of all of it.
    """
    lag = f"channel_lag{{{OF_CHANNEL}}}"
    return f"{vector} and on ({CHANNEL}) {f'last_over_time({lag}[$__range] @ end())' if ever else lag}"


def most(vector: str, number: int = 10) -> str:
    """Matcher for series whose value is among the highest: `... and on (...) most(...)`.

    vector: of values at the end of the time range, `[$__range] @ end()`, so that a graph has the same lines all over;
    topk of a value that changes takes others at each point.
    """
    return f"topk({number}, {vector})"


def during(counter: str) -> str:
    """By how much counters grew within the time range, also those that appeared in it, and of programs that ended.

    increase() does not see the value that a series begins with, which is often the only one: what is told of a first
    close or panic has no series before it. What was not there at the beginning has counted all it says since.
    """
    return f"((last_over_time({counter}[$__range]) unless {counter} offset $__range) or increase({counter}[$__range]))"
