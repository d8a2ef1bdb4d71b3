"""Blocking chains as text and as a graph."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pydot
import pytest

from otelchan.findings.chain import Graph
from otelchan.findings.types import Step
from otelchan.gobinary.types import Frame
from otelchan.view.chain import chain_document, has_deadlock
from otelchan.view.chain_dot import print_dot
from otelchan.view.chain_text import print_chain
from otelchan.view.types import Origin
from tests.support.chains import A, seen, tangle, waiting

pytestmark = pytest.mark.filterwarnings("ignore:'setParseAction' deprecated:DeprecationWarning")  # pydot's own affair


def text(document: dict[str, Any]) -> str:
    """As a person reads it."""
    out = io.StringIO()
    print_chain(document, out)
    return out.getvalue()


def test_the_text_says_what_is_wrong_then_who_needs_whom() -> None:
    """A tree: below each goroutine those that would have to act for it."""
    lines = text(chain_document(seen())).splitlines()
    assert "pid 4242, example.com/shop, go1.27.3: 12 goroutines, 3 blocked on channels; watched for 5.0 s" == lines[0]
    assert "note: the probes of the polls plane are over budget" == lines[1]
    assert lines[3].startswith("SUSPECTED DEADLOCK: 2 goroutines wait for each other, for up to 30 s, and nobody else")
    begin = lines.index("Chain of goroutine 9: below each goroutine, who would have to act for it to go on")
    needs, done = "and needs goroutine 8 (did so before) to receive", "from main.done main.go:12 (0xc0000100e0)"
    assert [
        "goroutine 9, chan send for >= 12 s",
        "  at main.work9 main.go:109",
        f"  sends on main.orders main.go:10 (0xc000010000) {needs}",
        "  goroutine 8, chan send for 30 s",
        "    at main.work8 main.go:108",
        "    sends on main.results main.go:11 (0xc000010070) and needs goroutine 7 (did so before) to receive",
        "    goroutine 7, select for 30 s",
        "      at main.work7 main.go:107",
        f"      sends on main.orders main.go:10 (0xc000010000) {needs}",
        f"      receives {done} and needs goroutine 8 (did so before) to send or close",
        "      goroutine 8: as above",
    ] == lines[begin + 1 : begin + 12]
    assert "main.orders main.go:10  main.work8 main.go:60  receive    12             0" in lines


def test_a_chain_that_ends_says_why() -> None:
    """In words."""
    nobody = seen()._replace(circles=[], steps=[], asked=None)
    assert "Nobody is blocked on a channel of the program's own." in text(chain_document(nobody))
    alone = tangle(waiting(1, (A, "recv")))
    steps: Sequence[Step] = Graph(alone).chain(1)
    shown = text(chain_document(seen()._replace(snapshot=alone, asked=1, steps=steps, circles=[], topology=False)))
    assert "  end: nobody is known who could let it go on" in shown.splitlines()


def test_a_circle_of_receivers_is_no_deadlock() -> None:
    """It is shown, as what it is."""
    given = seen()
    idle = [circle._replace(knot=circle.knot._replace(certain=False)) for circle in given.circles]
    document = chain_document(given._replace(circles=idle))
    assert not has_deadlock(document)
    assert "CIRCLE, perhaps idle" in text(document)
    assert has_deadlock(chain_document(given))


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (
            Origin("core", "/tmp/core.1", {"signal": "SIGQUIT"}),
            "from the core /tmp/core.1, written at 2023-11-14T22:16:40Z",
        ),
        (Origin("recording", "a.rec", {"round": 3, "rounds": 5}), "from round 3 of 5 of the recording a.rec"),
        (None, "read from memory, without probes"),
    ],
)
def test_the_text_says_where_it_is_from(origin: Origin | None, words: str) -> None:
    """A core, a recording, or a running program."""
    first = text(chain_document(seen()._replace(origin=origin, watched_ns=0))).splitlines()[0]
    assert first.endswith(words)


def graph(document: dict[str, Any]) -> pydot.Dot:
    """As graphviz's grammar reads it."""
    out = io.StringIO()
    print_dot(document, out)
    parsed = pydot.graph_from_dot_data(out.getvalue())
    assert parsed, "graphviz would not read it"
    return parsed[0]


def arrows(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """Attributes of each, by its ends."""
    edges = graph(document).get_edges()
    return {(str(edge.get_source()), str(edge.get_destination())): edge.get_attributes() for edge in edges}


def test_the_graph_leads_from_goroutines_through_channels_to_who_would_have_to_act() -> None:
    """What is a deadlock is red."""
    found = arrows(chain_document(seen()._replace(topology=False)))
    a, b, c = '"0xc000010000"', '"0xc000010070"', '"0xc0000100e0"'
    assert {("g9", a), ("g7", a), ("g7", c), ("g8", b), (a, "g8"), (b, "g7"), (c, "g8")} == set(found)
    assert {("g9", a)} == {ends for ends, attributes in found.items() if attributes.get("color") != "red"}


def test_the_topology_leads_the_way_that_elements_go() -> None:
    """From who sends, through the channel, to who receives."""
    found = arrows(chain_document(seen()))
    name = '"c main.orders main.go:10"'
    assert {('"f main.work7"', name), (name, '"f main.work8"')} == set(found)


def test_names_cannot_break_the_graph() -> None:
    """Go names may have quotes, brackets and backslashes in them."""
    nasty = 'main.Push[go.shape.struct { A string "json:\\"a\\"" }]'
    frames = (Frame(nasty, "/src/a.go", 1),)
    given = seen()
    steps = [step._replace(frames=frames) for step in given.steps]
    found = graph(chain_document(given._replace(steps=steps, circles=[], topology=False)))
    labels = [node.get_attributes()["label"] for node in found.get_nodes() if node.get_name() == "g9"]
    assert [
        '"goroutine 9\\nchan send for >= 12 s\\n' + nasty.replace("\\", "\\\\").replace('"', '\\"') + ' a.go:1"'
    ] == labels


def test_a_program_in_which_nobody_is_blocked_is_a_graph_too() -> None:
    """An empty one."""
    document = chain_document(seen()._replace(snapshot=tangle(), steps=[], circles=[], topology=False))
    assert {} == arrows(document)
