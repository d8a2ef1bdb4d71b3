"""The budget: planes stay while they are cheap, and go in the stated order when they are not."""

from otelchan.plan.governor import FIRST_PAUSE_NS, LONG_TRIAL_NS, SECOND, TRIAL_NS, Governor
from otelchan.plan.types import Plane

T0 = 1_000 * SECOND


def governor_with(*planes: Plane, budget: float | None = 0.03) -> Governor:
    """A governor whose planes have passed their trials at T0 + 1 s."""
    governor = Governor(budget)
    for plane in planes:
        governor.on_attach(plane, T0)
    governor.judge({}, T0 + TRIAL_NS)
    governor.judge({}, T0 + SECOND)
    return governor


def test_a_cheap_plane_passes_its_trial() -> None:
    """Under the budget at the end of the trial: kept, and the next plane may be tried."""
    governor = Governor(0.03)
    governor.on_attach(Plane.WAITS, T0)

    assert governor.on_trial()
    assert governor.judge({Plane.WAITS: int(0.02 * TRIAL_NS)}, T0 + TRIAL_NS) is None
    assert not governor.on_trial()


def test_a_dear_plane_goes_as_soon_as_its_trial_cost_a_seconds_budget() -> None:
    """30 ms of probe time are a whole second's budget at 3 %: no need to wait for the end of the trial."""
    governor = Governor(0.03)
    governor.on_attach(Plane.OPERATIONS, T0)

    verdict = governor.judge({Plane.OPERATIONS: 31_000_000}, T0 + 32_000_000)

    assert verdict is not None
    assert (verdict.plane, round(verdict.share, 2)) == (Plane.OPERATIONS, 0.97)


