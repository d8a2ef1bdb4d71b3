"""F14: what is said about goroutines that wait for each other."""

from __future__ import annotations

import pytest

from otelchan.config import Findings
from otelchan.findings import deadlock as module
from otelchan.findings.catalogue import FINDINGS
from otelchan.findings.deadlock import DeadlockFinder
from otelchan.findings.finders import FINDERS, Finders
from otelchan.findings.types import MOST_MEMBERS, Finding
from otelchan.model.types import Age, Snapshot
from tests.support.chains import MAIN, ORDERS, RESULTS, A, B, C, crossed, elsewhere, tangle, waiting
from tests.support.snapshots import SECOND


def find(snapshot: Snapshot, settings: Findings | None = None) -> list[Finding]:
    """With default thresholds."""
    return DeadlockFinder(settings or Findings()).find(snapshot)


def test_a_deadlock_is_said_in_words_with_who_needs_whom() -> None:
    """Where each is, on what, and whom it needs."""
    (finding,) = find(crossed())
    assert (
        "2 goroutines wait for each other, for up to 30 s, and nobody else is known who could let them go on: "
        "goroutine 7 sends on main.orders main.go:10 at main.work7 main.go:107 and needs goroutine 8; "
        "goroutine 8 sends on main.results main.go:11 at main.work8 main.go:108 and needs goroutine 7"
    ) == finding.sentence


def test_one_that_waits_for_itself_is_told_as_one() -> None:
    """It alone has received from the channel, and now sends to it."""
    (finding,) = find(tangle(waiting(7, (A, "send")), users={A: ((7,), (7,))}))
    assert finding.sentence.startswith("1 goroutine waits for itself, for up to 30 s, and nobody else is known who ")
    assert " who could let it go on: goroutine 7 sends on main.orders main.go:10 at" in finding.sentence


def test_a_deadlock_names_all_its_members_with_their_stacks() -> None:
    """And what would have to be done for each."""
    (finding,) = find(crossed())
    assert ("F14", "critical", 2, 30 * SECOND) == (finding.id, finding.severity, finding.count, finding.oldest_ns)
    assert (ORDERS, "chan send", MAIN) == (finding.channel, finding.wait_reason, finding.created_by)
    assert [(7, ORDERS), (8, RESULTS)] == [(member.goroutine_id, member.channel) for member in finding.members]
    assert [("main.work7",), ("main.work8",)] == [tuple(f.function for f in m.frames) for m in finding.members]
    assert [
        "goroutine 8 would have to receive from main.orders main.go:10",
        "goroutine 7 would have to receive from main.results main.go:11",
    ] == [member.note for member in finding.members]
    assert {"channels": [ORDERS, RESULTS], "goroutines": [7, 8], "behind": 0, "known_by": ["seen"], "cut": False} == (
        finding.facts
    )


def test_a_select_says_all_that_would_help() -> None:
    """Each of its cases."""
    users = {A: ((7,), (8,)), B: ((8,), (7,)), C: ((7,), (8,))}
    (finding,) = find(tangle(waiting(7, (A, "send"), (C, "send")), waiting(8, (B, "send")), users=users))
    assert "goroutine 7 sends on main.done main.go:12 or main.orders main.go:10 at" in finding.sentence
    assert finding.members[0].note.count("goroutine 8 would have to receive from") == 2


def test_where_all_receive_it_is_a_warning() -> None:
    """The proof is as good as it can be from outside, and yet it is less than where somebody cannot send."""
    (finding,) = find(
        tangle(
            waiting(7, (A, "recv")),
            waiting(8, (B, "recv")),
            users={A: ((8,), (7,)), B: ((7,), (8,))},
            holders={A: (7, 8), B: (7, 8)},
            groups=[elsewhere(1, "IO wait")],
        )
    )
    assert "warning" == finding.severity
    assert "goroutine 8 would have to send on or close main.orders main.go:10" == finding.members[0].note


def test_a_wait_whose_begin_was_not_seen_is_a_lower_bound() -> None:
    """The program was stuck before anybody looked."""
    users = {A: ((7,), (8,)), B: ((8,), (7,))}
    age = Age(12 * SECOND, True)
    (finding,) = find(tangle(waiting(7, (A, "send"), age=age), waiting(8, (B, "send"), age=age), users=users))
    assert finding.oldest_at_least
    assert "for at least 12 s" in finding.sentence


def test_only_some_members_of_a_large_knot_are_named() -> None:
    """All are counted."""
    number = MOST_MEMBERS + 20
    ring = [waiting(n, (A + 96 * n, "send")) for n in range(number)]
    held = {A + 96 * n: (n, (n + 1) % number) for n in range(number)}
    (finding,) = find(tangle(*ring, holders=held))
    assert (number, MOST_MEMBERS) == (finding.count, len(finding.members))
    assert f"; and {number - 3} more" in finding.sentence


@pytest.mark.parametrize(("wait_s", "found"), [(29.0, 1), (31.0, 0)])
def test_the_time_is_a_setting(wait_s: float, found: int) -> None:
    """findings.wait_s, also while it looks."""
    assert found == len(find(crossed(), Findings(wait_s=wait_s)))
    finder = DeadlockFinder(Findings(wait_s=60))
    finder.reconfigure(Findings(wait_s=wait_s))
    assert found == len(finder.find(crossed()))


def test_it_speaks_before_those_that_are_more_general() -> None:
    """F1 and F8 leave out what it says."""
    ids = list(FINDERS)
    assert ids.index("F14") < min(ids.index("F1"), ids.index("F8"))
    assert "goroutines" == FINDINGS["F14"].counts
    assert ["F14"] == [finding.id for finding in Finders(Findings()).assess(crossed()).findings]


def test_only_some_of_many_knots_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs that hold each other's channels, and room for one; that it is not all is said."""
    pairs = [waiting(n, (A + 96 * n, "send")) for n in range(4)]
    held = {A + 96 * n: (n, n ^ 1) for n in range(4)}
    assert [False, False] == [finding.facts["cut"] for finding in find(tangle(*pairs, holders=held))]
    monkeypatch.setattr(module, "MOST_KNOTS", 1)
    (finding,) = find(tangle(*pairs, holders=held))
    assert ([0, 1], True) == (finding.facts["goroutines"], finding.facts["cut"])
