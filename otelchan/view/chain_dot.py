"""The chain document for graphviz: `otelchan chain PID --format dot | dot -Tsvg > chain.svg`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from otelchan.view.census_text import TOP_FRAMES
from otelchan.view.chain_text import ENDS
from otelchan.view.words import age, frame_of, place

_LINES = {"seen": "solid", "holds": "solid", "reaches": "dashed", "code": "dotted"}


def print_dot(document: Mapping[str, Any], out: TextIO) -> None:
    """Write one directed graph: goroutines are boxes, channels ellipses; an arrow leads to what is waited for, or, from
    a channel, to who would have to act. Of the topology arrows lead the way that elements go."""
    out.write("digraph otelchan {\n  rankdir=LR;\n  node [fontname=monospace, fontsize=10];\n")
    out.write("  edge [fontname=monospace, fontsize=9];\n")
    lines = _chain(document) if document["topology"] is None else _topology(document)
    out.writelines(f"  {line}\n" for line in dict.fromkeys(lines))
    out.write("}\n")


def _chain(document: Mapping[str, Any]) -> Iterator[str]:
    stuck = {step["id"] for circle in document["circles"] if circle["deadlock"] for step in circle["goroutines"]}
    steps = {step["id"]: step for circle in document["circles"] for step in circle["goroutines"]}
    steps.update({step["id"]: step for step in document["chain"]})
    knot = {(wait["address"], wait["operation"]) for id_ in stuck for wait in steps[id_]["waits"]}
    for step in steps.values():
        colour = ", color=red" if step["id"] in stuck else ""
        yield f"g{step['id']} [shape=box, label={_quoted(_label(step))}{colour}];"
        for number, wait in enumerate(step["waits"]):
            channel = _quoted(wait["address"] if wait["channel"] else f"nil {step['id']} {number}")
            yield f"{channel} [shape=ellipse, label={_quoted(wait['channel'] or 'nil channel')}];"
            yield f"g{step['id']} -> {channel} [label={_quoted(wait['operation'] or 'waits')}{colour}];"
            for actor in wait["actors"] if not step["end"] else ():
                within = actor["id"] in stuck and (wait["address"], wait["operation"]) in knot
                red = ", color=red" if within else ""
                line = _LINES[actor["known_by"]]
                if actor["id"] not in steps:
                    yield f"g{actor['id']} [shape=box, label={_quoted('goroutine ' + str(actor['id']))}];"
                yield f"{channel} -> g{actor['id']} [style={line}{red}];"


def _label(step: Mapping[str, Any]) -> str:
    waited = "" if step["age_ns"] is None else f" for {age(step['age_ns'], step['age_at_least'])}"
    lines = [f"goroutine {step['id']}", f"{step['kind'] or 'not parked'}{waited}"]
    lines += [place(frame_of(frame)) for frame in step["frames"][:TOP_FRAMES]]
    lines += [ENDS[step["end"]]] if step["end"] else []
    return "\n".join(lines)


def _topology(document: Mapping[str, Any]) -> Iterator[str]:
    for edge in document["topology"]:
        channel, function = _quoted("c " + edge["channel"]), _quoted("f " + edge["at"]["function"])
        yield f"{channel} [shape=ellipse, label={_quoted(edge['channel'])}];"
        yield f"{function} [shape=box, label={_quoted(edge['at']['function'])}];"
        if edge["operation"] == "recv":
            yield f"{channel} -> {function};"
        else:
            style = " [style=dashed, label=close]" if edge["operation"] == "close" else ""
            yield f"{function} -> {channel}{style};"


def _quoted(text: str) -> str:
    """A string of the language: quotes and backslashes escaped, line breaks as graphviz writes them."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
