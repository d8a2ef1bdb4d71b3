"""A snapshot: what `otelchan diff` compares, as a file of JSON lines. Its form is described in docs/snapshots.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, Channel, Goroutine
from otelchan.target.types import Process
from otelchan.view.census import go_object, process_object
from otelchan.view.goroutines import of_program
from otelchan.view.stacks import starter, traceback, user_site
from otelchan.view.types import Origin

FORMAT = 1


class Place(NamedTuple):
    """What groups goroutines: why they wait (their status when they do not), at which line that a person wrote, and
    where they were started; None: not known, as of one that runs."""

    wait_reason: str
    site: Frame | None
    created_by: Frame | None


class Member(NamedTuple):
    """One goroutine. since_ns: runtime.nanotime when a garbage collection first saw the wait, 0: none did. park: equal
    while it is in the same wait; empty when it does not wait. stack: number of its stack."""

    id: int
    since_ns: int
    park: tuple[int, ...]
    stack: int

    def same_wait(self, later: Member) -> bool:
        """Whether it has not run since; wrong once in 256 times for one that came back to where it was and that no
        garbage collection has seen waiting."""
        if not self.park or self.park != later.park or self.id != later.id:
            return False
        return self.since_ns in (0, later.since_ns)


@dataclass
class Group:
    """Goroutines of one place. channels: names of what they wait on, with the operation ("recv main.f main.go:7")."""

    place: Place
    channels: set[str] = field(default_factory=set)
    members: list[Member] = field(default_factory=list)


class Channels(NamedTuple):
    """Channels of one name that somebody waits on. length, capacity: elements, summed."""

    name: str
    source: str
    element_type: str
    number: int
    length: int
    capacity: int
    senders: int
    receivers: int
    closed: int

    @property
    def lag(self) -> int:
        """Elements that have not been received: in buffers, and in the hands of senders that wait."""
        return self.length + self.senders


class Snapshot(NamedTuple):
    """A program at one moment. head: what is in the first line. stacks: printed frames, innermost first."""

    head: Mapping[str, Any]
    groups: Mapping[Place, Group]
    stacks: Sequence[tuple[Frame, ...]]
    channels: Mapping[str, Channels]


def take_snapshot(
    process: Process, image: GoImage, census: Census, names: Mapping[int, tuple[str, str]], origin: Origin | None = None
) -> Snapshot:
    """Of a census. names: (name, source) by live address of the channel. origin: None for a running process.

    Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    head = {
        "source": origin.source if origin else "process",
        "origin": {"file": origin.file, **origin.details} if origin else None,
        "time_unix_ns": census.time_unix_ns,
        "monotonic_ns": census.monotonic_ns,
        "process": {**process_object(process), "start_ticks": process.start_ticks},
        "go": go_object(image),
        "goroutines": census.counts.count,
        "unread": census.unread,
    }
    groups: dict[Place, Group] = {}
    stacks: dict[tuple[int, ...], int] = {}
    frames: list[tuple[Frame, ...]] = []
    starters: dict[int, Frame | None] = {}
    for goroutine in of_program(census):
        if goroutine.stack not in stacks:
            stacks[goroutine.stack] = len(frames)
            frames.append(traceback(image, goroutine.stack))
        number = stacks[goroutine.stack]
        if goroutine.created_at not in starters:
            starters[goroutine.created_at] = starter(image, goroutine.created_at)
        reason = goroutine.wait_reason or goroutine.status
        place = Place(reason, user_site(frames[number]), starters[goroutine.created_at])
        group = groups.setdefault(place, Group(place))
        group.members.append(Member(goroutine.id, goroutine.wait_since_ns, goroutine.park, number))
        group.channels |= _channels_of(goroutine, names)
    return Snapshot(head, groups, frames, _by_name(census.channels, names))


def _channels_of(goroutine: Goroutine, names: Mapping[int, tuple[str, str]]) -> set[str]:
    nil = ("nil channel", "")
    return {f"{wait.operation} {names.get(wait.channel, nil)[0]}" for wait in goroutine.waits}


def _by_name(channels: Sequence[Channel], names: Mapping[int, tuple[str, str]]) -> dict[str, Channels]:
    found: dict[str, Channels] = {}
    for channel in channels:
        name, source = names.get(channel.address, ("", ""))
        so_far = found.get(name) or Channels(name, source, channel.element_type, 0, 0, 0, 0, 0, 0)
        found[name] = so_far._replace(
            number=so_far.number + 1,
            length=so_far.length + channel.length,
            capacity=so_far.capacity + channel.capacity,
            senders=so_far.senders + channel.waiting_senders,
            receivers=so_far.receivers + channel.waiting_receivers,
            closed=so_far.closed + channel.closed,
        )
    return found


def snapshot_values(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """The lines of a snapshot, as JSON values, the first one first."""
    yield {"otelchan_snapshot": FORMAT, **snapshot.head}
    yield {"stacks": [[tuple(frame) for frame in frames] for frames in snapshot.stacks]}
    for group in snapshot.groups.values():
        reason, site, created_by = group.place
        yield {
            "wait_reason": reason,
            "site": site and tuple(site),
            "created_by": created_by and tuple(created_by),
            "channels": sorted(group.channels),
            "members": [tuple(member) for member in group.members],
        }
    for channels in snapshot.channels.values():
        yield {"channels": channels._asdict()}
    yield {"end": len(snapshot.groups) + len(snapshot.channels)}
