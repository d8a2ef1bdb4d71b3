"""Who uses what, and who waits for whom: what is drawn, and what is left out."""

from __future__ import annotations

from otelchan.report.topology import Use, chain_graph, lasting, links_of, topology_graph, worth_a_look
from otelchan.report.types import Link


def link(function: str, channel: str, oldest: float | None, *others: str, operation: str = "send") -> Link:
    """One goroutine that waits."""
    return Link(function, channel, operation, 1.0, oldest, others)


def test_a_chain_is_followed_both_ways_from_what_a_finding_is_about() -> None:
    """Who waits for the suspects, whom they wait for, and nobody else."""
    links = [
        link("main.slow", "suspect", 40.0, "main.store"),
        link("main.caller", "jobs", 30.0, "main.slow"),
        link("main.store", "disk", 20.0, "main.disk"),
        link("main.idle", "quit", 90.0),
    ]
    assert ["suspect", "jobs", "disk"] == [one.channel for one in worth_a_look(links, {"suspect"})]
    assert ["suspect", "jobs", "disk", "quit"] == [one.channel for one in worth_a_look(links, ())]


def test_a_chain_of_thousands_of_steps_is_followed_in_no_time() -> None:
    """Each step leads to the next one, and on one channel thousands wait for thousands."""
    waiting = {Use(f"f{n}", f"c{n}", "send"): 1.0 for n in range(500)}
    waiting |= {Use(f"g{n}", "one", "send"): 1.0 for n in range(5000)}
    uses = [Use(f"f{n + 1}", f"c{n}", "recv") for n in range(500)] + [Use(f"h{n}", "one", "recv") for n in range(5000)]
    links = links_of(waiting, uses, {(use.channel, "send"): 40.0 for use in waiting}, {"c0"})
    assert 1 == len({id(link.others) for link in links if link.channel == "one"})
    assert {f"c{n}" for n in range(500)} == {link.channel for link in worth_a_look(links, {"c0"})}


def test_a_circle_of_waits_is_drawn_once() -> None:
    """A deadlock: two functions, two channels, four arrows."""
    links = [link("main.one", "a", 60.0, "main.two"), link("main.two", "b", 60.0, "main.one")]
    graph = chain_graph(worth_a_look(links, {"a"}), {"a"})
    assert {"f main.one", "c a", "f main.two", "c b"} == {node.id for node in graph.nodes}
    assert [
        ("f main.one", "c a"), ("c a", "f main.two"), ("f main.two", "c b"), ("c b", "f main.one"),
    ] == [(arrow.source, arrow.target) for arrow in graph.arrows]  # fmt: skip


def test_a_wait_of_a_moment_closes_no_circle() -> None:
    """A name stands for many channels: on another one the other end waits for milliseconds, as it should."""
    stuck = link("main.lookup", "price", 40.0, "main.ask")
    fresh = [link("main.ask", "price", age, "main.lookup", operation="recv") for age in (None, 0.004)]
    assert [stuck] == lasting([stuck, *fresh], {"price"})
    assert [("f main.lookup", "c price"), ("c price", "f main.ask")] == [
        (arrow.source, arrow.target)
        for arrow in chain_graph(worth_a_look([stuck, *fresh], {"price"}), {"price"}).arrows
    ]


def test_what_a_finding_is_about_is_drawn_however_young_its_waits_are() -> None:
    """An objective of 50 ms is breached by waits of a tenth of a second."""
    young = link("main.worker", "queue", 0.1, "main.feed", operation="recv")
    assert [young] == worth_a_look([young], {"queue"})
    assert [] == worth_a_look([young], ())


def test_the_other_end_of_a_receive_is_who_sends_and_who_closes() -> None:
    """The other end of a send is who receives."""
    uses = [Use("main.feed", "q", "send"), Use("main.stop", "q", "close"), Use("main.work", "q", "recv")]
    receiving, sending = (links_of({Use("main.w", "q", side): 1.0}, uses, {}, ()) for side in ("recv", "send"))
    assert ("main.feed", "main.stop") == receiving[0].others
    assert ("main.work",) == sending[0].others


def test_a_graph_too_large_keeps_what_matters_and_says_how_much_it_left_out() -> None:
    """What is suspected, then where somebody waits, then what is used most."""
    uses = {Use(f"main.f{n:02}", f"c{n:02}", "send"): float(n) for n in range(40)}
    waiting = {Use("main.f01", "c01", "send"): 3.0}
    graph = topology_graph(uses, waiting, {"c00"}, most=8)
    assert {"c c00", "c c01", "c c39", "c c38"} == {node.id for node in graph.nodes if node.kind == "channel"}
    assert 72 == graph.left_out
    ends = {end for arrow in graph.arrows for end in (arrow.source, arrow.target)}
    assert ends <= {node.id for node in graph.nodes}
