"""From kernel counts and memory to one view per channel name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from otelchan.kernel.types import UNNAMED, bucket_bound_ns
from otelchan.memory.types import CHANNEL_COLUMNS, ChannelMap, Goroutines, Indices, Mask, Words
from otelchan.model.ages import AgeColumns
from otelchan.model.closes import Place, close_facts
from otelchan.model.kept import Kept
from otelchan.model.kinds import one_kind
from otelchan.model.names import Name
from otelchan.model.observation import Baseline, Counts, Observation, RawHistogram
from otelchan.model.types import OPERATIONS, Age, ChannelName, ChannelView, Counter, Histogram

_SOURCES = ("alias", "make", "code", "use")
_LAST_BOUND_NS = 1 << 63  # what is longer than the last kernel bucket


class Resolved(NamedTuple):
    """What a name key stands for. unbuffered: None when not known. final: will not be asked again."""

    name: Name
    element_type: str
    unbuffered: bool | None
    final: bool


class Live(NamedTuple):
    """Every live channel, in the order of Observation.channels: its address, its name key, and what it is, as an index
    into the different ones."""

    address: Words
    keys: Words
    what: Indices
    different: list[Resolved]

    def find(self, address: Words) -> tuple[Mask, Indices]:
        """For each of these addresses whether it is a live channel's, and its place here."""
        if not len(self.address):
            return np.zeros(len(address), np.bool_), np.zeros(len(address), np.int64)
        order = np.argsort(self.address, kind="stable")
        place = order[np.minimum(np.searchsorted(self.address, address, sorter=order), len(order) - 1)]
        return self.address[place] == address, place

    def names(self, address: Words, resolve: Callable[[int], Resolved]) -> tuple[Indices, list[ChannelName]]:
        """For each of these addresses the place of its name in the list, in which those of other channels, which
        `resolve` tells by their keys, come after all of `different`."""
        known, place = self.find(address)
        whats = list(self.different)
        number = np.empty(len(address), np.int64)
        number[known] = self.what[place[known]]
        others, which = np.unique(address[~known], return_inverse=True)
        number[~known] = len(whats) + which
        whats += [resolve(other | UNNAMED) for other in others.tolist()]
        return number, [ChannelName(what.name.name, what.name.kind) for what in whats]


@dataclass(slots=True)
class _Group:
    """All keys and live channels of one name. sums: of columns of its channels. keys: those that something was counted
    for. kinds: of what they are for, live_kinds: of those that are live."""

    name: Name
    number: int
    element_type: str = ""
    keys: set[int] = field(default_factory=set)
    buffered: bool = False
    live_kinds: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    sums: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, Age] = field(default_factory=dict)

    def add(self, resolved: Resolved) -> None:
        self.element_type = self.element_type or resolved.element_type
        self.buffered |= resolved.unbuffered is not True
        self.kinds.add(resolved.name.kind)
        if _SOURCES.index(resolved.name.source) < _SOURCES.index(self.name.source):
            self.name = resolved.name

    @property
    def kind(self) -> str:
        """Of its live channels; the user's as soon as one of them is, so that it is not hidden among others."""
        return one_kind(self.live_kinds or self.kinds)


class _Sums(NamedTuple):
    """One row per group that has live channels, and how many it has. numbers: sums of CHANNEL_COLUMNS."""

    numbers: Indices
    channels: Indices


