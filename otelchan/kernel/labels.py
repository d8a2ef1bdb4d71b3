"""The profiler labels in a ring record: struct oc_label of bpf/otelchan.h."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from otelchan.gobinary.types import LONGEST_NAME, LONGEST_VALUE

LABELS = 4
LABEL_NAMES_MOST = 16
LABEL_NAME = np.dtype([("name", "<u8", 2)])
LABEL = np.dtype([("name", "<u8", 2), ("size", "<u8"), ("value", "u1", LONGEST_VALUE)])
LABEL_HEAD = struct.Struct("<II")
LABELS_SIZE = LABEL_HEAD.size + LABELS * LABEL.itemsize
_ONE = struct.Struct(f"<{LONGEST_NAME}sQ{LONGEST_VALUE}s")

Pairs = tuple[tuple[str, str], ...]
"""Name and value of each label."""


def decode_labels(data: bytes) -> Pairs:
    """What LABELS_SIZE bytes of a record say, bytes that are no UTF-8 replaced."""
    number, _ = LABEL_HEAD.unpack_from(data)
    found = (_ONE.unpack_from(data, LABEL_HEAD.size + place * _ONE.size) for place in range(min(number, LABELS)))
    return tuple((_text(name.rstrip(b"\0")), _text(value[:size])) for name, size, value in found)


def encode_labels(labels: Sequence[tuple[str, str]]) -> bytes:
    """LABELS_SIZE bytes that say no more than this: of a record, whose room for labels is not cleared before use."""
    head = LABEL_HEAD.pack(len(labels), 0)
    return (head + b"".join(map(_one, labels))).ljust(LABELS_SIZE, b"\0")


def name_key(name: str) -> bytes:
    """The key in the map `asked`."""
    return name.encode().ljust(LONGEST_NAME, b"\0")


def _one(label: tuple[str, str]) -> bytes:
    name, value = label[0], label[1].encode()
    return _ONE.pack(name_key(name), len(value), value)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
