"""Between two looks at a large program goroutines and channels are those of the last look, and what follows from them
is not made anew: no number may differ from what a model says that makes everything anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from otelchan.config import Findings
from otelchan.findings.finders import Finders
from otelchan.gobinary.types import Frame
from otelchan.kernel.types import USERS
from otelchan.memory.types import Census, Channel, ChannelMap, Goroutine, GoroutineCounts, Goroutines, Held, Wait
from otelchan.model.observation import Counts, KernelState, Observation, Parked, Used
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

BIAS, SECOND = 0x10000, 1_000_000_000
MAKES = (0x401100, 0x401200)
STACKS = ((0x401300,), (0x401400, 0x401300))
FRAMES: dict[int, tuple[Frame, ...]] = {
    pc: (Frame(f"main.at{pc:x}", "/src/main.go", pc & 0xFFF),) for pc in (*MAKES, 0x401300, 0x401400)
}
PROCESS = Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ())
SETTINGS = Findings(wait_s=1, leak_suspect_s=1, leak_long_s=3, leak_window_s=20, leak_long_window_s=60, leak_growth=2)


def address(number: int) -> int:
    """Of a channel."""
    return 0xC000000000 + 96 * number


class Program:
    """Rounds of looking at a program that does anything, at chance. Every third round brings a new census."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.keys = {address(n): BIAS + self.random.choice(MAKES) for n in range(6)}
        self.parked: dict[int, Parked] = {}
        self.used = {address(n): [5 * SECOND, 0, 0, 0] for n in range(4)}
        self.counts = 0
        self.waited_on = 8 + seed % 2  # the ninth is nobody's: it could not be read
        self.channels = ChannelMap(())

    def rounds(self) -> Iterator[Observation]:
        """What is seen at each."""
        for number in range(18):
            now = (100 + 2 * number) * SECOND
            if number % 3 == 0:
                census = self._census(now)
            elif self.random.random() < 0.5:
                self._goes_on(now)
            yield self._observation(now, replace(census, counts=GoroutineCounts(50 + number, 100 + number)))

    def _census(self, now: int) -> Census:
        kinds = ["os.Signal" if n == 7 else "int" for n in range(8)]
        channels = [
            Channel(address(n), kinds[n], n == 7, 8, 0, n % 3, self.random.random() < 0.2, False, n, n % 2, True)
            for n in range(8)
        ]
        goroutines = [self._goroutine(n) for n in range(1, 30)]
        self.parked = {g.address: Parked(now - n * SECOND // 4, 0) for n, g in enumerate(goroutines) if n % 3}
        self.channels = ChannelMap(channels)
        return Census(now, now, 0, GoroutineCounts(0, 0), Goroutines.of(goroutines), tuple(channels))

    def _goroutine(self, number: int) -> Goroutine:
        if self.random.random() < 0.2:
            return Goroutine(0xA000 + number, number, "running")
        channel = address(self.random.randrange(self.waited_on)) if self.random.random() < 0.9 else 0
        side = self.random.choice(("send", "recv"))
        waits = (Wait(channel, side),) if channel else ()
        reason = f"chan {'send' if side == 'send' else 'receive'}" + ("" if channel else " (nil chan)")
        stack = self.random.choice(STACKS)
        return Goroutine(0xA000 + number, number, "waiting", reason, stack=stack, waits=waits)

    def _goes_on(self, now: int) -> None:
        """What the kernel side sees while memory is not looked at."""
        what = self.random.randrange(4)
        if what == 0 and self.parked:
            self.parked.pop(self.random.choice(list(self.parked)))
        if what == 1:
            self.parked[0xA000 + self.random.randrange(1, 30)] = Parked(now, 0)
        if what == 2:
            self.used[address(self.random.randrange(4))][self.random.randrange(4)] += SECOND
        if what == 3:
            self.keys[address(self.random.randrange(6))] = BIAS + self.random.choice(MAKES)
        self.counts += 1

    def _observation(self, now: int, census: Census) -> Observation:
        addresses = np.array(list(self.used), np.uint64)
        made, closed, sent, received = np.array(list(self.used.values()), np.uint64).T
        users = np.zeros((len(addresses), 2, USERS), np.uint64)
        users[:, :, 0] = [[n + 1, 200 + n] for n in range(len(addresses))]
        names = np.array([self.keys[each] for each in self.used], np.uint64)
        none = np.zeros((len(addresses), 2), np.uint64)
        used = Used(addresses, names, made, closed, sent, received, users, users * 0 + 1, none)
        kernel = KernelState(
            keys=dict(self.keys),
            counts={key: Counts(self.counts, self.counts) for key in self.keys.values()},
            parked=dict(self.parked),
            used=used,
        )
        held = Held({address(1): (3, 4)} if self.counts % 2 else {})
        registered = frozenset({address(7)}) if self.counts % 3 else frozenset()
        return Observation(now + self.counts, now, kernel, census, self.channels, {}, registered=registered, held=held)


def as_if_new(seen: Observation) -> Observation:
    """The same, of which no object was there before."""
    assert seen.census is not None
    census = replace(seen.census, goroutines=copy(Goroutines.of(seen.census.goroutines)))
    return replace(seen, census=census, channels=ChannelMap(seen.channels.values()))


def world() -> World:
    """Watched with all planes, from the program's birth on."""
    made = World(PROCESS, go_image(FRAMES), BIAS, 4 * SECOND)
    for plane in ("makes", "waits", "operations"):
        made.plane_attached(plane, 4 * SECOND, KernelState())
    return made


def shown(snapshot: Snapshot) -> Snapshot:
    """Without the ids of spans, which are made by chance."""
    return replace(snapshot, spans=tuple(replace(span, context=None, links=()) for span in snapshot.spans))  # type: ignore[arg-type]


@pytest.mark.parametrize("seeds", [range(start, start + 4) for start in range(0, 12, 4)], ids=str)
def test_no_number_and_no_finding_differs_from_what_is_made_anew(seeds: range) -> None:
    """Of a program in which goroutines park and go on, channels are used and get other names meanwhile."""
    assert sum(map(compared, seeds))


def compared(seed: int) -> int:
    """How many findings there were, in all rounds of a program, and each time the same ones."""
    keeping, anew = world(), world()
    of_kept, of_new = Finders(SETTINGS), Finders(SETTINGS)
    found = 0
    for seen in Program(seed).rounds():
        kept, new = keeping.snapshot(seen), anew.snapshot(as_if_new(seen))
        assert shown(new) == shown(kept)
        expected = of_new.assess(new)
        assert expected == of_kept.assess(kept)
        found += len(expected.findings)
    return found


def test_what_does_not_change_is_the_very_same() -> None:
    """So that a round costs next to nothing."""
    seen = next(Program(0).rounds())
    made = world()
    made.snapshot(seen)

    first, second = made.snapshot(seen), made.snapshot(replace(seen, time_unix_ns=seen.time_unix_ns + SECOND))

    assert first.blocked is second.blocked and first.groups is second.groups
    assert first.live.columns.sending is second.live.columns.sending
