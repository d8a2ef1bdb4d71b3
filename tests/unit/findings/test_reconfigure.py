"""Other thresholds for a finder that has looked for a while."""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.config import Findings
from otelchan.findings.leak import LeakFinder
from otelchan.findings.types import Finding
from otelchan.model.types import Blocked, GoroutineView
from tests.support.snapshots import SECOND, START, blocked, snapshot


def look(finder: LeakFinder, entries: Sequence[Blocked], now: float) -> list[Finding]:
    """What is found at one look."""
    goroutines = GoroutineView(len(entries) + 1)
    return finder.find(snapshot(time_unix_ns=START + int(now * SECOND), blocked=tuple(entries), goroutines=goroutines))


def senders(now: float, *starts: float) -> list[Blocked]:
    """Goroutines that wait to send since these times, those that have come."""
    return [blocked(number, now - start) for number, start in enumerate(starts) if start <= now]


def grown(finder: LeakFinder, every: float, begin: int, end: int) -> list[list[Finding]]:
    """Looks at one more sender every so many seconds, since the beginning."""
    starts = [number * every for number in range(int(end / every) + 1)]
    return [look(finder, senders(now, *starts), now) for now in range(begin, end + 1, 5)]


def test_a_lower_threshold_finds_what_was_not_enough_before() -> None:
    """Five senders that are stuck for long: with ten asked for nothing, with five a finding at the next look."""
    finder = LeakFinder(Findings())
    starts = [0.0] * 5
    assert [[]] * 13 == [look(finder, senders(now, *starts), now) for now in range(0, 61, 5)]
    finder.reconfigure(Findings(leak_stuck=5))
    (finding,) = look(finder, senders(65, *starts), 65)
    assert ("stuck", 5) == (finding.evidence, finding.count)


def test_a_higher_threshold_does_not_find_any_more_what_grows_slowly() -> None:
    """One sender in five seconds is twelve a minute; when thirty are asked for, that is no growth."""
    finder = LeakFinder(Findings())
    assert [] != grown(finder, 5, 0, 60)[-1]
    strict = LeakFinder(Findings())
    grown(strict, 5, 0, 30)
    strict.reconfigure(Findings(leak_growth=30, leak_stuck=1000))
    assert [] == grown(strict, 5, 35, 60)[-1]


def test_a_shorter_age_does_not_make_growth_of_what_was_there() -> None:
    """Forty senders that came in time, all younger than a suspect, pass the new age at once: that is no leak."""
    finder = LeakFinder(Findings(leak_suspect_s=600, leak_long_s=900))
    starts = [number * 0.1 for number in range(40)]
    for now in range(0, 61, 5):
        look(finder, senders(now, *starts), now)
    finder.reconfigure(Findings(leak_suspect_s=5, leak_long_s=900))
    assert [[]] * 12 == [look(finder, senders(now, *starts), now) for now in range(65, 125, 5)]


def test_a_longer_window_does_not_make_growth_of_what_is_forgotten() -> None:
    """Twenty senders came long ago, one every twenty seconds; of that a window of ten seconds remembers nothing, and a
    longer one must not take their being there for their coming when one more comes."""
    finder = LeakFinder(Findings(leak_window_s=10, leak_long_window_s=10, leak_stuck=1000))
    starts = [*(number * 20.0 for number in range(20)), 1100.0]
    assert not any(look(finder, senders(now, *starts), now) for now in range(0, 1000, 5))
    finder.reconfigure(Findings(leak_window_s=600, leak_long_window_s=600, leak_stuck=1000))
    assert not any(look(finder, senders(now, *starts), now) for now in range(1000, 1600, 5))


def test_a_leak_is_found_with_the_new_age_within_a_minute() -> None:
    """Growth is looked for from the change on."""
    finder = LeakFinder(Findings(leak_suspect_s=600, leak_long_s=900))
    assert [[]] * 13 == grown(finder, 1, 0, 60)
    finder.reconfigure(Findings())
    assert [] != grown(finder, 1, 65, 125)[-1]


def test_what_is_a_finding_stays_one() -> None:
    """Another window is no news about those who are stuck: it goes on at the very next look."""
    finder = LeakFinder(Findings())
    assert [] != grown(finder, 1, 0, 60)[-1]
    finder.reconfigure(Findings(leak_window_s=120))
    assert [] != grown(finder, 1, 65, 65)[-1]


def test_the_same_thresholds_change_nothing() -> None:
    """A reload for another reason loses no history."""
    finder, undisturbed = LeakFinder(Findings()), LeakFinder(Findings())
    for now in range(0, 60, 5):
        finder.reconfigure(Findings())
        assert grown(undisturbed, 1, now, now) == grown(finder, 1, now, now)
