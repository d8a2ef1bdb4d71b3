"""What a sliding window shows of how long blocks lasted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otelchan.findings.objective_window import (
    BUCKETS,
    Window,
    bound_ns,
    bucket_of,
    buckets_of,
    look,
    merged,
)

MS = 1_000_000
SECOND = 1_000_000_000
STEP = 100 * MS
OBJECTIVE = 800 * MS


def counts(*durations_ms: int) -> dict[int, int]:
    """Blocks that lasted so long, by bucket."""
    return buckets_of(np.array(durations_ms, np.int64) * MS)


@given(st.integers(0, 1 << 62))
def test_a_bucket_holds_what_is_over_the_bound_before_and_not_over_its_own(duration_ns: int) -> None:
    """Its bound is too large by an eighth at most, from the shortest that is told apart to the longest."""
    bucket = bucket_of(duration_ns)

    if bucket == 0:
        assert duration_ns <= bound_ns(0) == 1024
    elif bucket == BUCKETS - 1:
        assert duration_ns > bound_ns(bucket) == bound_ns(bucket - 1) == 1 << 37
    else:
        assert bound_ns(bucket - 1) < duration_ns <= bound_ns(bucket)
        assert bound_ns(bucket) <= duration_ns * 9 / 8
    for number in (1, 1000):  # there are two ways to do it
        assert {bucket: number} == buckets_of(np.full(number, duration_ns, np.int64))


def test_many_durations_are_put_in_buckets_at_once() -> None:
    """Those of one bucket together, none for none."""
    assert {bucket_of(5 * MS): 2, bucket_of(900 * MS): 1} == counts(5, 900, 5)
    assert {} == counts()


def test_the_quantile_is_what_one_in_a_thousand_may_be_above() -> None:
    """Of 2,000 blocks two may be longer; the bound of the bucket of the third longest is said."""
    two_long = {**counts(5), bucket_of(5 * MS): 1998, bucket_of(SECOND): 2}
    three_long = {bucket_of(5 * MS): 1997, bucket_of(SECOND): 3}

    assert bound_ns(bucket_of(5 * MS)) == look(two_long, 0.999, OBJECTIVE).quantile_ns
    assert bound_ns(bucket_of(SECOND)) == look(three_long, 0.999, OBJECTIVE).quantile_ns


def test_there_are_too_few_samples_while_not_one_may_be_above() -> None:
    """999 for 0.999 and 9 for 0.9: no quantile, and the highest stands for it; with one more there is one."""
    for samples, quantile in ((1000, 0.999), (10, 0.9), (100, 0.99)):
        few, enough = ({bucket_of(5 * MS): number} for number in (samples - 1, samples))

        assert None is look(few, quantile, OBJECTIVE).quantile_ns
        assert samples - 1 == look(few, quantile, OBJECTIVE).samples
        assert bound_ns(bucket_of(5 * MS)) == look(few, quantile, OBJECTIVE).standing_ns
        assert bound_ns(bucket_of(5 * MS)) == look(enough, quantile, OBJECTIVE).quantile_ns


def test_nothing_stands_for_a_window_without_a_block() -> None:
    """No sample is no time."""
    assert (0, None, 0, 0, 0) == (*look({}, 0.999, OBJECTIVE), look({}, 0.999, OBJECTIVE).standing_ns)


def test_only_buckets_that_are_wholly_over_the_objective_are_over_it() -> None:
    """800 ms is in the bucket from 738 to 805 ms: what is in it may have been kept."""
    assert 2 == look(counts(10, 790, 804, 806, 5000), 0.999, OBJECTIVE).over


def test_a_block_is_in_the_window_for_so_many_steps() -> None:
    """In the step in which it was read and in 299 more, and then it is forgotten."""
    window = Window(STEP, 300)
    window.add(7 * SECOND, [(100, 3), (120, 1)])

    window.add(7 * SECOND + 299 * STEP, [])
    assert {100: 3, 120: 1} == window.counts
    window.add(7 * SECOND + 300 * STEP, [])
    assert {} == window.counts


def test_blocks_of_one_step_are_kept_together_and_leave_together() -> None:
    """Ten readings of 100 ms in a step of one second are one entry."""
    window = Window(SECOND, 2)
    for tenth in range(10):
        window.add(10 * SECOND + tenth * STEP, [(100, 1)])
    window.add(11 * SECOND, [(100, 5)])
    size_bytes = window.size_bytes

    assert 8 == size_bytes
    assert {100: 15} == window.counts
    window.add(12 * SECOND, [])
    assert {100: 5} == window.counts


def test_a_reader_that_comes_late_puts_what_it_finds_where_it_finds_it() -> None:
    """After a pause of a minute all that was there is forgotten, and what ended in the pause counts from now on."""
    window = Window(STEP, 300)
    window.add(10 * SECOND, [(100, 3)])
    window.add(70 * SECOND, [(110, 9)])

    assert {110: 9} == window.counts


@given(st.lists(st.tuples(st.integers(0, 40), st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=3))))
def test_the_counts_are_always_those_of_the_steps_that_are_left(steps: list[tuple[int, list[tuple[int, int]]]]) -> None:
    """Whatever comes when."""
    window, now, all_of_it = Window(STEP, 10), 5 * SECOND, []
    for later, blocks in steps:
        now += later * STEP // 4
        window.add(now, blocks)
        all_of_it.append((now // STEP, blocks))
    left: dict[int, int] = {}
    for step, blocks in all_of_it:
        if step > now // STEP - 10:
            left = dict(merged(left, _summed(blocks)))

    assert left == window.counts


def _summed(blocks: list[tuple[int, int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for bucket, number in blocks:
        found[bucket] = found.get(bucket, 0) + number
    return found


def test_a_window_of_300_steps_in_which_ten_kinds_of_blocks_end_takes_24_kilobytes() -> None:
    """Two small numbers for each bucket of each step."""
    window = Window(STEP, 300)
    for step in range(1000):
        window.add(step * STEP, [(100 + kind, 7) for kind in range(10)])

    assert 299 * 10 * 2 * 4 == window.size_bytes
