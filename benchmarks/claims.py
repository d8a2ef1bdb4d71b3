"""The ratios that goals are about: two things in alternating windows of one run, nothing else in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.loads import BUFFERED, HANDOFF, Load
from benchmarks.probing import Bench
from benchmarks.rounds import Effort, Progress, measure
from benchmarks.stats import Spread, ratios
from benchmarks.variants import BARE, CALLED, EMPTY, EXACT, NAIVE, RECIPE, WAITS, Variant


class Claim(NamedTuple):
    """A ratio of two variants within rounds of these two, with a key of its own in docs/overhead.json.

    allowed: at most, or with at_least at least; None: it is only reported. aim: what would be better still.
    times: windows are so many times as long, where a few hundred microseconds of attaching would be seen in the figure.
    """

    key: str
    name: str
    load: Load
    one: Variant
    other: Variant
    allowed: float | None = None
    aim: float | None = None
    at_least: bool = False
    times: float = 1.0


_TRAPS = "exact counting, times two empty traps at the same sites"
_RECIPE = "entry and return probes, times exact counting"
CLAIMS = (
    Claim("buffered_counted_vs_two_traps", f"buffered: {_TRAPS}", BUFFERED, EXACT, EMPTY, 1.4, 1.25),
    Claim("handoff_vs_two_traps", f"handoff: {_TRAPS}", HANDOFF, EXACT, EMPTY, 1.8, 1.25),
    Claim("entry_return_probes_vs_ours", f"buffered: {_RECIPE}", BUFFERED, RECIPE, EXACT, 10, 15, True),
    Claim("handoff_entry_return_probes_vs_ours", f"handoff: {_RECIPE}", HANDOFF, RECIPE, EXACT, 10, 15, True),
    Claim("naive_entry_probes_vs_ours", "buffered: naive entry probes with stacks, times exact counting",
          BUFFERED, NAIVE, EXACT, 10, 15, True),
    Claim("buffered_uncounted_vs_bare", "buffered: makes and waits attached, times no probes", BUFFERED, WAITS, BARE,
          times=4.0),
    Claim("called_entry_probes_vs_ours", "buffered: entry probes with stacks on chansend1 and chanrecv1, times exact "
          "counting", BUFFERED, CALLED, EXACT),
)  # fmt: skip


def measure_claims(
    bench: Bench, effort: Effort, programs: int, say: Progress, claims: Sequence[Claim] = CLAIMS
) -> dict[str, Spread]:
    """By key. Raises Mismatch.

    effort.rounds: of all `programs` together, that many one after the other: between programs the ratio of
    two equal things differed by up to a fifth, within one of them by much less (perhaps where its pages come to lie).
    """
    found = {}
    for claim in claims:
        each = Effort(max(1, effort.rounds // programs), effort.batch_ns * claim.times)
        one: list[float] = []
        other: list[float] = []
        for _ in range(programs):
            result = measure(bench, claim.load, (claim.one, claim.other), each, say)
            one += result.measured[claim.one.name].ns
            other += result.measured[claim.other.name].ns
        found[claim.key] = ratios(one, other)
    return found
