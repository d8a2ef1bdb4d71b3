"""Ring-buffer records of one program, on their way to its model. Composition: joins kernel, memory and model."""

from __future__ import annotations

from collections.abc import Sequence

from otelchan import clock
from otelchan.kernel.rounds import Rounds
from otelchan.kernel.types import BlockRecord, PanicRecord
from otelchan.looks import Looks
from otelchan.model.world import World

Record = BlockRecord | PanicRecord


class Records:
    """Of one program, which may make a channel per request: what channels are is read for all records at once, and
    once per round for each that keeps no name of its own until the snapshot."""

    def __init__(self, looks: Looks, world: World) -> None:
        self._looks, self._world = looks, world
        self._rounds = Rounds()
        self._read: set[int] = set()  # name keys, since the last snapshot

    def turn(self, number: int) -> None:
        """Round `number` has begun: its blocks belong to the snapshot after the next one."""
        self._rounds.turn(number)

    def add(self, records: Sequence[Record]) -> None:
        """These have come, in this order."""
        self._give([record for record in records if not self._rounds.keeps(record)])

    def before_the_end(self) -> None:
        """No snapshot comes but one: what was kept back belongs to it."""
        self._give(self._rounds.take())

    def after_snapshot(self) -> None:
        """What was kept back belongs to the next one."""
        self._read.clear()
        self._give(self._rounds.take())

    def _give(self, records: Sequence[Record]) -> None:
        wanted = {record.channel for record in records if self._is_new(record)}
        channels = self._looks.channels(list(wanted)) if wanted else {}
        for record in records:
            channel = channels.get(record.channel) if self._is_new(record) else None
            if channel is not None:
                self._read.add(record.name_key)
            if isinstance(record, BlockRecord):
                self._world.add_block(record, clock.unix_minus_monotonic_ns(), channel)
            else:
                self._world.add_panic(record, clock.unix_minus_monotonic_ns(), channel)

    def _is_new(self, record: Record) -> bool:
        """Whether its channel is to be read, for its name."""
        return record.name_key not in self._read and not self._world.is_named(record.name_key)
