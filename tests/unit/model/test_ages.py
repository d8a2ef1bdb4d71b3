"""Ages of very many waits, over successive looks."""

from otelchan.memory.types import Census, Goroutine, GoroutineCounts, Wait
from otelchan.model.ages import Ages
from otelchan.model.observation import Parked, Parks
from otelchan.model.types import Age

A = 0xC000000000
PARK = (64, 0x401000, 3, 0xC000000900)


def waiting(id_: int, park: tuple[int, ...] = PARK, reason: str = "chan send", since: int = 0) -> Goroutine:
    """One that sends on a channel."""
    return Goroutine(
        0xA00 + 8 * id_, id_, "waiting", reason, (Wait(A, "send"),) * ("chan" in reason), wait_since_ns=since, park=park
    )


def ages(ages: Ages, now: int, *goroutines: Goroutine, parked: dict[int, Parked] | None = None) -> dict[int, Age]:
    """By goroutine id."""
    census = Census(0, now, 0, GoroutineCounts(len(goroutines), 0), goroutines, ())
    found = ages.of(census, parked or {})
    return {g.id: found.at(place) for place, g in enumerate(goroutines) if found.known[place]}


def test_a_wait_is_as_old_as_the_first_look_that_saw_it() -> None:
    """At least; each by itself, in whatever order they come."""
    seen = Ages()

    assert {7: Age(0, True)} == ages(seen, 100, waiting(7))
    assert {9: Age(0, True), 7: Age(50, True)} == ages(seen, 150, waiting(9), waiting(7))
    assert {7: Age(60, True), 9: Age(10, True)} == ages(seen, 160, waiting(7), waiting(9))


def test_another_park_is_another_wait() -> None:
    """Each part of what identifies a park tells, and so does its reason."""
    for change in range(4):
        seen, other = Ages(), list(PARK)
        other[change] += 1
        ages(seen, 100, waiting(7))
        assert {7: Age(0, True)} == ages(seen, 150, waiting(7, tuple(other))), change
    ages(seen := Ages(), 100, waiting(7))
    assert {7: Age(0, True)} == ages(seen, 150, waiting(7, reason="sync.Mutex.Lock"))


def test_one_that_was_away_starts_anew() -> None:
    """Nobody knows what it did meanwhile."""
    seen = Ages()
    ages(seen, 100, waiting(7), waiting(8))
    ages(seen, 110, waiting(8))

    assert {7: Age(0, True), 8: Age(20, True)} == ages(seen, 120, waiting(7), waiting(8))


def test_the_next_stamp_of_the_collector_makes_it_older() -> None:
    """A cycle stamps with the time of the cycle before, when the wait may not have begun: the next cycle proves it."""
    seen = Ages()
    three = waiting(7, since=20), waiting(8, since=40), waiting(9, since=60)

    assert {7: Age(60, True), 8: Age(40, True), 9: Age(0, True)} == ages(seen, 100, *three)
    assert Age(40, True) == ages(seen, 100, waiting(8, since=40))[8]
    assert Age(0, True) == ages(Ages(), 100, waiting(8, since=40))[8]


def test_a_park_that_was_seen_is_exact_for_waits_on_channels_only() -> None:
    """A probe that noted one earlier says nothing of a lock; one of the future nothing at all."""
    parked = {0xA38: Parked(40, A), 0xA40: Parked(40, A), 0xA48: Parked(400, A)}
    found = ages(Ages(), 100, waiting(7), waiting(8, reason="sync.Mutex.Lock"), waiting(9), parked=parked)

    assert {7: Age(60, False), 8: Age(0, True), 9: Age(0, True)} == found


def test_who_does_not_wait_has_no_age() -> None:
    """It runs."""
    assert {} == ages(Ages(), 100, Goroutine(0xA0, 7, "running"))


def test_parks_are_found_by_address() -> None:
    """As in any mapping."""
    parks = Parks.of({0xB0: Parked(5, A), 0xA0: Parked(4, A)})

    assert {0xA0: Parked(4, A), 0xB0: Parked(5, A)} == dict(parks)
    assert (None, None, 2) == (parks.get(0xA8), parks.get(0xC0), len(parks))
    assert Parks.of(parks) is parks
