"""Stands between a program and its model, and writes down what passes, so that it can be played. Composition.

What the model is given is not changed; what is written has stacks redacted (memory.redact).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from otelchan import __version__
from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.types import GoImage
from otelchan.kernel.labels import encode_labels
from otelchan.kernel.session import Session
from otelchan.kernel.types import LABELS_AT, STACK_AT, BlockRecord, PanicRecord
from otelchan.memory.recorded import RecordingReader
from otelchan.memory.redact import StackRedactor, redacted
from otelchan.memory.types import Census, Channel, Reader
from otelchan.model.names import names_for_census
from otelchan.model.observation import KernelState, Observation
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.recording.ears import TARGET, RecordingFunctions, RecordingSession
from otelchan.recording.format import (
    FORMAT,
    Attached,
    Block,
    Detached,
    Functions,
    Header,
    Image,
    Look,
    Looked,
    Panic,
    Round,
    Table,
)
from otelchan.recording.writer import Full, Writer


class Recorder:
    """A Tap that writes a recording of the one program that is watched.

    full: there was no room for more; from then on nothing is written. on_round: called after each round.
    """

    def __init__(self, writer: Writer, interval_s: float, probes: bool, on_round: Callable[[], None]) -> None:
        self.full = False
        self._writer = writer
        self._interval_s, self._probes, self._on_round = interval_s, probes, on_round
        self._functions: RecordingFunctions
        self._memory: RecordingReader
        self._redactor: StackRedactor
        self._world: World
        self._kernel: RecordingSession | None = None
        self._tables: dict[str, Table] = {}
        self._last: Census | None = None
        self._stacks: set[tuple[int, ...]] = set()

    # --- Tap ------------------------------------------------------------------------------------------------------

    def session(self, session: Session) -> Session:
        """The same, with an ear on maps and records."""
        self._kernel = RecordingSession(session)
        return cast(Session, self._kernel)

    def image(self, image: GoImage) -> GoImage:
        """The same, with an ear on the answers of its function table."""
        self._functions = RecordingFunctions(image.functions)
        return replace(image, functions=cast(FunctionTable, self._functions))

    def reader(self, reader: Reader) -> Reader:
        """The same, with an ear on what is read."""
        self._memory = RecordingReader(reader)
        return self._memory

    def world(self, world: World) -> World:
        """The same, with an ear on what it is given. Writes the header."""
        self._world, image = world, world.image
        code = [s for s in image.segments if s.executable]
        text = min(s.address for s in code) + world.bias, max(s.address + s.memory_size for s in code) + world.bias
        self._text = text
        self._redactor = StackRedactor(image.layout, image.globals, world.bias, text)
        names = {name: getattr(image, name) for name in Image.__struct_fields__}
        self._write(
            Header(
                format=FORMAT,
                otelchan=__version__,
                kernel=os.uname().release,
                probes=self._probes,
                interval_s=self._interval_s,
                process=replace(world.process, command=()),
                image=Image(**{**names, "path": world.process.executable}),
                bias=world.bias,
                target=TARGET,
                attached_unix_ns=world.attached_unix_ns,
            )
        )
        return cast(World, RecordingWorld(world, self))

    # --- what the world was given ---------------------------------------------------------------------------------

    def look(self, census: Census) -> None:
        """The first census."""
        looked = self._looked(census)
        self._write_before(census)
        self._write(Look(looked))

    def attached(self, plane: str, time_unix_ns: int) -> None:
        """A plane is on."""
        self._write(Attached(str(plane), time_unix_ns, self._changed_tables()))

    def detached(self, plane: str) -> None:
        """A plane is off."""
        self._write(Detached(str(plane)))

    def block(self, record: BlockRecord, unix_offset_ns: int, looked: bool) -> None:
        """A record of the ring buffer."""
        data = self._kernel.raw(record) if self._kernel else b""
        stack = redacted(data[STACK_AT : STACK_AT + len(record.stack)], (record.sp, record.hi), self._text)
        shown = data[:LABELS_AT] + encode_labels(record.labels) + stack + bytes(len(data) - STACK_AT - len(stack))
        self._write_before(None)
        self._write(Block(shown.hex(), unix_offset_ns, looked))

    def panic(self, record: PanicRecord, unix_offset_ns: int, looked: bool) -> None:
        """A record of the ring buffer; it holds nothing of the program but addresses of its code."""
        data = self._kernel.raw(record) if self._kernel else b""
        self._write_before(None)
        self._write(Panic(data.hex(), unix_offset_ns, looked))

    def round(self, seen: Observation) -> None:
        """A snapshot was made of this."""
        looked = self._looked(seen.census) if seen.census is not None else None
        self._write_before(seen.census)
        self._write(
            Round(
                time_unix_ns=seen.time_unix_ns,
                monotonic_ns=seen.monotonic_ns,
                waits_epoch=self._kernel.waits_epoch if self._kernel else 0,
                tables=self._changed_tables(),
                losses=dict(seen.kernel.losses),
                planes=dict(seen.planes),
                census=looked,
                ended=seen.ended,
                held=seen.held,
                overhead=seen.overhead,
                slices=seen.slices,
                sampled=seen.sampled,
            )
        )
        if not self.full:
            try:
                self._writer.keep()
            except Full:
                self.full = True
        self._on_round()

    def _looked(self, census: Census) -> Looked:
        again = self._last is not None and census.monotonic_ns == self._last.monotonic_ns
        self._last = census
        return Looked(census.time_unix_ns, census.monotonic_ns, census.duration_ns, census.bytes_read, again)

    def _write_before(self, census: Census | None) -> None:
        """What an event needs to be played: memory, and the functions in the stacks that views show."""
        reads = self._memory.take()
        if census is not None:
            reads = self._redactor.redact(reads, (goroutine.address for goroutine in census.goroutines))
            self._ask_functions(census)
        if not self.full:
            try:
                self._writer.write_reads(reads)
            except Full:
                self.full = True
        answers = self._functions.take()
        if answers is not None:
            self._write(answers)

    def _ask_functions(self, census: Census) -> None:
        stacks = {goroutine.stack for goroutine in census.goroutines} - self._stacks
        self._stacks |= stacks
        places = {pc for stack in stacks for pc in stack} | {g.created_at for g in census.goroutines}
        for place in places - {0}:
            self._functions.frames(place)
        names_for_census(self._world.image, census)

    def _changed_tables(self) -> dict[str, Table]:
        tables = self._kernel.tables() if self._kernel else {}
        changed = {name: table for name, table in tables.items() if self._tables.get(name) != table}
        self._tables.update(changed)
        return changed

    def _write(self, event: Header | Functions | Look | Attached | Detached | Block | Panic | Round) -> None:
        if self.full:
            return
        try:
            self._writer.write(event)
        except Full:
            self.full = True


class RecordingWorld:
    """A World that tells the recorder what it is given."""

    def __init__(self, inner: World, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def look(self, census: Census) -> None:
        """As the world."""
        self._inner.look(census)
        self._recorder.look(census)

    def plane_attached(self, plane: str, time_unix_ns: int, kernel: KernelState) -> None:
        """As the world."""
        self._inner.plane_attached(plane, time_unix_ns, kernel)
        self._recorder.attached(plane, time_unix_ns)

    def plane_detached(self, plane: str) -> None:
        """As the world."""
        self._inner.plane_detached(plane)
        self._recorder.detached(plane)

    def add_block(self, record: BlockRecord, unix_offset_ns: int, channel: Channel | None = None) -> None:
        """As the world."""
        # Whether it was looked for decides what is played, also when nothing was found there.
        looked = not self._inner.is_named(record.name_key)
        self._inner.add_block(record, unix_offset_ns, channel)
        self._recorder.block(record, unix_offset_ns, looked)

    def add_panic(self, record: PanicRecord, unix_offset_ns: int, channel: Channel | None = None) -> None:
        """As the world."""
        looked = not self._inner.is_named(record.name_key)
        self._inner.add_panic(record, unix_offset_ns, channel)
        self._recorder.panic(record, unix_offset_ns, looked)

    def snapshot(self, seen: Observation) -> Snapshot:
        """As the world."""
        made = self._inner.snapshot(seen)
        self._recorder.round(seen)
        return made
