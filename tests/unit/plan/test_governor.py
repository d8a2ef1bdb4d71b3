"""The budget: planes stay while they are cheap, and go in the stated order when they are not."""

from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.governor import FIRST_PAUSE_NS, LONG_TRIAL_NS, LONGEST_PAUSE_NS, SECOND, TRIAL_NS, Governor
from otelchan.plan.types import Extra, Plane

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
    assert (verdict.part, round(verdict.share, 2)) == (Plane.OPERATIONS, 0.97)


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

    assert next(verdict.part for verdict in verdicts if verdict) == Plane.WAITS


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
            governor.on_detach(verdict.part, now)
            given_up.append(verdict.part)
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
    assert verdict.part == Plane.OPERATIONS
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


def test_stacks_are_given_up_before_operations_and_after_polls() -> None:
    """The stated order, down to the census alone; slices last of all are never given up for what planes cost."""
    governor = governor_with(*PLANE_ORDER)
    governor.on_attach(Extra.STACKS, T0)
    given_up = []
    for step in range(1, 300):
        now = T0 + SECOND + step * SECOND // 10
        verdict = governor.judge(dict.fromkeys(PLANE_ORDER, 50_000_000), now)
        if verdict:
            governor.on_detach(verdict.part, now)
            given_up.append(verdict.part)

    assert given_up == [Plane.POLLS, Extra.STACKS, Plane.OPERATIONS, Plane.WAITS, Plane.MAKES]


