"""F1, F8 and F9 on a hundred thousand goroutines."""

from __future__ import annotations

import time

import numpy as np

from otelchan.model.blocked import BlockedColumns, BlockedList, Names
from otelchan.model.types import SIDES, ChannelName, End, GoroutineView, LiveChannels, LiveColumns, Snapshot
from tests.support.snapshots import CALLER, SECOND, START, WORKER, snapshot
from tests.support.watched import Doctors

NAMES = [ChannelName(f"main.f{n} main.go:{n}", "user") for n in range(3)] + [ChannelName("", "user")]
REASONS = ("chan send", "chan receive", "select", "chan receive (nil chan)")
SEND, RECV, NOWHERE = (SIDES.index(side) for side in ("send", "recv", ""))


class Counted(BlockedList):
    """Counts the objects that are made of it."""

    made = 0

    def _objects(self, part: slice):  # type: ignore[no-untyped-def]
        for entry in super()._objects(part):
            self.made += 1
            yield entry


def leaked(number: int, age_s: int) -> tuple[Counted, Snapshot]:
    """So many goroutines: a quarter each abandoned senders, receivers, selects and waiting on a nil channel."""
    row = np.arange(number)
    kind = row % 4
    address = np.where(kind == 3, 0, 0xC000000000 + 96 * row).astype(np.uint64)
    columns = BlockedColumns(
        goroutine_id=(row + 2).astype(np.uint64),
        channel=kind,
        address=address,
        operation=np.array([SEND, RECV, SEND, NOWHERE], np.uint8)[kind],
        reason=kind,
        age_ns=np.full(number, age_s * SECOND),
        at_least=np.zeros(number, np.bool_),
        stack=np.zeros(number, np.int64),
        creator=np.zeros(number, np.int64),
    )
    blocked = Counted(columns, Names(NAMES, REASONS, [(WORKER, CALLER)], [CALLER]))
    zeros, gone = np.zeros(number, np.int64), np.full(number, End.GONE, np.uint8)
    no = zeros != 0
    live = LiveColumns(address, zeros, zeros, zeros, zeros, zeros, no, zeros, zeros, zeros, zeros, gone, gone, no)
    goroutines = GoroutineView(number)
    seen = snapshot(
        time_unix_ns=START + age_s * SECOND,
        blocked=blocked,
        goroutines=goroutines,
        live=LiveChannels(live.rows(address != 0), NAMES, {}),
        holders=dict.fromkeys(address[address != 0].tolist(), ()),
    )
    return blocked, seen


def test_a_hundred_thousand_goroutines_are_judged_without_an_object_for_each() -> None:
    """One for each group, in each of the three."""
    doctors = Doctors()
    for age_s in (20, 40):
        blocked, seen = leaked(100_000, age_s)
        found = doctors.look(seen)
        assert {"F1": [25_000, 25_000], "F8": [25_000], "F9": [25_000]} == {
            id_: [it.count for it in found if it.id == id_] for id_ in ("F1", "F8", "F9")
        }
        assert blocked.made <= 3 * len(NAMES)


def test_time_grows_no_faster_than_their_number() -> None:
    """A hundred thousand take at most thirty times as long as ten thousand; ten times is what is to be expected."""
    took = {}
    for number in (10_000, 100_000):
        doctors, seconds = Doctors(), []
        for age_s in range(20, 60, 5):
            _, seen = leaked(number, age_s)
            begin = time.perf_counter()
            doctors.look(seen)
            seconds.append(time.perf_counter() - begin)
        took[number] = min(seconds[1:])
    print({number: round(seconds, 3) for number, seconds in took.items()})
    assert took[100_000] < 30 * took[10_000]
