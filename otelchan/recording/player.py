"""Plays a recording: the same memory and the same kernel maps, through the same stages. Composition.

Nothing of the machine that plays is asked: no process, no executable, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from otelchan.errors import MemoryGone, TargetError
from otelchan.gobinary.functions import Function, FunctionTable
from otelchan.gobinary.plugins import Plugins
from otelchan.gobinary.types import Frame, GoImage
from otelchan.kernel.types import MAPS, BlockRecord, decode_record
from otelchan.looks import Looks
from otelchan.memory.census import take_census
from otelchan.memory.counts import read_counts
from otelchan.memory.recorded import RecordedReader
from otelchan.memory.types import Census, ChannelMap
from otelchan.model.observation import NOT_USED, KernelState, Observation
from otelchan.model.ongoing import USUAL, Pace
from otelchan.model.tables import Tables
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.recording.format import (
    Attached,
    Block,
    Bounds,
    Contents,
    Detached,
    End,
    Event,
    Functions,
    Header,
    Image,
    Look,
    Looked,
    Memory,
    Panic,
    Round,
    Table,
    events,
)
from otelchan.target.types import Process


@dataclass(frozen=True, slots=True)
class Played:
    """One round. number: from 1. census: None when the program's memory could not be read any more."""

    number: int
    process: Process
    image: GoImage
    census: Census | None
    snapshot: Snapshot


class RecordedFunctions:
    """The part of a FunctionTable that is in a recording. The rest has no functions, as if it were outside the text."""

    def __init__(self) -> None:
        self.plugins = Plugins()  # a census says which there are
        self._frames: dict[int, tuple[tuple[Frame, int], ...]] = {}
        self._at: dict[int, Function | None] = {}
        self._found: dict[str, Function | None] = {}

    def add(self, line: Functions) -> None:
        """More answers."""
        for pc, calls in line.frames.items():
            self._frames[int(pc)] = tuple((Frame(name, file, number), kind) for name, file, number, kind in calls)
        self._at.update({int(pc): _function(bounds) for pc, bounds in line.at.items()})
        self._found.update({name: _function(bounds) for name, bounds in line.find.items()})

    def find(self, name: str) -> Function | None:
        """As FunctionTable.find."""
        return self._found.get(name)

    def at(self, pc: int) -> Function | None:
        """As FunctionTable.at."""
        return self._at.get(pc)

    def frames(self, pc: int) -> tuple[Frame, ...]:
        """As FunctionTable.frames, for return addresses."""
        return tuple(frame for frame, _ in self._frames.get(pc, ()))

    def func_ids(self, pc: int) -> tuple[int, ...]:
        """As FunctionTable.func_ids, for return addresses."""
        return tuple(kind for _, kind in self._frames.get(pc, ()))


def play(path: str, pace: Pace = USUAL) -> Iterator[Played]:
    """Every round of a recording, in order. pace: when waits that go on are told of; who recorded it may have had
    another one. Raises TargetError when it is none, or not whole."""
    lines = events(path)
    player = _Player(path, cast(Header, next(lines)), pace)
    try:
        for line in lines:
            played = player.take(line)
            if played is not None:
                yield played
    except MemoryGone as error:
        raise TargetError(f"the recording {path} cannot be played: {error}") from None
    except (ValueError, KeyError) as error:
        raise TargetError(f"the recording {path} is damaged ({error}); copy it again") from None


