"""Profiler labels in memory, in both forms: what is whole is read, what is not is counted."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from otelchan.memory.census import take_census
from otelchan.memory.labels import labels_of, read_labels
from otelchan.memory.types import Goroutines, LabelsOf
from tests.support.fabricated import Fabricated

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
IDS = {"trace_id": TRACE, "span_id": SPAN}
OTHERS = {f"label{number}": "something" for number in range(40)}
OLD, NEW = "go1.23.99", "go1.24.99"
Put = Callable[[Fabricated, Mapping[str, str]], int]


def some(many: int) -> dict[str, str]:
    """The ids, and others to make so many labels."""
    return {**dict(list(OTHERS.items())[: many - 2]), **IDS}


def string(program: Fabricated, text: str) -> bytes:
    """A string's header."""
    data = text.encode()
    address = program.allocate(max(len(data), 8))
    program.memory.write(address, data)
    return struct.pack("<QQ", address, len(data))


def as_list(program: Fabricated, labels: Mapping[str, str]) -> int:
    """As Go 1.24 and newer keep them."""
    pairs = b"".join(string(program, key) + string(program, value) for key, value in labels.items())
    array, head = program.allocate(max(len(pairs), 8)), program.allocate(24)
    program.memory.write(array, pairs)
    program.memory.write(head, struct.pack("<QQQ", array, len(labels), len(labels)))
    return head


def as_map(program: Fabricated, labels: Mapping[str, str], logarithm: int = 0, old: int = 0) -> int:
    """As Go 1.23 and older keep them; buckets are filled one after the other, the last places of each first."""
    items = list(labels.items())
    buckets = program.allocate(272 << logarithm)
    for number in range(1 << logarithm):
        part = items[number :: 1 << logarithm]
        marks = bytes(8 - len(part)) + bytes([200] * len(part))
        none = bytes(16 * (8 - len(part)))
        keys, values = (b"".join(string(program, pair[side]) for pair in part) for side in (0, 1))
        program.memory.write(buckets + 272 * number, marks + none + keys + none + values + bytes(8))
    head, variable = program.allocate(48), program.allocate(8)
    program.memory.write(head, struct.pack("<QBBHIQQQQ", len(items), 0, logarithm, 0, 1234, buckets, old, 0, 0))
    program.memory.word(variable, head)
    return variable


def read(release: str, put: Put, *sets: Mapping[str, str] | None) -> LabelsOf:
    """The labels of goroutines that have these; None: none."""
    program = Fabricated()
    addresses = [program.goroutine(11) for _ in sets]
    for address, labels in zip(addresses, sets, strict=True):
        program.set("g", address, "labels", 0 if labels is None else put(program, labels))
    layout = replace(program.image.layout, release=release)
    return read_labels(program.memory, layout, np.array(addresses, np.uint64))


FORMS = [pytest.param(OLD, as_map, id="map"), pytest.param(NEW, as_list, id="list")]


@pytest.mark.parametrize(("release", "put"), FORMS)
def test_ids_are_read_among_other_labels(release: str, put: Put) -> None:
    """Only those that are asked for; and a goroutine that has none has none."""
    found = read(release, put, IDS, None, {"customer": "7"}, some(8), {})
    ids = [dict(labels) for labels in found.labels]
    assert ([IDS, {}, {}, IDS, {}], 0) == (ids, found.unread)


def test_a_map_of_two_buckets_is_read() -> None:
    """One that had more than eight labels."""
    found = read(OLD, lambda program, labels: as_map(program, labels, logarithm=1), some(12))
    assert ([IDS], 0) == ([dict(labels) for labels in found.labels], found.unread)


@pytest.mark.parametrize(("release", "put"), FORMS)
@pytest.mark.parametrize("labels", [{"trace_id": TRACE * 2, "span_id": ""}, {"trace_id of an order": TRACE}])
def test_what_is_too_long_or_empty_is_no_id(release: str, put: Put, labels: dict[str, str]) -> None:
    """It is not read, and nothing is missing."""
    assert LabelsOf([()], 0) == read(release, put, labels)


UNREAD: tuple[tuple[str, Put], ...] = (
    (NEW, lambda program, _: as_list(program, some(17))),
    (OLD, lambda program, labels: as_map(program, labels, logarithm=2)),
    (OLD, lambda program, labels: as_map(program, labels, old=0xC000001000)),
    (NEW, lambda *_: 0x1230),
    (OLD, lambda *_: 0x1230),
    (OLD, as_list),
    ("go1.24rc1", as_list),
)


@pytest.mark.parametrize(("release", "put"), UNREAD)
def test_what_cannot_be_read_is_counted_and_never_guessed(release: str, put: Put) -> None:
    """Too many, in the middle of growing, nowhere in memory, in the other form, in one that is not known."""
    assert LabelsOf([()], 1) == read(release, put, IDS)


def test_a_map_with_a_bucket_more_is_counted() -> None:
    """It says that it has more labels than are found."""
    program = Fabricated()
    address, variable = program.goroutine(11), as_map(program, IDS)
    program.set("g", address, "labels", variable)
    head = int.from_bytes(program.memory.read(variable, 8), "little")
    program.memory.word(head, 3)
    layout = replace(program.image.layout, release=OLD)
    assert LabelsOf([()], 1) == read_labels(program.memory, layout, np.array([address], np.uint64))


def census(program: Fabricated) -> Goroutines:
    """What a look at all of its goroutines shows."""
    return Goroutines.of(take_census(program.memory, program.image, 0).goroutines)


def test_labels_of_one_that_went_on_since_it_was_looked_at_are_nobodys() -> None:
    """It may have been given others meanwhile, and what it had may be gone."""
    program = Fabricated()
    channel = program.channel()
    waiting = [program.goroutine(11) for _ in range(3)]
    for address in waiting:
        program.wait(address, (channel, "recv"))
        program.set("g", address, "labels", as_list(program, IDS))
    program.scheduler(ids=4)
    seen = census(program)
    program.set("g", waiting[0], "goid", 77)
    program.set("g", waiting[1], "trackingSeq", 99, 1)
    layout = replace(program.image.layout, release=NEW)

    found = labels_of(program.memory, layout, seen, np.arange(3))
    assert ([{}, {}, IDS], 2) == ([dict(labels) for labels in found.labels], found.unread)


def test_a_layout_that_does_not_say_where_labels_are_has_none() -> None:
    """That of a recording from before labels were read."""
    program = Fabricated()
    offsets = {name: value for name, value in program.image.layout.offsets.items() if name != "g.labels"}
    layout = replace(program.image.layout, offsets=offsets)
    assert LabelsOf([()], 1) == read_labels(program.memory, layout, np.array([program.goroutine(11)], np.uint64))
