"""Who uses which channel, how much, and from where: against what the program says of itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from otelchan.errors import KernelError
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import BUCKETS, FINE_BUCKETS, MAPS, USERS, bucket_bound_ns
from otelchan.model.observation import KernelState
from tests.support.everyop import attach, state
from tests.support.gobuild import EVERY_GO
from tests.support.uses import Truth, Use, marked_lines, replaced, seen_lines, seen_uses, uses

UNOPTIMISED = ("-gcflags=all=-N -l",)
TARGET = 3


@pytest.fixture
def session() -> Iterator[Session]:
    """The loaded kernel side."""
    loaded = Session()
    yield loaded
    loaded.close()


def watched(session: Session, binary: Path) -> tuple[GoImage, Truth, KernelState]:
    """One whole run."""
    image = analyse(binary)
    with uses(binary) as program:
        attach(session, image, program.pid, TARGET)
        truth = program.run(random.randrange(1 << 32))
        return image, truth, state(session, TARGET)


def without_parents(use: Use) -> Use:
    """As it is seen where the runtime does not remember who started a goroutine."""
    senders, receivers = use.users
    return use._replace(users=(dict.fromkeys(senders, 0), dict.fromkeys(receivers, 0)))


@pytest.mark.parametrize(
    ("go", "flags"), [*((go, ()) for go in EVERY_GO), ("1.27.3", UNOPTIMISED), ("1.19.13", UNOPTIMISED)]
)
def test_each_channel_has_its_elements_and_its_users(
    session: Session, workload: Callable[..., Path], go: str, flags: tuple[str, ...]
) -> None:
    """Sent and received to the unit, and exactly the goroutines that did it, with those that started them: through a
    buffer, from hand to hand, by select, by reflection, from a closed channel, also those that wait for ever.

    Where more did it than are remembered, that is said. From where: exactly the lines that are marked, nothing else.
    """
    image, truth, seen = watched(session, workload("uses", go=go, flags=flags))
    knows_parents = not go.startswith(("1.19", "1.20"))
    found = seen_uses(seen)
    names = {seen.keys[address]: name for name, address in truth.addresses.items()}

    crowded = {name for name, use in truth.channels.items() if any(len(side) > USERS for side in use.users)}
    assert crowded == {"many"}
    expected = truth.channels if knows_parents else {n: without_parents(use) for n, use in truth.channels.items()}
    for name, use in expected.items():
        got = found[truth.addresses[name]]
        gone = replaced(seen, truth.addresses[name])
        if name not in crowded:
            assert (name, got) == (name, use)
            assert gone == [0, 0], name
            continue
        assert (got.sent, got.received, got.users[1]) == (use.sent, use.received, use.users[1])
        assert len(got.users[0]) == USERS and got.users[0].items() < use.users[0].items()
        assert gone == [len(use.users[0]) - USERS, 0]
    assert seen_lines(image, seen, names) == marked_lines()
    assert {name: count for name, count in seen.losses.items() if count} == {}


def test_a_channel_that_is_made_where_another_was_begins_anew(session: Session, workload: Callable[..., Path]) -> None:
    """Neither elements nor users of the one before."""
    _, truth, seen = watched(session, workload("uses", go="1.26.8"))
    found = seen_uses(seen)

    assert len(truth.again) < 3000, "no address was used twice"
    expected = {
        address: Use(sent, 0, ({1: 0} if sent else {}, {}))
        for address, sent in truth.again.items()
        if address not in truth.addresses.values()
    }
    assert {address: found[address] for address in expected} == expected


def coarse(buckets: np.ndarray) -> list[int]:
    """Eight buckets per octave as four."""
    inner = buckets[1:-1].reshape(-1, 2).sum(axis=1).tolist()
    return [int(buckets[0]), *inner, int(buckets[-1])]


@pytest.mark.parametrize("backend", ["libbpf", "bcc"])
def test_a_channel_with_an_objective_has_a_finer_histogram(workload: Callable[..., Path], backend: str) -> None:
    """Of the same blocks as the one that all have, and only of what was asked for."""
    binary = workload("uses", go="1.27.3")
    image = analyse(binary)
    session = Session(backend=backend)
    try:
        with uses(binary) as program:
            attach(session, image, program.pid, TARGET)
            key = _key_of(image, binary)
            tell_objectives(session, image, 1)
            session.fine_add(TARGET, key, 0)
            session.fine_add(TARGET, key, 0)  # again: nothing happens
            session.fine_add(TARGET + 1, key, 1)
            program.run(1)
            seen, fine = state(session, TARGET), session.fine_items(TARGET)
            other = session.fine_items(TARGET + 1)
            keys, parks = session.parks(TARGET, waits_epoch=1)
            session.fine_remove(TARGET, key, 0)
            left = session.fine_items(TARGET)
    finally:
        session.close()

    assert set(fine) == {(key, 0)} == set(seen.fine)
    assert tuple(fine[key, 0].tolist()) == seen.fine[key, 0]
    assert seen.blocks[key, 0].count == sum(seen.fine[key, 0]) > 0
    assert coarse(fine[key, 0]) == list(seen.blocks[key, 0].buckets)
    assert {buckets.sum() for buckets in other.values()} == {0}
    assert left == {}
    assert dict(zip(keys["g"].tolist(), parks["channel"].tolist(), strict=True)) == {
        g: park.channel for g, park in seen.parked.items()
    }


def test_without_an_objective_nothing_is_looked_for(session: Session, workload: Callable[..., Path]) -> None:
    """An entry alone does nothing while the target has no objectives: the kernel side does not look for it."""
    binary = workload("uses", go="1.27.3")
    image = analyse(binary)
    with uses(binary) as program:
        attach(session, image, program.pid, TARGET)
        session.fine_add(TARGET, _key_of(image, binary), 0)
        program.run(1)
        (buckets,) = session.fine_items(TARGET).values()

    assert buckets.sum() == 0


def test_bounds_of_fine_buckets_are_those_of_the_coarse_ones_and_one_between() -> None:
    """So that both can be compared."""
    fine = [bucket_bound_ns(index, FINE_BUCKETS) for index in range(FINE_BUCKETS)]
    four = [bucket_bound_ns(index) for index in range(BUCKETS)]

    assert fine[:6] == [1024, 1152, 1280, 1408, 1536, 1664]
    assert [fine[0], *fine[2:-1:2], fine[-1]] == four


def test_a_full_table_of_objectives_is_said(session: Session) -> None:
    """As what it is, with what to do."""
    for name_key in range(session.limits["fine"]):
        session.fine_add(TARGET, name_key, 0)

    with pytest.raises(KernelError, match=r"more than 512 channels and operations .* match fewer"):
        session.fine_add(TARGET, 1 << 40, 0)
    assert len(session.items("fine")[0]) == session.limits["fine"]
    assert MAPS["fine"][1].itemsize == 8 * FINE_BUCKETS


def tell_objectives(session: Session, image: GoImage, number: int) -> None:
    """As attach() tells what the program is, and that it has objectives."""
    entry = target_entry(image, 0)
    entry["span_threshold_ns"] = 1 << 62
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    entry["objectives"] = number
    session.write_target(TARGET, entry)


def _key_of(image: GoImage, binary: Path) -> int:
    """The name key of the channel `handed`: where it is made, as seen in another run of the same executable."""
    session = Session()
    try:
        with uses(binary) as program:
            attach(session, image, program.pid, TARGET)
            truth = program.run(1)
            return state(session, TARGET).keys[truth.addresses["handed"]]
    finally:
        session.close()
