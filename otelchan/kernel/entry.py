"""struct oc_target of bpf/otelchan.h: what the kernel side is told about a program."""

from __future__ import annotations

import numpy as np

SKIPS = 16
ABSENT = 0xFFFFFFFF
"""In place of an offset: there is no such field."""
TARGET_FIELDS: tuple[tuple[str, str] | tuple[str, str, int], ...] = (
    ("span_threshold_ns", "u8"),
    ("spans_allowed", "u8"),
    ("makes_since", "u8"),
    ("selectgo_low", "u8"),
    ("selectgo_high", "u8"),
    ("reflect_close_low", "u8"),
    ("reflect_close_high", "u8"),
    ("runtime_low", "u8"),
    ("runtime_high", "u8"),
    ("reflect_low", "u8"),
    ("reflect_high", "u8"),
    ("skip_low", "u8", SKIPS),
    ("skip_high", "u8", SKIPS),
    ("waits_epoch", "u4"),
    ("operations_epoch", "u4"),
    ("skips", "u4"),
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
    ("g_parent", "u4"),
    ("objectives", "u4"),
    ("round", "u4"),
    ("g_labels", "u4"),
    ("label_form", "u4"),
    ("stacks_off", "u4"),
    ("reason_send", "u4"),
)

TARGET = np.dtype([(name, "<" + kind, *many) for name, kind, *many in TARGET_FIELDS], align=True)
