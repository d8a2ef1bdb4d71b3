"""What the benchmark attaches, and how often it must then be hit."""

from __future__ import annotations

import pytest

from benchmarks.loads import BUFFERED, CLOSE, COMPUTE, HANDOFF, KIND_LOADS, SELECT, SPAWN, TRY
from benchmarks.probing import Mismatch, expect, less
from benchmarks.rounds import batch_size, compared
from benchmarks.sites import RETURN, Place
from benchmarks.variants import (
    CALLED,
    EMPTY,
    EXACT,
    MAKES,
    NAIVE,
    RECIPE,
    RECIPE_EMPTY,
    VARIANTS,
    WAITS,
    expected_at,
    expected_of_ours,
    only,
    variants_for,
)
from otelchan.kernel.types import Kind

NONE = {"make": 0, "close": 0, "panic": 0, "park": 0, "wake": 0}
RECIPE_PLACES = [
    Place(0, 0, "send", True),
    Place(1, RETURN, "send return", False),
    Place(2, 1, "recv", True),
    Place(3, 1 | RETURN, "recv return", False),
]


def test_only_what_is_attached_is_expected() -> None:
    """Of a plane that is off nothing is said here: that it is not hit is a goal, not a precondition."""
    assert {"make": 0, "close": 0, "panic": 0} == expected_of_ours(MAKES, BUFFERED, 100)
    assert NONE == expected_of_ours(WAITS, BUFFERED, 100)
    assert {**NONE, "park": 100, "wake": 100} == expected_of_ours(WAITS, HANDOFF, 100)


def test_a_handoff_passes_no_site_of_the_operations_plane() -> None:
    """Two traps for each, also with every plane on."""
    expected = expected_of_ours(EXACT, HANDOFF, 100)

    assert {"park": 100, "wake": 100} == {kind: hits for kind, hits in expected.items() if hits}


def test_sites_that_are_left_out_are_not_hit() -> None:
    """For the cost of one kind the others of its plane stay away."""
    expected = expected_of_ours(only(Kind.PARK), HANDOFF, 100)

    assert {"park": 100} == {kind: hits for kind, hits in expected.items() if hits}


def test_recipes_are_hit_at_entry_and_return() -> None:
    """Of each call that compiled code makes; a select makes none."""
    both = expected_at(RECIPE_PLACES, RECIPE, BUFFERED, 100)

    assert {"send": 100, "send return": 100, "recv": 100, "recv return": 100} == both
    assert {"send": 100, "send return": 100, "recv": 0, "recv return": 0} == expected_at(
        RECIPE_PLACES, RECIPE, SELECT, 100
    )
    assert set(expected_at(RECIPE_PLACES, RECIPE, COMPUTE, 100).values()) == {0}


def test_naive_probes_are_hit_at_entries_only() -> None:
    """selectgo once for a select; the refill is a send."""
    places = [Place(0, 0, "send", False), Place(1, 1, "recv", False), Place(2, 2, "select", False)]

    assert {"send": 100, "recv": 0, "select": 100} == expected_at(places, NAIVE, SELECT, 100)


def test_recipes_are_not_measured_on_what_they_do_not_see() -> None:
    """They have no probe in selectgo, nor where non-blocking sends, closes and new goroutines go; on all else every
    variant is.
    """
    for load in (SELECT, TRY, CLOSE, SPAWN):
        assert {RECIPE, RECIPE_EMPTY, CALLED} == {*VARIANTS} - {*variants_for(load)}
    assert list(VARIANTS) == variants_for(BUFFERED) == variants_for(COMPUTE)


def test_naive_probes_see_what_recipes_do_not() -> None:
    """A send that does not block enters chansend, but none of the functions that compiled code calls for `c <- v`."""
    naive = [Place(0, 0, "send", False), Place(1, 3, "close", False), Place(2, 4, "spawn", False)]

    assert {"send": 100, "close": 0, "spawn": 0} == expected_at(naive, NAIVE, TRY, 100)
    assert {"send": 0, "close": 100, "spawn": 0} == expected_at(naive, NAIVE, CLOSE, 100)
    assert {"send": 0, "close": 0, "spawn": 100} == expected_at(naive, NAIVE, SPAWN, 100)
    assert {"send": 0} == expected_at(RECIPE_PLACES[:1], CALLED, TRY, 100)


def test_an_empty_program_is_hit_where_ours_is() -> None:
    """By kind."""
    places = [Place(0, 3, "send", True), Place(1, 4, "recv", True), Place(2, 1, "park", True)]

    assert {"send": 100, "recv": 100, "park": 0} == expected_at(places, EMPTY, BUFFERED, 100)


def test_every_kind_of_site_has_a_load_that_hits_it() -> None:
    """So that the catalogue's figures can all be compared with measured ones."""
    assert set(Kind) == set(KIND_LOADS)
    assert all(kind in load.kinds for kind, load in KIND_LOADS.items())


def test_the_cost_of_a_kind_is_a_difference_of_what_it_alone_adds() -> None:
    """A wake beside its park, a close beside its make, a panic beside its close; a select's default branch beside its
    return; all others beside nothing."""
    for kind in Kind:
        probed, without = compared(kind)
        assert {kind} == probed.kinds - (without.kinds if without.planes else frozenset())
    assert {Kind.PARK} == compared(Kind.WAKE)[1].kinds
    assert {Kind.MAKE} == compared(Kind.CLOSE)[1].kinds
    assert {Kind.CLOSE} == compared(Kind.PANIC)[1].kinds
    assert {Kind.SELECT} == compared(Kind.SELECT_DEFAULT)[1].kinds


@pytest.mark.parametrize(("ns", "operations"), [(1_000_000.0, 512), (30.0, 333_312), (0.0, 16_000_000 // 512 * 512)])
def test_batches_take_the_same_time_whatever_an_operation_takes(ns: float, operations: int) -> None:
    """In whole chunks of the load program, at least one of them and not without end."""
    assert operations == batch_size(ns, 10_000_000.0)


def test_hits_that_are_not_the_operations_done_are_refused() -> None:
    """One too few is an error that names both, and no figure comes of it; so is one too many."""
    with pytest.raises(Mismatch, match="hits, x: send 9 instead of 10"):
        expect("hits, x", lambda: {"send": 9, "recv": 10}, {"send": 10, "recv": 10}, settled_ns=0)
    with pytest.raises(Mismatch, match="send 11 instead of 10"):
        expect("hits, x", lambda: {"send": 11}, {"send": 10}, settled_ns=0)


def test_hits_that_come_late_are_waited_for() -> None:
    """A goroutine may still be about to park when the load is done."""
    seen = iter([8, 9, 10])

    assert {"park": 10} == expect("hits", lambda: {"park": next(seen)}, {"park": 10})


def test_only_a_function_that_is_called_may_be_entered_again() -> None:
    """A naive probe may be hit once more after a preemption, but not where nothing was done."""
    assert {"send": 11} == expect("x", lambda: {"send": 11}, {"send": 10}, restarted=True)
    for hits, operations in ((9, 10), (1, 0)):
        with pytest.raises(Mismatch):
            expect("x", lambda hits=hits: {"send": hits}, {"send": operations}, True, 0)  # type: ignore[misc]


def test_hits_before_a_batch_do_not_count() -> None:
    """Counters are cumulative."""
    assert {"send": 3, "recv": 4} == less({"send": 10, "recv": 4}, {"send": 7})
