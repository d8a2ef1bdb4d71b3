"""Which channels have an objective, and who waits on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelchan.aims import Ages, Aims, Room, Rules, aims_of
from otelchan.config import Objective
from otelchan.kernel.types import PARK, UNNAMED
from otelchan.model.channels import Resolved
from otelchan.model.names import Name
from otelchan.model.observation import KernelState
from otelchan.model.types import Age
from tests.support.snapshots import blocked, snapshot

SECOND = 1_000_000_000
PLENTY = Room(200, 500)
SEND, RECV, SELECT = 0, 1, 2
JOBS, LOG = 0x1000, 0x2000  # name keys
ALL = Objective(channel="*", operation="both")


def name(text: str, element_type: str = "int", kind: str = "user") -> Resolved:
    """What a name key stands for."""
    return Resolved(Name(text, "make", kind), element_type, None, final=True)


KNOWN = {JOBS: name("main.jobs q.go:12"), LOG: name("main.log log.go:3", "string")}


def aims(*rules: Objective, room: Room = PLENTY) -> Aims:
    """What these rules ask of the two channels."""
    return aims_of(KNOWN, Rules(rules), room, ())


def said(found: Aims) -> dict[tuple[str, str], Objective]:
    """Rules by channel and operation."""
    return {(aim.key.channel.split()[0], aim.key.operation): aim.rule for aim in found.aims}


def park(time_ns: int, channel: int, operation: int) -> Any:
    """A goroutine that is parked."""
    return (time_ns, channel, operation, 1, 0, 0)


def parks(*entries: Any) -> np.ndarray:
    """As they are read."""
    return np.array(list(entries), PARK)


def seconds(ages: Ages) -> tuple[list[float], list[float]]:
    """How long they have waited, and how long those that are shared."""
    return (ages.waiting_ns / SECOND).tolist(), (ages.perhaps_ns / SECOND).tolist()


def test_the_first_rule_that_fits_a_channel_and_an_operation_counts() -> None:
    """By the name, the place in it or the type of the elements; a rule for receives leaves sends to the next."""
    recv = Objective(channel="q.go:12", operation="recv", objective_ms=1)
    text = Objective(channel="main.*", element_type="str*", operation="both", objective_ms=2)
    rest = Objective(channel="main.jobs q.go:12", objective_ms=3)

    found = said(aims(recv, text, rest))
    assert {
        ("main.jobs", "recv"): recv,
        ("main.log", "send"): text,
        ("main.log", "recv"): text,
        ("main.jobs", "send"): rest,
    } == found


def test_only_channels_of_the_user_have_objectives() -> None:
    """Nobody waits too long for a timer."""
    known = {JOBS: name("main.jobs q.go:12", kind="timer")}

    assert [] == aims_of(known, Rules([ALL]), PLENTY, ()).aims


def test_places_of_one_name_are_one_objective() -> None:
    """Two lines that an alias gives one name."""
    known = {JOBS: name("orders"), LOG: name("orders")}
    found = aims_of(known, Rules([Objective(channel="orders")]), PLENTY, ())

    assert 1 == len(found.aims)
    assert {(JOBS, SEND): 0, (LOG, SEND): 0} == found.of_key


def test_what_there_is_no_room_for_is_counted_and_what_was_watched_stays() -> None:
    """Places go before single channels of which no make was seen, and those that are watched before all."""
    known = {7 | UNNAMED: name("chan int main.f"), **KNOWN}
    rules = Rules([Objective(channel="*")])

    first = aims_of(known, rules, Room(2, 1000), ())
    assert ({(JOBS, SEND), (LOG, SEND)}, 1) == (set(first.of_key), first.over)
    second = aims_of(known, rules, Room(2, 1000), {(7 | UNNAMED, SEND)})
    assert ({(7 | UNNAMED, SEND), (JOBS, SEND)}, 1) == (set(second.of_key), second.over)
    assert 2 == aims_of(known, rules, Room(200, 1), ()).over


def test_who_is_parked_on_a_channel_waits_for_what_it_does_there() -> None:
    """Of channels that the kernel side knows, and of one that it only knows by its address."""
    unnamed = 0xC000009 | UNNAMED
    found = aims_of({**KNOWN, unnamed: name("chan int main.f")}, Rules([ALL]), PLENTY, ())
    found.look(KernelState(keys={0xC000001: JOBS, 0xC000002: JOBS, 0xC000003: 0x3000}), snapshot(), 0)
    now = found.ages(
        parks(
            park(90 * SECOND, 0xC000001, SEND),
            park(95 * SECOND, 0xC000002, SEND),
            park(99 * SECOND, 0xC000001, RECV),
            park(80 * SECOND, 0xC000003, SEND),
            park(98 * SECOND, 0xC000009, RECV),
            park(70 * SECOND, 0, SELECT),
        ),
        100 * SECOND,
    )

    assert {
        ("main.jobs", "send"): ([10, 5], []),
        ("main.jobs", "recv"): ([1], []),
        ("chan", "recv"): ([2], []),
    } == {(found.aims[n].key.channel.split()[0], found.aims[n].key.operation): seconds(a) for n, a in now.items()}


def test_a_select_that_the_census_saw_waits_while_its_goroutine_is_parked_since_then() -> None:
    """For the channel that it is about; once it is parked since another time it is another wait."""
    found = aims(Objective(channel="*q.go:12", operation="recv"))
    here = {"channel": "main.jobs q.go:12", "operation": "recv", "wait_reason": "select"}
    now = snapshot(blocked=(blocked(1, 10, **here), blocked(2, 20, **here)))
    found.look(KernelState(), now, 100 * SECOND)

    still = found.ages(parks(park(90 * SECOND, 0, SELECT), park(101 * SECOND, 0, SELECT)), 103 * SECOND)
    assert {0: ([13], [])} == {n: seconds(ages) for n, ages in still.items()}


def test_a_select_on_channels_of_several_names_is_told_apart() -> None:
    """A channel that tells the end of a context is no such name: that it waits for nothing else is plain."""
    found = aims(Objective(channel="*q.go:12", operation="recv"))
    jobs = {"channel": "main.jobs q.go:12", "operation": "recv", "wait_reason": "select"}
    other = {"channel": "main.quit q.go:1", "operation": "recv", "wait_reason": "select"}
    now = snapshot(
        blocked=(
            *(blocked(1, 10, **jobs), blocked(1, 10, **other)),
            *(blocked(2, 20, **jobs), blocked(2, 20, **{**other, "kind": "context"})),
        )
    )
    found.look(KernelState(), now, 100 * SECOND)

    since = parks(park(90 * SECOND, 0, SELECT), park(80 * SECOND, 0, SELECT))
    assert {0: ([20], [10])} == {n: seconds(ages) for n, ages in found.ages(since, 100 * SECOND).items()}


def test_who_waited_before_we_came_is_as_old_as_at_the_last_look() -> None:
    """Nobody sees such a wait end, and so it is not counted twice either."""
    found = aims(ALL)
    here = {"channel": "main.jobs q.go:12", "operation": "recv"}
    seen = blocked(1, 20, **here)
    older = blocked(2, 0, **here, age=Age(30 * SECOND, at_least=True))
    found.look(KernelState(), snapshot(blocked=(seen, older)), 100 * SECOND)

    (ages,) = found.ages(parks(), 105 * SECOND).values()
    assert ([30], []) == seconds(ages)