def test_a_burst_during_the_trial_prolongs_it() -> None:
    """5 % in the first 50 ms does not decide; under 3 % over the second does."""
    governor = Governor(0.03)
    governor.on_attach(Plane.WAITS, T0)

    assert governor.judge({Plane.WAITS: TRIAL_NS // 20}, T0 + TRIAL_NS) is None
    assert governor.on_trial()
    assert governor.judge({}, T0 + 2 * TRIAL_NS) is None
    assert not governor.on_trial()


def test_a_plane_that_stays_over_the_budget_for_a_second_goes() -> None:
    """4 % for up to a second of trial is over a budget of 3 %."""
    governor = Governor(0.03)
    governor.on_attach(Plane.WAITS, T0)
    verdicts = [
        governor.judge({Plane.WAITS: int(0.04 * TRIAL_NS)}, T0 + n * TRIAL_NS)
        for n in range(1, LONG_TRIAL_NS // TRIAL_NS + 1)
    ]

    assert next(verdict.plane for verdict in verdicts if verdict) == Plane.WAITS


def test_a_short_burst_is_paid_from_savings() -> None:
    """100 ms of probe time in one go is under five seconds' worth of 3 %: nothing is detached."""
    governor = governor_with(Plane.MAKES, Plane.WAITS, Plane.OPERATIONS)

    assert governor.judge({Plane.OPERATIONS: 100_000_000}, T0 + 2 * SECOND) is None


def test_operations_are_given_up_before_waits_and_waits_before_makes() -> None:
    """A load that stays takes one plane after the other, dearest first."""
    governor = governor_with(Plane.MAKES, Plane.WAITS, Plane.OPERATIONS)
    given_up = []
    for step in range(1, 200):
        now = T0 + SECOND + step * SECOND // 10
        verdict = governor.judge(dict.fromkeys(governor.attached, 50_000_000), now)
        if verdict:
            governor.on_detach(verdict.plane, now)
            given_up.append(verdict.plane)
        if not governor.attached:
            break

    assert given_up == [Plane.OPERATIONS, Plane.WAITS, Plane.MAKES]


def test_hits_that_come_after_the_last_plane_has_gone_are_no_reason_to_give_up_more() -> None:
    """What was hit just before a detach is charged after it, when there may be nothing left to detach."""
    governor = Governor(0.03)
    governor.on_attach(Plane.WAITS, T0)
    assert governor.judge({Plane.WAITS: 31_000_000}, T0 + 32_000_000)
    governor.on_detach(Plane.WAITS, T0 + 32_000_000)

    assert governor.judge({Plane.WAITS: 10 * SECOND}, T0 + 52_000_000) is None


def test_no_other_plane_goes_for_what_one_cost_while_it_was_taken_out() -> None:
    """Half a second of probes that are taken out one after the other is charged, to nobody who is still there."""
    governor = governor_with(Plane.MAKES, Plane.WAITS)
    governor.on_detach(Plane.WAITS, T0 + SECOND)

    assert governor.judge({Plane.WAITS: SECOND // 2, Plane.MAKES: 1_000_000}, T0 + 3 * SECOND // 2) is None
    assert governor.share > 0.03
    assert governor.savings_ns < 0


def test_without_a_budget_nothing_is_given_up() -> None:
    """For measurements the budget can be off."""
    governor = governor_with(Plane.OPERATIONS, budget=None)

    assert governor.judge({Plane.OPERATIONS: 10 * SECOND}, T0 + 2 * SECOND) is None


def test_a_plane_that_was_given_up_is_tried_again_after_pauses_that_double() -> None:
    """First after 15 s, then after 30 s."""
    governor = governor_with(Plane.WAITS)
    governor.on_detach(Plane.WAITS, T0)

    assert not governor.wanted(Plane.WAITS, T0 + FIRST_PAUSE_NS - 1)
    assert governor.wanted(Plane.WAITS, T0 + FIRST_PAUSE_NS)

    governor.on_attach(Plane.WAITS, T0 + FIRST_PAUSE_NS)
    governor.on_detach(Plane.WAITS, T0 + FIRST_PAUSE_NS)

    assert not governor.wanted(Plane.WAITS, T0 + 3 * FIRST_PAUSE_NS - 1)
    assert governor.wanted(Plane.WAITS, T0 + 3 * FIRST_PAUSE_NS)


def test_no_plane_is_tried_while_another_one_is_on_trial() -> None:
    """What a trial measures must be one plane's doing."""
    governor = Governor(0.03)
    governor.on_attach(Plane.WAITS, T0)

    assert not governor.wanted(Plane.OPERATIONS, T0 + 1)


def test_a_smaller_budget_takes_effect_at_once() -> None:
    """What was cheap enough is not any more: savings of the larger budget are gone, and the dearest plane goes."""
    governor = governor_with(Plane.WAITS, Plane.OPERATIONS)
    assert governor.judge({Plane.OPERATIONS: 25_000_000}, T0 + 2 * SECOND) is None

    governor.change_budget(0.001)
    verdict = governor.judge({Plane.OPERATIONS: 25_000_000}, T0 + 3 * SECOND)

    assert verdict is not None
    assert verdict.plane == Plane.OPERATIONS
    assert verdict.reason == "probes cost 2.5% of a core, the budget is 0.1%"


def test_with_a_larger_budget_what_was_given_up_is_tried_at_once() -> None:
    """Without the rest of its pause, and the next pause is a first one again. A smaller budget changes no pause."""
    for budget, again in ((0.05, True), (None, True), (0.02, False)):
        governor = governor_with(Plane.WAITS)
        governor.on_detach(Plane.WAITS, T0)
        governor.on_attach(Plane.WAITS, T0 + FIRST_PAUSE_NS)
        governor.on_detach(Plane.WAITS, T0 + FIRST_PAUSE_NS)

        governor.change_budget(budget)

        assert governor.wanted(Plane.WAITS, T0 + FIRST_PAUSE_NS) is again
        if again:
            governor.on_attach(Plane.WAITS, T0 + FIRST_PAUSE_NS)
            governor.on_detach(Plane.WAITS, T0 + FIRST_PAUSE_NS)
            assert governor.wanted(Plane.WAITS, T0 + 2 * FIRST_PAUSE_NS)


def test_a_budget_can_be_set_where_there_was_none() -> None:
    """From then on there are savings of it, and what costs more than those goes."""
    governor = governor_with(Plane.WAITS, budget=None)
    assert governor.judge({Plane.WAITS: SECOND}, T0 + 2 * SECOND) is None

    governor.change_budget(0.03)

    assert governor.judge({Plane.WAITS: 100_000_000}, T0 + 3 * SECOND) is None  # from the savings
    assert governor.judge({Plane.WAITS: 100_000_000}, T0 + 4 * SECOND) is not None


def test_a_plane_that_was_lost_through_no_fault_of_its_own_is_tried_again_at_once() -> None:
    """Its pause is not that of one that was too dear."""
    governor = governor_with(Plane.MAKES, Plane.WAITS)

    governor.on_loss(Plane.WAITS)

    assert governor.attached == {Plane.MAKES}
    assert governor.wanted(Plane.WAITS, T0 + SECOND)
