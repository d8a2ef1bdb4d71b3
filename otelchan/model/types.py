"""What the model knows of one program at one moment, by channel name; what findings, telemetry and views read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otelchan.gobinary.types import Frame
from otelchan.model.blocked import OPERATIONS, SIDES, Age, Blocked, BlockedList, ChannelName
from otelchan.model.edges import Edge
from otelchan.model.groups import GoroutineGroup
from otelchan.model.kept import Kept
from otelchan.model.live import NO_CHANNELS, End, LiveChannels, LiveColumns
from otelchan.model.overhead import Overhead
from otelchan.model.request import Request
from otelchan.target.types import Process

__all__ = [
    "NO_CHANNELS",
    "NO_NAME",
    "OPERATIONS",
    "SIDES",
    "STATUSES",
    "Age",
    "BlockSpan",
    "Blocked",
    "BlockedList",
    "ChannelName",
    "ChannelView",
    "Counter",
    "Edge",
    "End",
    "Estimate",
    "GoroutineGroup",
    "GoroutineView",
    "Histogram",
    "Kept",
    "LiveChannels",
    "LiveColumns",
    "Losses",
    "Overhead",
    "PanicEvent",
    "Request",
    "Snapshot",
    "SpanContext",
    "Waker",
]

STATUSES = ("ok", "closed", "would_block")
NO_NAME = "chan ?"
"""Name of all channels that have none: nobody saw them being made, nor was seen to wait on them."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations. buckets: (inclusive upper bound in ns, count in it), ascending, empty ones left out."""

    count: int
    sum_ns: int
    buckets: tuple[tuple[int, int], ...]


class Counter(NamedTuple):
    """A cumulative count that is complete since `start_unix_ns`."""

    value: int
    start_unix_ns: int


class Estimate(NamedTuple):
    """How many operations there were on the channels of a name, made of samples of time: no count.

    value: since start_unix_ns, our best guess. lower, upper: the truth is between them in 95 % of such estimates. None
    of the three ever falls. operation and status: as in ChannelView.processed.
    """

    channel: str
    source: str
    operation: str
    status: str
    value: int
    lower: int
    upper: int
    start_unix_ns: int


@dataclass(frozen=True, slots=True)
class ChannelView:
    """All channels of one name in one program.

    source: "make" (its make was seen), "code" (the only make in the code that fits), "use", "alias".
    kind: "user", "timer" (or a ticker), "ticker", "context", "signal", "runtime": all but the first are left out of lag
        and of findings.
    channels: live channels of that name. lag: buffered elements plus parked senders, summed.
    waiters, oldest: by operation ("send", "recv"); absent key: none.
    processed: by (operation, status); a key is there only while what it says is complete.
    counted: the same since the agent came, whenever probes were in: so many at least. Never less than it was.
    blocks: block-duration histogram by operation, cumulative since `blocks_start_unix_ns` (0: waits are off).
    closes: since the probe was attached; None while it is not attached. residue: elements that were in the buffer then.
    closed_unix_ns, closed_by: the last of them, the function that a person wrote; 0 and None: there was none.
    drained: elements received from the buffer after the close. read_delay: from the close to each later receive, of
    channels that were closed since `read_delay_start_unix_ns`. Both are None while they are not complete.
    panics: by what is wrong, one of kernel.types.PANICS; absent key: none, or not complete.
    """

    name: str
    source: str
    kind: str
    element_type: str
    channels: int
    closed: int
    length: int
    capacity: int
    lag: int
    waiters: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, Age] = field(default_factory=dict)
    processed: Mapping[tuple[str, str], Counter] = field(default_factory=dict)
    counted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    blocks: Mapping[str, Histogram] = field(default_factory=dict)
    blocks_start_unix_ns: int = 0
    closes: Counter | None = None
    residue: Counter | None = None
    closed_unix_ns: int = 0
    closed_by: Frame | None = None
    drained: Counter | None = None
    read_delay: Histogram | None = None
    read_delay_start_unix_ns: int = 0
    panics: Mapping[str, Counter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoroutineView:
    """Goroutines of one program. blocked and oldest: by wait reason. created, exited: since attach; None if unknown."""

    count: int
    blocked: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, Age] = field(default_factory=dict)
    created: Counter | None = None
    exited: Counter | None = None


