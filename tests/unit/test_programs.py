"""What is prepared for programs before they are watched."""

from __future__ import annotations

import pytest

from otelchan.kernel.mapsize import map_memory
from otelchan.programs import MOST_PARKED_ENTRIES, PARKED_ENTRIES, parks_for


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
