"""What is prepared for programs before they are watched."""

from __future__ import annotations

import pytest

from otelchan.config import Config, load
from otelchan.kernel.mapsize import map_memory
from otelchan.model.ongoing import USUAL, Pace
from otelchan.programs import MOST_PARKED_ENTRIES, PARKED_ENTRIES, pace_of, parks_for


@pytest.mark.parametrize(
    ("goroutines", "entries"),
    [(0, 65536), (20_000, 65536), (40_000, 131072), (100_000, 262144), (1_000_000, 1 << 20), (50_000_000, 1 << 20)],
)
def test_there_is_room_for_twice_as_many_parks_as_goroutines_within_limits(goroutines: int, entries: int) -> None:
    """A power of two; few goroutines may become many, and very many must not take the machine's memory."""
    assert entries == parks_for(goroutines)


def test_a_million_goroutines_have_room() -> None:
    """Each of them can park, in less than 165 MiB of kernel memory for everything; 23 of that say who uses channels."""
    assert parks_for(1_000_000) >= 1_000_000
    assert map_memory(MOST_PARKED_ENTRIES).at_most < 165 << 20
    assert map_memory(PARKED_ENTRIES).at_most < 60 << 20


def test_waits_that_go_on_are_told_of_as_is_configured() -> None:
    """From ten seconds on, unless the user says otherwise; a quarter of the rate of spans."""
    given = {"OTELCHAN_ONGOING_SPAN_S": "0.5", "OTELCHAN_SPANS_PER_SECOND": "20"}
    assert USUAL == pace_of(Config())
    assert Pace(500_000_000, 5.0) == pace_of(load(None, given, {}))
    assert Pace(None, 25.0) == pace_of(load(None, {"OTELCHAN_ONGOING_SPAN_S": "off"}, {}))
    assert 0.0 == pace_of(load(None, {"OTELCHAN_SPANS_PER_SECOND_TOTAL": "0"}, {})).per_second
