"""All that is known of one program: channels by name, goroutines, spans. Bounded; knows Go, not kernels or networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otelchan.gobinary.types import GoImage
from otelchan.kernel.types import UNNAMED, BlockRecord
from otelchan.memory.types import Census, Channel
from otelchan.model import goroutines
from otelchan.model.ages import Ages
from otelchan.model.channels import Baseline, Resolved, channel_views
from otelchan.model.names import Name, Namer, users_of
from otelchan.model.observation import KernelState, Observation
from otelchan.model.spans import SpanMaker
from otelchan.model.types import Age, Blocked, BlockSpan, Losses, Snapshot
from otelchan.target.types import Process

_UNKNOWN = Name("chan ?", "use", "user")
_KEYS_KEPT = 100_000


@dataclass(slots=True)
class World:
    """The model of one program. Feed it records as they come and an Observation per interval."""

    process: Process
    image: GoImage
    bias: int
    attached_unix_ns: int
    namer: Namer = field(init=False)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    _keys: dict[int, Resolved] = field(default_factory=dict)
    _ages: Ages = field(default_factory=Ages)
    _spans: list[BlockSpan] = field(default_factory=list)
    _span_maker: SpanMaker = field(init=False)
    _stacks: goroutines.Stacks = field(init=False)
    _created: goroutines.Created = field(default_factory=goroutines.Created)
    _last: Observation | None = None

    def __post_init__(self) -> None:
        self.namer = Namer(self.image)
        self._stacks = goroutines.Stacks(self.image)
        self._span_maker = SpanMaker(self.image, self.bias)

    def plane_attached(self, plane: str, time_unix_ns: int, kernel: KernelState) -> None:
        """From now on what the plane counts is complete; `kernel` is what had been counted before."""
        self.baselines[plane] = Baseline(time_unix_ns, dict(kernel.counts), dict(kernel.blocks))

    def plane_detached(self, plane: str) -> None:
        """What the plane counts is not complete any more."""
        self.baselines.pop(plane, None)

    def look(self, census: Census) -> None:
        """A first look, before anything is attached: ages and counts of created goroutines start here."""
        self._ages.of(census, {})
        self._created.update(census.counts.count, census.counts.created)

    def is_named(self, key: int) -> bool:
        """Whether the name behind a key will not change any more."""
        return key in self._keys and self._keys[key].final

    def add_block(self, record: BlockRecord, unix_offset_ns: int, channel: Channel | None = None) -> None:
        """A blocking operation over the threshold has ended. channel: what can be read of it, if its name is new."""
        resolved = self.resolve(record.name_key, channel)
        self._spans.append(self._span_maker.make(record, resolved.name, resolved.element_type, unix_offset_ns))

    def resolve(
        self, key: int, channel: Channel | None = None, users: Mapping[int, set[str]] | None = None
    ) -> Resolved:
        """Name and element type behind a name key. A key that was named stays so."""
        known = self._keys.get(key)
        if known is not None and known.final:
            return known
        found = self._resolve_unseen(key, channel, users or {}) if key & UNNAMED else self._resolve_made(key, channel)
        if len(self._keys) < _KEYS_KEPT:
            self._keys[key] = found
        return found

    def _resolve_made(self, key: int, channel: Channel | None) -> Resolved:
        name = self.namer.made_at(key - self.bias) or _UNKNOWN
        if channel is None:
            return Resolved(name, "", self.namer.capacity_is_zero(key - self.bias), final=False)
        return Resolved(name, channel.element_type, channel.capacity == 0, final=True)

    def _resolve_unseen(self, key: int, channel: Channel | None, users: Mapping[int, set[str]]) -> Resolved:
        if channel is None:
            return Resolved(_UNKNOWN, "", None, final=False)
        name = self.namer.unseen(channel, users.get(channel.address, ()))
        return Resolved(name, channel.element_type, channel.capacity == 0, final=True)

    def snapshot(self, seen: Observation) -> Snapshot:
        """The program now. Spans that ended since the last snapshot are handed over with it."""
        seen = self._with_last_look(seen)
        ages = self._ages.of(seen.census, seen.kernel.parked) if seen.census else {}
        keys = self._keys_of(seen)
        channels = channel_views(seen, keys, self._resolve_all(seen, keys), self.baselines, ages)
        spans, self._spans = tuple(self._spans), []
        return Snapshot(
            process=self.process,
            go_version=self.image.build.go_version,
            main_module=self.image.build.main_module or self.image.build.main_package,
            time_unix_ns=seen.time_unix_ns,
            attached_unix_ns=self.attached_unix_ns,
            channels=channels,
            goroutines=goroutines.view(seen.census, ages, self._created, self.attached_unix_ns),
            blocked=self._blocked(seen, keys, ages),
            spans=spans,
            losses=Losses(dict(seen.kernel.losses)),
            planes=dict(seen.planes),
            ended=seen.ended,
        )

    def _with_last_look(self, seen: Observation) -> Observation:
        """A program that is gone has no memory to read: what was last seen of it stands, its counters are final."""
        if seen.census is None and self._last is not None:
            last = self._last
            return Observation(
                seen.time_unix_ns, last.monotonic_ns, seen.kernel, last.census, last.channels, seen.planes, seen.ended
            )
        self._last = seen
        return seen

    def _keys_of(self, seen: Observation) -> dict[int, int]:
        """Name key of every live channel, by address."""
        return {address: seen.kernel.keys.get(address, address | UNNAMED) for address in seen.channels}

    def _resolve_all(self, seen: Observation, keys: Mapping[int, int]) -> dict[int, Resolved]:
        users = users_of(self.image, seen.census) if seen.census and self._needs_users(keys) else {}
        resolved = {key: self.resolve(key, seen.channels[address], users) for address, key in keys.items()}
        for key in seen.kernel.counts:
            if key not in resolved:
                resolved[key] = self.resolve(key)
        return resolved

    def _needs_users(self, keys: Mapping[int, int]) -> bool:
        return any(key & UNNAMED and key not in self._keys for key in keys.values())

    def _blocked(self, seen: Observation, keys: Mapping[int, int], ages: Mapping[int, Age]) -> tuple[Blocked, ...]:
        def name_of(address: int) -> tuple[str, str]:
            if not address:
                return "", "user"
            name = self.resolve(keys.get(address, address | UNNAMED)).name
            return name.name, name.kind

        return goroutines.blocked(self._stacks, seen.census, ages, name_of) if seen.census else ()
