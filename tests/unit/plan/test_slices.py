"""When slices are taken, how long they count, and that they stay within what they may cost."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from otelchan.plan.slices import (
    FIRST_GATE_NS,
    LONGEST_GATE_NS,
    SECOND,
    SHORTEST_GATE_NS,
    SHORTEST_INTERVAL_NS,
    Schedule,
    sample_every_ns,
)

T0 = 1_000 * SECOND


def taken(allowed: float, density: float, around_ns: int, seconds: int = 600) -> tuple[list[int], float, Schedule]:
    """When slices began, and what they cost in all, of a program whose traps take such a share of the time that they
    are in. around_ns: probe time outside of the gates."""
    schedule = Schedule(Random(1))
    schedule.begin(T0)
    begun, spent = [], 0.0
    now = T0
    while now < T0 + seconds * SECOND:
        shot = schedule.next(allowed)
        assert shot is not None
        now = max(shot.at_ns, now)
        schedule.started(now)
        in_gate = density * shot.gate_ns
        schedule.ended(in_gate + around_ns, in_gate, shot.gate_ns)
        begun.append(now)
        spent += in_gate + around_ns
    return begun, spent, schedule


@pytest.mark.parametrize("allowed", [0.001, 0.006, 0.018])
@pytest.mark.parametrize("density", [0.05, 1.0, 16.0])
@pytest.mark.parametrize("around_ms", [0.1, 1, 6])
def test_slices_stay_within_what_they_may_cost(allowed: float, density: float, around_ms: float) -> None:
    """Over ten minutes, whatever the program and the budget: a tenth more at most."""
    around_ns = int(around_ms * 1_000_000)
    _, spent, schedule = taken(allowed, density, around_ns)

    assert schedule.affords(allowed, before=False)
    assert spent <= 1.1 * allowed * 600 * SECOND


def test_there_is_about_one_a_second_when_the_budget_pays_it() -> None:
    """With gates as long as it pays: 6 ms of probe time are 3 around and 3 within."""
    begun, _, schedule = taken(0.006, 1.0, 3_000_000, seconds=100)

    assert 95 <= len(begun) <= 105
    assert schedule.gate_ns(0.006) == 3_000_000


def test_gates_have_bounds() -> None:
    """A millisecond at first, 10 ms for what costs nothing, half a millisecond for what costs very much."""
    schedule = Schedule(Random(1))
    assert schedule.gate_ns(0.03) == FIRST_GATE_NS
    schedule.ended(0, 0, FIRST_GATE_NS)
    assert schedule.gate_ns(0.03) == LONGEST_GATE_NS
    for _ in range(50):
        schedule.ended(100.0 * FIRST_GATE_NS, 100.0 * FIRST_GATE_NS, FIRST_GATE_NS)
    assert schedule.gate_ns(0.0001) == SHORTEST_GATE_NS


def test_where_going_in_and_out_is_dear_a_gate_is_as_dear_as_that() -> None:
    """Rather than many slices that count nothing."""
    _, _, schedule = taken(0.002, 1.0, 5_000_000, seconds=100)

    assert schedule.gate_ns(0.002) == 5_000_000
    assert schedule.interval_ns(0.002) == pytest.approx(5 * SECOND)


def test_slices_come_at_no_steady_beat() -> None:
    """The times between them spread from a half to one and a half of their mean, so that none is twice the same."""
    begun, _, _ = taken(0.018, 0.1, 100_000)
    gaps = [later - earlier for earlier, later in pairwise(begun)]

    assert min(gaps) < 0.6 * SHORTEST_INTERVAL_NS
    assert max(gaps) > 1.4 * SHORTEST_INTERVAL_NS
    phases = [at % (SECOND // 10) for at in begun]
    tenths = [sum(phase * 10 // (SECOND // 10) == tenth for phase in phases) for tenth in range(10)]
    assert min(tenths) > len(begun) / 20  # a tenth each, of a program that does the same ten times a second


def test_a_budget_that_does_not_pay_one_a_minute_has_none() -> None:
    """And where there were some, they go on down to one in two minutes, or they would come and go."""
    schedule = Schedule(Random(1))
    schedule.expect(1.0)  # 1 ms of gate and 3 ms around it
    one_a_minute = 0.004 / 60

    assert schedule.affords(one_a_minute * 1.01, before=False)
    assert not schedule.affords(one_a_minute * 0.99, before=False)
    assert schedule.affords(one_a_minute * 0.51, before=True)
    assert not schedule.affords(one_a_minute * 0.49, before=True)
    assert not schedule.affords(0.0, before=True)
    assert schedule.next(0.0) is None


def test_what_a_trial_cost_is_believed_until_there_was_a_slice() -> None:
    """A program with sixteen busy threads pays sixteen times as much, from the first slice on."""
    schedule = Schedule(Random(1))
    schedule.expect(16.0)
    assert schedule.cost_ns(FIRST_GATE_NS) == 16 * 4_000_000

    schedule.ended(5_000_000, 1_000_000, FIRST_GATE_NS)
    schedule.expect(16.0)

    assert schedule.cost_ns(FIRST_GATE_NS) == 5_000_000


@pytest.mark.parametrize("allowed", [0.0006, 0.006, 0.018])
@pytest.mark.parametrize("processors", [1, 2, 64])
def test_samples_are_a_sixth_of_what_slices_may_take_however_many_processors_are_busy(
    allowed: float, processors: int
) -> None:
    """At 15 us each; on many processors they would cost more than the whole budget."""
    a_second = processors * SECOND / sample_every_ns(allowed, processors)

    assert a_second * 15_000 / SECOND == pytest.approx(allowed / 6, rel=0.03)
