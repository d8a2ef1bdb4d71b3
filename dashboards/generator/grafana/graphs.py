"""Nodes and edges of a graph as vectors of PromQL: all that Grafana's node graph reads is in labels.

Facts (grafana/grafana, public/app/plugins/panel/nodeGraph/utils.ts, Edge.tsx; @grafana/data 11.0 to 13.2, rename):
fields are found by their names, which renaming by a transformation leaves as they are, so a number becomes a label here
(`count_values`); a colour is taken as CSS has it; nodes without the field id, which is what no row looks like, are an
error; an edge's id is part of a `url(#...)` for its arrow head, which ends at the first blank or bracket.
"""

from __future__ import annotations

from collections.abc import Sequence

GREEN, ORANGE, RED, BLUE, GREY = "#73BF69", "#FF9830", "#F2495C", "#5794F2", "#8E8E8E"
"""Of Grafana's palette, as CSS."""


def labelled(expr: str, **labels: str) -> str:
    """With labels of one value."""
    for name, value in labels.items():
        expr = f'label_replace({expr}, "{name}", "{value}", "", "")'
    return expr


def matched(expr: str, label: str, of: str, pattern: str, text: str = "$1") -> str:
    """With a label made from another one, where all of that matches a pattern."""
    return f'label_replace({expr}, "{label}", "{text}", "{of}", "{pattern}")'


def joined(expr: str, label: str, *parts: str) -> str:
    """With a label of the values of others, slashes between them."""
    names = ", ".join(f'"{part}"' for part in parts)
    return f'label_join({expr}, "{label}", "/", {names})'


def first_of(by: str, *vectors: str) -> str:
    """Of each set of labels `by`, what the first vector has that has it."""
    return f"\nor on ({by}) ".join(vectors)


def worded(expr: str, by: str, label: str = "mainstat", text: str = "$1 wait") -> str:
    """A number as a label that a person reads; no label instead of 0. by: the labels to keep."""
    number = f'count_values by ({by}) ("{label}", {expr})'
    return matched(matched(number, label, label, "0", ""), label, label, "(.+)", text)


def function_node(expr: str, *where: str) -> str:
    """A function is told by `code_function_name`; where: labels that it is told apart by besides, the first is shown
    below it."""
    identified = joined(labelled(expr, kind="function"), "id", "kind", *where, "code_function_name")
    titled = matched(identified, "title", "code_function_name", "(?:.*/)?([^/]+)", "$1()")
    return _described(matched(titled, "detail__function", "code_function_name", "(.+)"), where)


def channel_node(expr: str, *where: str) -> str:
    """A channel is told by `channel_name`; its title is the file and line of its make, if its name ends so."""
    identified = joined(labelled(expr, kind="channel"), "id", "kind", *where, "channel_name")
    titled = matched(identified, "title", "channel_name", "(.+)")
    titled = matched(titled, "title", "channel_name", ".* ([^ ]+:[0-9]+)")
    return _described(matched(titled, "detail__channel", "channel_name", "(.+)"), where)


def _described(expr: str, where: Sequence[str]) -> str:
    for label in where[1:]:
        expr = matched(expr, f"detail__{label}", label, "(.+)")
    return matched(expr, "subtitle", where[0], "(.+)")


def edge(expr: str, source: str, *where: str) -> str:
    """source: "function" or "channel"; the target is the other one."""
    target = "channel" if source == "function" else "function"
    names = {"function": "code_function_name", "channel": "channel_name"}
    expr = labelled(expr, from_kind=source, to_kind=target)
    expr = joined(expr, "source", "from_kind", *where, names[source])
    return joined(expr, "target", "to_kind", *where, names[target])


def edges(vectors: Sequence[str]) -> str:
    """All of them, each with an id in which one pair of brackets and two blanks are left out."""
    expr = joined("\nor ".join(vectors), "id", "source", "target", "channel_operation")
    expr = matched(expr, "id", "id", r"([^ ]*) (.*)", "$1-$2")
    expr = matched(expr, "id", "id", r"([^ ]*) (.*)", "$1-$2")
    for _ in ("source", "target"):
        expr = matched(expr, "id", "id", r"([^()]*)\\(([^()]*)\\)(.*)", "$1$2$3")
    return expr


def nodes(vectors: Sequence[str], none: str) -> str:
    """All of them; none: title of the only node when there is none."""
    nobody = labelled("vector(0)", id="none", title=none, color=GREEN)
    return "\nor ".join(vectors) + f"\nor on () {nobody}"
