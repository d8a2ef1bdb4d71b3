"""One round of looking at one program, as plain values: what the model takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from otelchan.kernel.types import DELAY_BOUNDS_NS, PANICS, USERS, SliceCounts
from otelchan.memory.types import Census, Channel, Goroutines, Held, Indices, LabelsOf, Mask, Moves, Words
from otelchan.model.overhead import Overhead


class Counts(NamedTuple):
    """struct oc_counts: since the name was first counted."""

    send_ok: int = 0
    recv_ok: int = 0
    recv_closed: int = 0
    closes: int = 0
    residue: int = 0
    made: int = 0
    send_would_block: int = 0
    recv_would_block: int = 0

    def minus(self, other: Counts) -> Counts:
        """What was counted since `other`."""
        return Counts(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


class Rare(NamedTuple):
    """struct oc_rare: what happened to closed channels of a name, and on them, since it was first counted.

    closed_ns: monotonic time of the last close; 0: never. closed_by: a live return address. panics: in the order of
    kernel.types.PANICS. delays: of receives after a close, by the buckets of kernel.types.DELAY_BOUNDS_NS.
    """

    closed_ns: int = 0
    closed_by: int = 0
    panics: tuple[int, ...] = (0,) * len(PANICS)
    drained: int = 0
    delay_sum_ns: int = 0
    delays: tuple[int, ...] = (0,) * (len(DELAY_BOUNDS_NS) + 1)

    def minus(self, other: Rare) -> Rare:
        """What was counted since `other`; the last close stays."""
        return Rare(
            self.closed_ns,
            self.closed_by,
            tuple(np.subtract(self.panics, other.panics).tolist()),
            self.drained - other.drained,
            self.delay_sum_ns - other.delay_sum_ns,
            tuple(np.subtract(self.delays, other.delays).tolist()),
        )

    def plus(self, other: Rare) -> Rare:
        """Of both; the later close."""
        last = max(self, other, key=lambda rare: rare.closed_ns)
        return Rare(
            last.closed_ns,
            last.closed_by,
            tuple(np.add(self.panics, other.panics).tolist()),
            self.drained + other.drained,
            self.delay_sum_ns + other.delay_sum_ns,
            tuple(np.add(self.delays, other.delays).tolist()),
        )


@dataclass(frozen=True, slots=True)
class RawHistogram:
    """struct oc_histogram."""

    count: int
    sum_ns: int
    buckets: tuple[int, ...]

    def minus(self, other: RawHistogram) -> RawHistogram:
        """What was counted since `other`."""
        buckets = tuple(np.subtract(self.buckets, other.buckets).tolist())
        return RawHistogram(self.count - other.count, self.sum_ns - other.sum_ns, buckets)


class Baseline(NamedTuple):
    """What had been counted when a plane was attached; its counts are complete from then on."""

    time_unix_ns: int
    counts: Mapping[int, Counts]
    blocks: Mapping[tuple[int, int], RawHistogram]
    rare: Mapping[int, Rare]


class Parked(NamedTuple):
    """struct oc_park of a goroutine that is parked now. since_ns: monotonic."""

    since_ns: int
    channel: int


class Parks(Mapping[int, Parked]):
    """Park by g address, as columns: there may be one for each of very many goroutines."""

    def __init__(self, g: Words, since_ns: Words, channel: Words) -> None:
        order = np.argsort(g)
        self._g, self._since_ns, self._channel = g[order], since_ns[order], channel[order]

    @classmethod
    def of(cls, parked: Mapping[int, Parked]) -> Parks:
        """From any mapping, unless it is one of these already."""
        if isinstance(parked, Parks):
            return parked
        columns = (parked, (park.since_ns for park in parked.values()), (park.channel for park in parked.values()))
        return cls(*(np.fromiter(column, np.uint64, len(parked)) for column in columns))

    def same(self, other: Parks) -> bool:
        """Whether the same goroutines are parked, each since the same time."""
        return np.array_equal(self._g, other._g) and np.array_equal(self._since_ns, other._since_ns)

    def find(self, g: Words) -> tuple[Mask, Indices]:
        """For each of these g addresses whether it is parked, and since when."""
        if not len(self._g):
            return np.zeros(len(g), np.bool_), np.zeros(len(g), np.int64)
        place = np.minimum(np.searchsorted(self._g, g), len(self._g) - 1)
        return self._g[place] == g, self._since_ns[place].astype(np.int64)

    def __getitem__(self, g: int) -> Parked:
        place = int(np.searchsorted(self._g, g))
        if place == len(self._g) or self._g[place] != g:
            raise KeyError(g)
        return Parked(int(self._since_ns[place]), int(self._channel[place]))

    def __iter__(self) -> Iterator[int]:
        return iter(self._g.tolist())

    def __len__(self) -> int:
        return len(self._g)


class Used(NamedTuple):
    """Map `channels` of one target, one entry per channel that was used or made while it was watched.

    name_key: as in KernelState. made_ns, closed_ns: monotonic, 0: not seen. sent, received: elements, since the entry
    was made. users: goroutine ids that were seen to send (row 0) and to receive (row 1), 0: none; USERS columns.
    parents: who started each of them, 0: not known. replaced: how many users of each row had to give way to later ones.
    """

    address: Words
    name_key: Words
    made_ns: Words
    closed_ns: Words
    sent: Words
    received: Words
    users: Words
    parents: Words
    replaced: Words


_NO_WORDS, _NO_USERS = np.zeros(0, np.uint64), np.zeros((0, 2, USERS), np.uint64)
NOT_USED = Used(
    _NO_WORDS,
    _NO_WORDS,
    _NO_WORDS,
    _NO_WORDS,
    _NO_WORDS,
    _NO_WORDS,
    _NO_USERS,
    _NO_USERS,
    np.zeros((0, 2), np.uint64),
)


@dataclass(frozen=True, slots=True)
class KernelState:
    """What the kernel side has counted for one target.

    keys: channel address -> name key. made: channel address -> when it was made, 0 when that was not seen.
    counts, rare: by name key. blocks: by (name key, operation). parked: by g address.
    losses: by name of the reason. used: what was done with each channel, and by whom. edges: operations of which the
    caller was looked at, by (name key, operation, live return address in what called it). fine: buckets of the
    histograms of channels with an objective, by (name key, operation).
    """

    keys: Mapping[int, int] = field(default_factory=dict)
    made: Mapping[int, int] = field(default_factory=dict)
    counts: Mapping[int, Counts] = field(default_factory=dict)
    blocks: Mapping[tuple[int, int], RawHistogram] = field(default_factory=dict)
    parked: Mapping[int, Parked] = field(default_factory=dict)
    losses: Mapping[str, int] = field(default_factory=dict)
    rare: Mapping[int, Rare] = field(default_factory=dict)
    used: Used = NOT_USED
    edges: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    fine: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)


MISSING = 0
"""In Sampled.samples, as no kind of site has that number."""


class Sampled(NamedTuple):
    """What a program did over a while, as far as it is seen without a trap.

    cpu_ns: what it had of processors. samples: of what it executed, one per period_ns of processor time: how many were
    in the extent of a site, by number of the kind of site (kernel.types.Kind); under MISSING how many there should have
    been besides: lost ones, and of threads that nobody could look at. passage_ns: what one passage of such a
    site likely takes. hit_ns: what a hit costs while operations are counted in a slice. moves: see there.
    """

    begin_ns: int
    end_ns: int
    cpu_ns: int
    period_ns: int
    samples: Mapping[int, float]
    passage_ns: Mapping[int, float]
    hit_ns: Mapping[int, float]
    moves: tuple[Moves, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """time_unix_ns and monotonic_ns belong together. census is None when memory cannot be read any more.

    channels: by address; what was read of each channel that is known. planes: as in Snapshot.
    registered: addresses of the channels that os/signal sends to; None: not known. held: who has channels at hand that
    goroutines have waited on for long. labels: reads profiler labels of goroutines of the census, by their places;
    asked for the few that a span is made of. slices: those that ended since the observation before.
    overhead: None: not known.
    """

    time_unix_ns: int
    monotonic_ns: int
    kernel: KernelState
    census: Census | None
    channels: Mapping[int, Channel]
    planes: Mapping[str, str]
    ended: bool = False
    registered: Collection[int] | None = None
    held: Held = field(default_factory=Held)
    labels: Callable[[Goroutines, Indices], LabelsOf] | None = field(default=None, repr=False, compare=False)
    slices: tuple[SliceCounts, ...] = ()
    sampled: Sampled | None = None
    overhead: Overhead | None = None
