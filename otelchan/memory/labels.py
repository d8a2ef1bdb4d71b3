"""Profiler labels of goroutines, read from memory: of those that are blocked now. Those that were have theirs read by
bpf/labels.h.

Only labels that may say what request a goroutine works for are looked at (gobinary/labels.py). A set of labels does not
change once a goroutine has it (src/runtime/pprof/label.go), and many goroutines share one: each is read once.
"""

from __future__ import annotations

import struct

import numpy as np

from otelchan.errors import MemoryGone
from otelchan.gobinary.types import LABEL_NAMES, LONGEST_NAME, LONGEST_VALUE, LabelForm, Layout
from otelchan.memory.bulk import words
from otelchan.memory.goroutines import read_rows
from otelchan.memory.types import Goroutines, Indices, Labels, LabelsOf, Reader, Words

MOST_PAIRS = 16
"""That are looked at: as many as the kernel side does."""

_NAMES = frozenset(name.encode() for name in LABEL_NAMES)
_LIST = struct.Struct("<QQQ")  # pointer, length, capacity
_STRING = struct.Struct("<QQ")
_MAP = struct.Struct("<QxBxxxxxxQQ")  # struct hmap of src/runtime/map.go: count, B, buckets, oldbuckets
_BUCKET, _KEYS, _VALUES, _TAKEN = 272, 8, 136, 5  # of a map[string]string: 8 marks, keys, values, and the next bucket

String = tuple[int, int]


def read_labels(reader: Reader, layout: Layout, goroutines: Words) -> LabelsOf:
    """goroutines: live addresses of g structs. Of one that runs on meanwhile the labels may be anybody's."""
    offset = layout.get("g.labels")
    if offset is None:  # of a recording that another version of otelchan made
        return LabelsOf([()] * len(goroutines), len(goroutines))
    pointers, whole = words(reader, goroutines + np.uint64(offset))
    unread = int((~whole).sum())
    known: dict[int, Labels | None] = {0: ()}
    for pointer in dict.fromkeys(pointers.tolist()):
        if pointer:
            known[pointer] = _labels_at(reader, layout.labels, pointer)
    found = [known[pointer] for pointer in pointers.tolist()]
    return LabelsOf([labels or () for labels in found], unread + found.count(None))


def labels_of(reader: Reader, layout: Layout, goroutines: Goroutines, places: Indices) -> LabelsOf:
    """Labels of those of these goroutines, by their places among them, as they were when these were looked at. One that
    is not in the same park any more counts as unread."""
    addresses = goroutines.address[places]
    found = read_labels(reader, layout, addresses)
    now = read_rows(reader, layout, addresses)
    used, pc, sequence, waiting = (column[places] for column in goroutines.park)
    still = now.parked(layout) & (now.id == goroutines.id[places]) & (now.high - now.sp == used)
    still &= (now.pc == pc) & (now.sequence == sequence) & (now.waiting == waiting)
    gone = [labels if same else None for labels, same in zip(found.labels, still.tolist(), strict=True)]
    return LabelsOf([labels or () for labels in gone], found.unread + gone.count(None))


def _labels_at(reader: Reader, form: LabelForm, pointer: int) -> Labels | None:
    """None: not what it should be, or more than is looked at."""
    try:
        pairs = _pairs(reader, form, pointer)
        if pairs is None:
            return None
        found = [_label(reader, name, value) for name, value in pairs]
    except (MemoryGone, OverflowError):
        return None
    return tuple(label for label in found if label is not None)


def _pairs(reader: Reader, form: LabelForm, pointer: int) -> list[tuple[String, String]] | None:
    if form == LabelForm.LIST:
        return _listed(reader, pointer)
    return _mapped(reader, pointer) if form == LabelForm.MAP else None


def _listed(reader: Reader, pointer: int) -> list[tuple[String, String]] | None:
    first, length, capacity = _LIST.unpack(reader.read(pointer, _LIST.size))
    if not length <= min(capacity, MOST_PAIRS):
        return None
    strings = list(_STRING.iter_unpack(reader.read(first, 2 * _STRING.size * length))) if length else []
    return list(zip(strings[::2], strings[1::2], strict=True))


def _mapped(reader: Reader, pointer: int) -> list[tuple[String, String]] | None:
    at = int.from_bytes(reader.read(pointer, 8), "little")
    count, logarithm, buckets, old = _MAP.unpack(reader.read(at, _MAP.size))
    if not count:
        return []
    if logarithm > 1 or old:
        return None
    found: list[tuple[String, String]] = []
    for bucket in range(1 << logarithm):
        data = reader.read(buckets + bucket * _BUCKET, _BUCKET)
        places = [place for place in range(8) if data[place] >= _TAKEN]
        found += [(_string(data, _KEYS, place), _string(data, _VALUES, place)) for place in places]
    return found if len(found) == count else None  # else there is a bucket more


def _string(data: bytes, first: int, place: int) -> String:
    address, length = _STRING.unpack_from(data, first + _STRING.size * place)
    return address, length


def _label(reader: Reader, name: String, value: String) -> tuple[str, str] | None:
    if not (0 < name[1] <= LONGEST_NAME and 0 < value[1] <= LONGEST_VALUE):
        return None
    text = reader.read(*name)
    return (text.decode(), reader.read(*value).decode(errors="replace")) if text in _NAMES else None
