"""Which goroutines wait for each other, and which only seem to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from otelchan.findings import knots as module
from otelchan.findings.chain import Graph
from otelchan.findings.knots import MOST_ROWS, find_knots
from otelchan.findings.types import Knot
from otelchan.gobinary.types import Frame
from otelchan.model.blocked import BlockedColumns, BlockedList, Names
from otelchan.model.types import ChannelName, Edge, End, LiveChannels, Snapshot
from tests.support.chains import (
    MAIN,
    ORDERS,
    WAIT_NS,
    A,
    B,
    C,
    crossed,
    edge,
    elsewhere,
    tangle,
    waiting,
)
from tests.support.lives import Row, Users, live
from tests.support.snapshots import snapshot


def knots(snapshot: Snapshot) -> tuple[Knot, ...]:
    """Those of goroutines that have waited for ten seconds."""
    return find_knots(snapshot, Graph(snapshot), WAIT_NS).knots


def members(snapshot: Snapshot) -> list[tuple[int, ...]]:
    """Of each knot that is a suspected deadlock."""
    return [knot.members for knot in knots(snapshot) if knot.certain]


def test_two_that_each_send_to_the_other_are_a_knot() -> None:
    """Nobody else has ever received from either channel."""
    assert (Knot((7, 8), 0, sending=True, certain=True),) == knots(crossed())


def test_a_ring_of_three_is_one_knot() -> None:
    """Each sends to the next one."""
    users = {A: ((1,), (2,)), B: ((2,), (3,)), C: ((3,), (1,))}
    ring = tangle(waiting(1, (A, "send")), waiting(2, (B, "send")), waiting(3, (C, "send")), users=users)
    assert [(1, 2, 3)] == members(ring)


def test_a_parent_and_its_child_are_a_knot_by_what_is_on_their_stacks() -> None:
    """The child sends its results, the parent waits for it to be done: nobody has used either channel before."""
    held = {A: (1, 2), B: (1, 2)}
    assert [(1, 2)] == members(tangle(waiting(1, (A, "recv")), waiting(2, (B, "send")), holders=held))


@pytest.mark.parametrize("age_s", [0, 9.9])
def test_who_has_not_waited_for_long_is_not_stuck(age_s: float) -> None:
    """It may just be its turn."""
    users = {A: ((7,), (8,)), B: ((8,), (7,))}
    assert [] == members(tangle(waiting(7, (A, "send")), waiting(8, (B, "send"), age_s=age_s), users=users))


@pytest.mark.parametrize("kind", ["timer", "ticker", "context", "signal", "runtime"])
def test_a_select_with_a_way_out_is_not_stuck(kind: str) -> None:
    """A timer, a context or a signal ends it."""
    out = waiting(7, (A, "send")) + waiting(7, (C, "recv"), kind=kind)
    users = {A: ((7,), (8,)), B: ((8,), (7,))}
    assert [] == members(tangle(out, waiting(8, (B, "send")), users=users))


def test_a_select_is_stuck_only_when_each_of_its_cases_is() -> None:
    """A goroutine that is not stuck could end the other case."""
    users = {A: ((7,), (8,)), B: ((8,), (7,)), C: ((9,), (7,))}
    both = waiting(7, (A, "send"), (C, "recv")), waiting(8, (B, "send"))
    assert [] == members(tangle(*both, users=users, groups=[elsewhere(9, "IO wait")]))
    assert [(7, 8)] == members(tangle(*both, users={**users, C: ((8,), (7,))}))


def test_a_case_that_nobody_is_known_to_end_is_a_way_out() -> None:
    """What is not known proves nothing."""
    users = {A: ((7,), (8,)), B: ((8,), (7,))}
    assert [] == members(tangle(waiting(7, (A, "send"), (C, "recv")), waiting(8, (B, "send")), users=users))


@pytest.mark.parametrize(
    "more",
    [
        {"users": {A: ((7,), (8, 9)), B: ((8,), (7,))}},
        {"holders": {A: (7, 8, 9)}},
        {"reaching": {A: (9,)}},
    ],
    ids=["did so before", "has the channel on its stack", "can reach the channel"],
)
def test_anybody_else_who_could_act_undoes_a_knot(more: dict[str, Any]) -> None:
    """A goroutine that runs, or has exited and may have been one of many."""
    assert [(7, 8)] == members(crossed())
    assert [] == members(crossed(**more, groups=[elsewhere(9, status="running")]))


def test_code_that_does_so_undoes_a_knot_where_not_all_who_did_were_seen() -> None:
    """By the name of the channel, a goroutine that has such a function on its stack could be the one."""
    held = {A: (7, 8), B: (7, 8)}
    both = waiting(7, (A, "send")), waiting(8, (B, "send"))
    edges: list[Edge] = [edge(ORDERS, "recv", "main.elsewhere")]
    third = [elsewhere(9, "IO wait")]
    assert [(7, 8)] == members(tangle(*both, holders=held, groups=third))
    assert [] == members(tangle(*both, holders=held, groups=third, edges=edges))
    assert [(7, 8)] == members(crossed(groups=third, edges=edges))


def test_those_that_wait_for_the_same_could_not_act() -> None:
    """A sender has the channel on its stack, and is nobody who would receive from it."""
    held = {A: (1, 2, 3)}
    assert [] == members(tangle(*(waiting(id_, (A, "send")) for id_ in (1, 2, 3)), holders=held))


def test_those_that_wait_for_a_knot_are_behind_it() -> None:
    """They are stuck too, but nobody waits for them."""
    users = {A: ((7, 1, 2), (8,)), B: ((8,), (7,))}
    behind = [waiting(id_, (A, "send")) for id_ in (1, 2)]
    (knot,) = knots(tangle(waiting(7, (A, "send")), waiting(8, (B, "send")), *behind, users=users))
    assert ((7, 8), 2) == (knot.members, knot.behind)


def test_a_goroutine_can_wait_for_itself() -> None:
    """It alone has received from the channel, and now sends to it."""
    assert [(7,)] == members(tangle(waiting(7, (A, "send")), users={A: ((7,), (7,))}))
    assert [] == members(tangle(waiting(7, (A, "send")), users={A: ((7,), ())}, holders={A: (7,)}))


def idle(**changes: Any) -> Snapshot:
    """Two goroutines that have sent to each other, and both wait to receive."""
    values: dict[str, Any] = {
        "users": {A: ((8,), (7,)), B: ((7,), (8,))},
        "holders": {A: (7, 8), B: (7, 8)},
        "groups": [elsewhere(1, "IO wait")],
    }
    return tangle(waiting(7, (A, "recv")), waiting(8, (B, "recv")), **{**values, **changes})


def starting() -> Sequence[Any]:
    """Whoever started them is still there, and may start more."""
    return [elsewhere(1, "IO wait", frames=(MAIN,))]


@pytest.mark.parametrize(
    "doubt",
    [
        {"groups": starting()},
        {"groups": [elsewhere(1, status="running")]},
        {"holders": {A: (7, 8)}},
        {"users": {}},
        {"users": {A: ((8,), (7,))}},
    ],
    ids=["their starter is there", "somebody runs", "not looked for", "not seen", "one not seen"],
)
def test_all_that_receive_may_be_idle(doubt: dict[str, Any]) -> None:
    """It is said only with proof that nobody else ever sent, and that nobody is left who could start somebody else."""
    assert [Knot((7, 8), 0, sending=False, certain=True)] == list(knots(idle()))
    assert [] == members(idle(**doubt))


def test_a_hub_and_its_clients_are_no_deadlock() -> None:
    """Each has the other's channel at hand and all wait to receive: so does every chat server at night."""
    clients = [waiting(id_, (B, "recv")) for id_ in (2, 3)]
    held = {A: (1, 2, 3), B: (1, 2, 3)}
    assert [] == members(tangle(waiting(1, (A, "recv")), *clients, holders=held))


