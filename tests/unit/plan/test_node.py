"""The budget of all programs together: many that are cheap enough each may be too dear together."""

from __future__ import annotations

from otelchan.plan.governor import SAVINGS_SECONDS, SECOND
from otelchan.plan.node import Costs, NodeGovernor, NodeVerdict
from otelchan.plan.types import Extra, Part, Plane

T0 = 1_000 * SECOND
MS = 1_000_000


def after_seconds(node: NodeGovernor, costs: Costs, seconds: int, start: int = T0) -> list[NodeVerdict]:
    """What is given up while the programs cost so much every second; what was given up costs nothing more."""
    left = {target: dict(planes) for target, planes in costs.items()}
    verdicts = []
    for second in range(seconds):
        verdict = node.judge(left, start + second * SECOND)
        if verdict:
            del left[verdict.target][verdict.part]
            verdicts.append(verdict)
    return verdicts


def test_what_is_under_the_budget_stays() -> None:
    """Five programs at 1.9 % of a core each are 9.5 %."""
    assert [] == after_seconds(NodeGovernor(0.1), {n: {Plane.WAITS: 19 * MS} for n in range(5)}, 600)


def test_the_dearest_program_gives_up_first() -> None:
    """Four at 2.5 % and one at 2.9 % are over 10 %: one of them has to do with less, and then it is enough."""
    costs: dict[int, dict[Part, int]] = {
        n: {Plane.MAKES: 0, Plane.WAITS: 10 * MS, Plane.OPERATIONS: 15 * MS} for n in range(5)
    }
    costs[3][Plane.OPERATIONS] = 19 * MS
    (verdict,) = after_seconds(NodeGovernor(0.12), costs, 600)
    assert (3, Plane.OPERATIONS) == (verdict.target, verdict.part)
    assert verdict.reason == (
        "probes in all programs cost 12.9% of a core, in this one most, the budget of the node is 12.0%"
    )


def test_it_goes_on_until_the_rest_fits() -> None:
    """Ten programs at 3 % and room for 10 %: seven planes go, each time of one that costs most."""
    verdicts = after_seconds(NodeGovernor(0.1), {n: {Plane.WAITS: 30 * MS} for n in range(10)}, 600)
    assert 7 == len({verdict.target for verdict in verdicts}) == len(verdicts)


def test_a_burst_is_paid_from_savings() -> None:
    """Nine tenths of five seconds' worth in one go; once more right after it is too much."""
    node = NodeGovernor(0.1)
    node.judge({}, T0)
    burst: Costs = {1: {Plane.WAITS: int(0.9 * SAVINGS_SECONDS * 0.1 * SECOND)}}
    assert node.judge(burst, T0 + SECOND) is None
    assert node.judge(burst, T0 + 2 * SECOND) is not None


def test_without_a_budget_nothing_is_given_up() -> None:
    """And there is always room."""
    node = NodeGovernor(None)
    assert [] == after_seconds(node, {1: {Plane.WAITS: 900 * MS}}, 60)
    assert node.has_room(2, Plane.WAITS)


def test_a_plane_is_tried_again_when_what_it_cost_fits_in() -> None:
    """Not before: it would take another one's place, and so on in turn."""
    node = NodeGovernor(0.1)
    costs: Costs = {n: {Plane.WAITS: 30 * MS} for n in range(4)}
    (verdict,) = after_seconds(node, costs, 60)
    rest: Costs = {n: planes if n != verdict.target else {} for n, planes in costs.items()}
    node.judge(rest, T0 + 60 * SECOND)
    assert not node.has_room(verdict.target, Plane.WAITS)
    assert node.has_room(verdict.target, Plane.MAKES)
    quieter: Costs = {n: {plane: cost // 2 for plane, cost in planes.items()} for n, planes in rest.items()}
    for second in range(61, 70):
        node.judge(quieter, T0 + second * SECOND)
    assert node.has_room(verdict.target, Plane.WAITS)


def test_a_plane_is_tried_again_when_slices_say_that_it_fits_in_now() -> None:
    """Whatever it cost when it was given up: the program may have less to do since. Nor is one tried that would be too
    dear, though it never was here."""
    node = NodeGovernor(0.1)
    costs: Costs = {n: {Plane.WAITS: 30 * MS} for n in range(4)}
    (verdict,) = after_seconds(node, costs, 60)
    node.judge(
        {n: planes for n, planes in costs.items() if n != verdict.target} | {verdict.target: {}}, T0 + 60 * SECOND
    )

    assert not node.has_room(verdict.target, Plane.WAITS)
    assert node.has_room(verdict.target, Plane.WAITS, heard=0.001)
    assert node.has_room(verdict.target, Plane.OPERATIONS)
    assert not node.has_room(verdict.target, Plane.OPERATIONS, heard=0.03)


def test_another_program_under_the_same_id_is_another_one() -> None:
    """What the one before it cost is forgotten with it."""
    node = NodeGovernor(0.1)
    (verdict,) = after_seconds(node, {n: {Plane.WAITS: 30 * MS} for n in range(4)}, 60)
    others: Costs = {n: {Plane.WAITS: 30 * MS} for n in range(4) if n != verdict.target}
    node.judge(others, T0 + 61 * SECOND)
    assert node.has_room(verdict.target, Plane.WAITS)


def test_another_budget_takes_effect_at_once() -> None:
    """With the savings that belong to it."""
    node = NodeGovernor(None)
    costs: Costs = {1: {Plane.WAITS: 30 * MS}}
    assert [] == after_seconds(node, costs, 60)
    assert not node.change_budget(0.02)
    assert 1 == len(after_seconds(node, costs, 60, T0 + 60 * SECOND))
    assert [False, True, True] == [node.change_budget(budget) for budget in (0.02, 0.03, None)]


def test_slices_share_what_the_planes_leave() -> None:
    """Three programs that are counted in slices have a third each of what is left of 10 %."""
    node = NodeGovernor(0.1)
    costs: dict[int, dict[Part, int]] = {n: {Plane.MAKES: 10 * MS} for n in range(4)}
    for n in range(3):
        costs[n][Extra.SLICES] = 5 * MS
    for second in range(60):
        assert node.judge(costs, T0 + second * SECOND) is None

    assert 0.02 == round(node.slices_room(), 4)
    assert float("inf") == NodeGovernor(None).slices_room()


def test_the_order_of_giving_up_is_that_of_one_program() -> None:
    """Stacks, which cost nothing of their own, go before operations; slices go last."""
    mine: dict[Part, int] = {part: 30 * MS for part in (Extra.SLICES, Plane.MAKES, Plane.WAITS, Plane.OPERATIONS)}
    verdicts = after_seconds(NodeGovernor(0.001), {1: {**mine, Extra.STACKS: 0}}, 600)

    expected = [Extra.STACKS, Plane.OPERATIONS, Plane.WAITS, Plane.MAKES, Extra.SLICES]
    assert expected == [verdict.part for verdict in verdicts]
