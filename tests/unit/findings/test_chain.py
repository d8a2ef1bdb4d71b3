"""Who would have to act for a blocked goroutine, and where the chain of them ends."""

from __future__ import annotations

import pytest

from otelchan.findings.chain import ENDS, MOST_STEPS, Graph
from otelchan.findings.types import MOST_MEMBERS, Actor, Step
from otelchan.model.types import Age, Snapshot
from otelchan.view import chain_text
from tests.support.chains import ORDERS, A, B, C, crossed, edge, elsewhere, tangle, waiting
from tests.support.snapshots import SECOND


def chain(snapshot: Snapshot, goroutine_id: int) -> list[Step]:
    """The chain of a goroutine."""
    return Graph(snapshot).chain(goroutine_id)


def shown(snapshot: Snapshot, goroutine_id: int) -> list[tuple[int, int, str]]:
    """Id, distance and end of each in the chain."""
    return [(step.goroutine_id, step.distance, step.end) for step in chain(snapshot, goroutine_id)]


def actors(snapshot: Snapshot, goroutine_id: int) -> list[tuple[Actor, ...]]:
    """By channel that it waits on."""
    return [case.actors for case in Graph(snapshot).step(goroutine_id).cases]


def test_a_chain_leads_from_each_to_those_who_would_have_to_act() -> None:
    """Breadth first, to one that sleeps."""
    users = {A: ((2,), (1,)), B: ((2,), (3,)), C: ((3,), (4,))}
    program = tangle(
        waiting(1, (A, "recv")),
        waiting(2, (B, "send")),
        waiting(3, (C, "send")),
        users=users,
        groups=[elsewhere(4, "sleep")],
    )
    assert [(1, 0, ""), (2, 1, ""), (3, 2, ""), (4, 3, "sleeps")] == shown(program, 1)


@pytest.mark.parametrize(
    ("reason", "status", "end"),
    [
        ("", "running", "runs"),
        ("", "syscall", "runs"),
        ("sleep", "waiting", "sleeps"),
        ("IO wait", "waiting", "io"),
        ("sync.Mutex.Lock", "waiting", "lock"),
        ("sync.WaitGroup.Wait", "waiting", "lock"),
        ("semacquire", "waiting", "lock"),
        ("sync.Cond.Wait", "waiting", "lock"),
        ("GC assist wait", "waiting", "other"),
    ],
)
def test_a_chain_ends_at_one_that_does_not_wait_on_channels(reason: str, status: str, end: str) -> None:
    """And says what that one does."""
    program = tangle(waiting(1, (A, "recv")), users={A: ((2,), ())}, groups=[elsewhere(2, reason, status)])
    assert [(1, 0, ""), (2, 1, end)] == shown(program, 1)
    assert (reason or status) == chain(program, 1)[1].wait_reason


@pytest.mark.parametrize(
    ("kind", "end"), [("timer", "timer"), ("ticker", "timer"), ("context", "idle"), ("signal", "idle")]
)
def test_a_chain_ends_where_a_timer_a_context_or_a_signal_is_waited_for(kind: str, end: str) -> None:
    """That is what they are for."""
    assert [(1, 0, end)] == shown(tangle(waiting(1, (A, "recv"), kind=kind)), 1)


def test_a_select_with_a_timer_will_be_woken_by_it() -> None:
    """Whatever the other cases are."""
    program = tangle(waiting(1, (A, "recv")) + waiting(1, (C, "recv"), kind="timer"), users={A: ((2,), ())})
    assert [(1, 0, "timer")] == shown(program, 1)


def test_a_chain_ends_where_nobody_is_known_or_nobody_can_help() -> None:
    """A channel that nobody uses, and a nil one."""
    assert [(1, 0, "nobody")] == shown(tangle(waiting(1, (A, "recv"))), 1)
    assert [(1, 0, "for ever")] == shown(tangle(waiting(1, (0, "recv"))), 1)


