"""F6: elements in closed channels, seen where they lie, and counted when their channels are gone."""

from __future__ import annotations

from typing import Any

import pytest

from otelchan.config import Findings
from otelchan.findings.residue import LONG_FACTOR, ResidueFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Counter, End
from tests.support.lives import Row, live
from tests.support.snapshots import SECOND, START, bare_channel, snapshot

NAME = "main.work main.go:41"
STOP = Frame("main.stop", "/src/shop/main.go", 80)
CLOSED = START + 10 * SECOND


def finder() -> ResidueFinder:
    """With a pause of eight seconds."""
    return ResidueFinder(Findings(residue_s=8))


def left(length: int, receiving: End = End.GONE, **changes: Any) -> Row:
    """A closed channel with so many elements."""
    return Row(0xC000010000, length=length, closed=True, receiving=receiving, **changes)


def look(
    finder: ResidueFinder, now: float, *rows: Row, residue: int = 7, drained: int | None = 0, **changes: Any
) -> list[Finding]:
    """What is found. residue, drained: counted since the agent came."""
    view = bare_channel(
        NAME,
        element_type=changes.get("element_type", "int"),
        kind=changes.get("kind", "user"),
        channels=len(rows),
        closed=len(rows),
        residue=Counter(residue, START),
        drained=None if drained is None else Counter(drained, changes.get("start", START)),
        closed_unix_ns=CLOSED,
        closed_by=STOP,
    )
    seen = snapshot([view], time_unix_ns=START + int(now * SECOND), live=live(*rows), ended=changes.get("ended", False))
    return finder.find(seen)


@pytest.mark.parametrize("receiving", [End.NEVER, End.GONE, End.RETURNING])
def test_elements_that_nobody_is_left_to_receive_are_lost(receiving: End) -> None:
    """After eight seconds in which nobody has."""
    seen = finder()
    assert [[]] * 4 == [look(seen, now, left(4, receiving), drained=3) for now in (10, 12, 14, 16)]
    (finding,) = look(seen, 18, left(4, receiving), drained=3)
    assert ("F6", "warning", NAME, STOP, 4) == (
        finding.id,
        finding.severity,
        finding.channel,
        finding.site,
        finding.count,
    )
    assert finding.sentence == (
        "4 elements were left in channel main.work main.go:41 (chan int) when main.stop main.go:80 closed it 8 s ago: "
        "nobody has received for 8 s, and nobody who would is left"
    )


