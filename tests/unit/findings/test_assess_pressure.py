"""What the assessment of a snapshot takes from findings of pressure: health and surges."""

from __future__ import annotations

from otelchan.config import Findings
from otelchan.findings.finders import Finders
from otelchan.model.types import GoroutineView
from tests.support.lives import Row, live
from tests.support.snapshots import SECOND, START, blocked, channel, snapshot

NAME = "main.work main.go:41"
ADDRESS = 0xC0000AA000


def test_a_surge_is_counted_and_said_once() -> None:
    """With the look that shows it."""
    finders = Finders(Findings())
    seen = [
        finders.assess(snapshot(time_unix_ns=START + now * SECOND, goroutines=GoroutineView(count)))
        for now, count in enumerate((1000, 6000, 6000))
    ]
    assert [(0, False), (1, True), (1, False)] == [(each.surges, each.surged) for each in seen]
    assert [[], ["F2"], ["F2"]] == [[finding.id for finding in each.findings] for each in seen]


def test_a_saturated_channel_is_not_healthy_and_no_leak() -> None:
    """Forty senders who wait for seconds and get on: the more special finding speaks."""
    finders = Finders(Findings())
    other = "main.idle main.go:50"
    for now in range(90):
        entries = [
            blocked(2 * now + place, 20 - place / 2, channel=NAME, channel_address=ADDRESS) for place in range(40)
        ]
        assessment = finders.assess(
            snapshot(
                (channel(NAME, channels=1), channel(other)),
                time_unix_ns=START + now * SECOND,
                live=live(Row(ADDRESS, NAME, 8, 8, 40, received=2 * now)),
                blocked=entries,
                goroutines=GoroutineView(50),
            )
        )
    assert ["F10"] == [finding.id for finding in assessment.findings]
    assert {NAME: (100 - 28, {"F10": 28}), other: (100, {})} == {
        name: (each.score, dict(each.parts)) for name, each in assessment.health.items()
    }
