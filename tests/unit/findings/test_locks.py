"""F16 on programs that are stuck on locks and on ones that wait for them, each as a series of looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from otelchan.config import Findings
from otelchan.findings.lock_kinds import lock_of, waiting_site
from otelchan.findings.locks import LockFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, GoroutineGroup, GoroutineView
from tests.support.snapshots import CALLER, SECOND, START, WORKER, finding, snapshot

MUTEX = ("sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock")
WAITGROUP = ("sync.runtime_SemacquireWaitGroup", "sync.(*WaitGroup).Wait")
COND = ("sync.runtime_notifyListWait", "sync.(*Cond).Wait")
OTHERS = 50  # goroutines of the program that have nothing to do with it
Groups = Callable[[int], Sequence[GoroutineGroup]]


def group(
    number: int,
    oldest_s: float,
    inside: Sequence[str] = MUTEX,
    reason: str = "sync.Mutex.Lock",
    first_id: int = 100,
    created_by: Frame | None = CALLER,
) -> GoroutineGroup:
    """Goroutines that wait at one place; inside: functions of package sync above it."""
    frames = (*(Frame(function, "/go/src/sync/sync.go", 9) for function in inside), WORKER)
    ids = tuple(range(first_id, first_id + min(number, 10)))
    age = Age(int(oldest_s * SECOND), at_least=True)
    return GoroutineGroup("waiting", reason, frames, 6, created_by, number, age, ids, first_id + number)


def look(
    finder: LockFinder,
    now: float,
    groups: Sequence[GoroutineGroup],
    others: int = OTHERS,
    earlier: Sequence[Finding] = (),
) -> list[Finding]:
    """What is found at one look. others: goroutines in no group."""
    count = sum(each.count for each in groups) + others
    time_unix_ns = START + int(now * SECOND)
    seen = snapshot(time_unix_ns=time_unix_ns, goroutines=GoroutineView(count), groups=tuple(groups))
    return finder.find(seen, earlier)


def looks(groups: Groups, seconds: int = 120, every: int = 5, others: Callable[[int], int] | None = None) -> list[int]:
    """How many findings there are at each look."""
    finder = LockFinder(Findings())
    return [
        len(look(finder, now, groups(now), others(now) if others else OTHERS)) for now in range(0, seconds + 1, every)
    ]


# --- which lock ---


@pytest.mark.parametrize(
    ("reason", "inside", "kind"),
    [
        ("sync.Mutex.Lock", MUTEX, "sync.Mutex"),
        ("semacquire", MUTEX, "sync.Mutex"),
        (
            "sync.Mutex.Lock",
            ("internal/sync.runtime_SemacquireMutex", "internal/sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock"),
            "sync.Mutex",
        ),
        ("semacquire", ("sync.runtime_SemacquireMutex", "sync.(*RWMutex).RLock"), "sync.RWMutex"),
        ("sync.Mutex.Lock", (*MUTEX, "sync.(*RWMutex).Lock"), "sync.RWMutex"),
        ("sync.Mutex.Lock", (*MUTEX, "sync.(*Once).doSlow"), "sync.Mutex"),
        ("semacquire", ("sync.runtime_Semacquire", "sync.(*WaitGroup).Wait"), "sync.WaitGroup"),
        ("sync.WaitGroup.Wait", WAITGROUP, "sync.WaitGroup"),
        ("sync.WaitGroup.Wait (durable)", (), "sync.WaitGroup"),
        ("sync.Cond.Wait", COND, "sync.Cond"),
        ("sync.RWMutex.RLock", (), "sync.RWMutex"),
        ("semacquire", ("internal/poll.runtime_Semacquire", "internal/poll.(*fdMutex).rwlock"), ""),
        ("semacquire", (), ""),
        ("semacquire", ("internal/poll.(*fdMutex).rwlock", "main.read", "sync.(*WaitGroup).Go.func1"), ""),
        ("chan receive", ("sync.(*Something).Wait",), ""),
        ("sleep", (), ""),
    ],
)
def test_the_stack_says_which_lock_it_is(reason: str, inside: tuple[str, ...], kind: str) -> None:
    """In all releases, though their wait reasons differ; the place is the one in the program."""
    waits = group(1, 1, inside, reason)
    assert kind == lock_of(waits)
    if kind:
        assert WORKER == waiting_site(waits.frames)


# --- a mutex ---


def test_goroutines_that_wait_long_for_a_mutex_are_found() -> None:
    """Twelve, since before the agent came; with the line, the number and the age."""
    finder = LockFinder(Findings())
    assert [] == look(finder, 0, [group(12, 29)])
    (stuck,) = look(finder, 10, [group(12, 39)])
    assert ("F16", "warning", 12, "") == (stuck.id, stuck.severity, stuck.count, stuck.channel)
    assert (WORKER, CALLER, "sync.Mutex.Lock") == (stuck.site, stuck.created_by, stuck.wait_reason)
    assert (39 * SECOND, True) == (stuck.oldest_ns, stuck.oldest_at_least)
    assert (
        "12 goroutines are waiting for a sync.Mutex at main.worker main.go:57, the oldest for at least 39 s; "
        "who holds it is not known; started at main.main.func1 main.go:31"
    ) == stuck.sentence


def test_it_is_critical_when_more_and_more_wait() -> None:
    """One every two seconds."""
    finder = LockFinder(Findings())
    found = [look(finder, now, [group(1 + now // 2, now)]) for now in range(0, 61, 5)]
    assert ("critical", 30.0) == (found[-1][0].severity, found[-1][0].growth_per_minute)


def test_a_lock_that_moves_is_not_found() -> None:
    """Many wait at every look, nobody for long."""
    assert [0] * 25 == looks(lambda now: [group(40, 3, first_id=100 + 40 * now)])


def test_stacks_below_the_same_line_are_one_finding() -> None:
    """Called from two places."""
    finder = LockFinder(Findings())
    other = group(3, 50)
    other = replace(other, frames=(*other.frames, CALLER))
    (stuck,) = look(finder, 0, [group(2, 35), other])
    assert (5, 50 * SECOND) == (stuck.count, stuck.oldest_ns)


def test_what_an_earlier_finding_says_is_not_said_again() -> None:
    """The more special one speaks."""
    said = finding(id="F14", channel="", wait_reason="sync.Mutex.Lock", site=WORKER, created_by=CALLER)
    assert [] == look(LockFinder(Findings()), 0, [group(12, 60)], earlier=[said])


def test_the_age_is_a_setting() -> None:
    """Five seconds, from the next look on."""
    finder = LockFinder(Findings())
    assert [] == look(finder, 0, [group(12, 6)])
    finder.reconfigure(Findings(lock_s=5))
    assert 1 == len(look(finder, 1, [group(12, 7)]))


# --- WaitGroup and Cond ---


def waiters(now: int) -> GoroutineGroup:
    """One more every two seconds, all of whom stay."""
    return group(1 + now // 2, now, WAITGROUP, "sync.WaitGroup.Wait")


def test_ever_more_who_wait_for_a_waitgroup_are_found() -> None:
    """Whatever they wait for never says that it is done."""
    for every in (1, 2, 5, 10):
        found = looks(lambda now: [waiters(now)], every=every)
        assert 30 <= found.index(1) * every <= 45
        assert {1} == set(found[found.index(1) :])
    finder = LockFinder(Findings())
    found_all = [look(finder, now, [waiters(now)]) for now in range(0, 61, 5)]
    (stuck,) = found_all[-1]
    assert ("warning", 31, "grows", 30.0) == (stuck.severity, stuck.count, stuck.evidence, stuck.growth_per_minute)
    assert "waiting in sync.WaitGroup.Wait at main.worker main.go:57" in stuck.sentence


def test_it_stays_a_finding_when_it_does_not_grow_any_more_until_they_go() -> None:
    """They are as stuck as before."""
    found = looks(lambda now: [waiters(min(now, 60))] if now < 100 else [], 120)
    assert [1] * 12 == found[8:20]
    assert [0] * 5 == found[20:]


def test_those_who_wait_for_workers_are_not_found() -> None:
    """The main goroutine, and a few services, for hours."""
    assert [0] * 25 == looks(lambda now: [group(5, 7200 + now, WAITGROUP, "sync.WaitGroup.Wait")])


def test_more_connections_are_not_found() -> None:
    """Each handler waits for its two workers, for as long as the connection lasts: what it waits for grows too."""
    assert [0] * 25 == looks(lambda now: [waiters(now)], others=lambda now: OTHERS + 2 * (now // 2))


def test_requests_that_come_faster_and_get_on_are_not_found() -> None:
    """The oldest are other ones every time."""
    assert [0] * 25 == looks(lambda now: [group(1 + now // 2, 40, WAITGROUP, "semacquire", first_id=100 + now)])


def test_a_pool_that_waits_on_a_cond_is_not_found() -> None:
    """Idle, and also while it is started, which takes forty seconds."""
    assert [0] * 25 == looks(lambda now: [group(64, 600 + now, COND, "sync.Cond.Wait")])
    assert [0] * 61 == looks(lambda now: [group(1 + min(now, 40), now, COND, "sync.Cond.Wait")], 300)


def test_ever_more_who_wait_on_a_cond_are_found() -> None:
    """When it has gone on for a minute: nobody signals any more."""
    found = looks(lambda now: [group(1 + now // 2, now, COND, "sync.Cond.Wait")])
    assert 60 <= found.index(1) * 5 <= 70


def test_without_a_new_look_nothing_changes() -> None:
    """Goroutines are listed now and then and counted all the time: what came since is no growth of the rest."""
    finder = LockFinder(Findings())
    found = []
    for now in range(0, 121, 2):
        listed = now // 20 * 20
        seen = snapshot(
            time_unix_ns=START + now * SECOND,
            looked_unix_ns=START + listed * SECOND,
            goroutines=GoroutineView(OTHERS + 1 + now // 2),
            groups=(waiters(listed),),
        )
        found.append(len(finder.find(seen)))
    assert 80 == found.index(1) * 2
    assert {1} == set(found[found.index(1) :])


def test_a_look_that_failed_is_none() -> None:
    """No goroutines were read."""
    assert [] == LockFinder(Findings()).find(snapshot(goroutines=GoroutineView(0), groups=(group(12, 60),)))
