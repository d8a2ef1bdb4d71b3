"""F1 on bad programs and on their corrected twins, each as a series of looks at who waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from otelchan.config import Findings
from otelchan.findings.growth import SUSPECT, Group, Watch
from otelchan.findings.leak import LeakFinder
from otelchan.findings.types import Finding
from otelchan.findings.waits import GroupKey, Waiting
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, Blocked, ChannelView, Counter, GoroutineView
from tests.support.snapshots import CALLER, SECOND, START, WORKER, bare_channel, blocked, snapshot

RECEIVING: dict[str, Any] = {"operation": "recv", "wait_reason": "chan receive"}
ONE_CHANNEL: dict[str, Any] = {"channel_address": 0xC0000AA000}
FOR_EVER = 1e9


class Wait(NamedTuple):
    """One goroutine that waits from `start` to `end`, seconds after the agent came; what Blocked has besides."""

    id: int
    start: float
    end: float = FOR_EVER
    changes: Any = None

    def seen_at(self, now: float) -> list[Blocked]:
        """What a look at that time shows; the age of a wait that began before the agent came is a lower bound."""
        if not self.start <= now < self.end:
            return []
        entry = blocked(self.id, now - max(self.start, 0), **(self.changes or {}))
        return [entry if self.start >= 0 else entry_at_least(entry)]


def entry_at_least(entry: Blocked) -> Blocked:
    """The same with an age that is a lower bound."""
    values = {name: getattr(entry, name) for name in entry.__slots__}
    return Blocked(**{**values, "age": Age(entry.age.age_ns, at_least=True)})


def looks(
    finder: LeakFinder,
    waits: Iterable[Wait],
    seconds: int,
    every: int = 10,
    begin: int = 0,
    channels: Sequence[ChannelView] = (bare_channel("main.work main.go:41"),),
) -> list[list[Finding]]:
    """What is found at each look from `begin` on, for so many seconds."""
    waits = list(waits)
    return [
        look(finder, [e for w in waits for e in w.seen_at(now)], now, channels)
        for now in range(begin, begin + seconds + 1, every)
    ]


def look(
    finder: LeakFinder, entries: Sequence[Blocked], now: float, channels: Sequence[ChannelView] = ()
) -> list[Finding]:
    """What is found at one look."""
    seen = snapshot(
        channels,
        time_unix_ns=START + int(now * SECOND),
        blocked=tuple(entries),
        goroutines=GoroutineView(len(entries) + 1),
    )
    return finder.find(seen)


def finder(**changes: Any) -> LeakFinder:
    """With the default thresholds, except for changes."""
    return LeakFinder(Findings(**changes))


def leaking(rate: float = 4.0, seconds: int = 100, lasts: float = FOR_EVER, **changes: Any) -> list[Wait]:
    """Goroutines that come at a rate per second and wait for so long, since long before the agent came."""
    return [Wait(n, n / rate - 20, n / rate - 20 + lasts, changes) for n in range(int((seconds + 20) * rate))]


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


# --- evidence ---


def test_a_goroutine_that_waits_anew_has_got_on() -> None:
    """Fifty senders in loops, each parked at every look, but never for long: nothing is stuck."""
    found = []
    leaks = finder()
    for now in range(0, 121, 10):
        found += look(leaks, [blocked(n, 7 + (n + now) % 3) for n in range(50)], now)
    assert [] == found


def test_an_age_that_steps_back_a_little_is_the_same_wait() -> None:
    """An exact time that gives way to a lower bound is no new wait: the group is still stuck."""
    leaks = finder()
    found: list[Finding] = []
    for now in range(0, 91, 10):
        age = 100 + now - (15 if now >= 60 else 0)
        found = look(leaks, [blocked(n, age) for n in range(20)], now)
    assert ["stuck"] == [f.evidence for f in found]


def test_a_look_that_saw_nothing_is_no_look() -> None:
    """When memory could not be read at first, those who were there all along must not seem to have come."""
    leaks = finder()
    assert [] == leaks.find(snapshot(time_unix_ns=START, goroutines=GoroutineView(0)))
    assert [[]] * 3 == looks(leaks, [Wait(n, 1) for n in range(9)], 20, begin=10)


def test_groups_are_told_apart_by_place_and_by_who_started_them() -> None:
    """Two leaks at two lines are two findings, the larger one first."""
    other = {"frames": (Frame("main.other", "/src/shop/other.go", 7),)}
    starter = {"created_by": Frame("main.start", "/src/shop/main.go", 99)}
    waits = [
        Wait(w.id * 3 + offset, w.start, FOR_EVER, changes)
        for offset, (rate, changes) in enumerate([(2.0, {}), (4.0, other), (1.0, starter)])
        for w in leaking(rate)
    ]
    found = looks(finder(), waits, 60)[-1]
    assert [("main.other", CALLER), ("main.worker", CALLER), ("main.worker", starter["created_by"])] == [
        (f.site.function if f.site else "", f.created_by) for f in found
    ]


def test_goroutines_on_nil_channels_are_left_to_f9() -> None:
    """They wait for ever, whether they become more or not (test_nil_channel.py)."""
    nil: dict[str, Any] = {
        "channel": "",
        "channel_address": 0,
        "operation": "",
        "wait_reason": "chan receive (nil chan)",
    }
    assert [[]] * 7 == looks(finder(), leaking(**nil), 60)


def test_thresholds_come_from_the_settings() -> None:
    """A growth of three is a leak by default; with a threshold of a thousand it is not."""
    assert 1 == len(looks(finder(), leaking(), 60)[-1])
    assert [] == looks(finder(leak_growth=1000, leak_stuck=1000), leaking(), 60)[-1]
    assert [] == looks(finder(leak_stuck=38), [Wait(n, -100) for n in range(37)], 60)[-1]
    assert [] == looks(finder(leak_suspect_s=600, leak_long_s=600), leaking(), 60)[-1]


def test_what_is_over_is_forgotten() -> None:
    """A program with ever new places does not make the finder grow."""
    leaks = finder(leak_window_s=10, leak_long_window_s=10)
    for now in range(0, 1000, 10):
        look(leaks, [blocked(n, 8, channel=f"main.f{now}") for n in range(5)], now)
    assert len(leaks.watch.groups) <= 3
    assert all(len(group.samples) <= 3 for group in leaks.watch.groups.values())


# --- words ---


def test_the_sentence_says_what_where_how_many_how_long_and_how_fast() -> None:
    """For a tired person."""
    (leak,) = looks(finder(), [w._replace(id=w.id) for w in leaking(rate=2.0)], 60)[-1]
    assert (
        f"{leak.count} goroutines are stuck sending, each on its own channel main.work main.go:41 (chan int): "
        "blocked at main.worker main.go:57 for at least 1 min, growing by 120 a minute; "
        "started at main.main.func1 main.go:31"
    ) == leak.sentence


def test_the_sentence_of_one_channel() -> None:
    """And of a leak that does not grow; an exact age is the longest there is."""
    waits = [Wait(n, 1, FOR_EVER, ONE_CHANNEL | {"created_by": None}) for n in range(37)]
    (leak,) = looks(finder(), waits, 42, every=21)[-1]
    assert (
        "37 goroutines are stuck sending on channel main.work main.go:41 (chan int): "
        "blocked at main.worker main.go:57 for up to 41 s, and none of them gets on"
    ) == leak.sentence


def test_the_sentence_says_since_when_nobody_has_received() -> None:
    """When receives are counted, and there were none on any channel of that name for a while."""
    leaks, waits = finder(), [Wait(n, 1, FOR_EVER, ONE_CHANNEL) for n in range(37)]
    counted = bare_channel("main.work main.go:41", processed={("recv", "ok"): Counter(7, START)})
    (leak,) = looks(leaks, waits, 60, channels=[counted])[-1]
    assert "and none of them gets on; nobody has received from it for 1 min; started at" in leak.sentence
    busy = bare_channel("main.work main.go:41", processed={("recv", "ok"): Counter(8, START)})
    (leak,) = look(leaks, [e for w in waits for e in w.seen_at(70)], 70, [busy])
    assert "nobody has" not in leak.sentence


def test_a_channel_whose_make_is_not_known_is_said_as_such() -> None:
    """Its name is its type and who uses it."""
    name = "chan int main.worker"
    (leak,) = looks(finder(), leaking(channel=name), 60, channels=[bare_channel(name, source="use")])[-1]
    assert "sending, each on its own chan int main.worker (where it was made is not known): blocked" in leak.sentence


def test_facts_are_plain_values() -> None:
    """For JSON: how many channels, how long it was watched, how many are long-lived."""
    (leak,) = looks(finder(), [Wait(n, -100, FOR_EVER, ONE_CHANNEL) for n in range(37)], 60)[-1]
    assert {"channels": 1, "watched_s": 60.0, "long_lived": 37, "silent_s": None} == leak.facts


def test_a_look_that_is_shown_again_is_no_look() -> None:
    """While looking is too dear: who has waited for less than it is ago has got on since."""
    watching = Watch(Findings())
    key = GroupKey("main.work main.go:41", "send", "chan send", WORKER, CALLER)

    def look_again(at: int, age: int) -> Group:
        ids, none = np.array([7, 8, 9], np.uint64), np.zeros(3, np.bool_)
        waiting = Waiting(ids, ids, np.full(3, age * SECOND), none, none, np.zeros(3, np.uint8))
        (found,) = watching.look({key: waiting}, START + at * SECOND)
        return found.group

    look_again(0, 20)
    assert [1] * 9 == [len(look_again(0, 20).samples) for _ in range(9)]
    assert 3 == look_again(30, 15).left_since(START, SUSPECT)


def test_a_group_in_which_nothing_happens_takes_no_room() -> None:
    """Hundreds of idle pools, and a look every second for ten minutes."""
    leaks = finder()
    looks(leaks, [Wait(n, -60.0, changes=RECEIVING | ONE_CHANNEL) for n in range(1, 9)], 300, every=1)
    assert [1] == [len(group.samples) for group in leaks.watch.groups.values()]
