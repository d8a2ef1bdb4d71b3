"""Which functions use which channels, and who waits for whom, as graphs that can be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from otelchan.report.history import History
from otelchan.report.types import Arrow, Graph, Link, Node

MOST_NODES = 60  # of a graph
MOST_STEPS = 2000  # of a chain, as many as an agent tells of
MOST_OTHERS = 20  # of a link: functions that use the other end
LASTING_S = 1.0
LONG_S = 10.0  # a wait that is worth a look without a finding
OTHER_END = {"send": ("recv",), "recv": ("send", "close")}
"""By what one waits to do: what lets it go on."""


class Use(NamedTuple):
    """A function that does one thing with channels of one name."""

    function: str
    channel: str
    operation: str


def uses_of(history: History) -> dict[Use, float]:
    """Who uses what, with the samples that were taken of it."""
    found: defaultdict[Use, float] = defaultdict(float)
    for attributes, counted in history.series.totals("channel.edge"):
        found[_use(attributes)] += counted.total
    return dict(found)


def waiting_of(history: History) -> tuple[dict[Use, float], str]:
    """Who waits where at the end, and how that is known: "metrics", or for want of these "spans" of waits that go on,
    which begin only when a wait is some seconds old; "" when nothing was said of it."""
    metric = history.series.gauges.get("channel.edge.waiters")
    if metric is not None:
        found: defaultdict[Use, float] = defaultdict(float)
        for attributes, value in history.series.latest("channel.edge.waiters", history.end):
            found[_use(attributes)] += value
        return {use: value for use, value in found.items() if value}, "metrics"
    by_span: defaultdict[Use, float] = defaultdict(float)
    for wait in history.told.waits.values():
        if wait.channel and wait.site:
            by_span[Use(wait.site.function, wait.channel, wait.operation)] += 1
    return dict(by_span), "spans" if by_span else ""


def _use(attributes: Mapping[str, str]) -> Use:
    return Use(attributes["code.function.name"], attributes["channel.name"], attributes["channel.operation"])


def links_of(
    waiting: Mapping[Use, float],
    uses: Iterable[Use],
    oldest: Mapping[tuple[str, str], float],
    suspects: Collection[str],
) -> list[Link]:
    """The steps of the blocking chain. Those on channels that a finding is about come first, then the oldest.

    oldest: seconds, by channel and operation. suspects: names of channels that findings are about.
    """
    sides: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for use in sorted({*uses, *waiting}):
        sides[use.channel, use.operation].append(use.function)
    others = {side: _others(side, sides) for side in {(use.channel, use.operation) for use in waiting}}
    links = [
        Link(
            use.function,
            use.channel,
            use.operation,
            number,
            oldest.get((use.channel, use.operation)),
            others[use.channel, use.operation],
        )
        for use, number in waiting.items()
    ]
    return sorted(links, key=lambda link: (link.channel not in suspects, -(link.oldest or 0.0), link))


def _others(side: tuple[str, str], sides: Mapping[tuple[str, str], Sequence[str]]) -> tuple[str, ...]:
    channel, operation = side
    wanted = OTHER_END.get(operation, ())
    return tuple(dict.fromkeys(function for end in wanted for function in sides.get((channel, end), ())))


def lasting(links: Sequence[Link], suspects: Collection[str]) -> list[Link]:
    """Without waits of less than a second or of an unknown age, which come and go in any healthy program: a name stands
    for many channels, and such a wait would close a circle that is none. On a channel that a finding is about the only
    kind of wait is kept however young it is."""
    told = {link.channel for link in links if (link.oldest or 0.0) >= LASTING_S}
    return [
        link
        for link in links
        if (link.oldest or 0.0) >= LASTING_S or (link.channel in suspects and link.channel not in told)
    ]


def worth_a_look(links: Sequence[Link], suspects: Collection[str]) -> list[Link]:
    """Of the chain's links those on channels that findings are about, all that these lead to, and all that wait for
    these; without findings those where somebody has waited for long. The others are at rest."""
    links = lasting(links, suspects)[:MOST_STEPS]
    chosen = {n for n, link in enumerate(links) if (link.channel in suspects if suspects else _long(link))}
    more = chosen
    while more:
        leads = set().union(*_different(links[n] for n in more).values())
        waiting = {links[n].function for n in more} if suspects else set()
        rest = [n for n in range(len(links)) if n not in chosen]
        for_them = {key: not waiting.isdisjoint(others) for key, others in _different(links[n] for n in rest).items()}
        more = {n for n in rest if links[n].function in leads or for_them[id(links[n].others)]}
        chosen |= more
    return [links[n] for n in sorted(chosen)]


def _different(links: Iterable[Link]) -> dict[int, Sequence[str]]:
    """Who uses the other ends: all that wait for the same have the very same others."""
    return {id(link.others): link.others for link in links}


def _long(link: Link) -> bool:
    return (link.oldest or 0.0) >= LONG_S


def chain_graph(links: Sequence[Link], suspects: Collection[str], most: int = MOST_NODES) -> Graph:
    """Function, what it waits on, who uses the other end: these may wait in turn. Links in the order of importance."""
    waiting = {link.function for link in links}
    nodes: dict[str, Node] = {}
    arrows: dict[tuple[str, str], Arrow] = {}
    left_out: set[str] = set()
    for link in links:
        others = link.others[:MOST_OTHERS]
        wanted = [_channel(link.channel, suspects), *(_function(name, name in waiting) for name in others)]
        wanted.append(_function(link.function, True))
        new = {node.id: node for node in wanted if node.id not in nodes}
        if len(nodes) + len(new) > most:
            left_out |= set(new)
            continue
        nodes.update(new)
        function, channel = _function_id(link.function), _channel_id(link.channel)
        many = f"{link.waiters:.0f} wait{'s' if link.waiters == 1 else ''} to {link.operation}"
        _arrow(arrows, Arrow(function, channel, many, True))
        for name in others:
            _arrow(arrows, Arrow(channel, _function_id(name), "", name in waiting))
    return Graph(tuple(nodes.values()), tuple(arrows.values()), len(left_out - set(nodes)))


def topology_graph(
    uses: Mapping[Use, float], waiting: Mapping[Use, float], suspects: Collection[str], most: int = MOST_NODES
) -> Graph:
    """Arrows lead the way that elements go; a close leads to the channel. Where there is too much for a picture, what
    is suspected stays, then where somebody waits, then what is used most."""
    everything = {**dict.fromkeys(waiting, 0.0), **uses}
    order = sorted(everything, key=lambda use: (use.channel not in suspects, use not in waiting, -everything[use], use))
    parked = {use.function for use in waiting}
    blocked = {use.channel for use in waiting}
    nodes: dict[str, Node] = {}
    arrows: dict[tuple[str, str], Arrow] = {}
    left_out: set[str] = set()
    for use in order:
        channel = _channel(use.channel, suspects, use.channel in blocked)
        new = {node.id: node for node in (channel, _function(use.function, use.function in parked))}
        if len({*nodes, *new}) > most:
            left_out |= set(new)
            continue
        nodes = {**new, **nodes}
        ends = _function_id(use.function), _channel_id(use.channel)
        source, target = reversed(ends) if use.operation == "recv" else ends
        number = waiting.get(use, 0.0)
        words = [f"{number:.0f} wait{'s' if number == 1 else ''}"] if number else []
        words += ["close"] if use.operation == "close" else []
        _arrow(arrows, Arrow(source, target, ", ".join(words), bool(number)))
    return Graph(tuple(nodes.values()), tuple(arrows.values()), len(left_out - set(nodes)))


def _arrow(arrows: dict[tuple[str, str], Arrow], arrow: Arrow) -> None:
    """One arrow between two nodes, with all that is said of it."""
    before = arrows.get(arrow[:2])
    if before is None:
        arrows[arrow[:2]] = arrow
        return
    words = [word for word in dict.fromkeys((before.label, arrow.label)) if word]
    arrows[arrow[:2]] = Arrow(arrow.source, arrow.target, ", ".join(words), before.blocked or arrow.blocked)


def _function_id(name: str) -> str:
    return f"f {name}"


def _channel_id(name: str) -> str:
    return f"c {name}"


def _function(name: str, blocked: bool) -> Node:
    return Node(_function_id(name), "function", name or "?", "", "blocked" if blocked else "")


def _channel(name: str, suspects: Collection[str], blocked: bool = True) -> Node:
    state = "suspected" if name in suspects else "blocked" if blocked else ""
    return Node(_channel_id(name), "channel", name, "", state)
