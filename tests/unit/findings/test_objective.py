"""Latency objectives: when one is breached, when it is kept again, and what is said of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest

from otelchan.config import Findings, Objective
from otelchan.findings.finders import Finders
from otelchan.findings.objective import ObjectiveFinder
from otelchan.findings.objective_track import Key, Reading
from otelchan.findings.objective_window import bound_ns, bucket_of
from otelchan.findings.types import ObjectiveView
from otelchan.model.types import Age
from tests.support.snapshots import CALLER, WORKER, block_span, blocked, channel, snapshot

MS = 1_000_000
SECOND = 1_000_000_000
STEP = 100 * MS
KEY = Key("main.work main.go:41", "send")
RULE = Objective(channel="*main.go:41")
QUICK, SLOW = 5, 1000  # milliseconds


class Program:
    """An objective that is fed step by step. at: the time, which begins with a minute of nothing."""

    def __init__(self, rule: Objective = RULE) -> None:
        self.finder = ObjectiveFinder()
        self.rule = rule
        self.at = 1000 * SECOND
        self.states: list[str] = []

    def step(self, *ended_ms: int, number: int = 1, waiting_ms: Sequence[int] = ()) -> str:
        """A step in which such blocks ended, each so many times, and others still last. The state after it."""
        ended = [(bucket_of(duration * MS), number) for duration in ended_ms]
        waiting = np.array(waiting_ms, np.int64) * MS
        self.finder.step(self.at, [Reading(KEY, "make", self.rule, ended, waiting)])
        self.at += STEP
        if [self.view.state] != self.states[-1:]:
            self.states.append(self.view.state)
        return self.view.state

    def run(self, seconds: float, *ended_ms: int, number: int = 20) -> str:
        """The same for some time."""
        for _ in range(round(seconds * 10)):
            self.step(*ended_ms, number=number)
        return self.view.state

    def until(self, state: str, *ended_ms: int, number: int = 20, most_s: int = 300) -> float:
        """Seconds until it is in that state, while such blocks end."""
        for step in range(most_s * 10):
            if self.step(*ended_ms, number=number) == state:
                return step / 10
        raise AssertionError(f"not {state} in {most_s} s, but {self.view}")

    @property
    def view(self) -> ObjectiveView:
        """As it is now."""
        (view,) = self.finder.views()
        return view


@pytest.fixture(scope="module")
def quick() -> Program:
    """An objective that has been kept for two minutes."""
    program = Program()
    program.run(120, QUICK)
    return program


@pytest.fixture
def kept(quick: Program) -> Program:
    """The same, for one test."""
    return copy.deepcopy(quick)


def test_what_is_quick_is_closed(kept: Program) -> None:
    """Both windows are known, the long one as it was when its last step began, and nothing is found."""
    assert "closed" == kept.view.state
    assert {"short": bound_ns(bucket_of(5 * MS)), "long": bound_ns(bucket_of(5 * MS))} == kept.view.p999_ns
    assert {"short": 6000, "long": 23820} == kept.view.samples
    assert 800 * MS == kept.view.objective_ns
    assert [] == kept.finder.find(snapshot(), ())


def test_it_is_breached_after_three_hits_in_a_row_while_the_long_window_rises(kept: Program) -> None:
    """One in a hundred is slow: it is open within seconds, and no step earlier than the third that hits."""
    kept.step(SLOW, number=60)  # 1 % of the short window, and 0.25 % of the long one, which looks each second
    waited_s = kept.until("open", QUICK)

    assert 0.1 <= waited_s <= 1.1
    assert ["closed", "open"] == kept.states


def test_two_hits_are_no_breach(kept: Program) -> None:
    """A goroutine that waits is in the window while it waits, and no longer when the wait was forgotten."""
    rare = kept.rule.hits - 1
    for _ in range(10):
        for _ in range(rare):
            kept.step(QUICK, number=20, waiting_ms=[SLOW] * 50)
        kept.step(QUICK, number=20)

    assert ["closed"] == kept.states


def test_what_is_over_the_objective_and_does_not_rise_is_no_breach() -> None:
    """Or does not rise quickly enough; that it is over the objective can be seen."""
    program = Program(Objective(channel="*", objective_ms=500, rise_ms_per_minute=900))
    for minute in range(3):  # rises by 300 ms per minute
        program.run(60, QUICK + 300 * (minute + 1))

    assert ["closed"] == program.states
    assert bound_ns(bucket_of(905 * MS)) == program.view.p999_ns["short"]


def test_nothing_is_said_to_rise_before_a_fifth_of_the_long_window_was_seen() -> None:
    """A minute: who is too slow from the beginning is breached then, because an empty window stood at nothing."""
    program = Program()
    waited_s = program.until("open", SLOW)

    assert 60 <= waited_s <= 61.1


def test_it_is_half_open_after_the_cool_down_and_open_again_at_the_next_hit(kept: Program) -> None:
    """While it stays slow it is looked at once a minute; that is one breach all the time."""
    kept.until("open", SLOW)
    assert 59.8 <= kept.until("half-open", SLOW) <= 60.2
    assert 0 == kept.until("open", SLOW)
    kept.until("half-open", SLOW)
    kept.step(SLOW)

    (found,) = kept.finder.find(snapshot(), ())
    assert (1, 2) == (found.count, found.facts["opened_again"])
    assert ["closed", "open", "half-open", "open", "half-open", "open"] == kept.states


def test_it_is_closed_after_so_many_steps_on_probation_without_a_hit(kept: Program) -> None:
    """A hundred by default: ten seconds; what was slow has left the short window during the cool-down."""
    kept.until("open", SLOW)
    kept.until("half-open", QUICK)
    assert 9.8 <= kept.until("closed", QUICK) <= 10
    assert [] == kept.finder.find(snapshot(), ())


def test_a_breach_after_another_counts_as_one_more() -> None:
    """With windows and times shortened as for a test."""
    program = Program(
        Objective(channel="*", short_window_s=1, long_window_s=5, long_step_s=0.5, cool_down_s=1, close_steps=5)
    )
    program.run(5, QUICK, number=200)
    for _ in range(2):
        program.until("open", SLOW, number=200)
        program.until("half-open", QUICK, number=200)
        program.until("closed", QUICK, number=200)
        program.run(5, QUICK, number=200)
    program.until("open", SLOW, number=200)

    assert 3 == program.finder.find(snapshot(), ())[0].count


def test_too_few_samples_are_said(kept: Program) -> None:
    """After 35 s with ten blocks a second the short window has 300: that is no P99.9, and the number is there."""
    kept.run(35, QUICK, number=1)

    assert None is kept.view.p999_ns["short"]
    assert 300 == kept.view.samples["short"]
    assert bound_ns(bucket_of(5 * MS)) == kept.view.p999_ns["long"]


def test_two_slow_ones_of_few_samples_are_no_breach_and_three_are() -> None:
    """Two in a few hundred may be chance where one in a thousand is allowed."""
    for slow, expected in ((2, ["closed"]), (3, ["closed", "open"])):
        program = Program()
        program.run(120, QUICK, number=1)
        program.step(SLOW, number=slow)
        program.run(25, QUICK, number=1)

        assert expected == program.states


def test_those_that_still_wait_count_with_the_time_that_they_have_waited(kept: Program) -> None:
    """Fifty goroutines that are stuck break the objective long before any of them is done."""
    for tenth in range(30):
        kept.step(QUICK, number=20, waiting_ms=[100 * tenth] * 50)

    assert "open" == kept.view.state
    assert bound_ns(bucket_of(2900 * MS)) == kept.view.p999_ns["short"]
    assert 6000 + 50 == kept.view.samples["short"]


def test_a_select_counts_where_something_has_come(kept: Program) -> None:
    """Of all the channels that it waits on: where nothing has ended, nobody knows that it waits for that."""
    in_selects = np.full(50, 2 * SECOND)
    kept.finder.step(kept.at, [Reading(KEY, "make", RULE, perhaps_ns=in_selects)])
    assert 6000 - 20 + 50 == kept.view.samples["short"]

    other = Program()
    for _ in range(700):
        other.finder.step(other.at, [Reading(KEY, "make", RULE, perhaps_ns=in_selects)])
        other.at += STEP
    assert ("closed", {"short": 0, "long": 0}) == (other.view.state, other.view.samples)


def test_a_reader_that_is_late_makes_one_step_of_what_it_finds(kept: Program) -> None:
    """Half a second late is one hit, not five, and the gap is counted."""
    slow = [Reading(KEY, "make", RULE, [(bucket_of(SLOW * MS), 1000)])]
    for _ in range(2):
        kept.at += 4 * STEP
        kept.finder.step(kept.at, slow)
        kept.at += STEP
        assert "closed" == kept.view.state
    kept.until("open", SLOW, most_s=2)

    (found,) = kept.finder.find(snapshot(), ())
    assert 8 == found.facts["steps_missed"]


def test_two_readings_in_one_step_are_one_step(kept: Program) -> None:
    """Whoever reads more often than the step is long finds no more hits."""
    for part in range(9):
        kept.finder.step(kept.at + part * STEP // 10, [Reading(KEY, "make", RULE, [(bucket_of(SLOW * MS), 100)])])

    assert "closed" == kept.view.state


def test_an_objective_that_cannot_be_read_is_not_shown_and_goes_on_where_it_was(kept: Program) -> None:
    """The probes may be off for a while: nothing is said then, and nothing is taken for kept."""
    kept.until("open", SLOW)
    kept.finder.step(kept.at, [])

    assert ((), []) == (kept.finder.views(), kept.finder.find(snapshot(), ()))
    kept.at += 20 * SECOND
    assert "open" == kept.step(QUICK)
    kept.finder.step(kept.at + 400 * SECOND, [])
    kept.at += 401 * SECOND
    assert "closed" == kept.step(QUICK)


def test_other_settings_begin_anew(kept: Program) -> None:
    """What was asked before says nothing about what is asked now."""
    kept.until("open", SLOW)
    kept.rule = Objective(channel="*main.go:41", objective_ms=900)

    assert "closed" == kept.step(SLOW)
    assert {"short": 1, "long": 1} == kept.view.samples


def test_a_breach_says_who_waits_where_how_long_and_what_is_allowed(kept: Program) -> None:
    """With the place of the slowest wait, and who started one that waits now."""
    kept.until("open", SLOW)
    kept.run(10, SLOW)
    spans = (block_span(channel=KEY.channel),)
    now = snapshot([channel()], spans=spans, blocked=(blocked(7, 1.0), blocked(8, 2.0, operation="recv")))

    (found,) = kept.finder.find(now, ())

    assert ("F11", "critical", KEY.channel, WORKER, CALLER, 1) == (
        *(found.id, found.severity, found.channel, found.site, found.created_by, found.count),
    )
    assert (
        "senders on channel main.work main.go:41 (chan int), at main.worker main.go:57 wait too long: P99.9 of the "
        "last 30 s is 1.01 s, of 6000 waits; the objective is 800 ms; breached 10 s ago"
    ) == found.sentence
    assert Age(10 * SECOND, False) == Age(found.oldest_ns, found.oldest_at_least)


def test_a_breach_on_probation_is_a_warning(kept: Program) -> None:
    """It was breached a short time ago, and is looked at closely."""
    kept.until("open", SLOW)
    kept.until("half-open", QUICK)

    (found,) = kept.finder.find(snapshot(), ())
    assert "warning" == found.severity
    assert (
        "senders on channel main.work main.go:41 are on probation after they waited too long: P99.9 of the last 30 s "
        "is 5.24 ms, of 6000 waits; the objective is 800 ms; breached 1 min ago"
    ) == found.sentence


def test_without_objectives_nothing_is_shown() -> None:
    """Whatever else there is."""
    finders = Finders(Findings())

    assert () == finders.assess(snapshot([channel()])).objectives
    assert [] == [found for found in finders.assess(snapshot([channel()])).findings if found.id == "F11"]


def test_views_are_part_of_the_assessment() -> None:
    """Of every objective that is read, in order of names."""
    finders = Finders(Findings())
    keys = [Key("b", "recv"), Key("a", "send"), Key("b", "send")]
    finders.objectives.step(SECOND, [Reading(key, "make", RULE) for key in keys])

    shown = [(view.channel, view.operation) for view in finders.assess(snapshot()).objectives]
    assert [("a", "send"), ("b", "recv"), ("b", "send")] == shown
