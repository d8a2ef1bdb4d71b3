"""Objects are made once, and kept as long as what they stand for does not change."""

import numpy as np

from otelchan.memory.made import Made


def test_an_object_is_made_once() -> None:
    """Only those that are not there yet are asked for."""
    made: Made[str] = Made()
    serials = made.serials(3)
    asked: list[list[int]] = []

    def make(places: np.ndarray) -> list[str]:
        asked.append(places.tolist())
        return [f"object {serials[place]}" for place in places]

    assert ["object 1"] == made.of(serials[1:2], lambda places: make(places + 1))
    assert ["object 0", "object 1", "object 2"] == made.of(serials, make)
    assert [[1], [0, 2]] == asked


def test_numbers_are_given_out_once() -> None:
    """Also after objects that were there from the beginning."""
    made = Made(["a", "b"])

    assert [[2, 3], [4]] == [made.serials(2).tolist(), made.serials(1).tolist()]


def test_what_has_changed_is_forgotten() -> None:
    """The rest stays."""
    made = Made(["a", "b", "c"])
    made.keep(np.array([1]))

    assert ["new", "b"] == made.of(np.array([0, 1]), lambda places: ["new"] * len(places))
