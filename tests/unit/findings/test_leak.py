"""F1 on bad programs and on their corrected twins, each as a series of looks at who waits."""

from __future__ import annotations

import pytest

from otelchan.findings.types import Finding
from otelchan.model.types import Blocked
from tests.support.snapshots import CALLER, SECOND, WORKER, blocked
from tests.support.waiting import FOR_EVER, ONE_CHANNEL, RECEIVING, Wait, finder, leaking, look, looks

# --- senders that nobody receives from ---


@pytest.mark.parametrize("every", [1, 2, 5, 10])
def test_goroutines_that_come_and_never_get_on_are_found_within_a_minute(every: int) -> None:
    """Four a second, as in a handler whose caller has stopped to listen."""
    found = looks(finder(), leaking(), 60, every)[-1]
    assert ["F1"] == [finding.id for finding in found]
    (leak,) = found
    assert ("main.work main.go:41", "chan send", WORKER, CALLER) == (
        leak.channel,
        leak.wait_reason,
        leak.site,
        leak.created_by,
    )
    assert ("grows", "critical") == (leak.evidence, leak.severity)
    assert 200 <= leak.growth_per_minute <= 280
    assert 4 * 75 - 4 <= leak.count <= 4 * 75 + 4


def test_senders_that_are_received_from_are_no_leak() -> None:
    """The corrected twin: the channel has room, or the receiver waits; nobody is parked for long."""
    assert [[]] * 13 == looks(finder(), leaking(lasts=0.3), 120)


def test_senders_that_wait_long_but_get_on_are_no_leak() -> None:
    """Back-pressure: a slow consumer keeps forty senders waiting ten seconds each, all the time."""
    assert [[]] * 31 == looks(finder(), leaking(lasts=10, seconds=300), 300)


def test_a_backlog_that_builds_up_and_is_worked_off_is_no_leak() -> None:
    """For a while hundreds wait longer than a suspect may; they come together and go one by one."""
    backlog = [Wait(n, 100, 100 + n / 10) for n in range(300)]
    assert [[]] * 21 == looks(finder(), backlog, 200)


def test_a_leak_among_waits_that_are_long_but_end() -> None:
    """One request in ten leaks, the others wait eight seconds: what is long-lived grows and does not let go."""
    waits = [w._replace(end=FOR_EVER if w.id % 10 == 0 else w.start + 8) for w in leaking(rate=10, seconds=200)]
    (leak,) = looks(finder(), waits, 150)[-1]
    assert ("grows", "critical") == (leak.evidence, leak.severity)


def test_a_slow_leak_is_found_in_the_long_window() -> None:
    """Three a minute do not show within a minute, but within ten."""
    slow = leaking(rate=0.05, seconds=700)
    found = looks(finder(), slow, 600)
    assert [] == found[3]
    (leak,) = found[-1]
    assert 2.5 <= leak.growth_per_minute <= 3.5


def test_a_leak_that_begins_while_it_is_watched() -> None:
    """Nothing for five minutes, then it is found within a minute."""
    waits = [w._replace(start=w.start + 320, end=FOR_EVER) for w in leaking(seconds=100)]
    found = looks(finder(), waits, 360)
    assert [[]] * 30 == found[:30]
    assert 1 == len(found[-1])


def test_a_leak_that_stops_growing_is_still_there_until_it_is_gone() -> None:
    """It is called stuck then; when the goroutines have gone it is over, and stays over."""
    waits = [w._replace(end=300) for w in leaking(seconds=60)]
    found = looks(finder(), waits, 400)
    states = ["".join(f.evidence for f in each) for each in found]
    assert "grows" == states[6]
    assert ["stuck"] * 5 == states[25:30]
    assert [""] * 11 == states[30:]
    assert {0.0} == {f.growth_per_minute for f in found[28]}


def test_a_burst_that_is_stuck_is_found_though_it_does_not_grow() -> None:
    """Thirty-seven senders from before the agent came, of whom none gets on; known after half a minute."""
    found = looks(finder(), [Wait(n, -100) for n in range(37)], 60)
    assert [0, 0, 0, 1, 1, 1, 1] == [len(each) for each in found]
    (leak,) = found[-1]
    assert (37, "stuck", "critical", 0.0) == (leak.count, leak.evidence, leak.severity, leak.growth_per_minute)
    assert (60 * SECOND, True) == (leak.oldest_ns, leak.oldest_at_least)


def test_a_queue_of_senders_that_moves_is_not_stuck() -> None:
    """The twin: as many wait as long, but one gets on every few seconds and another one comes."""
    queue = [Wait(n, 2.5 * n - 100, 2.5 * n) for n in range(80)]
    assert [[]] * 13 == looks(finder(), queue, 120)


