"""Elements a second, of which there is only an estimate."""

from __future__ import annotations

from otelchan.model.types import Estimate
from otelchan.view.top_rates import About, about, channels_of
from otelchan.view.top_rows import channel_rows
from tests.support.tops import look

SECOND = 1_000_000_000
BEGIN = 1_000 * SECOND


def estimate(value: int, operation: str = "send", status: str = "ok", start_unix_ns: int = BEGIN) -> Estimate:
    """With bounds at half and twice of it."""
    return Estimate("main.work main.go:41", "make", operation, status, value, value // 2, 2 * value, start_unix_ns)


def of(now: list[Estimate], before: list[Estimate]) -> About | None:
    """Ten seconds after the beginning, five after the look before."""
    return about(now, before, "main.work main.go:41", "send", (BEGIN + 10 * SECOND, BEGIN + 5 * SECOND))


def test_a_rate_is_what_was_added_since_the_look_before() -> None:
    """The bounds likewise."""
    assert About(200, 100, 400) == of([estimate(3000)], [estimate(2000)])


def test_the_first_look_counts_from_the_beginning() -> None:
    """So does one at estimates that began anew."""
    assert About(300, 150, 600) == of([estimate(3000)], [])
    assert About(600, 300, 1200) == of([estimate(3000, start_unix_ns=BEGIN + 5 * SECOND)], [estimate(2000)])


def test_of_others_nothing_is_said() -> None:
    """Of another operation, of one that did not go well, of another channel."""
    others = [estimate(1, operation="recv"), estimate(1, status="closed"), estimate(1)._replace(channel="x")]

    assert of(others, []) is None
    assert of([], [estimate(1)]) is None


def test_the_likely_rate_is_never_outside_its_bounds() -> None:
    """Of a channel that is used seldom: one total has stepped by a whole element, the others not yet."""
    before = estimate(0)._replace(value=11, lower=10, upper=12)
    found = of([before._replace(lower=11)], [before])

    assert About(0, 0, 0) == found


def test_channels_without_a_name_have_a_row_when_there_are_estimates_of_them() -> None:
    """A loop on a buffer that was made before otelchan came, and on which nobody waits, may be all that it does."""
    nameless = estimate(3000)._replace(channel="chan ?")
    now = look(estimates=(nameless,))
    rows = {row.name: row for row in channel_rows(now, None, False)}

    assert len(now.snapshot.channels) + 1 == len(channels_of(now.snapshot)) == len(rows)
    assert rows["chan ?"].sends is None
    assert rows["chan ?"].about_sends is not None
    assert "chan ?" not in {view.name for view in channels_of(look().snapshot)}
