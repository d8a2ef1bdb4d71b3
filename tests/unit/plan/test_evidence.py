"""What slices say of a plane that was given up."""

from __future__ import annotations

from otelchan.plan.evidence import FIRST_CALM_NS, LONGEST_CALM_NS, MARGIN, SLICES, Evidence

SECOND = 1_000_000_000
T0 = 1_000 * SECOND
ROOM = 0.03


def heard(evidence: Evidence, share: float, seconds: int, begin_ns: int = T0) -> int:
    """A slice a second, each with that share; the time of the last one."""
    for second in range(seconds):
        evidence.hear(share, ROOM, begin_ns + second * SECOND)
    return begin_ns + (seconds - 1) * SECOND


def test_nothing_is_known_without_slices() -> None:
    """Nor of one or two, nor of some that are minutes old: then pauses decide."""
    evidence = Evidence()
    assert evidence.fits(T0) is None
    last = heard(evidence, 0.001, 2)
    assert evidence.fits(last) is None
    last = heard(evidence, 0.001, 3)
    assert evidence.fits(last) is True
    assert evidence.fits(last + 180 * SECOND) is True  # the longest time between two: one in two minutes, and by chance
    assert evidence.fits(last + 200 * SECOND) is None


def test_a_plane_fits_with_room_only() -> None:
    """A little under what is left of the budget is no place to stay."""
    for share, fits in ((MARGIN * ROOM * 0.99, True), (MARGIN * ROOM * 1.01, False), (1.0, False)):
        evidence = Evidence()
        assert evidence.fits(heard(evidence, share, SLICES)) is fits


def test_a_plane_that_had_to_go_must_fit_for_two_seconds_then_for_four() -> None:
    """And so on, up to ten minutes."""
    evidence = Evidence()
    for calm_ns in (FIRST_CALM_NS, 2 * FIRST_CALM_NS):
        evidence.failed()
        last = heard(evidence, 0.0, 3)
        assert evidence.fits(last + calm_ns - 1) is False
        assert evidence.fits(last + calm_ns) is True
    for _ in range(20):
        evidence.failed()
    assert evidence.calm_ns == LONGEST_CALM_NS


def test_a_lull_between_two_bursts_is_no_calm() -> None:
    """Of eight slices one in a burst is enough, and the time of calm begins again."""
    evidence = Evidence()
    evidence.failed()
    heard(evidence, 0.0, 3)
    evidence.hear(0.5, ROOM, T0 + 3 * SECOND)
    last = heard(evidence, 0.0, SLICES - 1, T0 + 4 * SECOND)
    assert evidence.fits(last) is False

    evidence.hear(0.0, ROOM, last + SECOND)

    assert evidence.fits(last + SECOND) is False
    assert evidence.fits(last + SECOND + FIRST_CALM_NS) is True
