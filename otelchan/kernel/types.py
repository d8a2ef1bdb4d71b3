"""The wire format: what the kernel side writes and reads, as in bpf/otelchan.h.

tests/unit/kernel/test_wire.py compares every size and offset here with the type information in the compiled object.
Times are nanoseconds of CLOCK_MONOTONIC, addresses are live addresses of the observed process.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from otelchan.kernel.entry import TARGET
from otelchan.kernel.labels import LABEL, LABEL_NAME, LABELS_SIZE, Pairs, decode_labels

TARGETS = 256
UNNAMED = 1 << 63
STACK_BYTES = 4096
WAKER_FRAMES = 24
PANIC_FRAMES = 64
BUCKETS = 110
BUCKET_FIRST = 10
FINE_BUCKETS = 218
OCTAVES = 40
DELAY_BOUNDS_NS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Of receives after a close: inclusive upper bounds of oc_rare.delays, but for the last, which has none."""
NIL_KEY = 1
UNKNOWN_KEY = 0
USERS = 4
"""Of a channel, on each side, that are remembered."""


class Kind(IntEnum):
    """enum oc_kind."""

    PARK = 1
    WAKE = 2
    SEND = 3
    RECV = 4
    RECV_CLOSED = 5
    SELECT = 6
    MAKE = 7
    CLOSE = 8
    PANIC = 9
    WOULD_BLOCK = 10
    SELECT_DEFAULT = 11


SLICE_KINDS = (Kind.WAKE, Kind.SEND, Kind.RECV, Kind.RECV_CLOSED, Kind.SELECT)
"""Of sites of a time slice: what passes through a buffer, and what from goroutine to goroutine."""


class Loss(IntEnum):
    """enum oc_loss: what could not be kept, each with its own counter."""

    PARK = 0
    SPAN = 1
    SAMPLED = 2
    COUNT = 3
    HISTOGRAM = 4
    READ = 5
    NAME = 6
    UNPARKED = 7
    STALE = 8
    CASE = 9
    RARE = 10
    EDGE = 11
    LABEL = 12


FILES = 256
PROCESSES = 2048
OF_FILE = 0x8000
NOBODY = 0xFFFFFFFF
BIRTH_KIND = 0xFF
FILE = np.dtype([("birth", "<u8"), ("as", TARGET)], align=True)
PROCESS = np.dtype([("target", "<u4"), ("file", "<u4"), ("born", "<u8"), ("sp", "<u8")])
BIRTH = np.dtype([(name, "<u8") for name in ("time", "bias")] + [(n, "<u4") for n in ("pid", "target", "file", "pad")])
TALLY = np.dtype([("hits", "<u8", 16), ("lost", "<u8", 16), ("spans", "<u8"), ("sliced", "<u8")])
GATE = np.dtype([("begin", "<u8"), ("end", "<u8")])
SLICE = np.dtype([("first", "<u8"), ("last", "<u8"), ("in", TALLY)])
SAMPLE = np.dtype([("sent", "<u8"), ("received", "<u8"), ("received_closed", "<u8")])
GKEY = np.dtype([("target", "<u8"), ("g", "<u8")])
PARK = np.dtype(
    [
        ("time", "<u8"),
        ("channel", "<u8"),
        ("operation", "<u4"),
        ("epoch", "<u4"),
        ("counted", "<u4"),
        ("by_close", "<u4"),
    ]
)
CKEY = np.dtype([("target", "<u8"), ("id", "<u8")])
CHANNEL = np.dtype(
    [
        *((name, "<u8") for name in ("name_key", "made", "closed", "sent", "received")),
        ("users", "<u8", (2, USERS)),
        ("parents", "<u8", (2, USERS)),
        ("replaced", "<u8", 2),
    ]
)
COUNT_FIELDS = (
    *("send_ok", "recv_ok", "recv_closed", "closes", "residue", "made"),
    *("send_would_block", "recv_would_block"),
)
COUNTS = np.dtype([(name, "<u8") for name in COUNT_FIELDS])
PANICS = ("send_on_closed", "close_of_closed", "close_of_nil")
"""enum oc_panic_type."""
RARE = np.dtype(
    [
        ("closed_ns", "<u8"),
        ("closed_by", "<u8"),
        ("panics", "<u8", len(PANICS)),
        ("drained", "<u8"),
        ("delay_sum_ns", "<u8"),
        ("delays", "<u8", len(DELAY_BOUNDS_NS) + 1),
    ]
)
HKEY = np.dtype([("target", "<u8"), ("name_key", "<u8"), ("operation", "<u8")])
HISTOGRAM = np.dtype(
    [("count", "<u8"), ("sum_ns", "<u8"), ("buckets", "<u8", BUCKETS), ("round", "<u8"), ("longest", "u1", OCTAVES)]
)
EKEY = np.dtype([(name, "<u8") for name in ("target", "name_key", "operation", "pc")])
FINE = np.dtype([("buckets", "<u8", FINE_BUCKETS)])

