"""What the graphs of the topology dashboard show, in rows, and the deadlocks that were found."""

from __future__ import annotations

from dashboards.generator import links
from dashboards.generator.boards import spans
from dashboards.generator.boards import topology_graphs as graphs
from dashboards.generator.boards.topology_graphs import FUNCTION, GIVES, LINK, RECV, SEND, SIDE, own, uses, waits
from dashboards.generator.grafana import fields, panels, promql, queries
from dashboards.generator.grafana.board import of_row, panel_url
from dashboards.generator.grafana.promql import CHANNEL
from dashboards.generator.grafana.queries import OF, OF_CHANNEL

_WAITING = f"sum by ({LINK}) ({graphs.WAITS})"
_AGE = f"max by ({SIDE}) (channel_wait_age_seconds{{{OF_CHANNEL}}})"
_NAMES = {
    "code_function_name": "function",
    "channel_operation": "waits to",
    "channel_name": "channel",
    "job": "service",
}
_LINK = [
    fields.link(
        "This channel", panel_url(links.CHANNELS, of_row(job="job", instance="instance", channel="channel_name"))
    )
]


def _others(side: str, other: str) -> str:
    """How many functions were seen at the other end of where these wait."""
    functions = f"count by ({CHANNEL}) (group by ({CHANNEL}, code_function_name) ({uses(other)}))"
    return f"0 * sum by ({LINK}) ({own(waits(side))}) + on ({CHANNEL}) group_left () {functions}"


WAITS = panels.table(
    "Links of the chain: who waits",
    "One row for each function that waits on a channel of the program's own. Oldest: of all that wait on that side of "
    "the channel. Could end it: functions that were seen to use the other end; 0 is a wait without a partner. Begin "
    "with the oldest that waits to send; the row leads to its channel.",
    [
        queries.table(_WAITING),
        queries.table(f"0 * {_WAITING} + on ({SIDE}) group_left () {_AGE}"),
        queries.table(f"{_others(SEND, RECV)}\nor {_others(RECV, GIVES)}\nor 0 * {_WAITING}"),
    ],
    transformations=[
        panels.transformation("merge"),
        panels.organize(
            hide=("Time",),
            names={**_NAMES, "Value #A": "goroutines", "Value #B": "oldest", "Value #C": "could end it"},
            order=(
                *("code_function_name", "channel_operation", "channel_name", "Value #A", "Value #B", "Value #C"),
                *("job", "instance"),
            ),
        ),
    ],
    sort_by="oldest",
    overrides=[
        fields.override("oldest", unit="s", custom_width=100),
        fields.override("goroutines", custom_width=100),
        fields.override("waits to", custom_width=80),
        fields.override(
            "could end it",
            custom_width=110,
            thresholds=fields.thresholds((1, fields.GREEN), base=fields.RED),
            custom_cellOptions={"type": "color-text"},
        ),
        fields.override("channel", links=_LINK),
        fields.hidden("instance"),
    ],
    empty="nobody waits on a channel of the program's own",
)
_ACTORS = f"group by ({LINK}) {graphs.COULD}"
_LONG = f"channel_edge_waiters{{{OF}}} and on ({SIDE}) channel_wait_age_seconds{{{OF}}} >= 1"
_OWN_WAITS = f"max by ({FUNCTION}) (sum by ({LINK}) ({_LONG}))"
COULD = panels.table(
    "Who could let them go on",
    "Functions that use the other end of a channel on which somebody has waited for a second, and how many goroutines "
    "wait so long in them themselves: the next link of the chain. 0: it runs, waits in a function that it calls, or "
    "for something that is no channel; look at what it does (`otelchan chain PID`, a profile).",
    [
        queries.table(
            f"0 * {_ACTORS} + on ({FUNCTION}) group_left () {_OWN_WAITS}\nor 0 * {_ACTORS}",
        )
    ],
    transformations=[
        panels.organize(
            hide=("Time",),
            names={**_NAMES, "channel_operation": "could", "Value": "waits itself"},
            order=("channel_name", "channel_operation", "code_function_name", "Value", "job", "instance"),
        ),
    ],
    sort_by="waits itself",
    overrides=[
        fields.override("waits itself", custom_width=100),
        fields.override("could", custom_width=80),
        fields.override("channel", links=_LINK),
        fields.hidden("instance"),
    ],
    empty="nobody waits, or nobody is known",
)
_BY_FUNCTION = "job, channel_name, channel_operation, code_function_name"
_LOOKED_AT = promql.during(f"channel_edge_total{{{OF_CHANNEL}}}")
USES = panels.table(
    "Uses, by function",
    "All instances together. Looked at: operations in this time range of which the caller was looked at (the first of "
    "each goroutine on a channel, one of 64 after it), so compare rows, and do not read them as rates. Closed by more "
    "than one function, or sent to by one that should not: look at the line in the channel's name.",
    [
        queries.table(f"sum by ({_BY_FUNCTION}) ({_LOOKED_AT})"),
        queries.table(f"sum by ({_BY_FUNCTION}) ({waits()}) or 0 * group by ({_BY_FUNCTION}) ({_LOOKED_AT})"),
    ],
    transformations=[
        panels.transformation("merge"),
        panels.organize(
            hide=("Time",),
            names={**_NAMES, "channel_operation": "does", "Value #A": "looked at", "Value #B": "wait"},
            order=("channel_name", "channel_operation", "code_function_name", "Value #B", "Value #A", "job"),
        ),
    ],
    sort_by="wait",
    overrides=[
        fields.override("looked at", decimals=0, custom_width=90),
        fields.override("wait", custom_width=70),
        fields.override("does", custom_width=70),
        fields.override(
            "channel",
            links=[fields.link("This channel", panel_url(links.CHANNELS, of_row(job="job", channel="channel_name")))],
        ),
    ],
    empty="no channel was used",
)
DEADLOCKS = spans.findings(
    "Suspected deadlocks and waits on nil",
    "Findings F14 and F9, each when it began and when it ended; the trace has an event for each goroutine: its stack, "
    "and for whom it waits. F14: two that hold what the other wants, change the order (`otelchan explain F14`). F9: "
    "the channel was never made.",
    'span.finding.id =~ "F9|F14"',
)
