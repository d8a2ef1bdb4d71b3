"""One round of looking at one program, as plain values: what the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from otelchan.memory.types import Census, Channel


class Counts(NamedTuple):
    """struct oc_counts: since the name was first counted."""

    send_ok: int = 0
    recv_ok: int = 0
    recv_closed: int = 0
    closes: int = 0
    residue: int = 0
    made: int = 0

    def minus(self, other: Counts) -> Counts:
        """What was counted since `other`."""
        return Counts(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


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


class Parked(NamedTuple):
    """struct oc_park of a goroutine that is parked now. since_ns: monotonic."""

    since_ns: int
    channel: int


@dataclass(frozen=True, slots=True)
class KernelState:
    """What the kernel side has counted for one target.

    keys: channel address -> name key. made: channel address -> when it was made, 0 when that was not seen.
    counts, blocks: by name key, and (name key, operation). parked: by g address.
    losses: by name of the reason.
    """

    keys: Mapping[int, int] = field(default_factory=dict)
    made: Mapping[int, int] = field(default_factory=dict)
    counts: Mapping[int, Counts] = field(default_factory=dict)
    blocks: Mapping[tuple[int, int], RawHistogram] = field(default_factory=dict)
    parked: Mapping[int, Parked] = field(default_factory=dict)
    losses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """time_unix_ns and monotonic_ns belong together. census is None when memory cannot be read any more.

    channels: by address; what was read of each channel that is known. planes: as in Snapshot.
    """

    time_unix_ns: int
    monotonic_ns: int
    kernel: KernelState
    census: Census | None
    channels: Mapping[int, Channel]
    planes: Mapping[str, str]
    ended: bool = False
