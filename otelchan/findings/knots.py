"""Knots: goroutines that can only go on when others go on that can only go on when these do.

Found by taking away who is not stuck until nobody is left to take away: who has not waited for long, who waits for a
timer, a context or a signal, who has a case (of a select, one is enough) that nobody is known to end, or that somebody
may end who is not stuck. Of the rest the strongly connected parts are the knots; the others of them wait for a knot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from otelchan.findings.chain import Graph
from otelchan.findings.types import Knot
from otelchan.findings.waits import Mask, Numbers
from otelchan.model.types import OPERATIONS, Snapshot

MOST_ROUNDS = 10
MOST_ROWS = 10_000
"""Waits of goroutines that others may wait for. With more, the youngest are taken for ones that will go on: what is
found is true all the same."""

MOST_LINKS = 500_000
"""Goroutines that could act, summed over all waits: of thousands that run the same code each may act for each. With
more nothing is found."""

_SEND = OPERATIONS.index("send")
Words = NDArray[np.uint64]
_Case = tuple[int, int, str]  # address, operation, channel name


class Knots(NamedTuple):
    """cut: there were more waits than are looked at."""

    knots: tuple[Knot, ...]
    cut: bool


def find_knots(snapshot: Snapshot, graph: Graph, wait_ns: int) -> Knots:
    """All knots of goroutines that have waited for so long, those with the most members first."""
    rows, cut = _rows(snapshot, graph, wait_ns)
    if not len(rows):
        return Knots((), cut)
    cases = _cases(graph, rows)
    solid = _actors(graph, cases, only_solid=True)
    if solid is None:
        return Knots((), True)
    stuck = _stuck(cases, solid, solid)
    if not stuck:
        return Knots((), cut)
    cases = _without_hopeful(graph, {id_: cases[id_] for id_ in stuck}, solid)
    possible = _actors(graph, cases, only_solid=False)
    if possible is None:
        return Knots((), True)
    stuck = _stuck(cases, solid, possible)
    links = {
        id_: {a for case in cases[id_] for a in possible[case] if a != id_ or solid[case].get(a) == "seen"}
        for id_ in stuck
    }
    parts = (part for part in _strongly_connected(links) if len(part) > 1 or part[0] in links[part[0]])
    found = [_knot(snapshot, graph, tuple(sorted(part)), cases, solid) for part in parts]
    return Knots(tuple(sorted(found, key=lambda knot: (-len(knot.members), knot.members))), cut)


def _rows(snapshot: Snapshot, graph: Graph, wait_ns: int) -> tuple[Numbers, bool]:
    """Waits of goroutines that have waited for long, on the user's channels alone, and that others may wait for."""
    columns, channels = graph.columns, graph.blocked.names.channels
    if not len(columns.address):
        return np.zeros(0, np.int64), False
    user = np.array([channel.kind == "user" for channel in channels], np.bool_)[columns.channel]
    long = (columns.age_ns >= wait_ns) & user & (columns.address != 0)
    free = columns.goroutine_id[~long]
    sending = columns.operation == _SEND
    known = _known_actors(
        snapshot, np.unique(columns.address[long & sending]), np.unique(columns.address[long & ~sending])
    )
    candidates: Mask = long & np.isin(columns.goroutine_id, known) & ~np.isin(columns.goroutine_id, free)
    rows = np.flatnonzero(candidates)
    if len(rows) <= MOST_ROWS:
        return rows, False
    oldest = rows[np.lexsort((columns.goroutine_id[rows], -columns.age_ns[rows]))]
    whole = columns.goroutine_id[oldest[MOST_ROWS]]  # all rows of a goroutine, or none
    return oldest[:MOST_ROWS][columns.goroutine_id[oldest[:MOST_ROWS]] != whole], True


def _known_actors(snapshot: Snapshot, sent_to: Words, received_from: Words) -> Words:
    """Everybody who has received from the first channels or sent to the others, or has one of them at hand."""
    users, holders = snapshot.live.users, snapshot.holders
    found: set[int] = set()
    for addresses, side in ((sent_to, 1), (received_from, 0)):
        for address in addresses.tolist():
            if address in users:
                found.update(users[address][side])
            if address in holders:
                found.update(holders[address])
    return np.fromiter(found, np.uint64, len(found))


def _cases(graph: Graph, rows: Numbers) -> dict[int, tuple[_Case, ...]]:
    """What each goroutine waits on."""
    columns, channels = graph.columns.rows(rows), graph.blocked.names.channels
    found: dict[int, list[_Case]] = {}
    for id_, address, operation, channel in zip(
        *(c.tolist() for c in (columns.goroutine_id, columns.address, columns.operation, columns.channel)), strict=True
    ):
        found.setdefault(id_, []).append((address, operation, channels[channel].name))
    return {id_: tuple(cases) for id_, cases in found.items()}


