"""The two graphs of the topology dashboard: who uses which channel, and who waits for whom.

Waits (`channel_edge_waiters`) say which function waits where now; uses (`channel_edge_total`) which functions were seen
to use a channel, so also who could end a wait. Both are of functions, not of goroutines: a chain here says where to
look; `otelchan chain PID` follows single goroutines.
"""

from __future__ import annotations

from collections.abc import Callable

from dashboards.generator import links
from dashboards.generator.grafana import fields, graphs, panels, promql, queries
from dashboards.generator.grafana.board import of_row, panel_url
from dashboards.generator.grafana.promql import CHANNEL
from dashboards.generator.grafana.queries import OF_CHANNEL, Json

SEND, RECV, GIVES = 'channel_operation="send"', 'channel_operation="recv"', 'channel_operation=~"send|close"'
NOT_RECV = 'channel_operation!="recv"'
FUNCTION = "job, instance, code_function_name"
SIDE = "job, instance, channel_name, channel_operation"
LINK = "job, instance, channel_name, channel_operation, code_function_name"
LEAKED = f'goroutine_leak_suspected{{{OF_CHANNEL}, code_function_name!=""}}'
FOUND = f'otelchan_finding{{{OF_CHANNEL}, finding_severity=~"critical|warning"}}'


def waits(*more: str) -> str:
    """Goroutines that wait now, by function."""
    return f"channel_edge_waiters{{{', '.join((OF_CHANNEL, *more))}}}"


def uses(*more: str) -> str:
    """1 for each function that was seen to do it and is remembered; not how often: that counts samples."""
    return f"group by ({LINK}) (channel_edge_total{{{', '.join((OF_CHANNEL, *more))}}})"


def own(expr: str) -> str:
    """Only on the program's own channels."""
    return f"({promql.own(expr)})"


def own_waits(*more: str) -> str:
    """waits on the program's own channels."""
    return own(waits(*more))


def long_waits(*more: str) -> str:
    """Those on channels on which somebody has waited for a second at least on that side: who waits for a moment only is
    in no chain, and two that do so in turns would look like a circle."""
    age = f"channel_wait_age_seconds{{{', '.join((OF_CHANNEL, *more))}}}"
    return f"({promql.own(waits(*more))} and on ({SIDE}) {age} >= 1)"


WAITS = own_waits()
COULD_RECEIVE = f"({uses(RECV)} and on ({CHANNEL}) {long_waits(SEND)})"
COULD_SEND = f"({uses(GIVES)} and on ({CHANNEL}) {long_waits(RECV)})"
COULD = f"({COULD_RECEIVE} or {COULD_SEND})"
"""Functions that could end a wait: those that use the other end of a channel on which somebody waits for long."""


def _colored(by: str, number: Callable[[str], str], waiting: Callable[..., str], using: str, bad: str) -> str:
    """How many wait, as text, and a colour: red where something bad was found, orange to send, blue to receive, green
    where nobody does. number: adds up goroutines that wait."""
    counted = graphs.first_of(
        by,
        graphs.labelled(
            f"({number(waiting())} or 0 * group by ({by}) ({using})) and on ({by}) {bad} > 0", color=graphs.RED
        ),
        graphs.labelled(number(waiting(SEND)), color=graphs.ORANGE),
        graphs.labelled(number(waiting(RECV)), color=graphs.BLUE),
        graphs.labelled(f"0 * group by ({by}) ({using})", color=graphs.GREEN),
    )
    return graphs.worded(counted, f"{by}, color")


def _nodes(where: str, waiting: Callable[..., str], using: str, none: str) -> str:
    """where: what tells processes apart."""
    function, channel = f"{where}, code_function_name", f"{where}, channel_name"
    places = where.split(", ")

    def of_function(waiting: str) -> str:
        """A select waits on several channels: its goroutines count once."""
        return f"max by ({function}) (sum by ({function}, channel_name, channel_operation) ({waiting}))"

    def of_channel(waiting: str) -> str:
        return f"sum by ({channel}) ({waiting})"

    return graphs.nodes(
        [
            graphs.function_node(_colored(function, of_function, waiting, using, LEAKED), *places),
            graphs.channel_node(_colored(channel, of_channel, waiting, using, FOUND), *places),
        ],
        none,
    )


def _use_edges(side: str, source: str, color: str) -> str:
    by = "job, channel_name, channel_operation, code_function_name"
    expr = f"sum by ({by}) ({waits(side)}) or 0 * group by ({by}) ({uses(side)})"
    said = graphs.matched(graphs.worded(expr, by), "color", "mainstat", ".+", color)
    dashed = graphs.matched(said, "strokedasharray", "channel_operation", "close", "6 4")
    return graphs.edge(dashed, source, "job")


def _wait_edges(operation: str, color: str) -> str:
    waiting = long_waits(f'channel_operation="{operation}"')
    said = graphs.worded(f"sum by ({LINK}) ({waiting})", LINK, text=f"$1 wait to {operation}")
    return graphs.edge(graphs.labelled(said, color=color), "function", "job", "instance")


def _could_edges() -> str:
    said = graphs.matched(f"group by ({LINK}) {COULD}", "mainstat", "channel_operation", "(.+)", "could $1")
    return graphs.edge(graphs.labelled(said, strokedasharray="6 4"), "channel", "job", "instance")


_ALL_USES = uses()
_LINKS = [fields.link("This channel", panel_url(links.CHANNELS, of_row(job="job", channel="channel")))]


def _graph(title: str, description: str, nodes: str, edges: str) -> Json:
    return panels.node_graph(
        title,
        description,
        queries.table(queries.channel_or_all(nodes)),
        queries.table(queries.channel_or_all(edges)),
        overrides=[fields.override("id", links=_LINKS)],
    )


BLOCKED = _graph(
    "Who waits for whom",
    "Waits of a second and longer. From a function that waits, along the arrows: the channel it waits on, and dashed "
    "the functions that could let it go on. Orange waits to send, blue to receive (idle workers do), red has a "
    "finding. Follow orange to where the chain ends: a green function does something else, or waits in one that it "
    "calls: look there. A circle may be a deadlock; a channel without a dashed arrow has nobody. The number in a "
    "function is that of the channel where most of its goroutines wait. Choose all channels to see the whole chain. "
    "`otelchan chain PID` follows goroutines.",
    _nodes("job, instance", long_waits, COULD, "nobody waits for long"),
    graphs.edges([_wait_edges("send", graphs.ORANGE), _wait_edges("recv", graphs.BLUE), _could_edges()]),
)
USES = _graph(
    "Which function uses which channel",
    "Values flow along the arrows; dashed: closes. Of all instances together. Orange: goroutines wait to send there; "
    "blue: to receive; red: a finding. Where orange turns into green or blue is the stage that is too slow. Too much "
    "on it? Choose a service and some channels above; Grafana shows 200 nodes at most.",
    _nodes("job", waits, _ALL_USES, "no channel was used"),
    graphs.edges([_use_edges(NOT_RECV, "function", graphs.ORANGE), _use_edges(RECV, "channel", graphs.BLUE)]),
)
