"""F5: panics of channel operations, told by events and by counters."""

from __future__ import annotations

from typing import Any

import pytest

from otelchan.config import Findings
from otelchan.findings.close_faults import MOST_STACKS, CloseFaultFinder
from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.types import Counter, PanicEvent, SpanContext
from tests.support.snapshots import CALLER, SECOND, START, WORKER, bare_channel, snapshot

NAME = "main.work main.go:41"
STOP = Frame("main.stop", "/src/shop/main.go", 80)


def panic(now: float, **changes: Any) -> PanicEvent:
    """A goroutine closes what is closed already."""
    values: dict[str, Any] = {
        "context": SpanContext(bytes(16), bytes(8)),
        "error": "close_of_closed",
        "channel": NAME,
        "channel_source": "make",
        "channel_address": 0xC000012345,
        "element_type": "int",
        "time_unix_ns": START + int(now * SECOND),
        "goroutine_id": 42,
        "frames": (WORKER, CALLER),
        "stack_complete": True,
    }
    return PanicEvent(**{**values, **changes})


def look(
    finder: CloseFaultFinder, now: float, *events: PanicEvent, ended: bool = False, **counted: int
) -> list[Finding]:
    """What is found. counted: by the counters of the channel, since the agent came."""
    panics = {error: Counter(number, START) for error, number in counted.items()}
    view = bare_channel(NAME, panics=panics, closed_unix_ns=START + 10 * SECOND, closed_by=STOP)
    return finder.find(snapshot([view], time_unix_ns=START + int(now * SECOND), panics=events, ended=ended))


def test_a_recovered_double_close_is_found_with_its_stack() -> None:
    """Channel, line, goroutine, and who had closed it."""
    (finding,) = look(CloseFaultFinder(Findings()), 20, panic(18), close_of_closed=1)
    assert ("F5", "critical", NAME, WORKER, None, 1) == (
        finding.id,
        finding.severity,
        finding.channel,
        finding.site,
        finding.created_by,
        finding.count,
    )
    assert finding.sentence == (
        "panic: close of closed channel, once at main.worker main.go:57, on channel main.work main.go:41 (chan int), "
        "which main.stop main.go:80 closed 10 s ago; last 2 s ago"
    )
    (member,) = finding.members
    assert (42, "close", (WORKER, CALLER)) == (member.goroutine_id, member.operation, member.frames)


def test_it_is_one_finding_for_each_place() -> None:
    """Three closes at one line, one at another, and a send elsewhere."""
    other = Frame("main.end", "/src/shop/main.go", 99)
    events = [panic(n) for n in range(3)]
    events += [panic(4, frames=(other,)), panic(5, error="send_on_closed", frames=(other,))]
    found = look(CloseFaultFinder(Findings()), 6, *events, close_of_closed=4, send_on_closed=1)
    assert {("close_of_closed", WORKER): 3, ("close_of_closed", other): 1, ("send_on_closed", other): 1} == {
        (finding.facts["error"], finding.site): finding.count for finding in found
    }


def test_it_holds_for_a_while_and_counts_on() -> None:
    """Five minutes after the last of them by default; a minute here."""
    finder = CloseFaultFinder(Findings(event_hold_s=60))
    assert [1] == [finding.count for finding in look(finder, 10, panic(9), close_of_closed=1)]
    assert [1] == [finding.count for finding in look(finder, 60, close_of_closed=1)]
    assert [2] == [finding.count for finding in look(finder, 62, panic(61), close_of_closed=2)]
    assert [2] == [finding.count for finding in look(finder, 120, close_of_closed=2)]
    assert [] == look(finder, 122, close_of_closed=2)


def test_what_only_the_counter_knows_counts_too() -> None:
    """There is room for a hundred events in a look; the counter says that there were five hundred. An event that is
    still on its way is not counted twice."""
    finder = CloseFaultFinder(Findings())
    events = [panic(9 + n / 1000) for n in range(100)]
    assert [100] == [finding.count for finding in look(finder, 10, *events, close_of_closed=501)]
    assert [501] == [finding.count for finding in look(finder, 12, panic(10.5), close_of_closed=501)]
    assert [501] == [finding.count for finding in look(finder, 14, close_of_closed=501)]


def test_a_panic_without_any_event_is_found_without_a_place() -> None:
    """The ring buffer was full; only the counter has it."""
    finder = CloseFaultFinder(Findings())
    assert [] == look(finder, 10, send_on_closed=2)
    (finding,) = look(finder, 12, send_on_closed=2)
    assert (2, None, ()) == (finding.count, finding.site, finding.members)


def test_the_program_that_dies_of_it_says_so_with_its_last_look() -> None:
    """There is no look after it, so that what is counted is believed at once."""
    finder = CloseFaultFinder(Findings())
    assert [] == look(finder, 10)
    (finding,) = look(finder, 11, panic(10.9, error="send_on_closed"), ended=True, send_on_closed=2)
    assert (2, True) == (finding.count, finding.facts["program_ended"])
    assert finding.sentence.endswith("; the program ended of it")


def test_a_program_that_ends_much_later_did_not_die_of_it() -> None:
    """It had recovered."""
    finder = CloseFaultFinder(Findings())
    look(finder, 10, panic(9), close_of_closed=1)
    (finding,) = look(finder, 60, ended=True, close_of_closed=1)
    assert finding.facts["program_ended"] is False


def test_a_close_of_nil_is_on_no_channel() -> None:
    """What was done to nil is counted under a name of its own."""
    event = panic(9, error="close_of_nil", channel="nil channel", channel_source="use", element_type="")
    view = bare_channel("nil channel", kind="nil", panics={"close_of_nil": Counter(1, START)})
    finder = CloseFaultFinder(Findings())
    (finding,) = finder.find(snapshot([view], time_unix_ns=START + 10 * SECOND, panics=(event,)))
    assert finding.sentence == (
        "panic: close of nil channel, once at main.worker main.go:57, on a nil channel; last 1 s ago"
    )


def test_counting_anew_is_no_news() -> None:
    """The probes were out for a while: counters begin at zero again."""
    finder = CloseFaultFinder(Findings())
    look(finder, 10, *(panic(9) for _ in range(5)), close_of_closed=5)
    for now, events, number in ((12, (), 0), (14, (panic(13),), 1), (16, (), 1), (18, (), 1)):
        view = bare_channel(NAME, panics={"close_of_closed": Counter(number, START + 11 * SECOND)} if number else {})
        (finding,) = finder.find(snapshot([view], time_unix_ns=START + now * SECOND, panics=events))
    assert finding.count == 6


@pytest.mark.parametrize("number", [1, 500])
def test_some_stacks_are_kept(number: int) -> None:
    """The last ones."""
    finder = CloseFaultFinder(Findings())
    events = [panic(n / 100, goroutine_id=n) for n in range(number)]
    (finding,) = look(finder, 10, *events, close_of_closed=number)
    assert [each.goroutine_id for each in finding.members] == list(range(number))[-MOST_STACKS:]
