"""From kernel counts and memory to one view per channel name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.kernel.types import bucket_bound_ns
from otelchan.memory.types import Census, Channel
from otelchan.model.names import Name
from otelchan.model.observation import Counts, Observation, RawHistogram
from otelchan.model.types import OPERATIONS, Age, ChannelView, Counter, Histogram

_SOURCES = ("make", "code", "use")
_LAST_BOUND_NS = 1 << 63  # what is longer than the last kernel bucket


class Resolved(NamedTuple):
    """What a name key stands for. unbuffered: None when not known. final: will not be asked again."""

    name: Name
    element_type: str
    unbuffered: bool | None
    final: bool


class Baseline(NamedTuple):
    """What had been counted when a plane was attached; its counts are complete from then on."""

    time_unix_ns: int
    counts: Mapping[int, Counts]
    blocks: Mapping[tuple[int, int], RawHistogram]


@dataclass(slots=True)
class _Group:
    """All keys and live channels of one name."""

    name: Name
    element_type: str = ""
    keys: set[int] = field(default_factory=set)
    channels: list[Channel] = field(default_factory=list)
    buffered: bool = False

    def add(self, key: int, resolved: Resolved) -> None:
        self.keys.add(key)
        self.element_type = self.element_type or resolved.element_type
        self.buffered |= resolved.unbuffered is not True
        if _SOURCES.index(resolved.name.source) < _SOURCES.index(self.name.source):
            self.name = resolved.name


def channel_views(
    seen: Observation,
    keys: Mapping[int, int],
    resolved: Mapping[int, Resolved],
    baselines: Mapping[str, Baseline],
    ages: Mapping[int, Age],
) -> tuple[ChannelView, ...]:
    """One view per name, sorted by name. keys: name key by channel address; resolved: by name key."""
    groups: dict[str, _Group] = {}
    for key, what in resolved.items():
        groups.setdefault(what.name.name, _Group(what.name)).add(key, what)
    for address, channel in seen.channels.items():
        group = groups[resolved[keys[address]].name.name]
        group.channels.append(channel)
        group.buffered |= channel.capacity > 0
    oldest = _oldest_by_channel(seen.census, ages)
    views = [_view(group, seen, baselines, oldest) for group in groups.values()]
    return tuple(sorted(views, key=lambda view: view.name))


def _view(
    group: _Group,
    seen: Observation,
    baselines: Mapping[str, Baseline],
    oldest: Mapping[tuple[int, str], Age],
) -> ChannelView:
    channels = group.channels
    length = sum(channel.length for channel in channels)
    senders = sum(channel.waiting_senders for channel in channels)
    receivers = sum(channel.waiting_receivers for channel in channels)
    waits, makes = baselines.get("waits"), baselines.get("makes")
    return ChannelView(
        name=group.name.name,
        source=group.name.source,
        kind=group.name.kind if not any(channel.timer for channel in channels) else "timer",
        element_type=group.element_type,
        channels=len(channels),
        closed=sum(channel.closed for channel in channels),
        length=length,
        capacity=sum(channel.capacity for channel in channels),
        lag=length + senders,
        waiters={"send": senders, "recv": receivers},
        oldest=_oldest(channels, oldest),
        processed=_processed(group, seen, baselines),
        blocks=_blocks(group, seen, waits) if waits else {},
        blocks_start_unix_ns=waits.time_unix_ns if waits else 0,
        closes=Counter(_sum(group.keys, seen.kernel.counts, makes).closes, makes.time_unix_ns) if makes else None,
    )


def _processed(group: _Group, seen: Observation, baselines: Mapping[str, Baseline]) -> dict[tuple[str, str], Counter]:
    """Only what is complete: hand-overs need the waits plane, buffers and closed channels the operations plane too."""
    waits, operations = baselines.get("waits"), baselines.get("operations")
    found: dict[tuple[str, str], Counter] = {}
    base = operations if group.buffered else waits
    if base and waits:
        counts = _sum(group.keys, seen.kernel.counts, base)
        found["send", "ok"] = Counter(counts.send_ok, base.time_unix_ns)
        found["recv", "ok"] = Counter(counts.recv_ok, base.time_unix_ns)
    if operations and waits:
        counts = _sum(group.keys, seen.kernel.counts, operations)
        found["recv", "closed"] = Counter(counts.recv_closed, operations.time_unix_ns)
    return found


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


def _oldest_by_channel(census: Census | None, ages: Mapping[int, Age]) -> dict[tuple[int, str], Age]:
    found: dict[tuple[int, str], Age] = {}
    for goroutine in census.goroutines if census else ():
        age = ages.get(goroutine.id)
        if age is None:
            continue
        for wait in goroutine.waits:
            key = (wait.channel, wait.operation)
            if key not in found or age.age_ns > found[key].age_ns:
                found[key] = age
    return found


def _oldest(channels: list[Channel], oldest: Mapping[tuple[int, str], Age]) -> dict[str, Age]:
    found: dict[str, Age] = {}
    for operation in OPERATIONS:
        ages = [oldest[c.address, operation] for c in channels if (c.address, operation) in oldest]
        if ages:
            found[operation] = max(ages, key=lambda age: age.age_ns)
    return found