def test_a_range_that_drains_slowly_loses_nothing() -> None:
    """One element in five seconds; and then the channel is empty."""
    seen = finder()
    for now in range(10, 60, 2):
        taken = min((now - 10) // 5, 7)
        assert [] == look(seen, now, left(7 - taken, End.RETURNING), drained=taken)


def test_who_receives_and_is_alive_is_given_time() -> None:
    """A consumer that takes a minute for each element is one. Much later, it is worth a word."""
    seen, end = finder(), int(8 * LONG_FACTOR)
    assert not any(look(seen, now, left(7, End.ALIVE)) for now in range(10, 10 + end, 2))
    (finding,) = look(seen, 10 + end, left(7, End.ALIVE))
    assert ("info", 7) == (finding.severity, finding.count)
    assert finding.sentence.endswith("; whether somebody still will is not known")


def test_it_is_found_where_receives_are_not_counted() -> None:
    """What lies there is read from memory."""
    seen = finder()
    assert [] == look(seen, 10, left(7), drained=None)
    (finding,) = look(seen, 20, left(7), drained=None)
    assert (7, None) == (finding.count, finding.facts["drained"])


def test_one_element_is_told_as_one() -> None:
    """A sentence is read by a person."""
    seen = finder()
    row = Row(0xC000010000, length=1, closed=True, receiving=End.ALIVE)
    for now, rows in ((8, ()), (10, (row,)), (12, ())):
        look(seen, now, *rows, residue=int(now > 8))
    (told,) = look(seen, 14, residue=1)
    assert told.sentence.startswith("1 element was left in ")
    assert told.sentence.endswith(", and went with it: nobody received it")


def test_channels_that_are_gone_took_their_elements_with_them() -> None:
    """Ten were closed with three in each; seven of them have been freed since, and then all."""
    seen = finder()
    rows = [Row(0xC000010000 + 96 * n, length=3, closed=True, receiving=End.ALIVE) for n in range(10)]
    assert [] == look(seen, 8, residue=0)
    assert [] == look(seen, 10, *rows, residue=30)
    assert [] == look(seen, 12, *rows[7:], residue=30)
    assert [21] == [finding.count for finding in look(seen, 14, *rows[7:], residue=30)]
    assert [21] == [finding.count for finding in look(seen, 16, residue=30)]
    (finding,) = look(seen, 18, residue=30)
    assert (30, "warning", 30) == (finding.count, finding.severity, finding.facts["gone"])
    assert finding.sentence.endswith("8 s ago, and went with it: nobody received them")


def test_channels_that_came_and_went_between_two_looks_count_too() -> None:
    """A name that the look before did not know of had nothing left by then."""
    seen = finder()
    assert [] == seen.find(snapshot([], time_unix_ns=START + 8 * SECOND))
    assert [] == look(seen, 10, residue=30, start=START + SECOND)
    assert [30] == [finding.count for finding in look(seen, 12, residue=30, start=START + SECOND)]


def test_counting_anew_forgets_nothing() -> None:
    """The probes were out for a while: what was gone before stays, what is gone since is added."""
    seen = finder()
    look(seen, 8, residue=0)
    look(seen, 10, residue=3)
    assert [3] == [finding.count for finding in look(seen, 12, residue=3)]
    assert [3] == [finding.count for finding in look(seen, 14, residue=3, drained=None)]
    for now, residue in ((16, 3), (18, 5), (20, 5)):
        found = look(seen, now, residue=residue, start=START + 15 * SECOND)
    assert [5] == [finding.count for finding in found]


def test_what_is_drained_while_one_looks_is_not_gone() -> None:
    """Counters are read before memory, so that what is drained between the two seems to be nowhere: a thousand
    channels a second are closed with three elements each and drained at once."""
    seen = finder()
    for now in range(10, 60, 2):
        closed = 3000 * (now - 10)
        assert [] == look(seen, now, left(3, End.ALIVE), residue=closed, drained=max(closed - 40, 0))


def test_it_holds_for_a_while_after_they_are_gone() -> None:
    """As every event."""
    seen = ResidueFinder(Findings(event_hold_s=60))
    look(seen, 8, residue=0)
    look(seen, 10, residue=3)
    assert [3] == [finding.count for finding in look(seen, 12, residue=3)]
    assert [3] == [finding.count for finding in look(seen, 70, residue=3)]
    assert [] == look(seen, 80, residue=3)


def test_receives_that_were_not_counted_are_no_loss() -> None:
    """Channels were closed, and drained, before the probe that counts receives was in."""
    seen = finder()
    for now in range(10, 40, 2):
        assert [] == look(seen, now, residue=500, drained=0, start=START + 9 * SECOND)


@pytest.mark.parametrize("changes", [{"element_type": "struct {}"}, {"kind": "signal"}])
def test_elements_without_data_are_no_loss(changes: dict[str, Any]) -> None:
    """Tokens of a semaphore, and what the runtime sends."""
    seen = finder()
    assert not any(look(seen, now, left(7), **changes) for now in range(10, 60, 5))


def test_elements_of_an_unknown_type_are_worth_a_word() -> None:
    """The channel was gone before it could be read: they may be tokens."""
    seen = finder()
    look(seen, 8, residue=0)
    look(seen, 10, residue=3, element_type="")
    assert [("info", 3)] == [(f.severity, f.count) for f in look(seen, 12, residue=3, element_type="")]


def test_the_end_of_the_program_loses_nothing_more() -> None:
    """What it would have received does not matter any more."""
    seen = finder()
    look(seen, 10, left(7))
    look(seen, 12, left(7))
    assert [] == look(seen, 12.5, residue=7, ended=True)
