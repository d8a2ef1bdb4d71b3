"""A topology or a blocking chain as a picture: laid out by graphviz' `dot` where there is one, as `otelchan chain
--format dot` writes it: functions are boxes, channels are round.

dot measures text in a monospaced font, whose letters are as wide in nearly every system, so boxes fit in any browser.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from otelchan.report.legend import frame, listed
from otelchan.report.svg import inlined
from otelchan.report.text import clean, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otelchan.report.types import Graph, Node

_PATIENCE_S = 10
_LETTERS = 34
_KINDS = {"function": "box", "channel": "round"}
_STATES = {"blocked": "somebody waits", "suspected": "a finding is about it"}
_HEAD = """digraph otelchan {
  rankdir=LR; bgcolor=transparent; nodesep=0.2; ranksep=0.5; pad=0.05;
  node [fontname="DejaVu Sans Mono", fontsize=12, shape=box, margin="0.14,0.08", height=0.3];
  edge [fontname="DejaVu Sans Mono", fontsize=11, arrowsize=0.7];
"""


def draw(graph: Graph, title: str) -> str | None:
    """The picture and what its shapes and colours mean. title: its accessible name.

    None when there is no `dot` in the path, when it fails or takes longer than ten seconds, or without nodes.
    """
    program = shutil.which("dot")
    if program is None or not graph.nodes:
        return None
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=document(graph).encode(), capture_output=True, timeout=_PATIENCE_S, check=True
        )
        svg = inlined(done.stdout.decode(), title, _titles(graph), natural=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError, ElementTree.ParseError):
        return None
    return f'<div class="graph"><div class="canvas">{svg}</div>{listed(_legend(graph))}</div>'


def document(graph: Graph) -> str:
    """In the language of graphviz. How it looks is said by classes: the colours are the page's."""
    names = _names(graph)
    return f"{_HEAD}{''.join(_nodes(graph, names))}{''.join(_arrows(graph, names))}}}\n"


def _names(graph: Graph) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}


def _nodes(graph: Graph, names: Mapping[str, str]) -> Iterator[str]:
    for node in graph.nodes:
        lines = [shortened(clean(text), _LETTERS) for text in (node.title, node.note) if text]
        style = ", style=rounded" if node.kind == "channel" else ""
        name = names[node.id]
        yield f"  {name} [id={name}, class={_quoted(_class(node))}, label={_label(lines)}{style}];\n"


def _arrows(graph: Graph, names: Mapping[str, str]) -> Iterator[str]:
    for number, arrow in enumerate(graph.arrows):
        style = "way blocked" if arrow.blocked else "way"
        label = f", label={_label([shortened(clean(arrow.label), _LETTERS)])}" if arrow.label else ""
        yield f"  {names[arrow.source]} -> {names[arrow.target]} [id=a{number}, class={_quoted(style)}{label}];\n"


def _titles(graph: Graph) -> dict[str, str]:
    """While the pointer is over it: the whole text, of which a box may have shown a part."""
    names = _names(graph)
    nodes = {node.id: node for node in graph.nodes}
    said = {
        names[node.id]: " · ".join(text for text in (node.kind, node.title, node.note) if text) for node in graph.nodes
    }
    for number, arrow in enumerate(graph.arrows):
        ends = f"{nodes[arrow.source].title} → {nodes[arrow.target].title}"
        said[f"a{number}"] = f"{ends}: {arrow.label}" if arrow.label else ends
    return said


def _class(node: Node) -> str:
    return " ".join(
        text for text in (_KINDS.get(node.kind, "box"), node.state if node.state in _STATES else "") if text
    )


def _legend(graph: Graph) -> Iterator[str]:
    for kind in dict.fromkeys(node.kind for node in graph.nodes):
        yield frame(_KINDS.get(kind, "box"), kind)
    for state in dict.fromkeys(node.state for node in graph.nodes if node.state in _STATES):
        yield frame(f"box {state}", _STATES[state])


def _label(lines: list[str]) -> str:
    """Lines of text under each other."""
    return '"' + "\\n".join(_quoted(line)[1:-1] for line in lines) + '"'


def _quoted(text: str) -> str:
    """A string of dot's language in which no backslash means anything."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
