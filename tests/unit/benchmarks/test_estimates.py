"""What a benchmark of estimates says of its runs."""

from __future__ import annotations

from benchmarks.estimates import CASES, Figures, figures, report
from otelchan.model.types import Estimate
from tests.support.estimated import Compared, Run


def run(truth: int, value: int, lower: int, upper: int, *unseen: int) -> Figures:
    """Of ten seconds, with sends on one channel."""
    estimate = Estimate("hot", "make", "send", "ok", value, lower, upper, 0)
    return figures(CASES[0], Run((Compared(estimate, truth),), 10, 0.001, unseen), 10.0)


def test_a_run_is_as_good_as_its_worst_hot_total() -> None:
    """Twice the truth, within bounds that hold it; and half of it, beside them."""
    assert (2.0, True) == run(20_000_000, 40_000_000, 10_000_000, 80_000_000)[2:4]
    assert (0.5, False) == run(20_000_000, 10_000_000, 5_000_000, 15_000_000)[2:4]


def test_a_hot_channel_without_an_estimate_is_a_miss() -> None:
    """Nor does its run show as slower than it was. Of a slow one nothing else is promised."""
    hot = run(20_000_000, 20_000_000, 10_000_000, 40_000_000, 30_000_000)
    slow = run(20_000_000, 20_000_000, 10_000_000, 40_000_000, 500)

    assert (5_000_000, False) == (hot.rate, hot.held)
    assert (2_000_050, True) == (slow.rate, slow.held)


def test_a_bar_that_is_missed_is_said_to_be() -> None:
    """Both, each beside its figure."""
    text, good = report([run(20_000_000, 60_000_000, 10_000_000, 80_000_000)], 10.0)
    assert "(bar: 2, **not met**)" in text
    assert "(bar: 95%, met)" in text
    assert not good

    text, good = report([run(20_000_000, 30_000_000, 10_000_000, 80_000_000)], 10.0)
    assert "not met" not in text
    assert good
