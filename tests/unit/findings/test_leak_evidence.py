"""What F1 goes by: waits that are told apart, groups, thresholds, and the words it finds for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelchan.config import Findings
from otelchan.findings.growth import SUSPECT, Group, Watch
from otelchan.findings.types import Finding
from otelchan.findings.waits import GroupKey, Waiting
from otelchan.gobinary.types import Frame
from otelchan.model.types import Counter, GoroutineView
from tests.support.snapshots import CALLER, SECOND, START, WORKER, bare_channel, blocked, snapshot
from tests.support.waiting import FOR_EVER, ONE_CHANNEL, RECEIVING, Wait, finder, leaking, look, looks


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
