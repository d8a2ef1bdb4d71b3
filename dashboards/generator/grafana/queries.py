"""Queries of a panel, as Grafana's data sources for Prometheus and Tempo take them.

Keys: pkg `@grafana/schema` 13, `raw/composable/prometheus` and `raw/composable/tempo`; the same since Grafana 10.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

PROMETHEUS: Json = {"type": "prometheus", "uid": "${datasource}"}
TEMPO: Json = {"type": "tempo", "uid": "${tempo}"}
OF = 'job=~"$job", instance=~"$instance"'
"""Matchers of what the dashboard's variables choose: observed processes."""
OF_CHANNEL = f'{OF}, channel_name=~"$channel"'
"""The same of the channels that are chosen."""
OF_SPANS = "resource.service.name =~ `${job:regex}` && resource.service.instance.id =~ `${instance:regex}`"
"""The same in TraceQL. Without `:regex` nothing in a value is escaped, and TraceQL's double quotes refuse `\\.`."""
OF_CHANNEL_SPANS = f"{OF_SPANS} && span.channel.name =~ `${{channel:regex}}`"
"""The same of spans on the channels that are chosen."""

ELSE_0 = f"or 0 * sum(go_goroutine_count{{{OF}}})"
"""After a sum: 0 as long as a program is watched, nothing when none is, of which "none" must not be said."""
ON_CHANNELS = 'goroutine_wait_reason=~"chan.+|select.*"'
"""Matcher of goroutines that are blocked on channels, and not on files, timers or locks."""


def series(expr: str, legend: str, *, exemplars: bool = False) -> Json:
    """A query over the dashboard's time range. legend: `{{label}}` is filled from labels."""
    return {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "exemplar": exemplars,
        "expr": expr,
        "instant": False,
        "legendFormat": legend,
        "range": True,
    }


def table(expr: str) -> Json:
    """One row per series, as it is now: what tables and node graphs read, labels as columns."""
    return {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": expr,
        "format": "table",
        "instant": True,
        "range": False,
    }


def now(expr: str, legend: str) -> Json:
    """A number per series, as it is now."""
    return {**series(expr, legend), "instant": True, "range": False}


def buckets(expr: str, *, exemplars: bool = False) -> Json:
    """`sum by (le) (rate(..._bucket))` for a heat map; Grafana takes neighbouring buckets off each other."""
    return {**series(expr, "{{le}}", exemplars=exemplars), "format": "heatmap"}


def traces(query: str, limit: int = 20) -> Json:
    """A TraceQL search, one row per span."""
    return {
        "datasource": TEMPO,
        "filters": [],
        "limit": limit,
        "query": query,
        "queryType": "traceql",
        "spss": 3,
        "tableType": "spans",
    }


def grown(counter: str) -> str:
    """By how much counters grew since the point before, also those that have just appeared with a value.

    increase() does not see the first value of a series that was not there; what counts losses often has no other.
    """
    before = f"{counter} offset $__rate_interval"
    return f"(({counter} unless {before}) or increase({counter}[$__rate_interval]))"


def channel_or_all(vector: str) -> str:
    """With the label `channel` for links: the channel's name, or All where there is none.

    A link that leaves `var-channel` empty would choose channels without a name, and there are none.
    """
    named = f'label_replace({vector}, "channel", "$1", "channel_name", "(.+)")'
    return f'label_replace({named}, "channel", "All", "channel_name", "")'
