"""A program whose stacks are not to be read: its hits cost less, and what is counted stays exact."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import BlockRecord, decode_record
from tests.support.everyop import attach, counted, everyop, state
from tests.support.gobuild import SUPPORTED_GO
from tests.support.hammer import hammer

TARGET = 3


@pytest.fixture
def session() -> Iterator[Session]:
    """The loaded kernel side."""
    loaded = Session()
    yield loaded
    loaded.close()


def set_stacks(session: Session, binary: Path, off: int) -> None:
    """Say it of the program, from now on; and each block may be a span."""
    entry = target_entry(analyse(binary), 0)
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    entry["spans_allowed"] = 1 << 20
    entry["stacks_off"] = off
    session.write_target(TARGET, entry)


def blocks(session: Session) -> list[BlockRecord]:
    """The spans since it was last asked."""
    records = [decode_record(data) for data in session.drain()]
    return [record for record in records if isinstance(record, BlockRecord)]


def users(session: Session) -> Counter[str]:
    """Over all channels: users that are remembered, and sides of which it is known that not all are."""
    _, values = session.items("channels")
    return Counter(users=int((values["users"] != 0).sum()), incomplete=int((values["replaced"] != 0).sum()))


@pytest.mark.parametrize("phase", ["blocking", "buffered", "select", "contention"])
def test_counts_stay_exact_and_no_stack_is_read(workload: Callable[..., Path], session: Session, phase: str) -> None:
    """Every operation is counted as ever; blocks still become spans, without the stacks; nobody is said to use a
    channel, and no place in the code; each side that was used is said not to be known."""
    binary, seed = workload("everyop", go=SUPPORTED_GO[-1]), random.randrange(1 << 32)
    image = analyse(binary)
    with everyop(binary) as program:
        attach(session, image, program.pid, TARGET)
        set_stacks(session, binary, off=1)
        truth = program.run(phase, seed)
        seen = state(session, TARGET)

    assert counted(image, seen) == truth, f"seed {seed}"
    spans = blocks(session)
    assert len(spans) > 0 or phase == "buffered"
    assert {(span.stack, span.waker) for span in spans} <= {(b"", ())}
    assert all(span.goid and span.waker_goid and span.pc for span in spans)
    assert len(session.items("edges")[0]) == 0
    found = users(session)
    assert found["users"] == 0 < found["incomplete"]


def test_stacks_are_read_again_when_they_may_be(workload: Callable[..., Path], session: Session) -> None:
    """The flag is heeded from one hit to the next, with all probes in their places."""
    binary = workload("hammer", go=SUPPORTED_GO[-1])
    image = analyse(binary)
    with hammer(binary) as program:
        attach(session, image, program.pid, TARGET)
        had = []
        for off in (1, 0, 1):
            set_stacks(session, binary, off)
            program.ask("handover 10")
            spans = blocks(session)
            had.append((bool(spans), {bool(span.stack) and bool(span.waker) for span in spans}))

    assert had == [(True, {False}), (True, {True}), (True, {False})]