class SpanContext(NamedTuple):
    """W3C ids: 16 and 8 bytes."""

    trace_id: bytes
    span_id: bytes


class SpanLink(NamedTuple):
    """What a span has to do with another one. how: "waker": the last blocking span of the goroutine that ended its
    wait, at most a minute old; "ongoing": told of the same wait while it went on; "request": the span of the request
    that the goroutine works for, by its profiler labels. over_rate: as BlockSpan, of the other one."""

    context: SpanContext
    how: str
    over_rate: bool = False


@dataclass(frozen=True, slots=True)
class Waker:
    """Who ended a wait: by "value" or by "close"; goroutine_id 0 is the runtime itself (a timer)."""

    goroutine_id: int
    how: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class BlockSpan:
    """One blocking operation that lasted longer than the threshold, park to wake; or one that still does."""

    context: SpanContext
    operation: str  # "send" or "recv": the case that won, for a select
    select: bool
    channel: str
    channel_source: str
    channel_address: int
    element_type: str
    start_unix_ns: int
    end_unix_ns: int
    goroutine_id: int
    wait_reason: str
    frames: tuple[Frame, ...]
    stack_complete: bool
    waker: Waker | None = None
    links: tuple[SpanLink, ...] = ()
    over_rate: bool = False  # there was no room for it under the span rate: exported only as an exemplar
    ongoing: bool = False  # it has not ended: end_unix_ns is when it was looked at
    request: Request | None = None  # that the goroutine works for; when all of it is known also among the links
    at_least: bool = False  # of an ongoing one: it began before we came, maybe long before start_unix_ns
    cases: tuple[str, ...] = ()  # of an ongoing select: operation and channel of each; that of `channel` is one of them


@dataclass(frozen=True, slots=True)
class PanicEvent:
    """A channel operation that was about to panic. error: one of kernel.types.PANICS. channel: "nil channel" for a nil
    one, "chan ?" when it is not known which; then channel_address is 0."""

    context: SpanContext
    error: str
    channel: str
    channel_source: str
    channel_address: int
    element_type: str
    time_unix_ns: int
    goroutine_id: int
    frames: tuple[Frame, ...]
    stack_complete: bool


@dataclass(frozen=True, slots=True)
class Losses:
    """What could not be counted or kept, by reason; cumulative. Zero everywhere means nothing was lost."""

    by_reason: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One program at one moment. ended: this is the last one; its series end after it.

    planes: "makes", "waits", "operations" and "polls" -> "on", "off", "sliced", "over budget", "not wanted", "not
        found", "not effective".
    live: every live channel. groups: all goroutines. edges: who uses which channel. holders: for the addresses of some
    channels that goroutines have waited for long, the goroutines that have the address on their stacks, or in a closure
    that these point to, also those that wait on it; a channel that is not a key was not looked for. reaching: likewise
    those with another object on their stacks that has the address. looked_unix_ns: when goroutines and channels were
    looked at, which costs too much to be done for every snapshot of a large program; numbers are always of now. 0: now.
    estimates: of a program whose operations are not counted but sampled, in place of ChannelView.processed. overhead:
    None: not known, as in a recording of an earlier version.
    """

    process: Process
    go_version: str
    main_module: str
    time_unix_ns: int
    attached_unix_ns: int
    channels: tuple[ChannelView, ...]
    goroutines: GoroutineView
    blocked: Sequence[Blocked] = ()
    spans: tuple[BlockSpan, ...] = ()
    panics: tuple[PanicEvent, ...] = ()
    losses: Losses = Losses()
    planes: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False
    live: LiveChannels = NO_CHANNELS
    groups: Sequence[GoroutineGroup] = ()
    edges: Sequence[Edge] = ()
    holders: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    reaching: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    looked_unix_ns: int = 0
    estimates: tuple[Estimate, ...] = ()
    overhead: Overhead | None = None

    @property
    def seen_unix_ns(self) -> int:
        """When goroutines and channels were looked at."""
        return self.looked_unix_ns or self.time_unix_ns
