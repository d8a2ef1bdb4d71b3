"""What the kernel side counts equals what the program says about itself, to the unit."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.entry import TARGET
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import decode_block
from otelchan.model.names import Namer
from otelchan.model.observation import Counts, KernelState
from otelchan.model.stacks import walk
from tests.support.everyop import attach, state
from tests.support.gobuild import SUPPORTED_GO
from tests.support.shop import Truths, shop

FAR = 1 << 62


@pytest.fixture
def session() -> Iterator[Session]:
    """The loaded kernel side."""
    loaded = Session()
    yield loaded
    loaded.close()


def trade(session: Session, image: GoImage, binary: Path) -> tuple[int, Truths, KernelState]:
    """One whole run: its seed, what it says it did, and what was counted."""
    with shop(binary) as program:
        attach(session, image, program.pid)
        program.go()
        return program.seed, program.report()["channels"], state(session)


def by_place(image: GoImage, counts: dict[int, Counts]) -> dict[str, Counts]:
    """Counts by "file.go:line" of the make."""
    namer = Namer(image)
    found: dict[str, Counts] = {}
    for key, row in counts.items():
        name = namer.made_at(key)
        assert name, hex(key)
        if name.kind == "runtime":  # the collector's workers start through a channel of their own
            continue
        place = name.name.split()[-1]
        found[place] = Counts(*(a + b for a, b in zip(found.get(place, Counts()), row, strict=True)))
    return found


@pytest.mark.parametrize("go", SUPPORTED_GO)
@pytest.mark.parametrize("stripped", [False, True], ids=["plain", "stripped"])
def test_every_channel_is_counted_exactly(
    session: Session, workload: Callable[..., Path], go: str, stripped: bool
) -> None:
    """Sends, receives, also from closed, attempts that would block, closes and makes equal the program's own, on every
    channel that it made."""
    binary = workload("shop", go=go, stripped=stripped)
    image = analyse(binary)
    seed, truth, seen = trade(session, image, binary)

    counted = by_place(image, dict(seen.counts))
    expected = {
        place: Counts(
            send_ok=t["sends"],
            recv_ok=t["recvs"],
            recv_closed=t["closed_recvs"],
            closes=t["closes"],
            residue=counted[place].residue,
            made=t["made"],
            send_would_block=t["would_block_sends"],
            recv_would_block=t["would_block_recvs"],
        )
        for place, t in truth.items()
    }
    assert counted == expected, f"seed {seed}"
    assert {name: count for name, count in seen.losses.items() if count} == {}


def test_every_wait_on_an_unbuffered_channel_is_in_a_histogram(session: Session, workload: Callable[..., Path]) -> None:
    """Of each element of a plain unbuffered channel exactly one side waited: block counts add up to its elements."""
    binary = workload("shop", go="1.27.3")
    image = analyse(binary)
    seed, truth, seen = trade(session, image, binary)

    namer = Namer(image)
    blocks: dict[str, int] = {}
    for (key, _operation), histogram in seen.blocks.items():
        name = namer.made_at(key)
        assert name
        assert histogram.count == sum(histogram.buckets)
        place = name.name.split()[-1]
        blocks[place] = blocks.get(place, 0) + histogram.count
    expected = {place: t["sends"] for place, t in truth.items() if t["every_element_wait"] and t["sends"]}
    assert expected
    assert {place: blocks.get(place, 0) for place in expected} == expected, f"seed {seed}"


def test_a_long_wait_sends_a_record_with_the_sleepers_stack(session: Session, workload: Callable[..., Path]) -> None:
    """Waits over the threshold come with times, goroutine, channel, a stack that ends, and who woke it."""
    binary = workload("shop", go="1.26.8")
    image = analyse(binary)
    with shop(binary) as program:
        attach(session, image, program.pid)
        entry = target_entry(image, 0)
        entry["waits_epoch"] = entry["operations_epoch"] = 1
        entry["span_threshold_ns"] = 10_000_000
        entry["spans_allowed"] = 10_000
        session.write_target(3, entry)
        program.go()
        truth = program.report()["channels"]
        records = [decode_block(data) for data in session.drain()]

    (place, slow), *_ = [(p, t) for p, t in truth.items() if t["role"] == "long waits"]
    namer = Namer(image)
    mine = [r for r in records if (namer.made_at(r.name_key) or ("?",))[0].endswith(place)]
    assert sum(r.operation == 0 for r in mine) == slow["long_sends"], f"seed {program.seed}"
    assert sum(r.operation == 1 for r in mine) == slow["long_recvs"], f"seed {program.seed}"
    assert all(r.end - r.start >= 10_000_000 for r in mine)
    assert all(r.goid and r.waker_goid and r.goid != r.waker_goid for r in mine)
    assert all(walk(r.stack, r.sp, r.pc, r.bp)[1] for r in mine)
    functions = {frame.function for r in mine for pc in r.waker for frame in image.functions.frames(pc)}
    assert any(name.startswith("main.") for name in functions)


def test_the_target_entry_has_every_field_set(workload: Callable[..., Path]) -> None:
    """A forgotten offset would be read as 0 by the kernel side, so no offset may be 0."""
    image = analyse(workload("shop"))

    entry = target_entry(image, 0)

    offsets = {name for name in TARGET.names or () if name.startswith(("g_", "sudog_", "hchan_"))}
    assert {name for name in offsets if not entry[name]} - {"hchan_qcount"} == set()
