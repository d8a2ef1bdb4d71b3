"""Live channels, one row each, for tests that say only what matters to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from otelchan.model.types import ChannelName, End, LiveChannels, LiveColumns
from tests.support.snapshots import START

Users = tuple[tuple[int, ...], tuple[int, ...]]


class Row(NamedTuple):
    """One live channel: open, with a buffer, watched since its make, and nothing done with it."""

    address: int
    name: str = "main.work main.go:41"
    length: int = 0
    capacity: int = 8
    senders: int = 0
    receivers: int = 0
    closed: bool = False
    made_unix_ns: int = START
    closed_unix_ns: int = 0
    sent: int = 0
    received: int = 0
    sending: End = End.NEVER
    receiving: End = End.NEVER
    survived: bool = False
    kind: str = "user"


def live(*rows: Row, users: Mapping[int, Users] | None = None) -> LiveChannels:
    """These."""
    names = list(dict.fromkeys(ChannelName(row.name, row.kind) for row in rows))
    values: dict[str, Any] = {
        column: [getattr(row, column) for row in rows] for column in LiveColumns._fields if column != "name"
    }
    values["name"] = [names.index(ChannelName(row.name, row.kind)) for row in rows]
    types = {"address": np.uint64, "closed": np.bool_, "survived": np.bool_, "sending": np.uint8, "receiving": np.uint8}
    columns = LiveColumns(**{name: np.array(column, types.get(name, np.int64)) for name, column in values.items()})
    return LiveChannels(columns, tuple(names), dict(users or {}))
