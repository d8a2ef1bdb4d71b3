"""`otelchan findings`: what is told of a program that ended while it was watched."""

from __future__ import annotations

from otelchan.commands.findings import LastLook
from otelchan.findings.types import Assessment
from tests.support.snapshots import finding, snapshot


def test_a_finding_that_still_holds_at_the_end_is_told_once() -> None:
    """In the words of the last look, in which it is older; what held before and does not any more still counts."""
    last = LastLook()
    before = finding(sentence="for 3 s"), finding(id="F10", sentence="full")
    last.publish(snapshot(), Assessment(before))
    last.publish(snapshot(ended=True), Assessment((finding(sentence="for 4 s"), finding(id="F5", sentence="died"))))
    ((_, told, seen),) = last.watched()
    assert (["for 4 s", "died", "full"], True) == ([each.sentence for each in told], seen.ended)