class Viewing:
    """Makes the views of successive looks at one program."""

    def __init__(self) -> None:
        self._sums: Kept[_Sums] = Kept()
        self._oldest: Kept[dict[tuple[int, str], Age]] = Kept()

    def look(
        self,
        seen: Observation,
        live: Live,
        counted: Mapping[int, Resolved],
        baselines: Mapping[str, Baseline],
        ages: AgeColumns,
        unix_offset_ns: int,
        place: Place,
    ) -> tuple[ChannelView, ...]:
        """One view per name, sorted by name. counted: by the name keys that have counts. ages: of the goroutines seen.

        unix_offset_ns: what turns a monotonic time into Unix time. place: where a person wrote a call.
        """
        every, of_what = _groups(seen, live, counted)
        numbers = ChannelMap.of(seen.channels).numbers()
        sums = self._sums.of(lambda: _sums(numbers, of_what[live.what]), live, numbers)
        for group in every:
            _add_sums(group, sums)
        if seen.census is not None:
            goroutines = Goroutines.of(seen.census.goroutines)
            oldest = self._oldest.of(
                lambda: _oldest(goroutines, ages, live, of_what[live.what]), goroutines, ages, live
            )
            for (number, operation), age in oldest.items():
                every[number].oldest[operation] = age
        views = [_view(group, seen, baselines, unix_offset_ns, place) for group in every]
        return tuple(sorted(views, key=lambda view: view.name))


def _groups(seen: Observation, live: Live, counted: Mapping[int, Resolved]) -> tuple[list[_Group], Indices]:
    """By number, and that of each different channel of `live`, which come first and depend on nothing else."""
    groups: dict[str, _Group] = {}

    def group_of(what: Resolved) -> _Group:
        group = groups.setdefault(what.name.name, _Group(what.name, len(groups)))
        group.add(what)
        return group

    of_what = np.array([group_of(what).number for what in live.different], np.int64)
    for group in groups.values():
        group.live_kinds |= group.kinds
    for key, what in counted.items():
        group_of(what).keys.add(key)
    every = list(groups.values())
    _add_blocked_keys(seen, live, of_what, every)
    return every, of_what


def _add_blocked_keys(seen: Observation, live: Live, of_what: Indices, groups: list[_Group]) -> None:
    """Keys of live channels that have block durations but no counts."""
    wanted = {key for key, _ in seen.kernel.blocks} - seen.kernel.counts.keys()
    if wanted:
        for key, what in zip(live.keys.tolist(), live.what.tolist(), strict=True):
            if key in wanted:
                groups[of_what[what]].keys.add(key)


def _sums(numbers: Words, of_channel: Indices) -> _Sums:
    count = np.bincount(of_channel)
    sums = np.zeros((len(count), numbers.shape[1]), np.int64)
    np.add.at(sums, of_channel, numbers.view(np.int64))
    return _Sums(sums, count)


def _add_sums(group: _Group, sums: _Sums) -> None:
    is_live = group.number < len(sums.channels)
    numbers = sums.numbers[group.number].tolist() if is_live else [0] * len(CHANNEL_COLUMNS)
    group.sums = dict(zip(CHANNEL_COLUMNS, numbers, strict=True))
    group.sums["channels"] = int(sums.channels[group.number]) if is_live else 0
    group.buffered |= group.sums["capacity"] > 0


