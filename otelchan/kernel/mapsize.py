"""How much kernel memory the maps take, before they are made."""

from __future__ import annotations

from typing import NamedTuple

from otelchan.kernel.labels import LABEL_NAMES_MOST
from otelchan.kernel.processes import BIRTHS_BYTES
from otelchan.kernel.session import LIMITS, RING_BYTES
from otelchan.kernel.types import CHANNEL, FILES, HISTOGRAM, MAPS, PROCESSES, TARGETS

_BUCKET, _ELEMENT = 16, 48
"""struct bucket and struct htab_elem of kernel/bpf/hashtab.c, Linux 6.18; the number of buckets is a power of two."""
_LAZY = ("blocks", "rare", "edges", "fine", "sampled", "marks")
_ARRAYS = {"targets": TARGETS, "tallies": TARGETS, "files": FILES, "gates": TARGETS, "slices": TARGETS}
_SMALL = 8 * FILES + 4 * TARGETS  # the counts of missed births, the queue of free targets


class MapMemory(NamedTuple):
    """Bytes. from_start: taken as soon as the maps are there. at_most: when every map is full."""

    from_start: int
    at_most: int


def map_memory(parked_entries: int) -> MapMemory:
    """Of all maps of one otelchan, which every program that it watches shares, and its ring buffer."""
    from_start = at_most = RING_BYTES + BIRTHS_BYTES + HISTOGRAM.itemsize + CHANNEL.itemsize + _SMALL
    for name, (key, value) in MAPS.items():
        if name in _ARRAYS:
            from_start, at_most = (size + _ARRAYS[name] * value.itemsize for size in (from_start, at_most))
            continue
        entries = {**LIMITS, "parked": parked_entries, "processes": PROCESSES, "asked": LABEL_NAMES_MOST}[name]
        buckets = _BUCKET << (entries - 1).bit_length()
        elements = entries * (_ELEMENT + _whole_words(key.itemsize) + _whole_words(value.itemsize))
        from_start += buckets if name in _LAZY else buckets + elements
        at_most += buckets + elements
    return MapMemory(from_start, at_most)


def _whole_words(size: int) -> int:
    return (size + 7) & ~7
