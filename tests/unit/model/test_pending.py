"""Spans of waits until the next snapshot, under a rate that only exemplars may pass."""

from __future__ import annotations

from otelchan.model.channels import Resolved
from otelchan.model.names import Name
from otelchan.model.pending import Pending
from otelchan.model.types import BlockSpan
from tests.support.snapshots import NOW, block_span

MS = 1_000_000


def wait(ms: float, operation: str = "send", over_rate: bool = True) -> BlockSpan:
    """A wait of so many milliseconds."""
    return block_span(
        start_unix_ns=NOW - int(ms * MS), end_unix_ns=NOW, operation=operation, over_rate=over_rate, channel="c"
    )


def taken(pending: Pending) -> list[float]:
    """What the snapshot is handed, in milliseconds, in order."""
    spans, _ = pending.take(lambda key: Resolved(Name("c", "make", "user"), "int", None, final=True))
    return [(span.end_unix_ns - span.start_unix_ns) / MS for span in spans]


def test_of_waits_over_the_rate_the_longest_of_each_octave_is_kept() -> None:
    """Whatever their order; those under the rate are all kept."""
    pending = Pending()
    for ms in (20, 30, 25, 40, 41):
        pending.add_span(1, wait(ms))
    pending.add_span(1, wait(21, over_rate=False))

    assert ([30, 41, 21], 3) == (taken(pending), pending.outdone)


def test_each_channel_and_operation_has_its_own_longest() -> None:
    """As the kernel side has."""
    pending = Pending()
    pending.add_span(1, wait(30))
    pending.add_span(2, wait(20))
    pending.add_span(1, wait(20, operation="recv"))

    assert ([30, 20, 20], 0) == (taken(pending), pending.outdone)


def test_each_snapshot_has_its_own_longest() -> None:
    """And what was outdone is a total."""
    pending = Pending()
    for ms in (30, 31):
        pending.add_span(1, wait(ms))
    first = taken(pending)
    for ms in (20, 21):
        pending.add_span(1, wait(ms))

    assert ([31], [21], 2) == (first, taken(pending), pending.outdone)


def test_ten_thousand_waits_over_the_rate_take_the_room_of_a_few() -> None:
    """Each a little longer than the one before: the order that costs most."""
    pending = Pending()
    for number in range(10_000):
        pending.add_span(1, wait(16 + number / 100))

    assert (4, 9_996) == (len(taken(pending)), pending.outdone)