def many(count: int) -> Snapshot:
    """So many goroutines that send, each on a channel of its own that one other goroutine has received from: the next
    one; the last one's the first."""
    ids = np.arange(1, count + 1, dtype=np.uint64)
    zero = np.zeros(count, np.int64)
    columns = BlockedColumns(
        ids,
        zero,
        np.uint64(A) + ids * np.uint64(96),
        np.zeros(count, np.uint8),
        zero,
        zero + 30 * 10**9,
        zero != 0,
        zero,
        zero,
    )
    names = Names([ChannelName(ORDERS, "user")], ["chan send"], [(MAIN,)], [MAIN])
    users = {A + 96 * id_: ((id_,), (id_ % count + 1,)) for id_ in range(1, count + 1)}
    rows = live(*(Row(A + 96 * id_, receiving=End.ALIVE) for id_ in (1, 2)), users=users)
    return snapshot(blocked=BlockedList(columns, names), live=rows)


def test_a_long_ring_is_found_whole() -> None:
    """However long it is, recursion does not end it."""
    (knot,) = knots(many(5_000))
    assert 5_000 == len(knot.members)


def test_with_very_many_that_could_be_in_knots_it_is_said_that_not_all_were_looked_at() -> None:
    """Whom it leaves out is taken for somebody who goes on: no knot is made up."""
    crowd = many(MOST_ROWS + 1)
    assert ((), True) == tuple(find_knots(crowd, Graph(crowd), WAIT_NS))


def test_a_hundred_thousand_leaked_senders_take_little_longer_than_to_look_at_them() -> None:
    """Nobody has ever received from their channels, so nobody is known who could be in a knot."""

    def seconds(count: int) -> float:
        crowd = many(count)
        users: dict[int, Users] = {address: (sent, ()) for address, (sent, _) in crowd.live.users.items()}
        leaked = snapshot(blocked=crowd.blocked, live=LiveChannels(crowd.live.columns, crowd.live.names, users))
        began = time.perf_counter()
        assert () == knots(leaked)
        return time.perf_counter() - began

    assert min(seconds(100_000) for _ in range(3)) < 60 * max(min(seconds(5_000) for _ in range(3)), 0.002)


def test_nobody_blocked_is_no_knot() -> None:
    """Nor is somebody on a nil channel."""
    assert () == knots(snapshot())
    assert () == knots(tangle(waiting(7, (0, "send")), users={A: ((7,), (7,))}))


def test_with_too_many_who_could_act_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands at the same place, each could act for each: that they were left out is said."""
    monkeypatch.setattr(module, "MOST_LINKS", 1)
    assert ((), True) == find_knots(crossed(), Graph(crossed()), WAIT_NS)


def test_a_circle_is_found_beside_thousands_for_whom_somebody_runs_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the pairs could be let go by a handler that runs; there is no room to list that for all of them."""
    monkeypatch.setattr(module, "MOST_LINKS", 200)
    first = {n: A + 96 * n for n in range(100, 180)}
    pairs = [waiting(n, (first[n], "send"), function="main.handle", channel="main.more") for n in first]
    held = {first[n]: (n, n ^ 1) for n in first} | {A: (7, 8), B: (7, 8)}
    runs = [elsewhere(n, "sleep", frames=(Frame("main.handle", "/src/main.go", 9),)) for n in (900, 901)]
    program = tangle(
        *pairs,
        waiting(7, (A, "send")),
        waiting(8, (B, "send")),
        holders=held,
        groups=runs,
        edges=[edge("main.more", "recv", "main.handle")],
    )
    assert [(7, 8)] == members(program)