STRUCTS = {
    "oc_target": TARGET,
    "oc_tally": TALLY,
    "oc_gate": GATE,
    "oc_slice": SLICE,
    "oc_sample": SAMPLE,
    "oc_gkey": GKEY,
    "oc_park": PARK,
    "oc_ckey": CKEY,
    "oc_channel": CHANNEL,
    "oc_counts": COUNTS,
    "oc_rare": RARE,
    "oc_hkey": HKEY,
    "oc_histogram": HISTOGRAM,
    "oc_ekey": EKEY,
    "oc_fine": FINE,
    "oc_label_name": LABEL_NAME,
    "oc_label": LABEL,
    "oc_file": FILE,
    "oc_process": PROCESS,
    "oc_birth": BIRTH,
}

MAPS = {
    "targets": (np.dtype("<u4"), TARGET),
    "tallies": (np.dtype("<u4"), TALLY),
    "parked": (GKEY, PARK),
    "channels": (CKEY, CHANNEL),
    "counts": (CKEY, COUNTS),
    "blocks": (HKEY, HISTOGRAM),
    "rare": (CKEY, RARE),
    "edges": (EKEY, np.dtype("<u8")),
    "fine": (HKEY, FINE),
    "asked": (LABEL_NAME, np.dtype("<u4")),
    "files": (np.dtype("<u4"), FILE),
    "processes": (np.dtype("<u4"), PROCESS),
    "gates": (np.dtype("<u4"), GATE),
    "slices": (np.dtype("<u4"), SLICE),
    "sampled": (CKEY, SAMPLE),
    "marks": (GKEY, np.dtype("<u8")),
}

BLOCK_RECORD, PANIC_RECORD = 1, 2  # enum oc_record
_PANIC_MARK = PANIC_RECORD.to_bytes(4, "little")
BLOCK_HEAD = struct.Struct("<IIIIIIII QQ QQ QQ QQ QQQQ QQ")
LABELS_AT = BLOCK_HEAD.size + 8 * WAKER_FRAMES  # in a struct oc_block
STACK_AT = LABELS_AT + LABELS_SIZE
BLOCK_SIZE = STACK_AT + STACK_BYTES
PANIC_HEAD = struct.Struct("<II QQQQQQ")
PANIC_SIZE = PANIC_HEAD.size + 8 * PANIC_FRAMES


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """struct oc_block: one blocking operation over the threshold. operation: 0 send, 1 receive (the sleeper's).

    over_rate: there was no room for it under the rate, but it is the longest of its octave in that round. round:
    counted by user space, see struct oc_target. labels: those of the sleeper's profiler labels that are asked for.
    """

    target: int
    operation: int
    select: bool
    by_close: bool
    start: int
    end: int
    channel: int
    name_key: int
    g: int
    goid: int
    waker_g: int
    waker_goid: int
    sp: int
    pc: int
    bp: int
    hi: int
    wait_reason: int
    waker: tuple[int, ...]
    stack: bytes
    over_rate: bool = False
    round: int = 0
    labels: Pairs = ()


