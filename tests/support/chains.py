"""Programs whose goroutines wait for each other, as snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otelchan.findings.chain import Graph
from otelchan.findings.deadlock import sentence_of
from otelchan.findings.knots import find_knots
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, Blocked, Edge, End, GoroutineGroup, Snapshot
from otelchan.view.chain import Circle, Seen
from tests.support.lives import Row, Users, live
from tests.support.snapshots import NOW, SECOND, blocked, snapshot

A, B, C = 0xC000010000, 0xC000010070, 0xC0000100E0
ORDERS, RESULTS, DONE = "main.orders main.go:10", "main.results main.go:11", "main.done main.go:12"
CHANNELS = {A: ORDERS, B: RESULTS, C: DONE}
WAIT_NS = 10 * SECOND
MAIN = Frame("main.main", "/src/main.go", 5)


def waiting(
    goroutine_id: int, *cases: tuple[int, str], age_s: float = 30, function: str = "", **changes: Any
) -> list[Blocked]:
    """A goroutine that waits for one of these (channel, "send" or "recv"), started by main.main."""
    reason = {"send": "chan send", "recv": "chan receive"}[cases[0][1]] if len(cases) == 1 else "select"
    frames = (Frame(function or f"main.work{goroutine_id}", "/src/main.go", 100 + goroutine_id),)
    given = {"wait_reason": reason, "frames": frames, "created_by": MAIN, "age": Age(int(age_s * SECOND), False)}
    return [
        blocked(
            goroutine_id,
            age_s,
            **{"channel": CHANNELS.get(a, "main.more"), "channel_address": a, "operation": o, **given, **changes},
        )
        for a, o in cases
    ]


def elsewhere(goroutine_id: int, reason: str = "", status: str = "waiting", **changes: Any) -> GoroutineGroup:
    """A goroutine that does not wait on channels."""
    frames = (Frame("main.elsewhere", "/src/main.go", 200),) if reason else ()
    values: dict[str, Any] = {
        "status": status,
        "wait_reason": reason,
        "frames": frames,
        "depth": len(frames),
        "created_by": MAIN,
        "count": 1,
        "oldest": Age(3 * SECOND, True) if reason else None,
        "ids": (goroutine_id,),
        "newest_id": goroutine_id,
    }
    return GoroutineGroup(**{**values, **changes})


def tangle(
    *goroutines: Sequence[Blocked],
    users: Mapping[int, Users] | None = None,
    holders: Mapping[int, tuple[int, ...]] | None = None,
    **changes: Any,
) -> Snapshot:
    """A program with these goroutines. users: by channel, who sent and who received; all that ever did were seen."""
    rows = [
        Row(address, CHANNELS[address], sending=_end(sent), receiving=_end(received))
        for address, (sent, received) in (users or {}).items()
    ]
    entries = tuple(entry for goroutine in goroutines for entry in goroutine)
    return snapshot(blocked=entries, live=live(*rows, users=users), holders=dict(holders or {}), **changes)


def _end(users: Sequence[int]) -> End:
    return End.ALIVE if users else End.NEVER


def edge(channel: str, operation: str, function: str) -> Edge:
    """A function that uses channels of a name."""
    return Edge(channel, operation, Frame(function, "/src/main.go", 60), 12, 0, NOW)


def crossed(**changes: Any) -> Snapshot:
    """Goroutine 7 sends on a channel that only 8 has received from, and 8 on one that only 7 has."""
    users = {A: ((7,), (8,)), B: ((8,), (7,))}
    return tangle(waiting(7, (A, "send")), waiting(8, (B, "send")), **{"users": users, **changes})


def seen() -> Seen:
    """What `otelchan chain` has found in a program with a deadlock, with a goroutine behind it that was asked for."""
    users = {A: ((7, 9), (8,)), B: ((8,), (7,))}
    edges = [edge(ORDERS, "send", "main.work7"), edge(ORDERS, "recv", "main.work8")]
    program = tangle(
        waiting(7, (A, "send"), (C, "recv"), kind="user"),
        waiting(8, (B, "send")),
        waiting(9, (A, "send"), age_s=12, age=Age(12 * SECOND, True)),
        users={**users, C: ((8,), (7,))},
        groups=[elsewhere(1, "IO wait")],
        edges=edges,
    )
    graph = Graph(program)
    (knot,) = find_knots(program, graph, WAIT_NS).knots
    steps = [graph.step(id_) for id_ in knot.members]
    circles = [Circle(knot, sentence_of(steps, knot), steps)]
    remarks = ["the probes of the polls plane are over budget"]
    return Seen(program, None, 5 * SECOND, 9, graph.chain(9), circles, True, remarks)
