"""Goroutines and channels as columns are the same as the objects that they stand for."""

import numpy as np

from otelchan.memory.chancolumns import Element
from otelchan.memory.made import Made
from otelchan.memory.types import Channel, ChannelMap, Channels, Goroutine, Goroutines, Wait
from tests.support.fabricated import Fabricated
from tests.unit.memory.test_census import census, small_program

A, B = 0xC000000000, 0xC000000100
SENDING = Goroutine(0xA0, 7, "waiting", "chan send", (Wait(A, "send"),), stack=(1, 2), park=(64, 1, 3, 9))
SELECTING = Goroutine(0xA8, 8, "waiting", "select", (Wait(A, "recv"), Wait(B, "send")), True, (1, 3), True, 55)
RUNNING = Goroutine(0xB0, 9, "running", created_at=77, system=True)


def channel(address: int, length: int = 0) -> Channel:
    """One of int."""
    return Channel(address, "int", 0x500, 8, length, 4, False, False, 1, 2, True)


def test_columns_of_objects_keep_the_objects() -> None:
    """As a test, or a recording, gives them."""
    goroutines = Goroutines.of((SENDING, SELECTING, RUNNING))

    assert (SENDING, SELECTING, RUNNING) == tuple(goroutines)
    assert goroutines[1] is SELECTING
    assert Goroutines.of(goroutines) is goroutines


def test_columns_say_what_the_objects_say() -> None:
    """Numbers stand for texts and stacks; who is not parked has none."""
    goroutines = Goroutines.of((SENDING, SELECTING, RUNNING))

    assert ["chan send", "select", ""] == [goroutines.reasons[number] for number in goroutines.reason.tolist()]
    assert [(1, 2), (1, 3), ()] == [goroutines.stacks[number] for number in goroutines.stack.tolist()]
    assert ([7, 8, 9], [0, 55, 0]) == (goroutines.id.tolist(), goroutines.since.tolist())
    assert ([False, False, True], [0, 0, 77]) == (goroutines.system.tolist(), goroutines.created_at.tolist())
    assert [(64, 1, 3, 9), (0,) * 4, (0,) * 4] == list(zip(*(c.tolist() for c in goroutines.park), strict=True))


def test_columns_of_a_census_equal_columns_of_its_objects() -> None:
    """With goroutines that are left out in between."""
    program, _ = small_program(bias=0x555555554000, since=9)
    program.goroutine(14, status="dead")
    program.wait(program.goroutine(9), (program.channel(), "send"), (program.channel(2), "recv"))
    seen = Goroutines.of(census(program).goroutines)
    same = Goroutines.of(tuple(seen))

    for one, other in ((seen, same), (same, seen)):
        assert one == other
        for name in ("address", "id", "since", "system", "created_at"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
        assert [c.tolist() for c in (*one.park, *one.waits)] == [c.tolist() for c in (*other.park, *other.waits)]


def test_each_place_on_a_channel_is_said_once() -> None:
    """However many goroutines wait there."""
    twice = SELECTING._replace(address=0xC0, id=10, waits=(Wait(B, "send"),))
    found = Goroutines.of((SENDING, SELECTING, RUNNING, twice)).waited()

    assert [(A, "recv", (1, 3)), (A, "send", (1, 2)), (B, "send", (1, 3))] == sorted(found)
    assert [] == Goroutines.of((RUNNING,)).waited()


def test_no_goroutines_are_columns_too() -> None:
    """Of a program whose memory says nothing."""
    assert (0, [], ()) == (len(Goroutines.of(())), list(Goroutines.of(())), Goroutines.of(())[:])


def test_a_map_of_channels_finds_those_of_a_census_and_others() -> None:
    """By address, one by one and many at once, and as rows of numbers."""
    program = Fabricated()
    for _ in range(3):
        program.wait(program.goroutine(), (program.channel(4, 2), "recv"))
    waited_on = census(program).channels
    other = channel(1 << 46, length=3)
    row = ChannelMap.of({other.address: other}).numbers()
    channels = ChannelMap(waited_on)
    channels.update(Channels(row, {0x500: Element("int", 0x500)}, np.zeros(1, np.int64), Made()))

    every = {each.address: each for each in (*waited_on, other)}
    assert every == dict(channels)
    assert list(every.values()) == channels.many(list(every))
    assert [waited_on[2], other] == channels.many([waited_on[2].address, other.address])
    assert (True, False, 4) == (waited_on[0].address in channels, 5 in channels, len(channels))
    rows = [(c.address, c.length, c.capacity, c.waiting_receivers) for c in every.values()]
    assert rows == [(row[0], row[1], row[2], row[7]) for row in channels.numbers().tolist()]


def test_a_map_of_any_channels_is_the_same() -> None:
    """Also of none."""
    one = channel(A)

    assert {A: one} == dict(ChannelMap.of({A: one}))
    assert [A, 0, 4, 8, 0, 0, 1, 2, 0x500, 0] == ChannelMap.of({A: one}).numbers()[0].tolist()
    assert (0, []) == (len(ChannelMap(())), ChannelMap(()).numbers().tolist())


def test_the_living_are_told_also_where_they_are_not_shown() -> None:
    """By ascending id, with who started them; the dead are left out."""
    alive = [Goroutine(1, 9, "waiting", parent_id=3), Goroutine(2, 4, "running", parent_id=9, system=True)]
    every = Goroutines.of([*alive, Goroutine(3, 7, "dead", parent_id=1)])

    id_, parent, system = every.living
    assert ([4, 9], [9, 3], [True, False]) == (id_.tolist(), parent.tolist(), system.tolist())
    assert ["waiting", "running", "dead"] == [every.statuses[number] for number in every.status.tolist()]
    assert [3, 9, 1] == every.parent.tolist()


def test_columns_apart_make_objects_of_their_own() -> None:
    """Equal ones, which are not kept for the others: another thread asks, or somebody who needs each once."""
    program, _ = small_program()
    seen = Goroutines.of(census(program).goroutines)
    apart = seen.apart()

    assert tuple(apart) == tuple(seen)
    assert seen[0] is seen[0]
    assert apart[0] is not seen[0]
