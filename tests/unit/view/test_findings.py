"""Findings as a document and in words."""

from __future__ import annotations

import io
from dataclasses import replace

from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.kernel.types import Loss
from otelchan.model.types import Losses, Snapshot
from otelchan.view.findings import findings_document, found_anything
from otelchan.view.findings_text import LOSSES, SHOWN_GOROUTINES, print_findings
from tests.support import looks


def printed(found: list[Finding], snapshot: Snapshot) -> str:
    """What a pipe gets."""
    out = io.StringIO()
    print_findings(findings_document([(looks.PROCESS, found, snapshot)]), out)
    return out.getvalue()


def test_a_finding_is_said_in_words_and_as_a_table() -> None:
    """Which channel, made where, how many goroutines, at which line, for how long, growing how fast."""
    text = printed([looks.FINDING], looks.snapshot())
    assert "1. WARNING F1: 2 goroutines are blocked for ever" in text
    row = next(line for line in text.splitlines() if line.startswith(" 1  "))
    facts = [
        "1",
        "F1",
        "chan main.Price",
        "main.askPrice main.go:87",
        "2",
        "main.askPrice.func1 main.go:89",
        "chan send",
    ]
    assert "`otelchan explain F1` says what that means" in text
    assert [*facts, ">= 1 min 12 s", "+240/min"] == [column.strip() for column in row.split("  ") if column.strip()]


def test_the_oldest_goroutines_of_a_finding_are_shown_and_the_rest_counted() -> None:
    """A leak can have thousands."""
    many = tuple(looks.blocked(100 + number, number) for number in range(SHOWN_GOROUTINES + 2))
    text = printed([replace(looks.FINDING, count=len(many))], looks.snapshot(blocked=many))
    assert "2 more goroutines; `--json` has all with whole stacks" in text
    assert "106" in text
    assert "101" not in text


def test_a_wait_that_began_before_anybody_looked_comes_first() -> None:
    """It is older than one that was seen to begin, also when less of it is known."""
    snapshot = looks.snapshot(blocked=(looks.blocked(50, 20), looks.blocked(7, 18, at_least=True)))
    (process,) = findings_document([(looks.PROCESS, [looks.FINDING], snapshot)])["processes"]
    assert [7, 50] == [goroutine["id"] for goroutine in process["findings"][0]["goroutines"]]


def test_goroutines_that_are_not_suspects_yet_are_not_of_the_finding() -> None:
    """They sit at the same line, but have not waited for long: the finding counts the oldest."""
    snapshot = looks.snapshot(blocked=tuple(looks.blocked(number, number) for number in (9, 8, 1)))
    (process,) = findings_document([(looks.PROCESS, [looks.FINDING], snapshot)])["processes"]
    assert [9, 8] == [goroutine["id"] for goroutine in process["findings"][0]["goroutines"]]


def test_every_reason_of_loss_has_words() -> None:
    """A reason that is added to the kernel side needs a meaning here."""
    assert {loss.name.lower() for loss in Loss} == set(LOSSES)


def test_goroutines_stuck_elsewhere_on_the_channel_are_not_of_the_finding() -> None:
    """Only those with the finding's reason, line and origin are its members."""
    elsewhere = replace(looks.blocked(50, 9), frames=(Frame("main.other", "/src/x.go", 1),))
    receiving = replace(looks.blocked(51, 9), wait_reason="chan receive")
    other = replace(looks.blocked(52, 90), created_by=Frame("main.other", "/src/x.go", 2))
    snapshot = looks.snapshot(blocked=(elsewhere, receiving, other, looks.blocked(42, 72)))
    (process,) = findings_document([(looks.PROCESS, [looks.FINDING], snapshot)])["processes"]
    assert [42] == [goroutine["id"] for goroutine in process["findings"][0]["goroutines"]]


def test_where_a_channel_was_made_is_claimed_only_when_it_is_known() -> None:
    """A name from its use is not the place of its make."""
    used = tuple(replace(view, source="use") for view in looks.snapshot().channels)
    document = findings_document([(looks.PROCESS, [looks.FINDING], looks.snapshot(channels=used))])
    assert "" == document["processes"][0]["findings"][0]["made_at"]


def test_nothing_found_is_said_with_what_was_watched() -> None:
    """Silence would leave open whether anything was looked at."""
    document = findings_document([(looks.PROCESS, [], looks.snapshot())])
    assert not found_anything(document)
    assert "no findings in 40 s; 12 goroutines, 2 channels seen" in printed([], looks.snapshot())


def test_nothing_found_in_a_short_time_proves_little() -> None:
    """Some findings take the longest time that is stated of any, so somebody who watched for less is told."""
    long = looks.snapshot(attached_unix_ns=looks.NOW_UNIX_NS - 90 * looks.SECOND)
    assert "watch for 1 min 30 s to be told all" in printed([], looks.snapshot())
    assert "watch for" not in printed([], long)
    assert "watch for" not in printed([looks.FINDING], looks.snapshot())


def test_what_was_not_seen_is_said_too() -> None:
    """A plane that is off, losses, and an early end make "no findings" weaker."""
    snapshot = looks.snapshot(losses=Losses({"span": 3, "park": 0}), ended=True)
    text = printed([], snapshot)
    assert "note: the probes of the operations plane are over budget, so less was seen" in text
    assert "note: 3 spans lost, the ring buffer was full" in text
    assert "whose duration is unknown" not in text
    assert "note: the program ended while it was watched" in text
