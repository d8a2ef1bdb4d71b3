"""How long traps take to come and go."""

from otelchan.plan.planner import make_plan
from otelchan.plan.timing import timing
from tests.support.images import go_image


def test_a_multi_link_holds_a_plane_and_a_perf_link_one_site() -> None:
    """Four planes with eighteen sites; perf links are much slower to go."""
    plan = make_plan(go_image(), 1, "/proc/1/exe")
    multi, perf = timing(plan, "multi"), timing(plan, "perf")

    assert (multi.links, perf.links) == (4, 18)
    assert multi.detach_ns == 240_000_000
    assert perf.detach_ns == 1_908_000_000
