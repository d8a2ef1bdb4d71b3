"""Thousands of blocks at once under a rate for a few: of each octave and round the longest is sent all the same.

The truth is what a second target on the same program is sent, which has no rate: the same blocks, a microsecond later.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import BlockRecord, Loss, decode_block
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from otelchan.telemetry.catalogue import BLOCK_BOUNDS_NS
from tests.support.driven import Driven, driven

LIMITED, TRUTH = 1, 2
BLOCKS, LONGEST_MS, RATE = 1500, 1200, 5
SHAPES = ("rising", "falling", "random")
TRIES = 3
TRAP_NS = 20_000  # from one target's look at the clock to the other's, within one trap
LENT_OUT = 2  # blocks of a bucket between whose two looks the processor may have been lent out, for milliseconds
MOST_OF_AN_OCTAVE = 32


class Burst(NamedTuple):
    """What was sent of one burst, which was one round: under the rate, beyond it, and where there is no rate.

    longest_ns: as the program says.
    """

    shape: str
    sent: list[int]
    beyond: list[int]
    truth: list[int]
    sampled_out: int
    longest_ns: int


class Bursts:
    """A program that both targets are attached to, and what is sent of it."""

    def __init__(self, program: Driven, session: Session, image: GoImage) -> None:
        self._program, self._session = program, session
        self._entries = {target: target_entry(image, 0) for target in (LIMITED, TRUTH)}
        self._entries[TRUTH]["spans_allowed"] = 1 << 40
        for target, entry in self._entries.items():
            entry["waits_epoch"] = 1
            session.write_target(target, entry)
            plan = make_plan(image, target, f"/proc/{program.pid}/exe")
            for sites in (plan.planes[plane] for plane in (Plane.MAKES, Plane.WAITS)):
                session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], program.pid)

    def run(self, shape: str) -> Burst:
        """The next round: one burst, drained all the time, because the ring is small."""
        before = self.lost(LIMITED)["SAMPLED"]
        entry = self._entries[LIMITED]
        entry["round"] += 1
        entry["spans_allowed"] += RATE
        self._session.write_target(LIMITED, entry)
        said: list[str] = []
        asking = threading.Thread(target=lambda: said.append(self._program.ask(f"{shape} {BLOCKS} {LONGEST_MS}")))
        asking.start()
        records: list[BlockRecord] = []
        while asking.is_alive():
            asking.join(0.002)
            records += map(decode_block, self._session.drain())
        records += map(decode_block, self._session.drain())
        by_kind: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
        for record in records:
            assert record.round == int(self._entries[record.target]["round"])
            by_kind[record.target, record.over_rate].append(record.end - record.start)
        return Burst(
            shape=shape,
            sent=by_kind[LIMITED, False],
            beyond=by_kind[LIMITED, True],
            truth=by_kind[TRUTH, False],
            sampled_out=self.lost(LIMITED)["SAMPLED"] - before,
            longest_ns=int(said[0].split()[1]),
        )

    def lost(self, target: int) -> dict[str, int]:
        """What could not be kept of a target so far."""
        lost = self._session.tally(target)["lost"]
        return {loss.name: int(lost[loss]) for loss in Loss}


@contextmanager
def bursts(binary: Path, backend: str) -> Iterator[Bursts]:
    """The workload of that name, with both targets attached."""
    image, session = analyse(binary), Session(backend=backend)
    try:
        with driven(Driven, binary, processors=1) as program:
            yield Bursts(program, session, image)
    finally:
        session.close()


def whole(binary: Path, backend: str, shapes: Sequence[str]) -> list[Burst]:
    """One burst after the other, all of whose blocks were sent to the target without a rate. It takes a ring that is
    drained all the time, so where the machine had no time for that, it is done again."""
    for _ in range(TRIES):
        with bursts(binary, backend) as running:
            done = [running.run(shape) for shape in shapes]
            lost = [running.lost(target) for target in (LIMITED, TRUTH)]
        assert [0, 0] == [each["PARK"] + each["HISTOGRAM"] for each in lost]
        if not any(each["SPAN"] for each in lost):
            return done
    pytest.fail(f"in {TRIES} runs the ring was full: {lost}")


@pytest.fixture(scope="module")
def seen(workload: Callable[..., Path]) -> list[Burst]:
    """Bursts of all shapes."""
    return whole(workload("bursts", go="1.27.3"), "auto", SHAPES)


def longest(durations: list[int], but: int = 0) -> dict[int, int]:
    """The longest of each exported bucket; or the longest but one, and so on, of those buckets that have so many."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for duration in sorted(durations, reverse=True):
        found[bisect_left(BLOCK_BOUNDS_NS, duration)].append(duration)
    return {bucket: ordered[but] for bucket, ordered in found.items() if len(ordered) > but}


def too_short(burst: Burst) -> dict[int, tuple[int, int]]:
    """What blocked longest and the longest that was sent, of the buckets in which they are not within 1/32."""
    truth, got = longest(burst.truth, LENT_OUT), longest(burst.sent + burst.beyond)
    assert len(truth) > 4
    return {
        bucket: (duration, got.get(bucket, 0))
        for bucket, duration in truth.items()
        if got.get(bucket, 0) * 33 / 32 + TRAP_NS < duration
    }


def test_every_block_is_sent_or_counted_as_left_out(seen: list[Burst]) -> None:
    """To the unit, in each round; and the rate is used up first."""
    assert [(BLOCKS, BLOCKS, RATE)] * len(SHAPES) == [
        (len(b.truth), len(b.sent) + len(b.beyond) + b.sampled_out, len(b.sent)) for b in seen
    ]


def test_the_slowest_of_each_bucket_is_sent_within_a_thirty_second(seen: list[Burst]) -> None:
    """Whatever the order in which they came, and in each round anew."""
    assert [(burst.shape, {}) for burst in seen] == [(burst.shape, too_short(burst)) for burst in seen]


def test_it_is_not_longer_than_the_program_saw_it(seen: list[Burst]) -> None:
    """Park to wake lies within what the program measures around its receive."""
    for burst in seen:
        assert max(burst.sent + burst.beyond) <= burst.longest_ns
        assert max(burst.truth) > LONGEST_MS * 500_000


def test_of_each_octave_few_are_sent_beyond_the_rate(seen: list[Burst]) -> None:
    """At most one for each of its 32 parts; when the longest come first, only they."""
    for burst in seen:
        octaves = np.unique([int(ns - 1).bit_length() for ns in burst.beyond], return_counts=True)[1]
        assert octaves.max() <= MOST_OF_AN_OCTAVE, burst.shape
        assert len(burst.beyond) < BLOCKS / 4, burst.shape
    rising, falling = seen[:2]
    assert len(rising.beyond) > 3 * len(falling.beyond)


def test_bcc_s_kernel_side_does_the_same(workload: Callable[..., Path]) -> None:
    """Compiled by another compiler, from the same source."""
    (burst,) = whole(workload("bursts", go="1.27.3"), "bcc", ("random",))

    assert (BLOCKS, BLOCKS) == (len(burst.truth), len(burst.sent) + len(burst.beyond) + burst.sampled_out)
    assert {} == too_short(burst)
