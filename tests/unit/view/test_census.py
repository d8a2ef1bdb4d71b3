"""The census as a document and as tables."""

from __future__ import annotations

import io
from dataclasses import replace

from otelchan.memory.types import Census, Goroutine
from otelchan.view.census import by_wait_reason, census_document
from otelchan.view.census_text import print_census
from tests.support import looks
from tests.support.looks import SECOND


def document(census: Census) -> dict:  # type: ignore[type-arg]
    """The document of a census, with the names and the image of looks."""
    return census_document(looks.PROCESS, looks.image(), census, looks.NAMES)


def printed(census: Census, limit: int = 0) -> list[str]:
    """The lines of the tables in a pipe."""
    out = io.StringIO()
    print_census(document(census), out, limit)
    return out.getvalue().splitlines()


def test_a_wait_is_at_least_as_old_as_the_next_stamp() -> None:
    """A collection that ended 50 s ago at the latest saw the goroutine waiting; what no collection saw has no age."""
    ages = {g["id"]: (g["age_ns"], g["age_at_least"]) for g in document(looks.census())["parked"]}
    assert {42: (50 * SECOND, True), 9: (None, False), 3: (None, False)} == ages


def test_a_stamp_in_the_future_is_no_negative_age() -> None:
    """The stamp can be written between the reading of the clock and the reading of the goroutine."""
    late = Goroutine(address=1, id=5, status="waiting", wait_since_ns=looks.NOW_MONOTONIC_NS + 7)
    assert [None] == [g["age_ns"] for g in document(replace(looks.census(), goroutines=(late,)))["parked"]]


def test_the_oldest_waits_come_first() -> None:
    """What is stuck longest is what is looked for; unknown ages come last."""
    stamps = {1: 0, 2: 9, 3: 4, 4: 12}
    waits = [Goroutine(i, i, "waiting", "select (no cases)", wait_since_ns=s * SECOND) for i, s in stamps.items()]
    assert [3, 2, 1, 4] == [g["id"] for g in document(replace(looks.census(), goroutines=tuple(waits)))["parked"]]


def test_goroutines_are_counted_by_reason_without_the_runtimes_own() -> None:
    """As runtime.NumGoroutine counts; one that does not wait counts under its status, a dead one not at all."""
    dead = Goroutine(address=1, id=6, status="dead")
    census = replace(looks.census(), goroutines=(*looks.census().goroutines, dead))
    assert {"chan send": 1, "running": 1, "select": 1} == by_wait_reason(census)


def test_the_blocked_table_has_channel_kind_age_and_frames() -> None:
    """Everything about one goroutine in one line of a pipe, the runtime's own goroutines left out."""
    lines = printed(looks.census())
    row = next(line for line in lines if line.startswith("       42"))
    columns = ["42", "main.askPrice main.go:87", "chan send", ">= 50 s", "main.askPrice.func1 main.go:89"]
    assert columns == [column.strip() for column in row.split("  ") if column.strip()]
    assert not any("GC worker" in line for line in lines)


def test_a_goroutine_blocked_for_ever_on_no_channel_is_in_the_blocked_table() -> None:
    """`select {}` and a nil channel have no channel to show."""
    empty = Goroutine(address=1, id=77, status="waiting", wait_reason="select (no cases)")
    sleeping = Goroutine(address=2, id=78, status="waiting", wait_reason="sleep")
    lines = printed(replace(looks.census(), goroutines=(empty, sleeping)))
    assert 1 == sum("77  none" in line and "select (no cases)" in line for line in lines)
    assert not any("78" in line.split() for line in lines)


def test_the_limit_cuts_rows_and_says_so() -> None:
    """Never silently."""
    lines = printed(looks.census(), limit=1)
    assert 2 == sum(line.startswith("1 more row; `--limit 0` shows all") for line in lines)
    assert not any(line.startswith("        9") for line in lines)


def test_what_could_not_be_read_is_said() -> None:
    """A goroutine that changed while being read is left out, and counted."""
    assert "1 goroutine changed while being read and left out" in printed(replace(looks.census(), unread=1))
