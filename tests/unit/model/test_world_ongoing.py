"""Waits that go on, as the model tells of them together with those that have ended."""

from __future__ import annotations

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import BlockRecord
from otelchan.memory.types import Census, Channel, Goroutine, GoroutineCounts, Wait
from otelchan.model.observation import KernelState, Observation, Parked
from otelchan.model.ongoing import Pace
from otelchan.model.types import BlockSpan, Snapshot, SpanLink
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.support.images import go_image
from tests.support.snapshots import SECOND

MAKE, SITE = 0x401100, 0x401400
FRAMES: dict[int, tuple[Frame, ...]] = {
    MAKE: (Frame("main.main", "/src/main.go", 41),),
    SITE: (Frame("main.worker", "/src/main.go", 57),),
}
A = 0xC000000000
G = 0xA07
OFFSET = 1000 * SECOND
PARKED = Goroutine(G, 7, "waiting", "chan send", (Wait(A, "send"),), stack=(SITE,), stack_complete=True)


def world() -> World:
    """A world that is told what it is told by a test."""
    made = World(Process(42, 1, 0, "/srv/app", (1, 2), "/proc/42/exe", ()), go_image(FRAMES), 0, OFFSET)
    made.ongoing.change(Pace(10 * SECOND, 1000))
    return made


def look(made: World, second: int, *goroutines: Goroutine, since: int = 0, losses: int = 0) -> Snapshot:
    """A snapshot at that second; goroutine 7 was seen to park at `since`, if at all."""
    now = second * SECOND
    census = Census(now + OFFSET, now, 0, GoroutineCounts(len(goroutines), 10), goroutines, ())
    parked = {G: Parked(since * SECOND, A)} if since else {}
    kernel = KernelState(keys={A: MAKE}, parked=parked, losses={"sampled": losses} if losses else {})
    channels = {A: Channel(A, "int", 0, 8, 0, 0, False, False, 1, 0)}
    return made.snapshot(Observation(now + OFFSET, now, kernel, census, channels, {}))


def woken(second: int, since: int) -> BlockRecord:
    """Goroutine 7 sent at last."""
    return BlockRecord(
        target=1, operation=0, select=False, by_close=False, start=since * SECOND, end=second * SECOND, channel=A,
        name_key=MAKE, g=G, goid=7, waker_g=2, waker_goid=8, sp=0x7000, pc=SITE, bp=0, hi=0x8000, wait_reason=20,
        waker=(), stack=b"",
    )  # fmt: skip


def test_a_wait_is_told_of_while_it_goes_on_and_its_end_links_back() -> None:
    """At 10 s and at 40 s, then its end: a chain, of one name and from one time on."""
    made = world()
    told = [span for second in range(5, 60, 5) for span in look(made, second, PARKED, since=2).spans]
    made.add_block(woken(58, since=2), OFFSET)
    (ended,) = look(made, 60).spans
    first, second = told
    assert [(), (SpanLink(first.context, "ongoing"),), (SpanLink(second.context, "ongoing"),)] == [
        span.links for span in (first, second, ended)
    ]
    assert [(True, 15), (True, 45), (False, 58)] == [
        (span.ongoing, (span.end_unix_ns - OFFSET) // SECOND) for span in (first, second, ended)
    ]
    assert {("main.main main.go:41", "make", "send", "main.worker", OFFSET + 2 * SECOND, False)} == {
        place(span) for span in (first, second, ended)
    }


def place(span: BlockSpan) -> tuple[str, str, str, str, int, bool]:
    """What all spans of one wait have in common."""
    where = span.frames[0].function if span.frames else ""
    return span.channel, span.channel_source, span.operation, where, span.start_unix_ns, span.at_least


def test_the_next_wait_does_not_link_to_the_one_before() -> None:
    """It began later."""
    made = world()
    assert 1 == len(look(made, 20, PARKED, since=2).spans)
    made.add_block(woken(58, since=25), OFFSET)
    (ended,) = look(made, 60).spans
    assert () == ended.links


def test_a_program_that_was_stuck_before_is_told_of_with_a_lower_bound() -> None:
    """Nobody saw the park: it is 10 s since it was first seen, and that is said."""
    made = world()
    told = [span for second in range(5, 30, 5) for span in look(made, second, PARKED).spans]
    assert [(True, 10)] == [(span.at_least, (span.end_unix_ns - span.start_unix_ns) // SECOND) for span in told]


def test_a_collection_of_garbage_says_since_when_it_has_been_stuck_at_least() -> None:
    """g.waitsince is older than the agent: it passes the step of 40 s at the first look, and then that of 160 s."""
    made = world()
    stamped = PARKED._replace(wait_since_ns=48 * SECOND)
    later = Goroutine(0xA08, 8, "waiting", "sleep", wait_since_ns=50 * SECOND)
    told = [span for second in range(100, 230, 10) for span in look(made, second, stamped, later).spans]
    lasted = [(span.end_unix_ns - span.start_unix_ns) // SECOND for span in told]
    assert [40, 160] == [max(step for step in (10, 40, 160) if step <= seconds) for seconds in lasted]
    assert all(span.at_least and span.goroutine_id == 7 for span in told)


def test_a_program_that_has_ended_waits_for_nothing_any_more() -> None:
    """What was last seen of it is shown once more; nobody passes a step in that."""
    made = world()
    look(made, 5, PARKED, since=2)
    last = made.snapshot(Observation(OFFSET + 70 * SECOND, 70 * SECOND, KernelState(), None, {}, {}, ended=True))
    assert ((), 1) == (last.spans, len(last.blocked))


def test_what_there_is_no_room_for_is_counted_with_what_the_kernel_left_out() -> None:
    """Twelve at one place, of which ten are told of; the kernel side had left out five."""
    made = world()
    twelve = [PARKED._replace(address=0xA00 + id_, id=id_) for id_ in range(1, 13)]
    look(made, 5, *twelve)
    seen = look(made, 20, *twelve, losses=5)
    assert (10, {"sampled": 5 + 2}) == (len(seen.spans), seen.losses.by_reason)