def test_who_is_not_seen_any_more_may_have_exited() -> None:
    """A goroutine that used the channel once, and is nowhere now."""
    assert [(1, 0, ""), (2, 1, "unseen")] == shown(tangle(waiting(1, (A, "recv")), users={A: ((2,), ())}), 1)


def test_a_circle_is_walked_once() -> None:
    """It comes back to where it began."""
    assert [(7, 0, ""), (8, 1, "")] == shown(crossed(), 7)


def test_actors_are_ordered_by_how_well_they_are_known() -> None:
    """Who did so before, who has the channel at hand, who can reach it, whose code does so."""
    program = tangle(
        waiting(1, (A, "send")),
        users={B: ((), ())},
        holders={A: (1, 5, 4)},
        reaching={A: (3, 4)},
        edges=[edge(ORDERS, "recv", "main.elsewhere")],
        groups=[elsewhere(2, "sleep")],
    )
    expected = (Actor(4, "holds"), Actor(5, "holds"), Actor(3, "reaches"), Actor(2, "code"))
    assert [expected] == actors(program, 1)


def test_who_closes_a_channel_lets_receivers_go_on() -> None:
    """Its code counts as code that sends."""
    edges = [edge(ORDERS, "close", "main.elsewhere")]
    program = tangle(waiting(1, (A, "recv")), edges=edges, groups=[elsewhere(2, "sleep")])
    assert [(Actor(2, "code"),)] == actors(program, 1)


def test_code_says_nothing_where_all_who_did_so_were_seen() -> None:
    """A function that uses other channels of that name uses not this one."""
    program = tangle(
        waiting(1, (A, "recv")),
        users={A: ((3,), ())},
        edges=[edge(ORDERS, "send", "main.elsewhere")],
        groups=[elsewhere(2, "sleep")],
    )
    assert [(Actor(3, "seen"),)] == actors(program, 1)


def test_a_case_with_very_many_actors_says_how_many_more_there_are() -> None:
    """The best known ones are named."""
    (case,) = Graph(tangle(waiting(1, (A, "send")), holders={A: tuple(range(2, 102))})).step(1).cases
    assert (MOST_MEMBERS, 100 - MOST_MEMBERS) == (len(case.actors), case.others)


def test_a_chain_is_bounded() -> None:
    """In a pipeline of a thousand the first ones are shown."""
    held = {A + 96 * n: (n + 1,) for n in range(1, 1001)}
    program = tangle(*(waiting(n, (A + 96 * n, "send")) for n in range(1, 1001)), holders=held)
    assert MOST_STEPS == len(chain(program, 1))


def test_the_oldest_wait_is_one_that_no_timer_ends() -> None:
    """Of those whose begin was not seen the oldest, for each of them may be older than any other."""
    program = tangle(
        waiting(1, (A, "recv"), age_s=900, kind="context"),
        waiting(2, (A, "recv"), (C, "recv"), age_s=60),
        waiting(3, (B, "send"), age_s=50, age=Age(50 * SECOND, True)),
        waiting(4, (B, "send"), age_s=40, age=Age(40 * SECOND, True)),
    )
    assert 3 == Graph(program).oldest()
    assert Graph(tangle(waiting(1, (A, "recv"), kind="timer"))).oldest() is None
    assert Graph(tangle()).oldest() is None


def test_a_goroutine_that_is_certainly_not_there_is_told_from_one_that_is_not_listed() -> None:
    """Groups name only some of very many; ids are given out in order."""
    program = tangle(waiting(1, (A, "recv")), groups=[elsewhere(5, "sleep", count=20, newest_id=40)])
    assert [False, False, False, True] == [Graph(program).is_absent(id_) for id_ in (1, 5, 17, 41)]
    assert Graph(tangle(groups=[elsewhere(5, "sleep")])).is_absent(17)


def test_every_end_has_words() -> None:
    """The view explains what the graph says."""
    assert set(ENDS) == set(chain_text.ENDS)
