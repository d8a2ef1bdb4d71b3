"""Channels that os/signal sends to: the keys of its map `handlers.m`, of type map[chan<- os.Signal]*handler.

Only whether a channel's address is in the map's slots is looked at, whatever slot it is: nothing else there can have
that value, and a slot that is given up is cleared. Format: hmap and bmap in src/runtime/map.go up to Go 1.23; Map,
table and groupsReference in src/internal/runtime/maps since Go 1.24, unless built with GOEXPERIMENT=noswissmap.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator

import numpy as np

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import NOT_KNOWN, GoImage
from otelchan.memory.types import Reader

_HEADER = 32
_GROUP = 8 + 8 * 16  # of the newer form: control word, eight slots of key and element
_BUCKET = 8 + 8 * 16 + 8  # of the older form: eight bytes of hashes, keys, elements, the bucket that overflow goes to
_OVERFLOW = _BUCKET - 8
_MOST_TABLES, _MOST_GROUPS, _MOST_BUCKETS = 16, 128, 128


def registered(reader: Reader, image: GoImage, bias: int, channels: Collection[int]) -> frozenset[int] | None:
    """Which of these channels signal.Notify was given, and signal.Stop was not. None: that cannot be told."""
    place = image.globals.signal_map
    if place == NOT_KNOWN:
        return None
    if place == 0 or not channels:
        return frozenset()
    try:
        (header_at,) = struct.unpack("<Q", reader.read(place + bias, 8))
        if header_at == 0:
            return frozenset()
        header = reader.read(header_at, _HEADER)
        slots = _newer(reader, header) if _is_newer(image.build.go_version) else _older(reader, header)
        words = np.concatenate([np.frombuffer(piece, "<u8") for piece in slots])
    except (MemoryGone, ValueError):
        return None
    return frozenset(np.array(list(channels), np.uint64)[np.isin(list(channels), words)].tolist())


def _is_newer(go_version: str) -> bool:
    minor = re.search(r"go1\.(\d+)", go_version)
    return minor is not None and int(minor[1]) >= 24 and "noswissmap" not in go_version


def _newer(reader: Reader, header: bytes) -> Iterator[bytes]:
    """The groups of a map. Raises ValueError when there are more than anybody registers channels for."""
    directory, tables = struct.unpack_from("<QQ", header, 16)
    if tables == 0:
        yield reader.read(directory, _GROUP)
        return
    if tables > _MOST_TABLES:
        raise ValueError("too many tables")
    for table in set(struct.unpack(f"<{tables}Q", reader.read(directory, 8 * tables))):
        groups, mask = struct.unpack("<QQ", reader.read(table + 16, 16))
        if mask >= _MOST_GROUPS:
            raise ValueError("too many groups")
        yield reader.read(groups, _GROUP * (mask + 1))


def _older(reader: Reader, header: bytes) -> Iterator[bytes]:
    """The buckets of a map, also those that it is growing out of."""
    logarithm = header[9]
    buckets, growing = struct.unpack_from("<QQ", header, 16)
    if 1 << logarithm > _MOST_BUCKETS:
        raise ValueError("too many buckets")
    todo = [(buckets, 1 << logarithm)] if buckets else []
    if growing:
        todo.append((growing, 1 << logarithm if logarithm == 0 else 1 << (logarithm - 1)))
    for _ in range(_MOST_BUCKETS):
        if not todo:
            return
        at, count = todo.pop()
        data = reader.read(at, _BUCKET * count)
        yield data
        overflow = (int.from_bytes(data[n + _OVERFLOW : n + _BUCKET], "little") for n in range(0, len(data), _BUCKET))
        todo += [(more, 1) for more in overflow if more]
    raise ValueError("too many buckets")