def test_a_few_senders_that_wait_for_a_reader_are_no_leak() -> None:
    """Generators wait until somebody wants their next value: fewer than the threshold, for hours."""
    assert [[]] * 13 == looks(finder(), [Wait(n, -100) for n in range(9)], 120)


# --- receivers ---


def test_receivers_that_nobody_will_send_to_are_found() -> None:
    """Each waits for an answer on a channel of its own; only a warning, for it may yet come."""
    (leak,) = looks(finder(), leaking(**RECEIVING), 60)[-1]
    assert ("grows", "warning") == (leak.evidence, leak.severity)


def test_receivers_that_get_their_answer_are_no_leak() -> None:
    """The corrected twin."""
    assert [[]] * 13 == looks(finder(), leaking(lasts=0.2, **RECEIVING), 120)


def test_an_idle_pool_is_no_leak() -> None:
    """Sixty-four workers on one open channel, idle since long before the agent came."""
    pool = [Wait(n, -100, FOR_EVER, RECEIVING | ONE_CHANNEL) for n in range(64)]
    assert [[]] * 61 == looks(finder(), pool, 600)


def test_a_pool_that_is_started_while_it_is_watched_is_no_leak() -> None:
    """Its workers come over ten seconds, and then wait, whenever that is."""
    for begin in range(0, 300, 29):
        pool = [Wait(n, begin + n / 6, FOR_EVER, RECEIVING | ONE_CHANNEL) for n in range(64)]
        assert [[]] * 41 == looks(finder(), pool, 400)


def test_connections_that_are_opened_while_it_is_watched_are_no_leak() -> None:
    """Sixty-four idle ones over four seconds, each with a channel of its own, whenever that is."""
    for begin in range(0, 300, 29):
        mailboxes = [Wait(n, begin + n / 16, FOR_EVER, RECEIVING) for n in range(64)]
        assert [[]] * 81 == looks(finder(), mailboxes, 400, every=5)


def test_workers_that_are_started_for_every_request_are_found() -> None:
    """The bad twin of the pool: it never stops to grow; known when enough of them are long-lived."""
    found = looks(finder(), leaking(rate=1.0, seconds=200, **RECEIVING, **ONE_CHANNEL), 150)
    assert [] == found[3]
    (leak,) = found[-1]
    assert ("grows", "warning") == (leak.evidence, leak.severity)


def test_many_idle_receivers_of_their_own_channels_are_no_leak() -> None:
    """A thousand connections or actors, each with its mailbox, all idle: their number stays."""
    mailboxes = [Wait(n, -100, FOR_EVER, RECEIVING) for n in range(1000)]
    assert [[]] * 31 == looks(finder(), mailboxes, 300)


def test_connections_that_come_and_go_are_no_leak() -> None:
    """More and more of them in the morning, but those that have waited for long go on now and then."""
    waits = [Wait(n, n / 2, n / 2 + 40 + n % 60, RECEIVING) for n in range(300)]
    assert [] == looks(finder(), waits, 140)[-1]


# --- what is idle by design ---


@pytest.mark.parametrize("kind", ["timer", "context", "signal"])
def test_who_waits_for_a_timer_a_context_or_a_signal_is_left_out(kind: str) -> None:
    """However many, and however they grow."""
    assert [[]] * 13 == looks(finder(), leaking(seconds=120, kind=kind, **RECEIVING), 120)


def select(goroutine: int, age_s: float, *kinds: str) -> list[Blocked]:
    """A select that would send on a channel and also waits for others."""
    own = blocked(goroutine, age_s, wait_reason="select")
    others = [
        blocked(goroutine, age_s, wait_reason="select", operation="recv", channel=f"a {kind} channel", kind=kind)
        for kind in kinds
    ]
    return [*others, own]


def grown_select(*kinds: str) -> list[list[Finding]]:
    """Four such selects a second, for two and a half minutes."""
    finding = finder()
    return [
        look(finding, [e for n in range(4 * now) for e in select(n, now - n / 4, *kinds)], now)
        for now in range(0, 151, 10)
    ]


def test_a_select_with_a_timeout_is_left_out() -> None:
    """The timer will wake it."""
    assert [[]] * 16 == grown_select("timer")


def test_a_select_with_a_context_must_be_long_lived_to_be_a_leak() -> None:
    """Its way out may be used at any time; only growth of those that wait for long is evidence."""
    found = grown_select("context")
    assert [[]] * 4 == found[:4]
    (leak,) = found[-1]
    assert ("main.work main.go:41", "select", "warning") == (leak.channel, leak.wait_reason, leak.severity)


def test_a_select_is_one_goroutine() -> None:
    """It waits on two channels, and is counted once, under the one it would send on."""
    (leak,) = grown_select("user")[-1]
    assert 4 * 145 - 4 <= leak.count <= 4 * 145 + 4
    assert "main.work main.go:41" == leak.channel
