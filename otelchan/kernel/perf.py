"""perf_event_open(2) by number, and what uprobes need of it.

Source of the layout: include/uapi/linux/perf_event.h (struct perf_event_attr, PERF_ATTR_SIZE_VER7: 128 bytes,
VER8: 136); of a uprobe's fields: kernel/events/core.c, perf_uprobe_event_init (Linux 4.17).
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_SYS_PERF_EVENT_OPEN = 298  # x86-64
PERF_FLAG_FD_CLOEXEC = 1 << 3
UPROBE_TYPE = Path("/sys/bus/event_source/devices/uprobe/type")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class PerfEventAttr(ctypes.Structure):
    """struct perf_event_attr. `flags` holds the bit field, lowest bit first: disabled, inherit, pinned, ...

    sample_period_or_freq, wakeup_events_or_watermark: the unions. config1, config2: also kprobe_func/uprobe_path and
    probe_offset. `size` is set by perf_event_open.
    """

    _fields_ = [
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("config", ctypes.c_uint64),
        ("sample_period_or_freq", ctypes.c_uint64),
        ("sample_type", ctypes.c_uint64),
        ("read_format", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
        ("wakeup_events_or_watermark", ctypes.c_uint32),
        ("bp_type", ctypes.c_uint32),
        ("config1", ctypes.c_uint64),
        ("config2", ctypes.c_uint64),
        ("branch_sample_type", ctypes.c_uint64),
        ("sample_regs_user", ctypes.c_uint64),
        ("sample_stack_user", ctypes.c_uint32),
        ("clockid", ctypes.c_int32),
        ("sample_regs_intr", ctypes.c_uint64),
        ("aux_watermark", ctypes.c_uint32),
        ("sample_max_stack", ctypes.c_uint16),
        ("reserved_2", ctypes.c_uint16),
        ("aux_sample_size", ctypes.c_uint32),
        ("reserved_3", ctypes.c_uint32),
        ("sig_data", ctypes.c_uint64),
        ("config3", ctypes.c_uint64),
    ]


_VERSION_7 = 128  # up to sig_data: every kernel since 5.13 knows it


def perf_event_open(
    attr: PerfEventAttr, pid: int, cpu: int, group_fd: int = -1, flags: int = PERF_FLAG_FD_CLOEXEC
) -> int:
    """A new event's descriptor. pid -1: every process; cpu -1: every processor. Raises OSError."""
    # An older kernel accepts a larger structure only when what it does not know is zero, so the last field is sent
    # only when it is used.
    attr.size = ctypes.sizeof(attr) if attr.config3 else _VERSION_7
    result: int = _libc.syscall(_SYS_PERF_EVENT_OPEN, ctypes.byref(attr), pid, cpu, group_fd, flags)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def open_uprobe(path: str, offset: int, pid: int) -> int:
    """A probe at a file offset of `path`, in one process, or with pid 0 in all; returns the event's descriptor.

    The event belongs to the process's first thread, but a probe is filtered by address space (kernel/trace/
    trace_uprobe.c, uprobe_perf_filter), so a BPF program on it sees every thread, also those made later. It would stop
    with the first thread, which in a Go program lasts to the end (src/runtime/proc.go, mexit).
    An event of all processes belongs to a processor, but a BPF program on it runs on every one (uprobe_perf_func runs
    the programs of the call before it looks for events of this processor).
    Needs CAP_SYS_ADMIN. Raises OSError.
    """
    name = ctypes.create_string_buffer(os.fsencode(path))
    attr = PerfEventAttr(type=int(UPROBE_TYPE.read_text()), config1=ctypes.addressof(name), config2=offset)
    return perf_event_open(attr, pid, -1) if pid else perf_event_open(attr, -1, 0)