class _Player:
    def __init__(self, path: str, header: Header, pace: Pace = USUAL) -> None:
        self._header = header
        self._functions = RecordedFunctions()
        self._image = _image(header.image, self._functions)
        self._reader = RecordedReader()
        self._contents = Contents(path)
        self._pending: list[Memory] = []
        self._tables: dict[str, Table] = {}
        self._world = World(header.process, self._image, header.bias, header.attached_unix_ns)
        self._world.ongoing.change(pace)
        self._looks = Looks(self._reader, self._image, header.bias)
        self._census: Census | None = None
        self._rounds = 0

    def take(self, line: Event) -> Played | None:
        """What a round shows; None for lines of other kinds."""
        match line:
            case Memory():
                self._pending.append(line)
            case Functions():
                self._functions.add(line)
            case Look(census):
                self._load()
                self._world.look(self._take_census(census))
            case Attached(plane, time_unix_ns, tables):
                self._tables.update(tables)
                self._world.plane_attached(plane, time_unix_ns, self._kernel(0, {}))
            case Detached(plane):
                self._world.plane_detached(plane)
            case Block() | Panic():
                self._load()
                self._add_record(line)
            case Round():
                self._load()
                return self._round(line)
            case Header() | End():
                pass
        return None

    def _load(self) -> None:
        """What was read for the event that comes now."""
        pending, self._pending = self._pending, []
        if pending:
            self._reader.load(read for line in pending for read in self._contents.reads(line))

    def _add_record(self, line: Block | Panic) -> None:
        record = decode_record(bytes.fromhex(line.record))
        channel = self._looks.channels([record.channel]).get(record.channel) if line.looked else None
        if isinstance(record, BlockRecord):
            self._world.add_block(record, line.unix_offset_ns, channel)
        else:
            self._world.add_panic(record, line.unix_offset_ns, channel)

    def _round(self, line: Round) -> Played:
        self._tables.update(line.tables)
        kernel = self._kernel(line.waits_epoch, line.losses)
        census = self._take_census(line.census) if line.census else None
        channels, registered = ChannelMap(()), None
        if census is not None:
            channels = ChannelMap(census.channels)
            channels.update(self._looks.live_channels(kernel.made, skip=channels))
            registered = self._looks.registered(channels)
        seen = Observation(
            time_unix_ns=line.time_unix_ns,
            monotonic_ns=line.monotonic_ns,
            kernel=kernel,
            census=census,
            channels=channels,
            planes=line.planes,
            ended=line.ended,
            registered=registered,
            held=line.held,
            overhead=line.overhead,
            slices=line.slices,
            sampled=line.sampled,
            labels=self._looks.labels if census is not None else None,
        )
        self._rounds += 1
        return Played(self._rounds, self._header.process, self._image, census, self._world.snapshot(seen))

    def _take_census(self, looked: Looked) -> Census:
        image, bias = self._image, self._header.bias
        if looked.again and self._census is not None:
            counts = read_counts(self._reader, image.layout, image.globals, bias)
            self._census = replace(self._census, counts=counts)
        else:
            self._census = take_census(self._reader, image, bias, self._census)
        self._census = replace(
            self._census,
            time_unix_ns=looked.time_unix_ns,
            monotonic_ns=looked.monotonic_ns,
            duration_ns=looked.duration_ns,
            bytes_read=looked.bytes_read,
        )
        return self._census

    def _kernel(self, waits_epoch: int, losses: Mapping[str, int]) -> KernelState:
        tables = Tables(*(_table(self._tables, name) for name in Tables._fields))
        state = tables.of(self._header.target, waits_epoch, losses)
        # Who used a channel is not in the rows of older recordings, which is not to say that nobody did.
        return state if _is_whole(self._tables, "channels") else replace(state, used=NOT_USED)


def _image(image: Image, functions: RecordedFunctions) -> GoImage:
    names = {name: getattr(image, name) for name in Image.__struct_fields__}
    return GoImage(**names, functions=cast(FunctionTable, functions), sites=(), missing=())


def _function(bounds: Bounds | None) -> Function | None:
    return None if bounds is None else Function(*bounds)


def _table(tables: Mapping[str, Table], name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Keys and values of a map; empty when it was never read. What older recordings do not have of a value is zero: the
    structs have only ever grown at their ends."""
    key, value = MAPS[name]
    keys, values = (bytes.fromhex(text) for text in tables.get(name, ("", "")))
    if not _is_whole(tables, name):
        count = len(keys) // key.itemsize
        rows = np.zeros((count, value.itemsize), np.uint8)
        rows[:, : len(values) // count] = np.frombuffer(values, np.uint8).reshape(count, -1)
        values = rows.tobytes()
    return np.frombuffer(keys, key), np.frombuffer(values, value)


def _is_whole(tables: Mapping[str, Table], name: str) -> bool:
    """Whether the values of a map are as long as they are now. Raises ValueError when they are no values of it."""
    key, value = MAPS[name]
    keys, values = (len(text) // 2 for text in tables.get(name, ("", "")))
    count = keys // key.itemsize
    if (values % count if count else values) or values > count * value.itemsize:
        raise ValueError(f"{keys} bytes of keys and {values} of values in the map {name}")
    return values == count * value.itemsize
