"""Which releases are measured, and what is concluded for the others."""

from __future__ import annotations

import pytest

from otelchan.gobinary.offsets import Measured, fill, name_of


class Releases:
    """Patch releases of one version whose layout changes with some of them, as a proxy gives them."""

    def __init__(self, changes: tuple[int, ...] = (), unavailable: tuple[int, ...] = ()) -> None:
        self._changes, self._unavailable = changes, unavailable
        self.asked: list[int] = []

    def measure(self, patch: int) -> Measured | None:
        """The layout: how many changes there were."""
        self.asked.append(patch)
        return None if patch in self._unavailable else self.truth(patch)

    def truth(self, patch: int) -> Measured:
        """The same, also of those that cannot be had."""
        return {"changes": sum(change <= patch for change in self._changes)}


def test_releases_between_two_equal_ones_are_taken_to_be_equal() -> None:
    """The first and the last one are measured, and that is enough."""
    releases = Releases()
    found, measured = fill(14, releases.measure)
    assert {0, 14} == measured == set(releases.asked)
    assert {patch: releases.truth(patch) for patch in range(15)} == found


@pytest.mark.parametrize("changes", [(1,), (5,), (14,), (3, 4), (2, 9, 13), tuple(range(1, 15))])
def test_the_release_with_which_a_layout_changed_is_found(changes: tuple[int, ...]) -> None:
    """However often and wherever it changes: both sides of every change are measured."""
    releases = Releases(changes)
    found, measured = fill(14, releases.measure)
    assert {patch: releases.truth(patch) for patch in range(15)} == found
    assert {side for change in changes for side in (change - 1, change)} <= measured
    assert len(releases.asked) == len(measured), "none is measured twice"


def test_a_release_that_cannot_be_had_is_left_out_where_it_is_not_certain() -> None:
    """Between two different layouts it may be either; between two equal ones it is that one."""
    found, measured = fill(8, Releases(changes=(5,), unavailable=(1, 4, 5)).measure)
    assert [0, 1, 2, 3, 6, 7, 8] == sorted(found)
    assert {3, 6} <= measured
    assert found[1] == found[0] == {"changes": 0}


def test_the_first_release_of_a_version_has_a_zero_since_go_1_21() -> None:
    """As GOTOOLCHAIN and the executables call it."""
    assert ["go1.20", "go1.20.1", "go1.21.0", "go1.27.4"] == [
        name_of(*numbers) for numbers in ((20, 0), (20, 1), (21, 0), (27, 4))
    ]
