"""Numbers and places as people read them."""

from __future__ import annotations

import pytest

from otelchan.gobinary.types import Frame
from otelchan.view.words import age, count, duration, frame_object, frame_of, growth, place

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (0, "0 s"),
        (7, "7 ns"),
        (1_500, "1.5 us"),
        (12_000_000, "12 ms"),
        (4_240_000_000, "4.2 s"),
        (59_999_999_999, "59 s"),
        (60 * SECOND, "1 min"),
        (192 * SECOND, "3 min 12 s"),
        (3_600 * SECOND, "1 h"),
        (7_265 * SECOND, "2 h 1 min"),
        (90_000 * SECOND, "1 d 1 h"),
    ],
)
def test_a_duration_has_two_units_at_most(nanoseconds: int, words: str) -> None:
    """The larger unit and what is left of it; a decimal only below ten."""
    assert words == duration(nanoseconds)


def test_an_age_that_is_a_lower_bound_says_so() -> None:
    """A wait that began before anybody looked may be longer."""
    assert ">= 5.0 s" == age(5 * SECOND, at_least=True)
    assert "5.0 s" == age(5 * SECOND, at_least=False)


def test_an_age_that_nobody_knows_is_a_dash() -> None:
    """No number is made up."""
    assert "-" == age(None, at_least=False)


@pytest.mark.parametrize(
    ("per_minute", "words"),
    [(240.4, "+240/min"), (-30.0, "-30/min"), (0.0, "+0/min"), (2.25, "+2.2/min")],
)
def test_growth_has_a_sign(per_minute: float, words: str) -> None:
    """So that shrinking is told from growing at a glance."""
    assert words == growth(per_minute)


def test_a_place_leaves_out_the_folders() -> None:
    """Function, file name and line are what is looked for."""
    assert "main.(*Pool[...]).run pool.go:12" == place(Frame("main.(*Pool[...]).run", "/src/shop/pool.go", 12))


def test_counts_agree_with_their_noun() -> None:
    """One goroutine, two goroutines."""
    assert ("1 goroutine", "2 goroutines") == (count(1, "goroutine"), count(2, "goroutine"))


def test_a_frame_survives_its_json_form() -> None:
    """The object of function, file and line carries everything."""
    frame = Frame("main.main", "/src/main.go", 3)
    assert frame == frame_of(frame_object(frame))
    assert None is frame_of(frame_object(None))
