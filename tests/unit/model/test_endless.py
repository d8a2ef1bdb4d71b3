"""Goroutines that wait on no channel at all, as the model lists them."""

from __future__ import annotations

from otelchan.kernel.types import UNNAMED
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.observation import KernelState, Observation
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image

A = 0xC000000000
SECOND = 1_000_000_000


def listed(*goroutines: Goroutine) -> list[tuple[int, str, str]]:
    """Id, channel or "" and wait reason of each that is blocked, as a look shows them."""
    world = World(Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ()), go_image({}), 0, 4 * SECOND)
    channels = (Channel(A, "int", 0, 8, 0, 0, False, False, 0, 1),)
    census = Census(9 * SECOND, 9 * SECOND, 0, GoroutineCounts(len(goroutines), 10), goroutines, channels)
    kernel = KernelState(keys={A: A | UNNAMED})
    seen = Observation(9 * SECOND, 9 * SECOND, kernel, census, {A: channels[0]}, {})
    blocked = world.snapshot(seen).blocked
    return [(entry.goroutine_id, entry.channel and "a channel", entry.wait_reason) for entry in blocked]


def parked(id_: int, reason: str, *waits: Wait, system: bool = False) -> Goroutine:
    """One that waits."""
    return Goroutine(0xA00 + id_, id_, "waiting", reason, waits, system=system)


def test_who_waits_on_nothing_is_listed_without_a_channel() -> None:
    """On a nil channel, in a select without cases, and in one of nil channels only, which has the reason of any."""
    assert [
        (3, "", "chan receive (nil chan)"),
        (4, "", "chan send (nil chan)"),
        (5, "", "select (no cases)"),
        (6, "", "select"),
        (7, "a channel", "select"),
    ] == listed(
        parked(3, "chan receive (nil chan)", Wait(0, "recv")),
        parked(4, "chan send (nil chan)", Wait(0, "send")),
        parked(5, "select (no cases)"),
        parked(6, "select"),
        parked(7, "select", Wait(A, "recv")),
    )


def test_others_that_wait_on_no_channel_are_not_listed() -> None:
    """A lock, a timer, a goroutine of the runtime's own, and one that runs."""
    assert [] == listed(
        parked(3, "sync.Mutex.Lock"),
        parked(4, "sleep"),
        parked(5, "select (no cases)", system=True),
        Goroutine(0xA06, 6, "running"),
    )
