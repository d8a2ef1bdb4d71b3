"""Words of findings."""

from __future__ import annotations

import pytest

from otelchan.findings import words
from otelchan.gobinary.types import Frame


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "less than 1 s"),
        (41.9, "41 s"),
        (60, "1 min"),
        (192, "3 min 12 s"),
        (7205, "2 h"),
        (7260, "2 h 1 min"),
        (200_000, "2 d 7 h"),
        (-5, "less than 1 s"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, expected: str) -> None:
    """Whole seconds are exact enough for what is stuck."""
    assert expected == words.duration(int(seconds * words.SECOND))


@pytest.mark.parametrize(("number", "expected"), [(120.4, "120"), (9.96, "10"), (2.54, "2.5"), (0.5, "0.5")])
def test_rates_have_a_decimal_where_it_matters(number: float, expected: str) -> None:
    """Two a minute and two and a half are different; 120 and 120.4 are not."""
    assert expected == words.rate(number)


def test_a_place_is_function_and_line() -> None:
    """Without folders."""
    assert "main.worker main.go:57" == words.place(Frame("main.worker", "/src/shop/main.go", 57))
    assert "an unknown place" == words.place(None)


def test_channels_are_said_as_well_as_they_are_known() -> None:
    """By the make and the type, by the make, by the use, or not at all."""
    assert "channel main.f main.go:7 (chan int)" == words.channel("main.f main.go:7", "make", "int")
    assert "channel main.f main.go:7" == words.channel("main.f main.go:7", "code", "")
    assert "chan int main.f (where it was made is not known)" == words.channel("chan int main.f", "use", "int")
    assert "a nil channel" == words.channel("", "", "")


def test_one_goroutine_is_and_two_are() -> None:
    """Grammar."""
    assert ["1 goroutine is", "2 goroutines are"] == [words.goroutines(count) for count in (1, 2)]
