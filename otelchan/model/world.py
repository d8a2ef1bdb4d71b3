"""All that is known of one program: channels by name, goroutines, spans. Bounded; knows Go, not kernels or networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from otelchan.gobinary.types import GoImage
from otelchan.kernel.types import NIL_KEY, UNKNOWN_KEY, UNNAMED, BlockRecord, PanicRecord
from otelchan.memory.types import Census, Channel, Words
from otelchan.model import goroutines
from otelchan.model.ages import NO_AGES, AgeColumns, Ages
from otelchan.model.channels import Live, Resolved, Viewing
from otelchan.model.details import Detailing
from otelchan.model.kept import Kept
from otelchan.model.kinds import USER, kind_of_waker, of_signals
from otelchan.model.lives import Lives
from otelchan.model.names import Name, Namer, Rules
from otelchan.model.observation import Baseline, KernelState, Observation
from otelchan.model.ongoing import Ongoing
from otelchan.model.pending import Pending
from otelchan.model.requests import Requests
from otelchan.model.spans import SpanMaker
from otelchan.model.types import NO_NAME, Blocked, BlockedList, BlockSpan, Losses, Snapshot
from otelchan.model.uses import Uses
from otelchan.target.types import Process

_UNKNOWN = Name(NO_NAME, "use", "user")
_NAMELESS = Resolved(_UNKNOWN, "", None, final=False)
_NO_CHANNEL = {
    UNKNOWN_KEY: Resolved(_UNKNOWN, "", None, final=True),
    NIL_KEY: Resolved(Name("nil channel", "use", "nil"), "", True, final=True),
}
_KEYS_KEPT = 100_000


@dataclass(slots=True)
class World:
    """The model of one program. Feed it records as they come and an Observation per interval."""

    process: Process
    image: GoImage
    bias: int
    attached_unix_ns: int
    rules: Rules = field(default_factory=Rules)
    namer: Namer = field(init=False)
    ongoing: Ongoing = field(default_factory=Ongoing)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    _keys: dict[int, Resolved] = field(default_factory=dict)
    _same: dict[Resolved, Resolved] = field(default_factory=dict)  # thousands of channels share a name, and one object
    _lives: Lives = field(default_factory=Lives)
    _ages: Ages = field(default_factory=Ages)
    _pending: Pending = field(default_factory=Pending)
    _requests: Requests = field(default_factory=Requests)
    _unnamed: dict[int, Channel] = field(default_factory=dict)
    _uses: Uses = field(init=False)
    _span_maker: SpanMaker = field(init=False)
    _stacks: goroutines.Stacks = field(init=False)
    _created: goroutines.Created = field(default_factory=goroutines.Created)
    _viewing: Viewing = field(default_factory=Viewing)
    _waiting: Kept[BlockedList] = field(default_factory=Kept)
    _renamed: dict[int, Resolved] = field(default_factory=dict)  # names from before the rules changed
    _woken: dict[int, str] = field(default_factory=dict)  # kinds of channels without a name, by who wakes
    _details: Detailing = field(init=False)
    _last: Observation | None = None

    def __post_init__(self) -> None:
        self.namer = Namer(self.image, self.rules)
        self._uses = Uses(self.image)
        self._stacks = goroutines.Stacks(self.image)
        self._span_maker = SpanMaker(self.image, self.bias)
        self._details = Detailing(self._stacks, self._span_maker.place, self.attached_unix_ns)

    def plane_attached(self, plane: str, time_unix_ns: int, kernel: KernelState) -> None:
        """From now on what the plane counts is complete; `kernel` is what had been counted before."""
        self.baselines[plane] = Baseline(time_unix_ns, dict(kernel.counts), dict(kernel.blocks), dict(kernel.rare))

    def plane_detached(self, plane: str) -> None:
        """What the plane counts is not complete any more."""
        self.baselines.pop(plane, None)

    def rename(self, rules: Rules) -> None:
        """These rules from now on, for all channels at once: what was counted moves to the new names. A channel whose
        make was not seen and that no alias fits keeps the name it has."""
        if rules == self.rules:
            return
        self.rules, self.namer = rules, Namer(self.image, rules)
        self._details.renamed()
        self._lives.forget()
        for key, known in list(self._keys.items()):
            if key & UNNAMED:
                self._renamed[key] = self._keys.pop(key)
            else:
                name = self.namer.made_at(key - self.bias, known.element_type) or _UNKNOWN
                self._keys[key] = self._one(known._replace(name=name._replace(kind=known.name.kind)))

    def look(self, census: Census) -> None:
        """A first look, before anything is attached: ages and counts of created goroutines start here."""
        self._ages.of(census, {})
        self._created.update(census.counts)
        self._uses.look(census)

    def known(self) -> Mapping[int, Resolved]:
        """What name keys stand for, as far as it was asked."""
        return self._keys

    def is_named(self, key: int) -> bool:
        """Whether the name behind a key will not change any more."""
        return key in _NO_CHANNEL or (key in self._keys and self._keys[key].final)

    def add_block(self, record: BlockRecord, unix_offset_ns: int, channel: Channel | None = None) -> None:
        """A blocking operation over the threshold has ended. channel: what can be read of it, if its name is new."""
        key = record.name_key
        waiting = bool(key & UNNAMED) and not self.is_named(key)  # until the snapshot, for all who use it to be seen
        resolved = _NAMELESS if waiting else self.resolve(key, channel)
        span = self._span_maker.make(record, resolved.name, resolved.element_type, unix_offset_ns)
        told = self.ongoing.ended(record.goid, record.start)
        if told:
            span = replace(span, links=(*span.links, *told))
        if waiting:
            self._note_use(span)
            if channel is not None:
                self._unnamed[key] = channel
        self._note_kind(key, span)
        self._pending.add_span(key, span)

    def add_panic(self, record: PanicRecord, unix_offset_ns: int, channel: Channel | None = None) -> None:
        """A channel operation was about to panic. channel: as in add_block."""
        if channel is not None and record.name_key & UNNAMED:
            self._unnamed[record.name_key] = channel
        self._pending.add_panic(record.name_key, self._span_maker.panic(record, unix_offset_ns))

    def _note_use(self, span: BlockSpan) -> None:
        """Who slept, and who handed over or took what it slept for; a closer does neither."""
        if span.frames:
            self._uses.add(span.channel_address, span.operation, span.frames[0].function)
        if span.waker and span.waker.frames and span.waker.how == "value":
            other = "send" if span.operation == "recv" else "recv"
            self._uses.add(span.channel_address, other, span.waker.frames[0].function)

    def _note_kind(self, key: int, span: BlockSpan) -> None:
        """Who wakes those that wait for a channel that is older than us may say what it is for."""
        kind = kind_of_waker(span.waker)
        if kind == USER or not key & UNNAMED:
            return
        if self.is_named(key):
            known = self._keys[key]
            self._keys[key] = self._one(known._replace(name=known.name._replace(kind=kind)))
            if known.name.kind != kind:
                self._lives.forget()
        elif len(self._woken) < _KEYS_KEPT:
            self._woken[key] = kind

    def resolve(self, key: int, channel: Channel | None = None) -> Resolved:
        """Name and element type behind a name key. A key that was named stays so."""
        known = _NO_CHANNEL.get(key) or self._keys.get(key)
        if known is not None and known.final:
            return known
        channel = channel or self._unnamed.get(key)
        room = known is not None or len(self._keys) < _KEYS_KEPT
        found = self._resolve_unseen(key, channel, room) if key & UNNAMED else self._resolve_made(key, channel)
        found = self._one(found)
        if room:
            self._keys[key] = found
        return found

    def _one(self, what: Resolved) -> Resolved:
        return self._same.setdefault(what, what)

    def _resolve_made(self, key: int, channel: Channel | None) -> Resolved:
        place = key - self.bias
        if channel is None:
            name = self.namer.made_at(place) or _UNKNOWN
            return Resolved(name, "", self.namer.capacity_is_zero(place), final=False)
        name = self.namer.made(place, channel) or _UNKNOWN
        return Resolved(name, channel.element_type, channel.capacity == 0, final=True)

    def _resolve_unseen(self, key: int, channel: Channel | None, kept: bool) -> Resolved:
        """kept: there is room to remember the name; else it must come out the same whenever it is asked for."""
        before = self._renamed.get(key)
        if channel is None:
            return before._replace(final=False) if before else _NAMELESS
        name = self.namer.unseen(channel, self._uses.of(channel.address) if kept else ())
        self._renamed.pop(key, None)
        if before and name.source == "use" == before.name.source:
            name = before.name
        name = name._replace(kind=self._woken.pop(key, name.kind))
        return Resolved(name, channel.element_type, channel.capacity == 0, final=True)

    def snapshot(self, seen: Observation) -> Snapshot:
        """The program now. Spans that ended since the last snapshot are handed over with it."""
        unix_offset_ns = seen.time_unix_ns - seen.monotonic_ns
        seen = self._with_last_look(seen)
        ages = self._ages.of(seen.census, seen.kernel.parked) if seen.census else NO_AGES
        live = self._resolve_live(seen)
        counted = self._resolve_counted(seen, live)
        place = self._span_maker.place
        channels = self._viewing.look(seen, live, counted, self.baselines, ages, unix_offset_ns, place)
        blocked = self._blocked(seen, live, ages)
        details = self._details.look(seen, live, ages, self.baselines, blocked, channels, self._name_of)
        spans, panics = self._pending.take(self.resolve)
        ongoing = self.ongoing.look(seen.census, blocked, partial(self._whats, live), unix_offset_ns)
        spans += self._requests.told(ongoing, seen)
        self._unnamed.clear()
        self._uses.clear()
        return Snapshot(
            process=self.process,
            go_version=self.image.build.go_version,
            main_module=self.image.build.main_module or self.image.build.main_package,
            time_unix_ns=seen.time_unix_ns,
            attached_unix_ns=self.attached_unix_ns,
            channels=channels,
            goroutines=self._created.view(seen.census, ages, self.attached_unix_ns),
            blocked=blocked,
            spans=spans,
            panics=panics,
            losses=self._losses(seen.kernel),
            planes=dict(seen.planes),
            ended=seen.ended,
            **details._asdict(),
            **seen.held._asdict(),
            overhead=seen.overhead,
        )

    def _name_of(self, key: int) -> str | None:
        name = self.resolve(key).name
        return None if name == _UNKNOWN else name.name

    def _losses(self, kernel: KernelState) -> Losses:
        dropped = self._pending.panics_dropped + self._pending.outdone + self.ongoing.left_out
        sampled = {"sampled": kernel.losses.get("sampled", 0) + dropped} if dropped else {}
        label = {"label": kernel.losses.get("label", 0) + self._requests.unread} if self._requests.unread else {}
        return Losses({**kernel.losses, **sampled, **label})

    def _with_last_look(self, seen: Observation) -> Observation:
        """A program that is gone has no memory to read: what was last seen of it stands, its counters are final."""
        if seen.census is None and self._last is not None:
            last = self._last
            kept = {name: getattr(last, name) for name in ("census", "channels", "registered", "held")}
            return replace(seen, **kept)
        self._last = replace(seen, kernel=KernelState())  # what the kernel side knows of very many channels is not kept
        return seen

    def _resolve_live(self, seen: Observation) -> Live:
        """Name and element type of every live channel."""

        def notice(keys: Words, addresses: Words) -> None:
            room = len(self._keys) < _KEYS_KEPT  # without it, who uses a channel says nothing about its name
            pairs = zip(keys.tolist(), addresses.tolist(), strict=True)
            unnamed = {address for key, address in pairs if key & UNNAMED and (room or key in self._keys)}
            if seen.census is not None and unnamed:
                self._uses.look(seen.census, set(seen.channels) - unnamed)

        def settle(what: Resolved, address: int) -> Resolved:
            return self._of_signals(what, address, seen.registered)

        return self._lives.of(seen, self._keys, self.resolve, notice, settle)

    def _of_signals(self, what: Resolved, address: int, registered: Collection[int] | None) -> Resolved:
        """A channel is one of signals only while os/signal knows it, wherever it was made."""
        if of_signals(what.element_type, address, registered):
            return self._one(what._replace(name=what.name._replace(kind="signal")))
        return what

    def _resolve_counted(self, seen: Observation, live: Live) -> dict[int, Resolved]:
        """What the keys are that something was counted for."""
        now: dict[int, int] = {}  # those that there is no room to remember are known as long as they live
        counted = {**seen.kernel.counts, **seen.kernel.rare}
        if not all(map(self.is_named, counted)):
            now = dict(zip(live.keys.tolist(), live.what.tolist(), strict=True))
        return {key: live.different[now[key]] if key in now else self.resolve(key) for key in counted}

    def _whats(self, live: Live, addresses: Words) -> list[Resolved]:
        """What the channels at these addresses are; 0 is nil."""
        known, place = live.find(addresses)
        unknown = (addresses | np.uint64(UNNAMED)).tolist()
        return [
            live.different[live.what[at]] if found else self.resolve(key if key != UNNAMED else NIL_KEY)
            for found, at, key in zip(known.tolist(), place.tolist(), unknown, strict=True)
        ]

    def _blocked(self, seen: Observation, live: Live, ages: AgeColumns) -> Sequence[Blocked]:
        census = seen.census
        if census is None:
            return ()
        names_of = partial(live.names, resolve=self.resolve)
        make = partial(goroutines.blocked, self._stacks, census, ages, names_of)
        found = self._waiting.of(make, census.goroutines, ages, live)
        if len(found.names.channels) > len(live.different) + 1:  # of a channel that may get a name
            self._waiting.forget()
        return found
