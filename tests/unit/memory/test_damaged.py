"""Memory with changed words, as a program that is damaged, or hostile, or runs on while it is read may have it."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otelchan.errors import OtelchanError
from otelchan.memory.census import take_census
from otelchan.memory.selfcheck import check
from otelchan.testing import PAGE
from tests.support.fabricated import Fabricated
from tests.support.mutations import WORDS, outcome


def crowd() -> Fabricated:
    """Goroutines that wait in every way, on channels with and without a buffer."""
    program = Fabricated()
    program.goroutine(0, status="running", start="runtime.main")
    plain, buffered, first, second = (program.channel(capacity) for capacity in (0, 4, 0, 100))
    for number in range(12):
        program.wait(program.goroutine(since=number), (plain if number % 2 else buffered, "recv"))
        program.wait(program.goroutine(9), (first, "recv"), (second, "send"))
    program.goroutine(14, ("runtime.gopark", "runtime.bgsweep"), start="runtime.bgsweep")
    program.goroutine(status="dead")
    program.scheduler(ids=64, system=1, free=(1, 0), processors=((0, 6, 17),))
    return program


PLACES = sorted(page * PAGE for page in crowd().memory._pages)


def look(changes: list[tuple[int, int, int]], turn: int) -> tuple[int, int]:
    """Two looks, the second of which knows the first; the changes come before the first or between them."""
    program = crowd()
    known = take_census(program.memory, program.image, program.bias) if turn else None
    for place, offset, value in changes:
        program.memory.word(PLACES[place % len(PLACES)] + 8 * offset, value)
    first = take_census(program.memory, program.image, program.bias, known)
    again = take_census(program.memory, program.image, program.bias, first)
    with suppress(OtelchanError):
        check(program.memory, program.image, program.bias)
    return len(list(first.goroutines)) + len(list(first.channels)), len(list(again.goroutines))


def test_the_undamaged_program_is_seen() -> None:
    """Else the other shows nothing."""
    found = outcome(lambda: look([], 0))
    assert ("result", (26 + 4, 26)) == found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(PLACES) - 1),
            st.integers(0, PAGE // 8 - 1),
            st.one_of(st.sampled_from(WORDS), st.sampled_from(PLACES), st.integers(0, (1 << 64) - 1)),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 1),
)
def test_changed_memory_is_a_census_or_an_error(changes: list[tuple[int, int, int]], turn: int) -> None:
    """Within two seconds and 300 MB, whatever its words say."""
    found = outcome(lambda: look(changes, turn))
    assert found.kind in ("result", "error"), f"{found.kind}: {found.value}"