@dataclass(frozen=True, slots=True)
class PanicRecord:
    """struct oc_panic: a channel operation is about to panic. error: one of PANICS. channel 0: nil, or not known.

    frames: the address of the call of gopanic, then return addresses, innermost first.
    """

    target: int
    error: str
    time: int
    channel: int
    name_key: int
    goid: int
    frames: tuple[int, ...]


def decode_record(data: bytes) -> BlockRecord | PanicRecord:
    """One ring-buffer record. Raises ValueError when it is neither a struct oc_block nor a struct oc_panic."""
    return decode_panic(data) if data[:4] == _PANIC_MARK else decode_block(data)


def decode_panic(data: bytes) -> PanicRecord:
    """One ring-buffer record. Raises ValueError when it is not exactly one struct oc_panic."""
    _require(data, PANIC_RECORD, PANIC_SIZE)
    _, target, error, time, channel, name_key, goid, frames_bytes = PANIC_HEAD.unpack_from(data)
    frames = struct.unpack_from(f"<{min(frames_bytes // 8, PANIC_FRAMES)}Q", data, PANIC_HEAD.size)
    return PanicRecord(target, PANICS[error], time, channel, name_key, goid, frames)


def decode_block(data: bytes) -> BlockRecord:
    """One ring-buffer record. Raises ValueError when it is not exactly one struct oc_block."""
    _require(data, BLOCK_RECORD, BLOCK_SIZE)
    head = BLOCK_HEAD.unpack_from(data)
    _, target, operation, select, by_close, wait_reason, over_rate, round_, *rest, stack_bytes, waker_bytes = head
    count = min(waker_bytes // 8, WAKER_FRAMES)
    waker = struct.unpack_from(f"<{count}Q", data, BLOCK_HEAD.size)
    stack = data[STACK_AT : STACK_AT + min(stack_bytes, STACK_BYTES)]
    flags = (bool(select), bool(by_close))
    sent = (bool(over_rate), round_, decode_labels(data[LABELS_AT:STACK_AT]))
    return BlockRecord(target, operation, *flags, *rest, wait_reason, waker, stack, *sent)  # type: ignore[call-arg]


def _require(data: bytes, kind: int, size: int) -> None:
    if len(data) != size or data[:4] != kind.to_bytes(4, "little"):
        raise ValueError(f"ring record of {len(data)} bytes that begins with {data[:4].hex()}, expected {size} bytes")


class SliceCounts(NamedTuple):
    """What one time slice saw of a program. Operations are counted between begin_ns and end_ns, and not outside.

    counts: (sends, receives, receives that found the channel closed) by name key. hits: traps within the gate, by kind
    of site. outside: traps before and after it, while the probes were going in and out, which cost as much. cpu_ns:
    what the program had of processors within the gate (see clock.process_cpu_ns). attached_ns: from the first trap to
    the last, the gate at least. lost: traps within the gate, at most, of which not all was counted: no room, or memory
    that could not be read.
    """

    begin_ns: int
    end_ns: int
    counts: Mapping[int, tuple[int, int, int]]
    hits: Mapping[int, int]
    outside: int
    cpu_ns: int
    attached_ns: int
    lost: int = 0


def bucket_bound_ns(index: int, buckets: int = BUCKETS) -> int | None:
    """Inclusive upper bound of a kernel histogram bucket in nanoseconds; None for the last, which has none.

    buckets: BUCKETS, with four to an octave, or FINE_BUCKETS, with eight.
    """
    if index == 0:
        return 1 << BUCKET_FIRST
    if index >= buckets - 1:
        return None
    parts = 8 if buckets == FINE_BUCKETS else 4
    octave, part = divmod(index - 1, parts)
    low = 1 << (BUCKET_FIRST + octave)
    return low + (part + 1) * (low // parts)
