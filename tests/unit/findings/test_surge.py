"""F2 on programs that surge and on programs that do not, each as a series of looks at how many goroutines there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otelchan.config import Findings
from otelchan.findings.surge import SurgeFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, GoroutineGroup, GoroutineView
from tests.support.snapshots import CALLER, SECOND, START, WORKER, snapshot

OTHER = Frame("main.serve", "/src/shop/main.go", 90)


def group(number: int, created_by: Frame | None = CALLER, site: Frame = WORKER) -> GoroutineGroup:
    """Goroutines that sleep at one place."""
    return GoroutineGroup("waiting", "sleep", (site,), 3, created_by, number, Age(SECOND, at_least=True), (7,), 7)


def look(finder: SurgeFinder, now: float, *groups: GoroutineGroup) -> list[Finding]:
    """What is found when those are all goroutines."""
    count = sum(each.count for each in groups)
    time_unix_ns = START + int(now * SECOND)
    return finder.find(snapshot(time_unix_ns=time_unix_ns, goroutines=GoroutineView(count), groups=groups))


def looks(finder: SurgeFinder, counts: Iterable[int], every: float = 1.0) -> list[list[Finding]]:
    """What is found at each of these looks."""
    return [look(finder, every * place, group(count)) for place, count in enumerate(counts)]


def held(found: Sequence[Sequence[Finding]]) -> list[int]:
    """Findings at each look."""
    return [len(each) for each in found]


def test_four_times_as_many_within_seconds_are_a_surge() -> None:
    """From 1,300 to 6,000 between two looks: said with the numbers, and with where most of them came from."""
    finder = SurgeFinder(Findings())
    look(finder, 0, group(1000), group(300, OTHER))
    (surge,) = look(finder, 2, group(1200), group(4800, OTHER, OTHER))
    assert ("F2", "critical", 6000) == (surge.id, surge.severity, surge.count)
    assert (OTHER, OTHER, "sleep") == (surge.created_by, surge.site, surge.wait_reason)
    assert (1300, 6000, 2.0, 4500) == tuple(
        surge.facts[name] for name in ("before", "after", "within_s", "grown_there")
    )
    assert 4700 / 2 * 60 == surge.growth_per_minute
    assert (
        "goroutines surged from 1300 to 6000 within 2 s, 6000 now: 4500 more were started at main.serve main.go:90, "
        "most of which wait at main.serve main.go:90 (sleep)"
    ) == surge.sentence


def test_it_is_said_when_it_begins_and_counted_once() -> None:
    """However long it lasts; the next one counts again."""
    finder, begun = SurgeFinder(Findings()), []
    for place, count in enumerate([1000, 6000, 9000, 9000, 1000, 1000, 6000, 6000]):
        look(finder, place, group(count))
        begun.append(finder.surged)
    assert [False, True, False, False, False, False, True, False] == begun
    assert 2 == finder.surges


def test_it_ends_below_half_of_the_surge() -> None:
    """From 1,000 to 6,000: at 3,500 it still holds, below that it is over."""
    assert [0, 1, 1, 1, 0, 0] == held(looks(SurgeFinder(Findings()), [1000, 6000, 4000, 3500, 3499, 4000]))


def test_what_it_falls_to_is_where_the_next_one_begins() -> None:
    """From 3,000 to 6,000 is none, though it was 1,000 a moment before."""
    finder = SurgeFinder(Findings())
    assert [0, 1, 0, 0, 0] == held(looks(finder, [1000, 6000, 3000, 6000, 7000]))
    assert 1 == finder.surges


def test_it_took_as_long_as_since_the_last_look_before() -> None:
    """Of looks with as few goroutines, the last one."""
    assert 1.0 == looks(SurgeFinder(Findings()), [1000, 1000, 1000, 6000])[-1][0].facts["within_s"]


def test_it_is_critical_while_it_rises() -> None:
    """When there were no more than before for as long as the window, it is a warning."""
    found = looks(SurgeFinder(Findings()), [1000, 6000, *[7000] * 14])
    assert ["critical"] * 12 + ["warning"] * 3 == [each[0].severity for each in found[1:]]
    assert 0.0 == found[-1][0].growth_per_minute


def test_with_looks_as_far_apart_as_the_window_it_is_seen() -> None:
    """Looks every ten seconds, a little late or early: each is compared with the one before."""
    for every in (9.9, 10.0, 10.1, 15.0):
        assert [0, 0, 1] == held(looks(SurgeFinder(Findings()), [1000, 1100, 6000], every))


def test_growth_over_several_looks_counts_within_the_window() -> None:
    """A second at a time it is 40 percent each, within ten seconds it is twentyfold; slower than that it is nothing."""
    counts = [int(300 * 1.4**place) for place in range(12)]
    assert 1 == held(looks(SurgeFinder(Findings()), counts))[-1]
    slow = [int(1000 * 1.1**place) for place in range(30)]
    assert slow[-1] > 10_000
    assert [0] * 30 == held(looks(SurgeFinder(Findings()), slow))


def test_few_goroutines_are_no_surge() -> None:
    """A hundredfold, but 5,000 at most."""
    assert [0, 0, 0] == held(looks(SurgeFinder(Findings()), [50, 5000, 4900]))


def test_many_goroutines_are_no_surge_while_they_do_not_multiply() -> None:
    """A program that was big when we came, and one that doubles and triples."""
    assert [0] * 5 == held(looks(SurgeFinder(Findings()), [50_000, 50_000, 90_000, 120_000, 199_999]))


def test_thresholds_are_settings() -> None:
    """Twice as many within a second, over a hundred."""
    finder = SurgeFinder(Findings(surge_percent=100, surge_window_s=1, surge_least=100))
    assert [0, 0, 1] == held(looks(finder, [80, 100, 200]))


def test_other_thresholds_hold_at_once() -> None:
    """A surge that would be none any more is over; what is one now is only found in what comes."""
    finder = SurgeFinder(Findings())
    assert [0, 1] == held(looks(finder, [1000, 6000]))
    finder.reconfigure(Findings(surge_least=10_000))
    assert [] == look(finder, 2, group(6000))
    assert 1 == finder.surges


def test_goroutines_of_the_program_itself_are_grouped_by_where_they_wait() -> None:
    """Where it is not known who started them."""
    finder = SurgeFinder(Findings())
    look(finder, 0, group(500, None), group(500, None, OTHER))
    (surge,) = look(finder, 1, group(6000, None), group(600, None, OTHER))
    assert (None, WORKER, 5500) == (surge.created_by, surge.site, surge.facts["grown_there"])
    assert "5500 more, most of which wait at main.worker main.go:57 (sleep)" in surge.sentence


def test_without_groups_the_numbers_are_said() -> None:
    """Nothing is known of where they are."""
    finder = SurgeFinder(Findings())
    for now, count in enumerate((1000, 6000)):
        seen = snapshot(time_unix_ns=START + now * SECOND, goroutines=GoroutineView(count))
        found = finder.find(seen)
    assert "goroutines surged from 1000 to 6000 within 1 s, 6000 now" == found[0].sentence


def test_it_is_said_when_it_is_known_where_they_are() -> None:
    """Goroutines are counted at every look, and listed when that does not cost too much: it counts at once, and is said
    with the right place, or without one when that takes longer than the window."""
    for looked in (2, 100):
        finder = SurgeFinder(Findings())
        look(finder, 0, group(1000))
        for now in range(1, 15):
            groups = (group(1000), group(7000, OTHER, OTHER)) if now >= looked else (group(1000),)
            seen = snapshot(time_unix_ns=START + now * SECOND, goroutines=GoroutineView(8000), groups=groups)
            found = finder.find(seen)
            assert (now == 1) == finder.surged
            assert (now >= min(looked, 11)) == bool(found)
        assert (OTHER, 7000) == (found[0].site, found[0].facts["grown_there"]) or looked == 100
        assert "goroutines surged from 1000 to 8000 within 1 s" in found[0].sentence


def test_a_look_that_failed_is_none() -> None:
    """No goroutines at all were read, and then all of them again."""
    assert [0, 0, 0, 0] == held(looks(SurgeFinder(Findings()), [20_000, 0, 20_000, 20_000]))
