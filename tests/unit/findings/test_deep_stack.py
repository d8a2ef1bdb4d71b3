"""F15 on goroutines that wait below many frames and on ones that do not."""

from __future__ import annotations

from otelchan.config import Findings
from otelchan.findings.deep_stack import DeepStackFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, GoroutineGroup
from tests.support.snapshots import CALLER, SECOND, START, WORKER, blocked, snapshot

VISIT = Frame("main.visit", "/src/shop/tree.go", 12)
LOCK = tuple(Frame(name, "/go/src/sync/mutex.go", 9) for name in ("sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock"))


def group(
    number: int = 3,
    depth: int = 51,
    oldest_s: float = 10,
    reason: str = "chan send",
    frames: tuple[Frame, ...] = (WORKER, VISIT, VISIT, CALLER),
    first_id: int = 7,
) -> GoroutineGroup:
    """Goroutines at one place."""
    ids = tuple(range(first_id, first_id + min(number, 10)))
    age = Age(int(oldest_s * SECOND), at_least=False)
    return GoroutineGroup("waiting", reason, frames, depth, CALLER, number, age, ids, first_id)


def look(*groups: GoroutineGroup, now: float = 0, finder: DeepStackFinder | None = None) -> list[Finding]:
    """What is found when those are all goroutines."""
    entries = [blocked(7, 10)]
    seen = snapshot(time_unix_ns=START + int(now * SECOND), groups=groups, blocked=entries)
    return (finder or DeepStackFinder(Findings())).find(seen, ())


def test_goroutines_blocked_below_many_frames_are_told() -> None:
    """Where, how many, how deep, for how long; and on which channel."""
    (deep,) = look(group())
    assert ("F15", "info", 3, "main.work main.go:41") == (deep.id, deep.severity, deep.count, deep.channel)
    assert (WORKER, CALLER, "chan send", 10 * SECOND) == (deep.site, deep.created_by, deep.wait_reason, deep.oldest_ns)
    assert (51, 1, "main.visit") == tuple(deep.facts[name] for name in ("frames", "stacks", "most_frequent_function"))
    assert (
        "3 goroutines are blocked at main.worker main.go:57 (chan send) below up to 51 frames, the oldest for 10 s; "
        "started at main.main.func1 main.go:31"
    ) == deep.sentence


def test_what_is_not_deep_or_not_blocked_for_long_is_not() -> None:
    """Fifty frames; less than ten seconds; a wait for the network or for a time."""
    shown = [group(depth=50), group(oldest_s=9.9), group(reason="IO wait"), group(reason="sleep"), group(reason="")]
    assert [] == look(*shown)


def test_frames_of_inlined_functions_count() -> None:
    """The compiler inlines a recursion into itself: forty on the stack are eighty to a person."""
    (deep,) = look(group(depth=40, frames=(WORKER, *[VISIT] * 78, CALLER)))
    assert 80 == deep.facts["frames"]


def test_stacks_of_different_depth_are_one_place() -> None:
    """A recursion that is at different depths: the deepest is told."""
    (deep,) = look(group(2, 60), group(1, 90, oldest_s=30, frames=(WORKER, VISIT, CALLER), first_id=20))
    assert (3, 90, 30 * SECOND) == (deep.count, deep.facts["frames"], deep.oldest_ns)


def test_a_wait_for_a_lock_counts_at_the_line_that_asked_for_it() -> None:
    """Not the one in package sync."""
    (deep,) = look(group(reason="semacquire", frames=(*LOCK, VISIT), first_id=99))
    assert (VISIT, "") == (deep.site, deep.channel)
    assert [] == look(group(reason="semacquire", frames=(VISIT,)))


def test_more_and_more_of_them_are_a_warning() -> None:
    """One every two seconds, for half of the window at least."""
    finder = DeepStackFinder(Findings())
    found = [look(group(1 + now // 2), now=now, finder=finder) for now in range(0, 41, 5)]
    assert ["info"] * 6 == [each[0].severity for each in found[:6]]
    assert ("warning", 30) == (found[-1][0].severity, round(found[-1][0].growth_per_minute))
    assert "growing by " in found[-1][0].sentence


def test_thresholds_are_settings() -> None:
    """Ten frames."""
    finder = DeepStackFinder(Findings())
    assert [] == look(group(depth=11), finder=finder)
    finder.reconfigure(Findings(deep_frames=10))
    assert 1 == len(look(group(depth=11), now=1, finder=finder))


def test_without_a_new_look_nothing_changes() -> None:
    """Numbers are of now, goroutines of a while ago: what was said of them is said again."""
    finder = DeepStackFinder(Findings())
    for now in range(3):
        seen = snapshot(time_unix_ns=START + now * SECOND, looked_unix_ns=START, groups=(group(),))
        assert [10 * SECOND] == [found.oldest_ns for found in finder.find(seen, ())]