def _oldest(goroutines: Goroutines, ages: AgeColumns, live: Live, of_channel: Indices) -> dict[tuple[int, str], Age]:
    """By number of group and operation."""
    waits = goroutines.waits
    known, place = live.find(waits.channel)
    known &= ages.known[waits.owner]
    owner, side = waits.owner[known], waits.operation[known].astype(np.int64)
    if not len(owner):
        return {}
    cell = of_channel[place[known]] * len(OPERATIONS) + side
    age_ns = ages.age_ns[owner]
    most = np.full((int(of_channel.max()) + 1) * len(OPERATIONS), -1)
    np.maximum.at(most, cell, age_ns)
    oldest = np.flatnonzero(age_ns == most[cell])[::-1]
    example = np.full(len(most), -1)
    example[cell[oldest]] = owner[oldest]  # the first one, since it is written last
    found = np.flatnonzero(example >= 0).tolist()
    return {(n // len(OPERATIONS), OPERATIONS[n % len(OPERATIONS)]): ages.at(int(example[n])) for n in found}


def _view(
    group: _Group, seen: Observation, baselines: Mapping[str, Baseline], unix_offset_ns: int, place: Place
) -> ChannelView:
    sums = group.sums
    waits, makes = baselines.get("waits"), baselines.get("makes")
    closes = _sum(group.keys, seen.kernel.counts, makes) if makes else Counts()
    return ChannelView(
        name=group.name.name,
        source=group.name.source,
        kind=group.kind,
        element_type=group.element_type,
        channels=sums["channels"],
        closed=sums["closed"],
        length=sums["length"],
        capacity=sums["capacity"],
        lag=sums["length"] + sums["senders"],
        waiters={"send": sums["senders"], "recv": sums["receivers"]},
        oldest=group.oldest,
        processed=_processed(group, seen, baselines),
        counted=_counted(group.keys, seen.kernel.counts),
        blocks=_blocks(group, seen, waits) if waits else {},
        blocks_start_unix_ns=waits.time_unix_ns if waits else 0,
        **close_facts(group.keys, seen.kernel, baselines, closes, unix_offset_ns, place),
    )


def _processed(group: _Group, seen: Observation, baselines: Mapping[str, Baseline]) -> dict[tuple[str, str], Counter]:
    """Only what is complete: hand-overs need the waits plane, buffers and closed channels the operations plane too;
    what would block needs the polls plane and no other. Nothing else is ever done on a nil channel."""
    waits, operations, polls = baselines.get("waits"), baselines.get("operations"), baselines.get("polls")
    found: dict[tuple[str, str], Counter] = {}
    if polls:
        counts = _sum(group.keys, seen.kernel.counts, polls)
        found["send", "would_block"] = Counter(counts.send_would_block, polls.time_unix_ns)
        found["recv", "would_block"] = Counter(counts.recv_would_block, polls.time_unix_ns)
    if group.kind == "nil":
        return found
    base = operations if group.buffered else waits
    if base and waits:
        counts = _sum(group.keys, seen.kernel.counts, base)
        found["send", "ok"] = Counter(counts.send_ok, base.time_unix_ns)
        found["recv", "ok"] = Counter(counts.recv_ok, base.time_unix_ns)
    if operations and waits:
        counts = _sum(group.keys, seen.kernel.counts, operations)
        found["recv", "closed"] = Counter(counts.recv_closed, operations.time_unix_ns)
    return found


def _counted(keys: Iterable[int], counts: Mapping[int, Counts]) -> dict[tuple[str, str], int]:
    every = [counts[key] for key in keys if key in counts]
    sums = {
        ("send", "ok"): sum(each.send_ok for each in every),
        ("recv", "ok"): sum(each.recv_ok for each in every),
        ("recv", "closed"): sum(each.recv_closed for each in every),
    }
    return {key: number for key, number in sums.items() if number}


def _sum(keys: Iterable[int], counts: Mapping[int, Counts], base: Baseline) -> Counts:
    zero = Counts()
    parts = [counts[key].minus(base.counts.get(key, zero)) for key in keys if key in counts]
    return Counts(*(sum(column) for column in zip(*parts, strict=True))) if parts else zero


def _blocks(group: _Group, seen: Observation, base: Baseline) -> dict[str, Histogram]:
    found: dict[str, Histogram] = {}
    for number, operation in enumerate(OPERATIONS):
        parts = []
        for key in group.keys:
            raw = seen.kernel.blocks.get((key, number))
            if raw:
                before = base.blocks.get((key, number))
                parts.append(raw.minus(before) if before else raw)
        if parts:
            found[operation] = _histogram(parts)
    return found


def _histogram(parts: list[RawHistogram]) -> Histogram:
    buckets = [sum(column) for column in zip(*(part.buckets for part in parts), strict=True)]
    bounded = tuple((bucket_bound_ns(i) or _LAST_BOUND_NS, count) for i, count in enumerate(buckets) if count)
    return Histogram(sum(buckets), sum(part.sum_ns for part in parts), bounded)
