"""The wire format: what the kernel side writes and reads, as in bpf/otelchan.h.

tests/unit/kernel/test_wire.py compares every size and offset here with the type information in the compiled object.
Times are nanoseconds of CLOCK_MONOTONIC, addresses are live addresses of the observed process.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

TARGETS = 256
UNNAMED = 1 << 63
STACK_BYTES = 4096
WAKER_FRAMES = 24
BUCKETS = 110
BUCKET_FIRST = 10


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


TARGET_FIELDS = (
    ("span_threshold_ns", "u8"),
    ("spans_allowed", "u8"),
    ("selectgo_low", "u8"),
    ("selectgo_high", "u8"),
    ("reflect_low", "u8"),
    ("reflect_high", "u8"),
    ("waits_epoch", "u4"),
    ("operations_epoch", "u4"),
    ("g_goid", "u4"),
    ("g_param", "u4"),
    ("g_waitreason", "u4"),
    ("g_stack_hi", "u4"),
    ("g_sched_sp", "u4"),
    ("g_sched_pc", "u4"),
    ("g_sched_bp", "u4"),
    ("sudog_c", "u4"),
    ("sudog_is_select", "u4"),
    ("hchan_lock", "u4"),
    ("hchan_closed", "u4"),
    ("hchan_qcount", "u4"),
)

TARGET = np.dtype([(name, "<" + kind) for name, kind in TARGET_FIELDS], align=True)
TALLY = np.dtype([("hits", "<u8", 16), ("lost", "<u8", 16), ("spans", "<u8")])
GKEY = np.dtype([("target", "<u8"), ("g", "<u8")])
PARK = np.dtype(
    [
        ("time", "<u8"),
        ("channel", "<u8"),
        ("operation", "<u4"),
        ("epoch", "<u4"),
        ("counted", "<u4"),
        ("pad", "<u4"),
    ]
)
CKEY = np.dtype([("target", "<u8"), ("id", "<u8")])
CHANNEL = np.dtype([("name_key", "<u8"), ("made", "<u8")])
COUNTS = np.dtype([(name, "<u8") for name in ("send_ok", "recv_ok", "recv_closed", "closes", "residue", "made")])
HKEY = np.dtype([("target", "<u8"), ("name_key", "<u8"), ("operation", "<u8")])
HISTOGRAM = np.dtype([("count", "<u8"), ("sum_ns", "<u8"), ("buckets", "<u8", BUCKETS)])

STRUCTS = {
    "oc_target": TARGET,
    "oc_tally": TALLY,
    "oc_gkey": GKEY,
    "oc_park": PARK,
    "oc_ckey": CKEY,
    "oc_channel": CHANNEL,
    "oc_counts": COUNTS,
    "oc_hkey": HKEY,
    "oc_histogram": HISTOGRAM,
}

MAPS = {
    "targets": (np.dtype("<u4"), TARGET),
    "tallies": (np.dtype("<u4"), TALLY),
    "parked": (GKEY, PARK),
    "channels": (CKEY, CHANNEL),
    "counts": (CKEY, COUNTS),
    "blocks": (HKEY, HISTOGRAM),
}

BLOCK_HEAD = struct.Struct("<IIII QQ QQ QQ QQ QQQQ IIQ")
BLOCK_SIZE = BLOCK_HEAD.size + 8 * WAKER_FRAMES + STACK_BYTES


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """struct oc_block: one blocking operation over the threshold. operation: 0 send, 1 receive (the sleeper's)."""

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


def decode_block(data: bytes) -> BlockRecord:
    """One ring-buffer record. Raises ValueError when it is not exactly one struct oc_block."""
    if len(data) != BLOCK_SIZE:
        raise ValueError(f"ring record of {len(data)} bytes, expected {BLOCK_SIZE}")
    head = BLOCK_HEAD.unpack_from(data)
    *fields, wait_reason, stack_bytes, waker_bytes = head
    target, operation, select, by_close, *rest = fields
    count = min(waker_bytes // 8, WAKER_FRAMES)
    waker = struct.unpack_from(f"<{count}Q", data, BLOCK_HEAD.size)
    start = BLOCK_HEAD.size + 8 * WAKER_FRAMES
    stack = data[start : start + min(stack_bytes, STACK_BYTES)]
    flags = (bool(select), bool(by_close))
    return BlockRecord(target, operation, *flags, *rest, wait_reason, waker, stack)  # type: ignore[call-arg]


def bucket_bound_ns(index: int) -> int | None:
    """Inclusive upper bound of a kernel histogram bucket in nanoseconds; None for the last, which has none."""
    if index == 0:
        return 1 << BUCKET_FIRST
    if index >= BUCKETS - 1:
        return None
    octave, part = divmod(index - 1, 4)
    low = 1 << (BUCKET_FIRST + octave)
    return low + (part + 1) * (low >> 2)
