"""What is looked at beside time slices."""

from __future__ import annotations

from collections import Counter

import pytest

from otelchan.beside import missing
from otelchan.kernel.cpusamples import Taken
from otelchan.model.observation import MISSING

MS = 1_000_000


@pytest.mark.parametrize(
    ("lost", "covered_ms", "expected"),
    [
        (0, 1000, {}),
        (0, 1005, {}),  # the clocks are not read at the same time
        (0, 975, {}),
        (0, 600, {MISSING: 40.0}),
        (7, 1000, {MISSING: 7}),
        (7, 600, {MISSING: 47.0}),
        (0, 0, {MISSING: 100.0}),
    ],
)
def test_samples_that_should_be_there_are_counted(lost: int, covered_ms: int, expected: dict[int, float]) -> None:
    """Of a second of processor time, one for each ten milliseconds: lost ones, and of threads without a ring."""
    assert expected == missing(Taken(Counter(), lost, covered_ms * MS), 1000 * MS, 10 * MS)


def test_a_program_that_did_nothing_misses_nothing() -> None:
    """No time, no samples."""
    assert {} == missing(Taken(Counter(), 0, 0), 0, 10 * MS)


def test_what_was_sampled_was_looked_at() -> None:
    """Also when threads ended before they could be asked, and where the kernel keeps no schedstat and says 0."""
    seen = Counter({(1,): 60, (2, 3): 40})
    assert {} == missing(Taken(seen, 0, 0), 1000 * MS, 10 * MS)
    assert {MISSING: 50.0} == missing(Taken(seen, 0, 300 * MS), 1500 * MS, 10 * MS)
