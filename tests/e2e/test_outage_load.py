"""The Collector stops while a program works, and starts again: totals are exact, and lost spans are counted exactly."""

from collections.abc import Callable
from pathlib import Path

from tests.support.outage import Times, outage
from tests.support.stack import Stack


def test_a_collector_that_stops_under_load_loses_nothing_in_silence(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """There is room for fewer spans than the outage makes: what is not in the store is what the counter says."""
    seen = outage(stack, tmp_path, workload("paced", go="1.27.3"), Times(4, 8, 3), spans_per_second=60, span_queue=150)
    assert seen.handed_over == seen.total
    assert len(seen.made - seen.stored) == seen.lost == seen.lost_by_file > 0, seen.log
    assert set() == seen.stored - seen.made
    assert 1 == seen.log.count("cannot deliver telemetry"), seen.log
    assert 1 == seen.log.count("delivering telemetry to"), seen.log
