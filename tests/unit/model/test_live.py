"""Live channels: what is in each, and whether those that send to it or receive from it may still come."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import USERS
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.observation import KernelState, Observation, Used
from otelchan.model.types import ChannelName, End, LiveChannels
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

MAKE = 0x401100
PROCESS = Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ())
SECOND = 1_000_000_000
OFFSET = 1_700_000_000 * SECOND  # Unix minus monotonic time
BORN = OFFSET + 4 * SECOND
A, B = 0xC000000000, 0xC000000100
PLANES = ("makes", "waits", "operations")
MAIN, STARTER, USER, OTHER, CLOSER = 1, 20, 30, 40, 50
UNKNOWN, NEVER, GONE, RETURNING, ALIVE = End.UNKNOWN, End.NEVER, End.GONE, End.RETURNING, End.ALIVE
Side = dict[int, int]  # user -> who started it


def world(attached_unix_ns: int = BORN, planes: Iterable[str] = PLANES) -> World:
    """A program that all planes saw being born, unless they came later."""
    made = World(PROCESS, go_image({MAKE: (Frame("main.main", "/src/main.go", 41),)}), 0, BORN)
    for plane in planes:
        made.plane_attached(plane, attached_unix_ns, KernelState())
    return made


def used(address: int = A, senders: Side | None = None, receivers: Side | None = None, **changes: Any) -> Used:
    """What the kernel knows of one channel that was made at 5 s."""
    users, parents = np.zeros((2, 1, 2, USERS), np.uint64)
    for side, known in enumerate((senders or {}, receivers or {})):
        users[0, side, : len(known)], parents[0, side, : len(known)] = list(known), list(known.values())
    columns = {
        "address": address,
        "name_key": MAKE,
        "made_ns": 5 * SECOND,
        "closed_ns": 0,
        "sent": 7,
        "received": 6,
        "replaced": (0, 0),
        **changes,
    }
    words = {name: np.array([value], np.uint64) for name, value in columns.items()}
    return Used(**words, users=users, parents=parents)


def parked(id_: int, *waits: tuple[int, str], parent: int = STARTER, **changes: object) -> Goroutine:
    """A goroutine that waits."""
    facts = {"parent_id": parent, "wait_reason": "select", **changes}
    return Goroutine(id_, id_, "waiting", waits=tuple(Wait(*each) for each in waits), **facts)  # type: ignore[arg-type]


def running(id_: int, parent: int = STARTER) -> Goroutine:
    """A goroutine that runs."""
    return Goroutine(id_, id_, "running", parent_id=parent)


def channel(address: int = A, senders: int = 0, receivers: int = 0, capacity: int = 0, **changes: object) -> Channel:
    """A channel of int."""
    found = Channel(address, "int", 0, 8, 0, capacity, False, False, senders, receivers)
    return found._replace(**changes)  # type: ignore[arg-type]


def seen(
    what: Used,
    goroutines: Iterable[Goroutine] = (),
    channels: Iterable[Channel] = (),
    at: int = 100,
    census_at: int = 0,
) -> Observation:
    """A look at those goroutines, and at A. Times: seconds; census_at: at the same time, unless it is an older one."""
    all_, now = tuple(goroutines), at * SECOND
    known = {each.address: each for each in channels} or {A: channel()}
    census = Census(0, (census_at or at) * SECOND, 0, GoroutineCounts(len(all_), 0), all_, tuple(known.values()))
    kernel = KernelState(keys={A: MAKE}, used=what)
    return Observation(OFFSET + now, now, kernel, census, known, {})


def receiving_end(
    receivers: Side, *goroutines: Goroutine, waiting: tuple[int, int] = (1, 0), of: World | None = None, **facts: Any
) -> End:
    """What is said of those that receive from a channel that somebody waits to send on."""
    look = seen(used(receivers=receivers, **facts), goroutines, [channel(A, *waiting)])
    return End((of or world()).snapshot(look).live.columns.receiving[0])


SENDER = parked(OTHER, (A, "send"))  # of the family of USER: the same goroutine started both


@pytest.mark.parametrize(
    ("expected", "receivers", "goroutines"),
    [
        pytest.param(NEVER, {}, [SENDER], id="nobody ever received"),
        pytest.param(ALIVE, {USER: STARTER}, [SENDER, running(USER)], id="one runs"),
        pytest.param(ALIVE, {USER: STARTER}, [SENDER, parked(USER, (B, "recv"))], id="one waits for something else"),
        pytest.param(ALIVE, {USER: STARTER, 31: STARTER}, [SENDER, running(31)], id="one has exited, another runs"),
        pytest.param(ALIVE, {USER: 0}, [SENDER, running(USER)], id="one runs, and who started it is not known"),
        pytest.param(
            ALIVE, {USER: STARTER}, [SENDER, parked(USER, (A, "send"), (B, "recv"))], id="a select may go on elsewhere"
        ),
        pytest.param(
            ALIVE, {USER: STARTER}, [SENDER, parked(USER, (A - 96, "recv"), (A, "send"))], id="a select, the other way"
        ),
        pytest.param(RETURNING, {USER: 0}, [SENDER], id="who started one that has exited is not known"),
        pytest.param(RETURNING, {USER: STARTER}, [SENDER, running(STARTER, MAIN)], id="who started it is alive"),
        pytest.param(
            RETURNING, {USER: STARTER}, [SENDER, parked(STARTER, (B, "send"))], id="who started it waits elsewhere"
        ),
        pytest.param(RETURNING, {USER: STARTER}, [SENDER, running(CLOSER)], id="who started it started another"),
        pytest.param(RETURNING, {USER: STARTER}, [SENDER, running(CLOSER, USER)], id="it started another itself"),
        pytest.param(
            RETURNING, {USER: STARTER}, [parked(OTHER, (A, "send"), parent=99)], id="a stranger waits on the channel"
        ),
        pytest.param(GONE, {USER: STARTER}, [SENDER], id="all have exited, and who started them too"),
        pytest.param(GONE, {USER: OTHER}, [parked(OTHER, (A, "send"), parent=99)], id="who started it waits for it"),
        pytest.param(GONE, {USER: STARTER}, [parked(OTHER, (A, "send"), parent=USER)], id="it started who waits"),
        pytest.param(GONE, {USER: STARTER}, [parked(USER, (A, "send"))], id="the only one waits on the other side"),
        pytest.param(GONE, {MAIN: 0}, [parked(MAIN, (A, "send"), parent=0)], id="main is started by nobody"),
        pytest.param(
            GONE,
            {USER: STARTER},
            [SENDER, parked(STARTER, (A, "send")), parked(2, (0xF, "recv"), system=True)],
            id="what the runtime started for itself is nobody",
        ),
        pytest.param(
            GONE, {USER: STARTER}, [parked(OTHER, (A, "send"), (0, "recv"))], id="nothing comes of a nil channel"
        ),
    ],
)
def test_who_may_come(expected: End, receivers: Side, goroutines: list[Goroutine]) -> None:
    """One row of the table in model/ends.py each."""
    assert expected == receiving_end(receivers, *goroutines)


def test_who_waits_on_a_side_is_alive_on_it() -> None:
    """Also before the kernel has seen it get anything."""
    look = seen(used(senders={USER: STARTER}), [parked(OTHER, (A, "send"))], [channel(senders=1)])

    columns = world().snapshot(look).live.columns

    assert (ALIVE, NEVER) == (columns.sending[0], columns.receiving[0])


def test_a_side_with_more_users_than_are_remembered_is_unknown() -> None:
    """Of the other side everything is known."""
    look = seen(used(senders={USER: STARTER}, receivers={31: STARTER}, replaced=(1, 0)), [])

    columns = world().snapshot(look).live.columns

    assert (UNKNOWN, GONE) == (columns.sending[0], columns.receiving[0])


def test_of_a_channel_of_the_runtime_nothing_is_known() -> None:
    """A timer sends without a goroutine."""
    live = world().snapshot(seen(used(), [], [channel(timer=True)])).live

    assert (UNKNOWN, UNKNOWN) == (live.columns.sending[0], live.columns.receiving[0])


def test_of_a_channel_that_was_there_before_a_plane_nothing_is_known() -> None:
    """Somebody may have used it who was not seen: also while the plane was being attached, until the first look."""
    late, gone = world(attached_unix_ns=BORN + 2 * SECOND), {USER: STARTER}
    late.snapshot(seen(used(), [], at=9))

    made_at = {7: UNKNOWN, 8: UNKNOWN, 9: GONE, 10: GONE}
    found = {at: receiving_end(gone, SENDER, of=late, made_ns=at * SECOND) for at in made_at}

    assert made_at == found


@pytest.mark.parametrize("plane", PLANES)
def test_nothing_is_known_while_a_plane_is_off(plane: str) -> None:
    """And later only of channels that are made when it is back."""
    made, gone = world(), {USER: STARTER}
    made.plane_detached(plane)
    off = receiving_end(gone, SENDER, of=made)
    made.plane_attached(plane, BORN + 60 * SECOND, KernelState())
    back = receiving_end(gone, SENDER, of=made)
    new = receiving_end(gone, SENDER, of=made, made_ns=101 * SECOND)

    assert (UNKNOWN, UNKNOWN, GONE) == (off, back, new)


def test_an_unseen_make_says_nothing() -> None:
    """The channel is older than the makes plane, and so may be its users."""
    assert receiving_end({USER: STARTER}, SENDER, made_ns=0) == UNKNOWN


def test_who_came_after_an_old_census_is_not_missed_in_it() -> None:
    """While looking is too dear a census is used again: who was known before it and is not in it has exited."""
    made = world()
    before = seen(used(receivers={USER: STARTER}), [SENDER], [channel(senders=1)])
    first = made.snapshot(before).live.columns.receiving[0]
    newer = used(receivers={USER: STARTER, 29: STARTER})  # its id is lower than that of one that has exited
    again = made.snapshot(seen(newer, [SENDER], [channel(senders=1)], at=105, census_at=100)).live.columns.receiving[0]
    fresh = made.snapshot(seen(newer, [SENDER], [channel(senders=1)], at=110)).live.columns.receiving[0]

    assert (GONE, ALIVE, GONE) == (first, again, fresh)


def test_a_row_says_what_is_in_a_channel() -> None:
    """From memory; and from the kernel when it was made and closed, in Unix time, and what passed through it."""
    what = used(closed_ns=90 * SECOND)
    full = channel(capacity=9, length=5, senders=2, receivers=3, closed=True)

    live = world().snapshot(seen(what, [], [full])).live

    row = {name: column.tolist()[0] for name, column in live.columns._asdict().items()}
    times = (OFFSET + 5 * SECOND, OFFSET + 90 * SECOND)
    assert times == (row["made_unix_ns"], row["closed_unix_ns"])
    assert (A, 5, 9, 2, 3, True) == tuple(
        row[name] for name in ("address", "length", "capacity", "senders", "receivers", "closed")
    )
    assert (7, 6) == (row["sent"], row["received"])
    assert ChannelName("main.main main.go:41", "user") == live.names[row["name"]]


def test_elements_are_counted_only_where_all_were_seen() -> None:
    """Without the operations plane those of a channel with a buffer are not."""
    made = world(planes=("makes", "waits"))

    def counts(capacity: int, what: Used) -> tuple[int, int]:
        columns = made.snapshot(seen(what, [], [channel(capacity=capacity)])).live.columns
        return int(columns.sent[0]), int(columns.received[0])

    assert ((7, 6), (-1, -1), (-1, -1)) == (counts(0, used()), counts(9, used()), counts(0, used(made_ns=0)))


def test_a_make_from_before_the_plane_was_off_is_that_of_another_channel() -> None:
    """The address may have been used again, unseen."""
    made = world()
    made.plane_detached("makes")
    off = made.snapshot(seen(used(), [])).live.columns.made_unix_ns[0]
    made.plane_attached("makes", OFFSET + 60 * SECOND, KernelState())
    back = made.snapshot(seen(used(), [])).live.columns.made_unix_ns[0]
    new = made.snapshot(seen(used(made_ns=61 * SECOND), [])).live.columns.made_unix_ns[0]

    assert (0, 0, OFFSET + 61 * SECOND) == (off, back, new)


def test_a_close_of_an_earlier_channel_at_the_address_is_not_its_own() -> None:
    """Its make was seen later, or its memory says that it is open."""
    earlier = used(closed_ns=4 * SECOND)

    def closed_at(is_closed: bool, what: Used) -> int:
        return int(world().snapshot(seen(what, [], [channel(closed=is_closed)])).live.columns.closed_unix_ns[0])

    assert (0, 0) == (closed_at(True, earlier), closed_at(False, used(closed_ns=6 * SECOND)))


def test_a_channel_that_the_kernel_does_not_know_has_a_row() -> None:
    """With what its memory says."""
    live = world().snapshot(seen(used(B), [], [channel(A, senders=3)])).live

    assert ([A], [3], [0], [-1], [UNKNOWN]) == tuple(
        column.tolist()
        for column in (
            live.columns.address,
            live.columns.senders,
            live.columns.made_unix_ns,
            live.columns.sent,
            live.columns.sending,
        )
    )


def test_users_are_told_of_channels_that_somebody_waits_on() -> None:
    """Of the others nobody asks."""
    what = used(senders={USER: STARTER, 31: STARTER}, receivers={OTHER: STARTER})

    def users(receivers: int) -> dict[int, tuple[tuple[int, ...], tuple[int, ...]]]:
        return world().snapshot(seen(what, [], [channel(receivers=receivers)])).live.users

    assert ({A: ((USER, 31), (OTHER,))}, {}) == (users(1), users(0))


def test_an_ended_program_keeps_its_last_channels() -> None:
    """There is no memory to read any more."""
    made = world()
    look = seen(used(receivers={USER: STARTER}), [SENDER], [channel(senders=1)])
    last = made.snapshot(look).live
    end = Observation(look.time_unix_ns, look.monotonic_ns, look.kernel, None, {}, {}, ended=True)

    assert rows(last) == rows(made.snapshot(end).live)


def rows(live: LiveChannels) -> list[tuple[object, ...]]:
    """One tuple per channel."""
    return list(zip(*(column.tolist() for column in live.columns), strict=True))


def test_a_channel_is_judged_by_itself_among_many() -> None:
    """Every third of 300 channels has lost its receiver; each in memory of its own, in any order."""
    numbers = list(range(300))
    parts = [used(A + 96 * n, receivers={1000 + n: STARTER}) for n in numbers]
    all_used = Used(*(np.concatenate(column) for column in zip(*reversed(parts), strict=True)))
    living = [running(1000 + n, parent=0) for n in numbers if n % 3]
    channels = [channel(A + 96 * n) for n in numbers]

    columns = world().snapshot(seen(all_used, living, channels)).live.columns

    assert [ALIVE if n % 3 else GONE for n in numbers] == columns.receiving.tolist()


def test_at_the_end_channels_were_made_when_they_were_made() -> None:
    """However long after the last look that is."""
    made, look = world(), seen(used())
    times = look.time_unix_ns + 9 * SECOND, look.monotonic_ns + 9 * SECOND
    end = Observation(*times, look.kernel, None, {}, {}, ended=True)
    assert [OFFSET + 5 * SECOND] * 2 == [int(made.snapshot(each).live.columns.made_unix_ns[0]) for each in (look, end)]