def _actors(
    graph: Graph, cases: Mapping[int, tuple[_Case, ...]], only_solid: bool
) -> dict[_Case, dict[int, str]] | None:
    """None: more than MOST_LINKS."""
    found: dict[_Case, dict[int, str]] = {}
    links = 0
    for case in {case for several in cases.values() for case in several}:
        solid = graph.solid(case[0], case[1])
        found[case] = solid if only_solid else graph.possible(*case) | solid
        links += len(found[case])
        if links > MOST_LINKS:
            return None
    return found


def _without_hopeful(
    graph: Graph, cases: dict[int, tuple[_Case, ...]], solid: Mapping[_Case, dict[int, str]]
) -> dict[int, tuple[_Case, ...]]:
    """Without those for whom more goroutines run code that would act than are stuck or wait for the same: for each of
    thousands it need not be listed who they are."""
    for _ in range(MOST_ROUNDS):
        stuck, outside = set(cases), dict[tuple[str, int], int]()
        free = {id_ for id_, own in cases.items() if any(_has_more(graph, case, stuck, outside) for case in own)}
        if not free:
            break
        left = {id_: several for id_, several in cases.items() if id_ not in free}
        cases = {id_: left[id_] for id_ in _stuck(left, solid, solid)}
    return cases


def _has_more(graph: Graph, case: _Case, stuck: set[int], outside: dict[tuple[str, int], int]) -> bool:
    """outside: what was found already, by channel name and operation."""
    address, operation, channel = case
    if graph.complete(address, operation):
        return False
    if (channel, operation) not in outside:
        outside[channel, operation] = len(graph.by_code(channel, operation) - stuck)
    return outside[channel, operation] > len(graph.waiting(address, operation))


def _stuck(
    cases: Mapping[int, tuple[_Case, ...]],
    solid: Mapping[_Case, dict[int, str]],
    possible: Mapping[_Case, dict[int, str]],
) -> set[int]:
    """Those that nobody outside can let go on: the largest set in which everybody only waits for others in it."""
    stuck = set(cases)
    waiting_for: dict[int, set[int]] = {}
    for id_, several in cases.items():
        for case in several:
            for actor in possible[case]:
                waiting_for.setdefault(actor, set()).add(id_)

    def held(id_: int) -> bool:
        return all(
            any(actor != id_ or known_by == "seen" for actor, known_by in solid[case].items())
            and all(actor in stuck for actor in possible[case])
            for case in cases[id_]
        )

    todo = list(stuck)
    while todo:
        id_ = todo.pop()
        if id_ in stuck and not held(id_):
            stuck.discard(id_)
            todo.extend(waiting_for.get(id_, ()))
    return stuck


def _strongly_connected(links: Mapping[int, Iterable[int]]) -> list[list[int]]:
    """Tarjan's algorithm, without recursion: chains may be longer than Python's stack."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    parts: list[list[int]] = []
    for root in links:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(links[root]))]
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = [stack.pop()]
                    while part[-1] != node:
                        part.append(stack.pop())
                    on_stack.difference_update(part)
                    parts.append(part)
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack.add(following)
                work.append((following, iter(links[following])))
            elif following in on_stack:
                low[node] = min(low[node], index[following])
    return parts


def _knot(
    snapshot: Snapshot,
    graph: Graph,
    members: tuple[int, ...],
    cases: Mapping[int, tuple[_Case, ...]],
    solid: Mapping[_Case, dict[int, str]],
) -> Knot:
    waits = {case for id_ in members for case in cases[id_]}
    waiting = {int(graph.columns.goroutine_id[row]) for case in waits for row in graph.waiting(case[0], case[1])}
    sending = any(operation == _SEND for _, operation, _ in waits)
    certain = sending or _complete(snapshot, graph, members, waits, solid)
    return Knot(members, len(waiting - set(members)), sending, certain)


def _complete(
    snapshot: Snapshot,
    graph: Graph,
    members: tuple[int, ...],
    waits: set[_Case],
    solid: Mapping[_Case, dict[int, str]],
) -> bool:
    """Whether goroutines that all wait to receive are a deadlock, and not a program that has nothing to do: all that
    ever sent to any of them were seen since it was made, and are among them; nobody else has any of these channels at
    hand; and nobody is left who started them and could start more of them."""
    if not all(graph.complete(address, operation) and graph.looked_for(address) for address, operation, _ in waits):
        return False
    if not all("seen" in solid[case].values() for case in waits):
        return False
    starters = {step.created_by.function for id_ in members if (step := graph.step(id_)).created_by}
    starters_unknown = any(graph.step(id_).created_by is None for id_ in members)
    running = any(not group.wait_reason for group in snapshot.groups)
    return not starters_unknown and not running and not graph.with_function(starters) - set(members)