def test_stacks_go_before_a_plane_that_would_fit_without_them() -> None:
    """3.2 % of a core in the trial of operations are 2.9 % without stacks: then it is on trial again, without them."""
    for share, given_up in ((0.032, Extra.STACKS), (0.04, Plane.OPERATIONS)):
        governor = governor_with(Plane.WAITS)
        governor.on_attach(Extra.STACKS, T0)
        governor.on_attach(Plane.OPERATIONS, T0 + SECOND)
        verdicts = (
            governor.judge({Plane.OPERATIONS: int(share * TRIAL_NS)}, T0 + SECOND + n * TRIAL_NS)
            for n in range(1, LONG_TRIAL_NS // TRIAL_NS + 1)
        )
        assert next(verdict.part for verdict in verdicts if verdict) == given_up
        assert governor.trials() == {Plane.OPERATIONS}


def test_stacks_are_kept_where_there_are_none_to_walk() -> None:
    """Without waits and operations nothing is saved by doing without stacks."""
    governor = governor_with(Plane.MAKES)
    governor.on_attach(Extra.STACKS, T0)

    verdict = governor.judge({Plane.MAKES: SECOND}, T0 + 2 * SECOND)

    assert verdict is not None
    assert verdict.part == Plane.MAKES


def test_what_the_node_gives_up_may_be_what_was_there_from_the_beginning() -> None:
    """The kernel side reads stacks before anybody has decided that it should: they can go all the same, and come
    back after their pause."""
    governor = governor_with(Plane.WAITS)

    governor.on_detach(Extra.STACKS, T0 + SECOND)

    assert not governor.wanted(Extra.STACKS, T0 + SECOND)
    assert governor.wanted(Extra.STACKS, T0 + SECOND + FIRST_PAUSE_NS)


def test_stacks_come_back_when_there_is_room_for_them() -> None:
    """After their pause, and only while little is spent, because every hit is dearer with them."""
    governor = governor_with(Plane.WAITS)
    governor.on_attach(Extra.STACKS, T0)
    governor.on_detach(Extra.STACKS, T0)
    now = T0 + 2 * FIRST_PAUSE_NS
    for share, wanted in ((0.025, False), (0.01, True)):
        for _ in range(10):
            now += SECOND
            governor.judge({Plane.WAITS: int(share * SECOND)}, now)
        assert governor.wanted(Extra.STACKS, now) is wanted


def test_slices_are_paid_from_the_same_bucket_and_no_plane_goes_for_them() -> None:
    """The next slice waits until there are savings again; what is left to planes does not shrink."""
    governor = governor_with(Plane.MAKES)
    governor.on_attach(Extra.SLICES, T0)

    assert governor.judge({Extra.SLICES: SECOND}, T0 + 2 * SECOND) is None

    assert governor.savings_ns < 0
    assert round(governor.share, 2) == 1.0
    assert governor.room() == 0.03


def test_a_plane_comes_back_at_once_when_slices_say_that_it_fits() -> None:
    """Long before its pause is over; and what slices say counts also when the pause is over."""
    for share, back in ((0.001, True), (0.5, False)):
        governor = governor_with(Plane.WAITS)
        governor.on_detach(Plane.WAITS, T0 + SECOND)
        now = T0 + SECOND
        for _ in range(5):
            now += SECOND
            governor.hear({Plane.WAITS: share}, now)
        assert governor.wanted(Plane.WAITS, now) is back
        assert now < T0 + FIRST_PAUSE_NS
        assert governor.wanted(Plane.WAITS, now + 60 * SECOND) is back


def test_what_slices_say_that_a_plane_would_cost_can_be_asked_for() -> None:
    """In the mean, once there are a few; nothing of what slices do not tell about."""
    governor = governor_with(Plane.WAITS)
    governor.on_detach(Plane.WAITS, T0 + SECOND)
    assert governor.heard(Plane.WAITS, T0 + SECOND) is None
    for share in (0.01, 0.02, 0.06):
        governor.hear({Plane.WAITS: share}, T0 + 2 * SECOND)

    assert round(governor.heard(Plane.WAITS, T0 + 2 * SECOND) or 0.0, 6) == 0.03
    assert governor.heard(Plane.POLLS, T0 + 2 * SECOND) is None


def test_a_plane_that_was_never_tried_waits_for_what_slices_say() -> None:
    """Operations are not tried when waits come back, if they are known to be too dear."""
    governor = governor_with(Plane.WAITS)
    for second in range(5):
        governor.hear({Plane.WAITS: 0.9, Plane.OPERATIONS: 0.9}, T0 + second * SECOND)

    assert not governor.wanted(Plane.OPERATIONS, T0 + 5 * SECOND)


def test_what_stayed_for_ten_minutes_begins_with_the_shortest_pause_again() -> None:
    """A bad quarter of an hour in the morning is no reason to wait for ten minutes in the evening."""
    governor = governor_with(Plane.WAITS)
    now = T0 + SECOND
    for _ in range(6):
        governor.on_detach(Plane.WAITS, now)
        now += LONGEST_PAUSE_NS
        governor.on_attach(Plane.WAITS, now)
    assert not governor.wanted(Plane.WAITS, now)
    now += LONGEST_PAUSE_NS

    governor.judge({}, now)
    governor.on_detach(Plane.WAITS, now)

    assert governor.wanted(Plane.WAITS, now + FIRST_PAUSE_NS)


def test_no_plane_flaps() -> None:
    """Whatever the rhythm of a program that is busy and idle in turns: in an hour a plane goes fifteen times at most,
    and with slices or without, what it costs stays within the budget."""
    for period_s in (1, 3, 20, 100, 700):
        for sliced in (False, True):
            detached, spent_ns = an_hour(period_s, sliced)
            assert 0 < detached <= 15, (period_s, sliced)
            assert spent_ns <= 0.03 * 3600 * SECOND, (period_s, sliced)


def an_hour(period_s: float, sliced: bool) -> tuple[int, int]:
    """How often a plane was given up, and what it cost, of a program that costs half a core when it is busy, half
    of the time. sliced: there is a slice a second, too."""
    governor, tick = Governor(0.03), SECOND // 4
    detached = spent = 0
    for number in range(3600 * 4):
        now = T0 + number * tick
        busy = (number * tick / SECOND) % period_s < period_s / 2
        attached = Plane.WAITS in governor.attached
        cost = tick // 2 if busy and attached else 0
        spent += cost
        verdict = governor.judge({Plane.WAITS: cost}, now) if number else None
        if verdict:
            governor.on_detach(verdict.part, now)
            detached += 1
        if sliced and number % 4 == 1 and not attached:
            governor.hear({Plane.WAITS: 0.5 if busy else 0.0}, now)
        if governor.wanted(Plane.WAITS, now):
            governor.on_attach(Plane.WAITS, now)
    return detached, spent
