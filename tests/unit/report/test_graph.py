"""The graph of a report: what dot is asked to draw, and what of its answer goes into a page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pydot
import pytest

from otelchan.report import graph
from otelchan.report.svg import inlined, sentinel
from otelchan.report.types import Arrow, Graph, Node

HOSTILE = 'main."]; evil [URL="javascript:alert(1)"] \\N\\G\\" <b>&\n\x00'
DRAWN = """<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">
<svg width="100pt" height="50pt" viewBox="0.00 0.00 100.00 50.00" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">
<style>* { fill: red }</style><script>alert(1)</script><image xlink:href="http://example.com/x.png"/>
<g id="n0" class="node box" style="fill:#ff0000;clip-path:url(#c)"><title>n0</title>
<a xlink:href="javascript:alert(1)"><polygon fill="none" stroke="black"
 points="1.04,2.06 3,4" onclick="alert(1)"/></a>
<ellipse rx="1" fill="url(http://example.com/x)"/><foreignObject><p>x</p></foreignObject><use xlink:href="#n0"/>
<text x="1.25" y="2">main.run &lt;b&gt;</text></g></svg>"""


def parsed(text: str) -> pydot.Dot:
    """The graph as another reader of the language sees it."""
    (found,) = pydot.graph_from_dot_data(text) or []
    return found


def test_functions_are_boxes_and_channels_are_round() -> None:
    """Each with its two lines, and an arrow for each arrow, with its label."""
    nodes = [Node("f main.run", "function", "main.run", "4 wait", "blocked"), Node("c jobs", "channel", "jobs")]
    document = parsed(graph.document(Graph(nodes, [Arrow("f main.run", "c jobs", "120/s", True)])))
    function, channel = (document.get_node(name)[0] for name in ("n0", "n1"))
    assert ('"main.run\\n4 wait"', '"box blocked"', None) == (
        function.get("label"),
        function.get("class"),
        function.get("style"),
    )
    assert ('"jobs"', '"round"', "rounded") == (channel.get("label"), channel.get("class"), channel.get("style"))
    (edge,) = document.get_edges()
    assert ("n0", "n1", '"120/s"', '"way blocked"') == (
        edge.get_source(),
        edge.get_destination(),
        edge.get("label"),
        edge.get("class"),
    )


def test_a_name_cannot_add_to_the_graph() -> None:
    """Quotes, brackets, backslashes, line breaks and null bytes of a name are letters of a label."""
    document = parsed(
        graph.document(Graph([Node(HOSTILE, "channel", HOSTILE, state="evil")], [Arrow(HOSTILE, HOSTILE, HOSTILE)]))
    )
    (node,), (edge,) = document.get_node("n0"), document.get_edges()
    assert {"id", "class", "label", "style"} == set(node.get_attributes())
    assert {"id", "class", "label"} == set(edge.get_attributes())
    assert "\\\\N\\\\G" in str(node.get("label"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", graph.document(Graph([Node(HOSTILE, "channel", HOSTILE)], [])))


def test_a_long_name_keeps_both_ends() -> None:
    """In the box; the pointer finds all of it."""
    name = "main.(*Service).handleRequestWithAVeryLongName.func1.results"
    assert "main.(*Service).…ame.func1.results" in graph.document(Graph([Node("x", "function", name)], []))


def test_without_dot_there_is_no_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor where it fails: the page then has a table and says how to get the picture."""
    drawing = Graph([Node("x", "function", "main.run")], [])
    broken = tmp_path / "dot"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert graph.draw(drawing, "Topology") is None
    for script in ("exit 1", "echo '<svg'", "echo no; kill -9 $$", "printf '\\377'"):
        broken.write_text(f"#!{shutil.which('sh', path='/bin')}\n{script}\n")
        broken.chmod(0o755)
        assert graph.draw(drawing, "Topology") is None, script


def test_what_dot_draws_is_put_into_the_page_with_its_legend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As large as it is, with a legend for the kinds and states that occur."""
    (tmp_path / "drawn").write_text(DRAWN)
    (tmp_path / "dot").write_text(f"#!/bin/sh\n/bin/cat >/dev/null; /bin/cat {tmp_path}/drawn\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    drawn = graph.draw(Graph([Node("x", "function", "main.run", "a.go:1", "suspected")], [], 12), "Topology")
    assert drawn is not None
    tree = ElementTree.fromstring(drawn)
    svg = tree.find(".//svg[@role='img']")
    assert svg is not None
    assert ("Topology", "100", "50") == tuple(svg.get(name) for name in ("aria-label", "width", "height"))
    assert "function · main.run · a.go:1" == svg.findtext("g/title")
    assert ["function", "a finding is about it"] == ["".join(item.itertext()) for item in tree.findall(".//li")]


def test_only_shapes_and_text_of_a_drawing_are_kept() -> None:
    """No script, no style, no address, no handler of events, no id, nothing from elsewhere."""
    expected = (
        '<svg role="img" aria-label="Topology" viewBox="0 0 100 50">'
        '<g class="node box" fill="#ff0000"><title>n0</title>'
        '<polygon fill="none" stroke="black" points="1,2.1 3,4"/>'
        '<ellipse rx="1"/><text x="1.2" y="2">main.run &lt;b&gt;</text></g></svg>'
    )
    assert expected == inlined(DRAWN, "Topology")


def test_a_stand_in_colour_becomes_a_name() -> None:
    """Whoever draws uses a colour that nothing else uses."""
    drawing = f'<svg viewBox="0 0 1 1"><path style="fill: {sentinel("h3")}; stroke: none" d="M0 0L1 1z"/></svg>'
    assert 'fill="var(--h3)" stroke="none"' in inlined(drawing, "x")


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("M 1 2 L 5 2 L 5 7 L 1 7 L 1 2 z", "M1 2H5V7H1z"),
        ("M 1 2 L 3 4", "M1 2L3 4"),
        ("M 1 2 L 3 2 L 1 2 L 5 5", "M1 2H3H1L5 5"),
        ("M 1.04 2 L 1.01 5", "M1 2V5"),
        ("M 1 2 C 1 2 3 4 5 6", "M 1 2 C 1 2 3 4 5 6"),
        ("M0,1 L2,3", "M0,1 L2,3"),
    ],
)
def test_a_path_is_written_short(way: str, expected: str) -> None:
    """The same corners in fewer bytes; what has curves or commas stays as it is."""
    drawn = inlined(f'<svg viewBox="0 0 1 1"><path d="{way}"/></svg>', "x")
    assert f'<path d="{expected}"/>' in drawn
