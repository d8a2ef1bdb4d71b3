"""F10 on channels that are saturated and on ones that are only full now and then, each as a series of looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from otelchan.config import Findings
from otelchan.findings.saturation import SaturationFinder
from otelchan.findings.types import Finding
from otelchan.model.types import ChannelView, Counter, Histogram
from tests.support.lives import Row, Users, live
from tests.support.snapshots import ATTACHED, CALLER, SECOND, START, WORKER, blocked, channel, snapshot

NAME = "main.work main.go:41"
ADDRESS = 0xC0000AA000


class Seen(NamedTuple):
    """One look at a channel. waits: ages of the senders in seconds. received: elements so far. idle_s: how long those
    that receive have waited so far. select: the senders wait for something else too."""

    waits: Sequence[float] = ()
    length: int = 8
    capacity: int = 8
    received: int = -1
    idle_s: float = 0.0
    missed: int = 0
    address: int = ADDRESS
    select: bool = False
    ids: int = 100


Series = Callable[[float], Seen]


def look(finder: SaturationFinder, now: float, *channels: Seen, **changes: Any) -> list[Finding]:
    """What is found at one look at all channels of one name. changes: of the view; users: who uses a channel."""
    users: dict[int, Users] = changes.pop("users", {})
    rows, entries = [], []
    for seen in channels:
        received = seen.received if changes.get("planes", True) else -1
        row = Row(seen.address, NAME, seen.length, seen.capacity, len(seen.waits), received=received)
        rows.append(row)
        reason = "select" if seen.select else "chan send"
        for place, age_s in enumerate(seen.waits):
            id_ = seen.ids + place
            entries.append(blocked(id_, age_s, channel_address=seen.address, channel=NAME, wait_reason=reason))
    sees = snapshot(
        (view(channels, **changes),),
        time_unix_ns=START + int(now * SECOND),
        live=live(*rows, users=users),
        blocked=entries,
    )
    return finder.find(sees)


def view(channels: Sequence[Seen], planes: bool = True, **changes: Any) -> ChannelView:
    """All channels of the name. planes: something is counted."""
    received = sum(max(seen.received, 0) for seen in channels)
    idle_ns = int(sum(seen.idle_s for seen in channels) * SECOND)
    missed = sum(seen.missed for seen in channels)
    counted: dict[str, Any] = {
        "processed": {
            ("recv", "ok"): Counter(received, ATTACHED),
            ("recv", "would_block"): Counter(missed, ATTACHED),
        },
        "blocks": {"recv": Histogram(1, idle_ns, ((1024, 1),))},
        "blocks_start_unix_ns": ATTACHED,
    }
    nothing: dict[str, Any] = {"processed": {}, "blocks": {}, "blocks_start_unix_ns": 0}
    return channel(NAME, **{"channels": len(channels), **(counted if planes else nothing), **changes})


def looks(series: Series, seconds: int = 60, every: float = 1.0, **changes: Any) -> list[list[Finding]]:
    """What is found at each look for so many seconds."""
    finder = SaturationFinder(Findings())
    return [look(finder, place * every, series(place * every), **changes) for place in range(int(seconds / every) + 1)]


def first(found: Sequence[Sequence[Finding]]) -> int:
    """The first look at which something was found; -1: none."""
    return next((place for place, each in enumerate(found) if each), -1)


def steady(now: float) -> Seen:
    """Full, five senders who wait 0.2 seconds each, 20 elements a second are received."""
    return Seen([0.2, 0.15, 0.1, 0.05, 0.01], received=int(20 * now), ids=int(100 + 20 * now))


def growing(now: float) -> Seen:
    """One more sender a second; each waits as long as there are others before it."""
    senders = 20 + int(now)
    return Seen([place / 20 for place in range(senders, 0, -1)], received=int(20 * now), ids=int(100 + 20 * now))


# --- saturated ---


def test_a_backlog_that_grows_is_a_warning() -> None:
    """With the channel, the line, the number and how fast it grows; within 45 s also with a look every ten seconds."""
    for every in (0.5, 1.0, 2.0, 5.0, 10.0):
        found = looks(growing, every=every)
        assert 10 <= first(found) * every <= 40
        (finding,) = found[-1]
        assert ("F10", "warning", NAME, 8 + 80) == (finding.id, finding.severity, finding.channel, finding.count)
        assert ("chan send", WORKER, CALLER) == (finding.wait_reason, finding.site, finding.created_by)
        assert 58 <= finding.growth_per_minute <= 62
        assert 4 * SECOND == finding.oldest_ns
        assert 19 <= float(str(finding.facts["received_per_s"])) <= 21


def test_it_is_said_in_words() -> None:
    """What, where, how many, how long, how fast."""
    assert (
        "channel main.work main.go:41 (chan int) is saturated for at least 1 min: 8 elements in a buffer for 8, and 80 "
        "goroutines are waiting to send at main.worker main.go:57, the oldest for 4 s; 20 elements a second are "
        "received, the backlog grows by 60 a minute; the senders were started at main.main.func1 main.go:31"
    ) == looks(growing)[-1][0].sentence


def test_a_steady_backlog_of_short_waits_is_only_told() -> None:
    """Those that send are held back to the pace of those that receive, as a bounded queue is meant to do."""
    found = looks(steady)
    assert 10 == first(found)
    (finding,) = found[-1]
    assert ("info", 13, 0.0) == (finding.severity, finding.count, finding.growth_per_minute)
    assert "grows" not in finding.sentence


def test_waits_of_more_than_a_second_are_a_warning() -> None:
    """Though nothing grows: whoever sends is held up for long."""

    def slow(now: float) -> Seen:
        return Seen([2.5, 2.0, 1.5, 1.0, 0.5], received=int(2 * now), ids=int(100 + 2 * now))

    assert ("warning", 5 * SECOND // 2) == (looks(slow)[-1][0].severity, looks(slow)[-1][0].oldest_ns)


def test_without_a_buffer_two_senders_that_always_wait_are_enough() -> None:
    """One is what an unbuffered channel is for."""
    assert [] != looks(lambda now: steady(now)._replace(length=0, capacity=0))[-1]
    assert "no buffer" in looks(lambda now: steady(now)._replace(length=0, capacity=0))[-1][0].sentence
    assert -1 == first(looks(lambda now: steady(now)._replace(length=0, capacity=0, waits=[0.05])))


def test_without_counts_it_is_known_from_waits() -> None:
    """No probes: there was never room, since somebody has waited since the last look; and it moves, since the one that
    had waited longest got on."""

    def slow(now: float) -> Seen:
        return Seen([3.0, 2.5, 2.0, 1.5, 1.0, 0.5], ids=int(100 + 2 * now))

    assert [] != looks(slow, planes=False)[-1]
    assert -1 == first(looks(steady, planes=False))


def test_one_channel_among_many_of_its_name() -> None:
    """Nine have nothing to do, one is saturated, and the waits of its senders say so."""

    def slow(now: float) -> Seen:
        return Seen([3.0, 2.5, 2.0, 1.5, 1.0, 0.5], received=int(2 * now), ids=int(100 + 2 * now))

    finder = SaturationFinder(Findings())
    idle = [Seen((), 0, idle_s=0, address=ADDRESS + 96 * place) for place in range(1, 10)]
    for now in range(31):
        busy = [each._replace(idle_s=float(now)) for each in idle]
        found = look(finder, now, slow(now), *busy)
    assert (1, 14) == (found[0].facts["channels"], found[0].count)


def test_several_channels_of_one_name_are_one_finding() -> None:
    """Their backlogs are added up."""
    finder = SaturationFinder(Findings())
    for now in range(31):
        found = look(finder, now, steady(now), steady(now)._replace(address=ADDRESS + 96))
    (finding,) = found
    assert (2, 26) == (finding.facts["channels"], finding.count)
    assert "(2 of them) is saturated" in finding.sentence


def test_a_breath_does_not_end_it_and_two_do() -> None:
    """One look at which nobody waits is an accident."""

    def breathing(now: float) -> Seen:
        return steady(now)._replace(waits=[], length=6) if now in (20, 40, 41) else steady(now)

    found = [len(each) for each in looks(breathing, 45)]
    assert [1] * 31 == found[10:41]
    assert [0] * 5 == found[41:]


def test_a_backlog_that_grows_is_a_warning_however_short_the_waits_are() -> None:
    """A thousand elements a second are received, and one more waits."""

    def quick(now: float) -> Seen:
        senders = 20 + int(now)
        return Seen([place / 1000 for place in range(senders, 0, -1)], received=int(1000 * now), ids=int(1000 * now))

    assert "warning" == looks(quick)[-1][0].severity


def test_it_is_over_when_nothing_is_received_any_more() -> None:
    """Those that wait are stuck from then on."""

    def stopping(now: float) -> Seen:
        return steady(now) if now < 30 else steady(30)._replace(waits=[now - 30 + age for age in (0.2, 0.1, 0.05)])

    found = [len(each) for each in looks(stopping)]
    assert {1} == set(found[10:38])
    assert {0} == set(found[42:])


# --- not saturated ---


def test_senders_must_wait_at_every_look() -> None:
    """Three and none in turn; without a buffer three and one."""
    for fewest, capacity in ((0, 8), (1, 0)):

        def wavering(now: float, fewest: int = fewest, capacity: int = capacity) -> Seen:
            waits = [0.05] * (3 if now % 2 else fewest)
            return steady(now)._replace(waits=waits, capacity=capacity, length=capacity)

        assert -1 == first(looks(wavering))


def test_a_queue_that_is_full_at_every_look_but_empty_in_between_is_not() -> None:
    """Filled once a second, looked at once a second: those that receive have waited for half of the time."""
    assert -1 == first(looks(lambda now: steady(now)._replace(idle_s=now / 2)))
    assert -1 == first(looks(lambda now: steady(now)._replace(missed=int(now))))


def test_those_that_receive_may_have_waited_for_a_long_time_before() -> None:
    """The wait that ended when the pressure began is not counted against it."""
    found = looks(lambda now: steady(now)._replace(idle_s=500.0) if now >= 5 else Seen((), 0), 30)
    assert 15 == first(found)


def test_a_short_time_is_not_enough() -> None:
    """Nine seconds of every twenty."""
    assert -1 == first(looks(lambda now: steady(now) if now % 20 < 10 else steady(now)._replace(waits=(), length=2)))


def test_nobody_receives_any_more() -> None:
    """That is a leak, or a consumer that hangs: another finding says so."""
    stuck = [float(place) for place in range(20)]
    assert -1 == first(looks(lambda now: Seen([now + age for age in stuck], received=1000)))
    assert -1 == first(looks(lambda now: Seen([now + age for age in stuck]), planes=False))


def test_without_a_new_look_nothing_changes() -> None:
    """Ages that stay as they were while time goes on do not say that somebody got on."""
    finder = SaturationFinder(Findings())
    for now in range(60):
        looked = now // 15 * 15
        entries = [blocked(id_, looked + 5, channel_address=ADDRESS, channel=NAME) for id_ in range(5)]
        seen = snapshot(
            (view([Seen([1.0] * 5)]),),
            time_unix_ns=START + now * SECOND,
            looked_unix_ns=START + looked * SECOND,
            live=live(Row(ADDRESS, NAME, 8, 8, 5, received=-1)),
            blocked=entries,
        )
        assert [] == finder.find(seen)


def test_senders_that_give_up_are_not_received_from() -> None:
    """They wait in a select with a time limit: that others come says nothing about what is received."""
    found = looks(lambda now: Seen([1.0, 0.8], select=True, ids=int(100 + now), received=7))
    assert -1 == first(found)


def test_one_sender_at_a_time_is_held_back_by_design() -> None:
    """A publisher that waits for its slowest subscriber, a reader of a file ahead of who processes it."""
    assert -1 == first(looks(lambda now: steady(now)._replace(waits=[0.05])))


def test_a_full_buffer_that_nobody_waits_for_is_not() -> None:
    """A subscriber that misses what it has no room for."""
    assert -1 == first(looks(lambda now: steady(now)._replace(waits=())))


def test_a_semaphore_is_not() -> None:
    """Its elements are nothing, or they are taken out by those who put them in."""
    assert -1 == first(looks(steady, element_type="struct {}"))
    assert -1 == first(looks(steady, users={ADDRESS: ((7, 8), (8, 9))}))
    users = {ADDRESS: ((7, 8), (3,))}
    assert -1 == first(looks(lambda now: steady(now)._replace(ids=3), users=users))
    assert 10 == first(looks(steady, users=users))


def test_channels_that_are_not_the_programs_own_are_not() -> None:
    """Whatever happens in a timer's."""
    finder = SaturationFinder(Findings())
    for now in range(31):
        row = Row(ADDRESS, NAME, 8, 8, 5, received=20 * now, kind="runtime")
        seen = snapshot((view([steady(now)]),), time_unix_ns=START + now * SECOND, live=live(row))
        assert [] == finder.find(seen)


