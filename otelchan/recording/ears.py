"""What listens while a recording is made: the function table and the kernel side, with a memory. Composition."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from otelchan.gobinary.functions import FunctionTable
from otelchan.gobinary.types import Frame
from otelchan.kernel.session import Session
from otelchan.kernel.types import BlockRecord, PanicRecord, decode_record
from otelchan.model.tables import Tables
from otelchan.recording.format import Bounds, Functions, Table

TARGET = 0
"""The first target id that the agent gives out: a recording is of one program."""

_MOST_RECORDS = 100_000  # drained and not asked for yet


class RecordingFunctions:
    """A FunctionTable that keeps each answer. What is asked here: everything that memory, model and view ask."""

    def __init__(self, inner: FunctionTable) -> None:
        self._inner = inner
        self.plugins = inner.plugins
        self._given = Functions({}, {}, {})
        self._new = Functions({}, {}, {})

    def take(self) -> Functions | None:
        """The answers that were first given since the last call; None when there are none."""
        taken, self._new = self._new, Functions({}, {}, {})
        return taken if taken.frames or taken.at or taken.find else None

    def find(self, name: str) -> Any:
        """As the table."""
        function = self._inner.find(name)
        if name not in self._given.find:
            self._given.find[name] = self._new.find[name] = _bounds(function)
        return function

    def at(self, pc: int) -> Any:
        """As the table."""
        function, key = self._inner.at(pc), str(pc)
        if key not in self._given.at:
            self._given.at[key] = self._new.at[key] = _bounds(function)
        return function

    def frames(self, pc: int) -> tuple[Frame, ...]:
        """As the table, for return addresses."""
        frames, key = self._inner.frames(pc), str(pc)
        if key not in self._given.frames:
            calls = [(*f, kind) for f, kind in zip(frames, self._inner.func_ids(pc), strict=True)]
            self._given.frames[key] = self._new.frames[key] = calls
        return frames

    def func_ids(self, pc: int) -> tuple[int, ...]:
        """As the table, for return addresses."""
        self.frames(pc)
        return self._inner.func_ids(pc)


def _bounds(function: Any) -> Bounds | None:
    return None if function is None else (function.name, function.entry, function.end)


class RecordingSession:
    """A Session that keeps what the maps had when they were read last, and the records until they are asked for."""

    def __init__(self, inner: Session) -> None:
        self._inner = inner
        self._items: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._records: deque[bytes] = deque(maxlen=_MOST_RECORDS)
        self.waits_epoch = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def items(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """As the session."""
        self._items[name] = self._inner.items(name)
        return self._items[name]

    def drain(self, limit: int = 10_000) -> list[bytes]:
        """As the session."""
        records = list(self._inner.drain(limit))
        self._records.extend(records)
        return records

    def write_target(self, target_id: int, config: np.ndarray) -> None:
        """As the session."""
        self.waits_epoch = int(config["waits_epoch"])
        self._inner.write_target(target_id, config)

    def raw(self, record: BlockRecord | PanicRecord) -> bytes:
        """The bytes of a record that was drained; those before it are forgotten."""
        while self._records:
            data = self._records.popleft()
            if decode_record(data) == record:
                return data
        raise LookupError("this record was not drained here")

    def tables(self) -> dict[str, Table]:
        """The rows of the program, of the maps that the model is given."""
        found = {}
        for name in Tables._fields:
            if name in self._items:
                keys, values = self._items[name]
                mine = keys["target"] == TARGET
                found[name] = (keys[mine].tobytes().hex(), values[mine].tobytes().hex())
        return found