def test_a_channel_at_the_same_address_is_another_one() -> None:
    """When the first is gone, what was known of it is nothing to the next."""
    finder = SaturationFinder(Findings())
    for now in range(31):
        name = f"main.f{now // 5} main.go:1"
        row = Row(ADDRESS, name, 8, 8, 5, received=20 * now)
        views = (channel(name, channels=1),)
        assert [] == finder.find(snapshot(views, time_unix_ns=START + now * SECOND, live=live(row)))


def test_thresholds_are_settings() -> None:
    """A buffer that is half full for two seconds, as soon as it is asked for."""
    finder = SaturationFinder(Findings())
    half = [steady(now)._replace(length=4) for now in range(20)]
    assert [[]] * 10 == [look(finder, now, half[now]) for now in range(10)]
    finder.reconfigure(Findings(saturation_percent=50, saturation_s=2))
    assert [0, 0, 0, 1] == [len(look(finder, now, half[now])) for now in range(10, 14)]


def test_of_very_many_those_that_are_received_from_are_followed() -> None:
    """Twelve thousand channels on which two senders are stuck, and one that is saturated."""
    finder = SaturationFinder(Findings())
    for now in range(15):
        senders = 2 if now < 5 else 20  # then there are many with a larger backlog
        stuck = [Row(ADDRESS + 96 * place, NAME, 8, 8, senders, received=7) for place in range(1, 12_001)]
        rows = [*stuck, Row(ADDRESS, NAME, 8, 8, 5 + now % 3, received=20 * now)]
        seen = snapshot((view([steady(now)]),), time_unix_ns=START + now * SECOND, live=live(*rows))
        found = finder.find(seen)
    assert [1] == [each.facts["channels"] for each in found]


def test_looks_in_quick_succession_are_as_good() -> None:
    """Ten a second: what is remembered does not grow, and a drain between two of them is not forgotten."""
    found = looks(growing, every=0.1)
    assert 100 <= first(found) <= 120
    assert 58 <= found[-1][0].growth_per_minute <= 62
    short = [0.05, 0.04, 0.03]  # none of which lasts from one look to the next
    assert -1 == first(looks(lambda now: steady(now)._replace(waits=short, idle_s=now / 2), every=0.1))


def test_a_long_time_may_be_asked_for() -> None:
    """Ten minutes, with a look every second."""
    finder = SaturationFinder(Findings(saturation_s=600))
    found = [look(finder, now, steady(now)) for now in range(621)]
    assert 600 <= first(found) <= 620
